"""``/v1/models``: what can be asked, and what each model learned from."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from tumorcast_api.answers import ModelAnswer, ModelCardAnswer, ModelsAnswer
from tumorcast_core.errors import UnknownModel
from tumorcast_gateway.rest.answering import json
from tumorcast_gateway.rest.describing import PREFER, SENT_TO_CALLERS, operation
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.negotiation import JSON, MARKDOWN, deadline, media_type
from tumorcast_gateway.rest.parameters import ModelName, documented

_CARD: dict[str, Any] = {MARKDOWN: {"schema": {"type": "string", "description": "CommonMark with tables"}}}


def routes(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["models"], dependencies=[Depends(documented)])
    models, longest_s = door.desk.models, door.settings.deadline_s

    @router.get(
        "/v1/models", **operation("listModels", "List the models that can be asked", ModelsAnswer, *SENT_TO_CALLERS)
    )
    async def list_models(request: Request) -> Response:
        media_type(request, (JSON,))
        found = await models.list(deadline(request, longest_s))
        return json(ModelsAnswer(models=[ModelAnswer.of(model) for model in found]))

    @router.get(
        "/v1/models/{name}",
        **operation("getModel", "Describe one model", ModelAnswer, *SENT_TO_CALLERS, UnknownModel),
    )
    async def get_model(name: ModelName, request: Request) -> Response:
        media_type(request, (JSON,))
        return json(ModelAnswer.of(await models.get(name, deadline(request, longest_s))))

    @router.get(
        "/v1/models/{name}/card",
        **operation(
            "getModelCard",
            "Give what one model learned from, how good it is and for whom it is not",
            ModelCardAnswer,
            *SENT_TO_CALLERS,
            UnknownModel,
            content=_CARD,
            parameters=(PREFER,),
        ),
    )
    async def get_card(name: ModelName, request: Request) -> Response:
        form = media_type(request, (MARKDOWN, JSON))
        card = await models.card(name, deadline(request, longest_s))
        if form == JSON:
            return json(ModelCardAnswer.model_validate(card))
        return Response(card.markdown, media_type=f"{MARKDOWN}; charset=utf-8")

    return router
