"""Files and folders on disk → the query that a client would send, and the studies that go with it."""

from tumorcast_platform.inputs.case import Case, Question, Sources, gather, patient_folder
from tumorcast_platform.inputs.records import FhirCredentials, fhir_patient, is_url
from tumorcast_platform.inputs.studies import Study

__all__ = [
    "Case",
    "FhirCredentials",
    "Question",
    "Sources",
    "Study",
    "fhir_patient",
    "gather",
    "is_url",
    "patient_folder",
]
