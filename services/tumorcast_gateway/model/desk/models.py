"""Models that can be asked. They are no secret: any caller may read of them."""

from __future__ import annotations

from tumorcast_core.deadline import Deadline
from tumorcast_core.prognosis import ModelCard, ModelSummary
from tumorcast_gateway.model.desk.context import Context


class Models:
    """What can be asked."""

    def __init__(self, context: Context) -> None:
        self._fusion = context.ports.fusion

    async def list(self, deadline: Deadline) -> tuple[ModelSummary, ...]:
        """All models, by name."""
        return await self._fusion.list_models(deadline)

    async def get(self, name: str, deadline: Deadline) -> ModelSummary:
        """One model; raises ``UnknownModel``."""
        return await self._fusion.get_model(name, deadline)

    async def card(self, name: str, deadline: Deadline) -> ModelCard:
        """What one model learned from, how good it is, for whom it is not; raises ``UnknownModel``."""
        return await self._fusion.get_model_card(name, deadline)
