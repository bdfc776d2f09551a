"""``POST /v1/prognosis``."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from tumorcast_api.answers import PrognosisAnswer
from tumorcast_gateway.fhir.risk_assessment import risk_assessment
from tumorcast_gateway.model import create_prognosis
from tumorcast_gateway.rest.body import query_from, read_body
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.negotiation import FHIR_JSON, JSON, deadline, media_type

_BODY = {"required": True, "content": {JSON: {"schema": {"$ref": "#/components/schemas/PrognosisBody"}}}}
_FORMAT = {
    "name": "_format",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "enum": ["json", JSON, "fhir", FHIR_JSON]},
    "description": "goes before `Accept`",
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "`wait=10`: answer within 10 seconds (RFC 7240), narrower where a service is slow",
}


def routes(door: Door) -> APIRouter:
    """Make the route."""
    router = APIRouter(tags=["prognosis"])
    settings = door.settings

    @router.post(
        "/v1/prognosis",
        response_model=PrognosisAnswer,
        responses={
            200: {"content": {FHIR_JSON: {"schema": {"type": "object", "description": "FHIR R4 RiskAssessment"}}}}
        },
        openapi_extra={"requestBody": _BODY, "parameters": [_FORMAT, _PREFER]},
        summary="Answer one query from whatever of its inputs can be read",
    )
    async def create(request: Request) -> Response:
        form = media_type(request, (JSON, FHIR_JSON))
        time = deadline(request, settings.deadline_s)
        with door.admission.one():
            query = query_from(await read_body(request, settings.max_body_mib << 20, time))
            prognosis = await create_prognosis(query, door.ports, time)
        if form == FHIR_JSON:
            return Response(risk_assessment(prognosis, query.patient_id), media_type=FHIR_JSON)
        return Response(PrognosisAnswer.of(prognosis).model_dump_json(), media_type=JSON)

    return router
