"""``/cds-services``: CDS Hooks 2.0. Discovery is open; calls carry a token of the EHR's own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import ValidationError

from tumorcast_core import errors as e
from tumorcast_core.deadline import Deadline
from tumorcast_gateway.auth.cds_clients import CdsClients, of_patient
from tumorcast_gateway.cds.answering import Manner, answer_call, take_feedback
from tumorcast_gateway.cds.cards import Places
from tumorcast_gateway.cds.documents import CdsCall, CdsCards, CdsDiscovery, CdsFeedbackBody, CdsThanks
from tumorcast_gateway.cds.request import read_call
from tumorcast_gateway.cds.services import PREFETCH, CdsService, offered, service_of
from tumorcast_gateway.model import Caller, Desk
from tumorcast_gateway.rest.body import parsed
from tumorcast_gateway.rest.describing import OF_BODIES, OF_QUERIES, OF_RECORDS, SENT_TO_CALLERS, operation
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.negotiation import JSON, media_type
from tumorcast_gateway.rest.parameters import documented

MAX_FEEDBACK_BYTES = 4 << 20
ServiceId = Annotated[
    str,
    Path(
        description="id of a service, as discovery lists it",
        openapi_examples={"one": {"value": "tumorcast-simulated-patient-view"}},
    ),
]


class _Hooks:
    """What the routes have in common."""

    def __init__(self, door: Door) -> None:
        self._settings, self._desk = door.settings, door.desk
        self._clients = CdsClients(door.settings, door.outbound, door.desk.context.stores, door.desk.context.clock)
        self._is_set_up = self._clients.are_checked or door.settings.auth == "none"

    def deadline(self) -> Deadline:
        return Deadline.after(self._settings.cds_deadline_s)

    async def services(self, deadline: Deadline) -> tuple[CdsService, ...]:
        models = await self._desk.models.list(deadline) if self._is_set_up else ()
        return offered(models, self._settings.cds_models, simulated=self._settings.auth == "none")

    async def admitted(self, request: Request, *paths: str) -> Caller:
        """The EHR behind a request to these endpoints."""
        peer = request.client.host if request.client else "unix"
        return await self._clients.admit(request.headers.getlist("authorization"), paths, peer)


def routes(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["CDS Hooks"], dependencies=[Depends(documented)])
    hooks, settings, desk = _Hooks(door), door.settings, door.desk
    manner = Manner(Places(settings.public_url, settings.cds_smart_url), settings.cds_fetch)
    max_bytes = settings.max_body_mib << 20

    @router.get(
        "/cds-services",
        **operation("discoverCdsServices", "List the CDS services", CdsDiscovery, *SENT_TO_CALLERS, parameters=()),
    )
    async def discover(request: Request) -> Response:
        media_type(request, (JSON,))
        found = await hooks.services(hooks.deadline())
        listed = CdsDiscovery(services=[service.description() for service in found])
        return Response(listed.json_bytes(), media_type=JSON)

    @router.post(
        "/cds-services/{service_id}",
        **operation(
            "callCdsService",
            "Answer a hook with cards",
            CdsCards,
            *SENT_TO_CALLERS,
            *OF_QUERIES,
            e.NotFound,
            e.PrefetchMissing,
            body=CdsCall,
            parameters=(),
        ),
    )
    async def call(service_id: ServiceId, request: Request) -> Response:
        media_type(request, (JSON,))
        deadline = hooks.deadline()
        caller = await hooks.admitted(request, f"/cds-services/{service_id}")
        service = service_of(await hooks.services(deadline), service_id)
        asked = await parsed(request, lambda body: read_call(body, PREFETCH), max_bytes, deadline)
        of_one = of_patient(caller, asked.patient_id, asked.user_id)
        cards = await answer_call(desk, of_one, service, asked, manner, deadline)
        return Response(CdsCards(cards=cards).json_bytes(), media_type=JSON)

    @router.post(
        "/cds-services/{service_id}/feedback",
        **operation(
            "keepCdsFeedback",
            "Keep what became of cards",
            CdsThanks,
            *SENT_TO_CALLERS,
            *OF_RECORDS,
            *OF_BODIES,
            e.NotFound,
            body=CdsFeedbackBody,
            parameters=(),
        ),
    )
    async def feedback(service_id: ServiceId, request: Request) -> Response:
        media_type(request, (JSON,))
        deadline = hooks.deadline()
        caller = await hooks.admitted(request, f"/cds-services/{service_id}/feedback", f"/cds-services/{service_id}")
        service_of(await hooks.services(deadline), service_id)
        await _keep_all(desk, caller, await parsed(request, _feedback, MAX_FEEDBACK_BYTES, deadline))
        return Response(CdsThanks().json_bytes(), media_type=JSON)

    return router


def _feedback(body: bytes) -> CdsFeedbackBody:
    try:
        return CdsFeedbackBody.model_validate_json(body)
    except ValidationError as error:
        raise e.MalformedRequest("The body is no CDS Hooks feedback.") from error


async def _keep_all(desk: Desk, caller: Caller, told: CdsFeedbackBody) -> None:
    """Keep all that can be kept, then tell the first thing that could not."""
    failures: list[e.TumorcastError] = []
    for each in told.feedback:
        try:
            await take_feedback(desk, caller, each)
        except e.TumorcastError as error:
            failures.append(error)
    if failures:
        raise failures[0]
