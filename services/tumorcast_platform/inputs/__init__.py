"""Files and folders on disk → the query that a client would send, and the studies that go with it."""

from tumorcast_platform.inputs.case import Case, Question, Sources, gather, patient_folder
from tumorcast_platform.inputs.studies import Study

__all__ = ["Case", "Question", "Sources", "Study", "gather", "patient_folder"]
