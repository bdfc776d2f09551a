"""``GET /v1/models`` and ``GET /v1/models/{name}``."""

from __future__ import annotations

from fastapi import APIRouter, Request

from tumorcast_api.answers import ModelAnswer, ModelsAnswer
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.negotiation import deadline


def routes(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["models"])
    fusion, longest_s = door.ports.fusion, door.settings.deadline_s

    @router.get("/v1/models", summary="List the models that can be asked")
    async def list_models(request: Request) -> ModelsAnswer:
        found = await fusion.list_models(deadline(request, longest_s))
        return ModelsAnswer(models=[ModelAnswer.of(model) for model in found])

    @router.get("/v1/models/{name}", summary="Describe one model")
    async def get_model(name: str, request: Request) -> ModelAnswer:
        return ModelAnswer.of(await fusion.get_model(name, deadline(request, longest_s)))

    return router
