"""``/v1/prognoses/{prognosis_id}/feedback`` and ``…/outcomes``."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from fastapi import APIRouter, Depends, Request, Response

from tumorcast_api.answers import FeedbackAnswer, FeedbackListAnswer, OutcomeAnswer, OutcomesAnswer
from tumorcast_api.bodies import FeedbackBody, OutcomeBody, Strict
from tumorcast_core.errors import UnsoundOutcome
from tumorcast_gateway.model.records import Decision, Feedback, Outcome
from tumorcast_gateway.rest.answering import json
from tumorcast_gateway.rest.body import parsed
from tumorcast_gateway.rest.describing import OF_BODIES, OF_KEYS, OF_RECORDS, SENT_TO_CALLERS, operation
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.negotiation import JSON, deadline, media_type
from tumorcast_gateway.rest.parameters import Asker, IdempotencyKey, PrognosisId, documented
from tumorcast_gateway.rest.parsing import document_from

MAX_BODY_BYTES = 1 << 20
_Body = TypeVar("_Body", bound=Strict)


async def small(kind: type[_Body], request: Request, longest_s: float) -> _Body:
    """Read a small document; raises what ``parsed`` does."""
    return await parsed(request, partial(document_from, kind), MAX_BODY_BYTES, deadline(request, longest_s))


def routes(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(dependencies=[Depends(documented)])
    _feedback(router, door)
    _outcomes(router, door)
    return router


def _feedback(router: APIRouter, door: Door) -> None:
    remarks, path = door.desk.remarks, "/v1/prognoses/{prognosis_id}/feedback"

    @router.post(
        path,
        tags=["feedback"],
        **operation(
            "createFeedback",
            "Keep what a reader decided on a prognosis",
            FeedbackAnswer,
            *SENT_TO_CALLERS,
            *OF_RECORDS,
            *OF_BODIES,
            *OF_KEYS,
            status=201,
            headers=("Location",),
            body=FeedbackBody,
        ),
    )
    async def create(
        request: Request, caller: Asker, prognosis_id: PrognosisId, idempotency_key: IdempotencyKey = None
    ) -> Response:
        media_type(request, (JSON,))
        body = await small(FeedbackBody, request, door.settings.deadline_s)
        feedback = Feedback(prognosis_id, Decision(body.decision), body.reason_code, body.comment)
        kept = await remarks.add_feedback(caller, feedback, idempotency_key or "")
        return json(FeedbackAnswer.model_validate(kept), 201, _at(path, prognosis_id, kept.feedback_id))

    @router.get(
        path,
        tags=["feedback"],
        **operation(
            "listFeedback",
            "List feedback on one prognosis, the oldest first",
            FeedbackListAnswer,
            *SENT_TO_CALLERS,
            *OF_RECORDS,
            parameters=(),
        ),
    )
    async def list_feedback(request: Request, caller: Asker, prognosis_id: PrognosisId) -> Response:
        media_type(request, (JSON,))
        return json(FeedbackListAnswer.model_validate({"feedback": await remarks.feedback(caller, prognosis_id)}))


def _outcomes(router: APIRouter, door: Door) -> None:
    remarks, path = door.desk.remarks, "/v1/prognoses/{prognosis_id}/outcomes"

    @router.post(
        path,
        tags=["outcomes"],
        **operation(
            "createOutcome",
            "Keep what became of the patient",
            OutcomeAnswer,
            *SENT_TO_CALLERS,
            *OF_RECORDS,
            *OF_BODIES,
            *OF_KEYS,
            UnsoundOutcome,
            status=201,
            headers=("Location",),
            body=OutcomeBody,
        ),
    )
    async def create(
        request: Request, caller: Asker, prognosis_id: PrognosisId, idempotency_key: IdempotencyKey = None
    ) -> Response:
        media_type(request, (JSON,))
        body = await small(OutcomeBody, request, door.settings.deadline_s)
        kept = await remarks.add_outcome(caller, Outcome(prognosis_id, **body.model_dump()), idempotency_key or "")
        return json(OutcomeAnswer.model_validate(kept), 201, _at(path, prognosis_id, kept.outcome_id))

    @router.get(
        path,
        tags=["outcomes"],
        **operation(
            "listOutcomes",
            "List outcomes of one prognosis, the oldest first",
            OutcomesAnswer,
            *SENT_TO_CALLERS,
            *OF_RECORDS,
            parameters=(),
        ),
    )
    async def list_outcomes(request: Request, caller: Asker, prognosis_id: PrognosisId) -> Response:
        media_type(request, (JSON,))
        return json(OutcomesAnswer.model_validate({"outcomes": await remarks.outcomes(caller, prognosis_id)}))


def _at(path: str, prognosis_id: str, entry: str) -> dict[str, str]:
    """The ``Location`` of an entry, which is read in its list (RFC 9110 section 10.2.2 allows a fragment)."""
    return {"location": f"{path.format(prognosis_id=prognosis_id)}#{entry}"}
