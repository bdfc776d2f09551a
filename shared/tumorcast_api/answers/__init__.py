"""The JSON answers, with the words of the protos (``common.v1``, ``fusion.v1``, ``prognosis.v1``).

Infinity, which JSON lacks, is ``null``: a limit that is not reached.
"""

from tumorcast_api.answers.base import Answer, FeatureAnswer
from tumorcast_api.answers.estimates import ESTIMATES, EndpointAnswer
from tumorcast_api.answers.jobs import (
    ErasureAnswer,
    JobAnswer,
    JobResultAnswer,
    JobResultsAnswer,
    JobsAnswer,
    JobState,
    PatientAnswer,
)
from tumorcast_api.answers.models import ModelAnswer, ModelCardAnswer, ModelsAnswer
from tumorcast_api.answers.prognosis import PrognosisAnswer
from tumorcast_api.answers.records import (
    ExplanationAnswer,
    FeedbackAnswer,
    FeedbackListAnswer,
    OutcomeAnswer,
    OutcomesAnswer,
    PrognosesAnswer,
    PrognosisSummaryAnswer,
    ReplayAnswer,
)
from tumorcast_api.answers.studies import StudyAnswer, UploadAnswer

__all__ = [
    "ESTIMATES",
    "Answer",
    "EndpointAnswer",
    "ErasureAnswer",
    "ExplanationAnswer",
    "FeatureAnswer",
    "FeedbackAnswer",
    "FeedbackListAnswer",
    "JobAnswer",
    "JobResultAnswer",
    "JobResultsAnswer",
    "JobState",
    "JobsAnswer",
    "ModelAnswer",
    "ModelCardAnswer",
    "ModelsAnswer",
    "OutcomeAnswer",
    "OutcomesAnswer",
    "PatientAnswer",
    "PrognosesAnswer",
    "PrognosisAnswer",
    "PrognosisSummaryAnswer",
    "ReplayAnswer",
    "StudyAnswer",
    "UploadAnswer",
]
