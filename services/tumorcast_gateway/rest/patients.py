"""``/v1/patients``: found by your id, which never stands in a URL, and erased by ours."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from starlette.convertors import StringConvertor, register_url_convertor

from tumorcast_api.answers import ErasureAnswer, PatientAnswer
from tumorcast_api.bodies import PatientSearchBody
from tumorcast_core.errors import NotFound, PatientNotFound, RecordErased
from tumorcast_gateway.rest.answering import json
from tumorcast_gateway.rest.describing import OF_BODIES, SENT_TO_CALLERS, operation
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.negotiation import JSON, media_type
from tumorcast_gateway.rest.parameters import Asker, PatientKey, documented
from tumorcast_gateway.rest.remarks import small


class _Opaque(StringConvertor):
    """Ids that could have been made here: ``/v1/patients/search`` is none."""

    regex = "[0-9a-f]{32}"


register_url_convertor("opaque", _Opaque())


def routes(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["patients"], dependencies=[Depends(documented)])
    patients = door.desk.patients

    @router.post(
        "/v1/patients/search",
        **operation(
            "findPatient",
            "Find the opaque id of a patient",
            PatientAnswer,
            *SENT_TO_CALLERS,
            *OF_BODIES,
            PatientNotFound,
            body=PatientSearchBody,
        ),
    )
    async def search(request: Request, caller: Asker) -> Response:
        media_type(request, (JSON,))
        body = await small(PatientSearchBody, request, door.settings.deadline_s)
        return json(PatientAnswer.model_validate(await patients.find(caller, body.patient_id)))

    @router.delete(
        "/v1/patients/{patient:opaque}",
        **operation(
            "erasePatient",
            "Destroy the key of a patient: no record of the patient can be read again, by anyone",
            ErasureAnswer,
            *SENT_TO_CALLERS,
            NotFound,
            PatientNotFound,
            RecordErased,
            parameters=(),
        ),
    )
    async def erase(request: Request, caller: Asker, patient: PatientKey) -> Response:
        media_type(request, (JSON,))
        return json(ErasureAnswer(prognoses=await patients.erase(caller, patient)))

    return router
