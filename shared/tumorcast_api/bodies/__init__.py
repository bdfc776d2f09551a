"""The JSON bodies that callers send, read strictly."""

from tumorcast_api.bodies.examples import EXAMPLE, SERVER_EXAMPLE
from tumorcast_api.bodies.jobs import MAX_QUERIES, JobBody
from tumorcast_api.bodies.query import (
    CodingBody,
    DocumentBody,
    FeatureBody,
    FhirPatientBody,
    PlannedTherapyBody,
    PrognosisBody,
    TimepointBody,
)
from tumorcast_api.bodies.remarks import Decision, FeedbackBody, OutcomeBody, PatientSearchBody
from tumorcast_api.bodies.strict import Strict

__all__ = [
    "EXAMPLE",
    "MAX_QUERIES",
    "SERVER_EXAMPLE",
    "CodingBody",
    "Decision",
    "DocumentBody",
    "FeatureBody",
    "FeedbackBody",
    "FhirPatientBody",
    "JobBody",
    "OutcomeBody",
    "PatientSearchBody",
    "PlannedTherapyBody",
    "PrognosisBody",
    "Strict",
    "TimepointBody",
]
