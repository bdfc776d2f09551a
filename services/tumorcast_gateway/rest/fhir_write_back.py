"""``POST /v1/prognoses/{id}/write-back``."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from tumorcast_api.answers.write_backs import WriteBackAnswer
from tumorcast_core.errors import FhirAccessDenied, HostNotAllowed, PatientNotFound, WriteBackRefused
from tumorcast_gateway.rest.answering import json
from tumorcast_gateway.rest.describing import OF_RECORDS, SENT_TO_CALLERS, operation
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.negotiation import JSON, deadline, media_type
from tumorcast_gateway.rest.parameters import Asker, PrognosisId, documented


def routes(door: Door) -> APIRouter:
    """Make the route."""
    router = APIRouter(tags=["prognoses"], dependencies=[Depends(documented)])

    @router.post(
        "/v1/prognoses/{prognosis_id}/write-back",
        **operation(
            "writeBackPrognosis",
            "Write a stored prognosis to the EHR as FHIR; however often it is asked for, it stands there once",
            WriteBackAnswer,
            *SENT_TO_CALLERS,
            *OF_RECORDS,
            PatientNotFound,
            WriteBackRefused,
            FhirAccessDenied,
            HostNotAllowed,
        ),
    )
    async def write_back(request: Request, caller: Asker, prognosis_id: PrognosisId) -> Response:
        media_type(request, (JSON,))
        time = deadline(request, door.settings.deadline_s)
        written = await door.desk.write_backs.create(caller, prognosis_id, time)
        return json(WriteBackAnswer.model_validate(written))

    return router
