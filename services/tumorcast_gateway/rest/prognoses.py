"""``/v1/prognoses``: made, read, listed, replayed, explained."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from tumorcast_api.answers import ExplanationAnswer, PrognosesAnswer, PrognosisAnswer, ReplayAnswer
from tumorcast_api.bodies import PrognosisBody
from tumorcast_gateway.fhir.risk_assessment import risk_assessment
from tumorcast_gateway.model import Caller
from tumorcast_gateway.model.records import PredictionRecord
from tumorcast_gateway.rest.answering import json, link_of_next
from tumorcast_gateway.rest.body import parsed
from tumorcast_gateway.rest.describing import (
    FORMAT,
    OF_KEYS,
    OF_QUERIES,
    OF_RECORDS,
    PREFER,
    SENT_TO_CALLERS,
    operation,
)
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.negotiation import FHIR_JSON, JSON, deadline, media_type
from tumorcast_gateway.rest.parameters import OPAQUE, Asker, IdempotencyKey, Paging, PrognosisId, documented
from tumorcast_gateway.rest.parsing import query_from

FORMS = (JSON, FHIR_JSON)
CONTENT: dict[str, Any] = {FHIR_JSON: {"schema": {"$ref": "#/components/schemas/RiskAssessment"}}}
_Patient = Annotated[str, Query(pattern=f"^$|{OPAQUE}", description="opaque id of a patient; empty: all")]
_Model = Annotated[str, Query(max_length=100, description="name of a model; empty: all")]


def routes(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["prognoses"], dependencies=[Depends(documented)])
    prognoses, longest_s = door.desk.prognoses, door.settings.deadline_s

    @router.post(
        "/v1/prognoses",
        **operation(
            "createPrognosis",
            "Answer one query from whatever of its inputs can be read, and keep the record",
            PrognosisAnswer,
            *SENT_TO_CALLERS,
            *OF_QUERIES,
            *OF_KEYS,
            *OF_RECORDS,
            status=201,
            headers=("Location",),
            content=CONTENT,
            body=PrognosisBody,
            parameters=(FORMAT, PREFER),
        ),
    )
    async def create(request: Request, caller: Asker, idempotency_key: IdempotencyKey = None) -> Response:
        record, form = await answered(door, request, caller, idempotency_key or "")
        return rendered(record, form, 201, {"location": f"/v1/prognoses/{record.prognosis_id}"})

    @router.get(
        "/v1/prognoses",
        **operation(
            "listPrognoses",
            "List stored prognoses, the newest first",
            PrognosesAnswer,
            *SENT_TO_CALLERS,
            headers=("Link",),
            parameters=(),
        ),
    )
    async def list_prognoses(
        request: Request, caller: Asker, page: Paging, patient: _Patient = "", model: _Model = ""
    ) -> Response:
        media_type(request, (JSON,))
        found = await prognoses.list(caller, page, patient=patient, model=model)
        answer = PrognosesAnswer.model_validate({"prognoses": found.items, "next_page_token": found.next_token})
        return json(answer, headers=link_of_next(request, found.next_token))

    @router.get(
        "/v1/prognoses/{prognosis_id}",
        **operation(
            "getPrognosis",
            "Give a stored prognosis as it was answered",
            PrognosisAnswer,
            *SENT_TO_CALLERS,
            *OF_RECORDS,
            content=CONTENT,
            parameters=(FORMAT,),
        ),
    )
    async def get(request: Request, caller: Asker, prognosis_id: PrognosisId) -> Response:
        form = media_type(request, FORMS)
        return rendered(await prognoses.get_record(caller, prognosis_id), form)

    @router.post(
        "/v1/prognoses/{prognosis_id}/replay",
        **operation(
            "replayPrognosis",
            "Ask the model again with the stored snapshot, and say whether the numbers are the same; stores nothing",
            ReplayAnswer,
            *SENT_TO_CALLERS,
            *OF_RECORDS,
        ),
    )
    async def replay(request: Request, caller: Asker, prognosis_id: PrognosisId) -> Response:
        media_type(request, (JSON,))
        return json(ReplayAnswer.of(await prognoses.replay(caller, prognosis_id, deadline(request, longest_s))))

    @router.get(
        "/v1/prognoses/{prognosis_id}/explanation",
        **operation(
            "explainPrognosis",
            "Say why a stored prognosis is as it is",
            ExplanationAnswer,
            *SENT_TO_CALLERS,
            *OF_RECORDS,
            parameters=(),
        ),
    )
    async def explain(request: Request, caller: Asker, prognosis_id: PrognosisId) -> Response:
        media_type(request, (JSON,))
        return json(ExplanationAnswer.model_validate(await prognoses.explain(caller, prognosis_id)))

    return router


async def answered(door: Door, request: Request, caller: Caller, key: str) -> tuple[PredictionRecord, str]:
    """Read a query, answer it and keep the record; with it the media type that is wanted.

    The place among the admitted is taken before the body is read: who is refused is refused at once.
    """
    form = media_type(request, FORMS)
    time = deadline(request, door.settings.deadline_s)
    with door.desk.context.admission.one():
        query = await parsed(request, query_from, door.settings.max_body_mib << 20, time)
        return await door.desk.prognoses.create_record(caller, query, time, key), form


def rendered(record: PredictionRecord, form: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A prognosis in the media type that was asked for."""
    if form == FHIR_JSON:
        content = risk_assessment(record.prognosis, record.snapshot.patient_id, record.snapshot.features)
        return Response(content, status, headers, FHIR_JSON)
    return json(PrognosisAnswer.of(record.prognosis), status, headers)
