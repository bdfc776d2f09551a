"""Models that can be asked."""

from __future__ import annotations

from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core import rpc, wire
from tumorcast_gateway.servicer.base import Methods


class ModelMethods(Methods):
    """Methods about models."""

    @rpc.answers(pb.ListModelsResponse)
    async def ListModels(self, request: pb.ListModelsRequest, grpc_context: rpc.CallContext) -> pb.ListModelsResponse:
        """List the models."""
        models = await self.desk.models.list(self.deadline(grpc_context))
        return pb.ListModelsResponse(models=map(wire.model_summary_to, models))

    @rpc.answers(pb.GetModelResponse)
    async def GetModel(self, request: pb.GetModelRequest, grpc_context: rpc.CallContext) -> pb.GetModelResponse:
        """Describe one model."""
        model = await self.desk.models.get(request.name, self.deadline(grpc_context))
        return pb.GetModelResponse(model=wire.model_summary_to(model))

    @rpc.answers(pb.GetModelCardResponse)
    async def GetModelCard(
        self, request: pb.GetModelCardRequest, grpc_context: rpc.CallContext
    ) -> pb.GetModelCardResponse:
        """Give the card of one model."""
        card = await self.desk.models.card(request.name, self.deadline(grpc_context))
        return pb.GetModelCardResponse(ref=wire.model_ref_to(card.ref), markdown=card.markdown)
