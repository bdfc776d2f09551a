"""``GET /healthz`` (is this process alive?) and ``GET /readyz`` (could a query be answered, and how broadly?)."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from tumorcast_core.deadline import Deadline
from tumorcast_gateway.rest.door import Door

CHECK_S = 1.0
SERVING = "SERVING"


class Alive(BaseModel):
    """The process is alive."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """How far queries can be answered."""

    status: Literal["ready", "degraded", "unavailable"] = Field(
        description="degraded: answers are narrower; unavailable: there are none, since fusion is down"
    )
    services: dict[str, str] = Field(description="service → SERVING, NOT_SERVING, UNREACHABLE …")


def routes(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Say that this process is alive")
    async def healthz() -> Alive:
        return Alive()

    @router.get("/readyz", summary="Ask every service", responses={503: {"model": Ready}})
    async def readyz(response: Response) -> Ready:
        services = await door.backends.health(Deadline.after(CHECK_S))
        if services.get("fusion") != SERVING:
            response.status_code = 503
            return Ready(status="unavailable", services=services)
        whole = all(state == SERVING for state in services.values())
        return Ready(status="ready" if whole else "degraded", services=services)

    return router
