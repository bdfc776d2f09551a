"""What FastAPI finds wrong with parameters, as errors of ours."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError

from tumorcast_api.problem import FieldError
from tumorcast_core.errors import (
    JobNotFound,
    MalformedRequest,
    NotFound,
    PatientNotFound,
    PrognosisNotFound,
    StudyNotFound,
    TumorcastError,
    UnknownModel,
)

NOT_THERE: dict[str, type[TumorcastError]] = {
    "prognosis_id": PrognosisNotFound,
    "study_id": StudyNotFound,
    "job_id": JobNotFound,
    "patient": PatientNotFound,
    "name": UnknownModel,
    "study": MalformedRequest,
}
"""What to tell where a parameter of a path is nothing that could be there."""


def fault_of(error: RequestValidationError) -> tuple[TumorcastError, list[FieldError]]:
    """The error to tell, and the places: names of parameters, which are ours, without the values found there."""
    found = error.errors()
    for fault in found:
        place, name = fault["loc"][0], str(fault["loc"][-1])
        if place == "path":
            return NOT_THERE.get(name, NotFound)(), []
    places = [FieldError(location=str(fault["loc"][-1]), message=fault["msg"]) for fault in found]
    return MalformedRequest("A parameter does not follow its schema."), places
