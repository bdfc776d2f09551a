"""The JSON answer, with the words of ``common.v1.Prognosis`` and ``fusion.v1.ModelSummary``.

Infinity, which JSON lacks, is ``null``: a limit that is not reached.
"""

from tumorcast_gateway.rest.answer.base import Answer
from tumorcast_gateway.rest.answer.estimates import ESTIMATES, EndpointAnswer
from tumorcast_gateway.rest.answer.models import ModelAnswer, ModelsAnswer
from tumorcast_gateway.rest.answer.prognosis import PrognosisAnswer

__all__ = ["ESTIMATES", "Answer", "EndpointAnswer", "ModelAnswer", "ModelsAnswer", "PrognosisAnswer"]
