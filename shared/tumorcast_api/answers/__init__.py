"""The JSON answer, with the words of ``common.v1.Prognosis`` and ``fusion.v1.ModelSummary``.

Infinity, which JSON lacks, is ``null``: a limit that is not reached.
"""

from tumorcast_api.answers.base import Answer
from tumorcast_api.answers.estimates import ESTIMATES, EndpointAnswer
from tumorcast_api.answers.models import ModelAnswer, ModelsAnswer
from tumorcast_api.answers.prognosis import PrognosisAnswer

__all__ = ["ESTIMATES", "Answer", "EndpointAnswer", "ModelAnswer", "ModelsAnswer", "PrognosisAnswer"]
