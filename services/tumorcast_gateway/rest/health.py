"""``GET /healthz`` (is this process alive?) and ``GET /readyz`` (could a query be answered, and how broadly?)."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from tumorcast_core.deadline import Deadline
from tumorcast_gateway.rest.answering import json
from tumorcast_gateway.rest.describing import SENT_TO_ALL, operation
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.negotiation import JSON, media_type
from tumorcast_gateway.rest.parameters import documented

CHECK_S = 1.0
SERVING, NOT_SERVING = "SERVING", "NOT_SERVING"
NEEDED = ("fusion", "store")


class Alive(BaseModel):
    """The process is alive."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """How far queries can be answered."""

    status: Literal["ready", "degraded", "unavailable"] = Field(
        description="degraded: answers are narrower; unavailable: none, as fusion or the store is down or this ends"
    )
    services: dict[str, str] = Field(description="service → SERVING, NOT_SERVING, UNREACHABLE …")


def routes(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["health"], dependencies=[Depends(documented)])

    @router.get(
        "/healthz", **operation("isAlive", "Say that this process is alive", Alive, *SENT_TO_ALL, parameters=())
    )
    async def healthz(request: Request) -> Response:
        media_type(request, (JSON,))
        return json(Alive())

    ready = operation("isReady", "Ask every service", Ready, *SENT_TO_ALL, parameters=())
    ready["responses"][503] = {"description": "there are no answers now", "model": Ready}

    @router.get("/readyz", **ready)
    async def readyz(request: Request) -> Response:
        media_type(request, (JSON,))
        services = await door.backends.health(Deadline.after(CHECK_S))
        services["store"] = SERVING if await door.desk.context.stores.healthy() else NOT_SERVING
        ending = door.desk.context.admission.closed
        if ending or any(services.get(name) != SERVING for name in NEEDED):
            return json(Ready(status="unavailable", services=services), 503)
        whole = all(state == SERVING for state in services.values())
        return json(Ready(status="ready" if whole else "degraded", services=services))

    return router
