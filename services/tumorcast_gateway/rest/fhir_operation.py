"""``$prognosis``: of a patient in the URL, or of one named in Parameters."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import MalformedRequest
from tumorcast_core.query import Query
from tumorcast_gateway.fhir.codes import is_id
from tumorcast_gateway.fhir.documents import collection
from tumorcast_gateway.fhir.parameters import from_body, from_url
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.fhir_form import answer, base_of, check_form, place_of, read_resource
from tumorcast_gateway.rest.negotiation import deadline
from tumorcast_gateway.rest.security import caller_of


def routes(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/fhir", include_in_schema=False)
    settings = door.settings

    async def ask(request: Request, query: Query, time: Deadline) -> Response:
        key = request.headers.get("idempotency-key", "")
        record = await door.desk.prognoses.create_record(caller_of(request), query, time, key)
        return answer(request, collection(record, place_of(settings), base_of(request, settings)))

    async def asked_by_body(request: Request, patient: str) -> Response:
        check_form(request)
        time = deadline(request, settings.deadline_s)
        with door.desk.context.admission.one():  # who is refused is refused before the body is read
            body = await read_resource(request, settings.max_body_mib << 20, time)
            return await ask(request, from_body(body, patient, settings.fhir_base_url), time)

    @router.post("/$prognosis")
    async def of_anyone(request: Request) -> Response:
        return await asked_by_body(request, "")

    @router.post("/Patient/{patient}/$prognosis")
    async def of_patient(patient: str, request: Request) -> Response:
        return await asked_by_body(request, _checked(patient))

    @router.get("/Patient/{patient}/$prognosis")
    async def of_patient_by_url(patient: str, request: Request) -> Response:
        check_form(request)
        query = from_url(request.query_params.multi_items(), _checked(patient), settings.fhir_base_url)
        return await ask(request, query, deadline(request, settings.deadline_s))

    return router


def _checked(patient: str) -> str:
    if not is_id(patient):
        raise MalformedRequest("The patient in the URL is not a FHIR id.")
    return patient
