"""What the fusion service answers."""

from __future__ import annotations

import asyncio

from tumorcast.fusion.v1 import fusion_service_pb2 as pb
from tumorcast.fusion.v1 import fusion_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc, telemetry, wire
from tumorcast_fusion.model import ModelStore


class FusionServicer(pb_grpc.FusionServiceServicer):
    """Answers from the models of one store."""

    def __init__(self, models: ModelStore) -> None:
        self._models = models

    @rpc.answers(pb.PredictPrognosisResponse)
    async def PredictPrognosis(
        self, request: pb.PredictPrognosisRequest, grpc_context: rpc.CallContext
    ) -> pb.PredictPrognosisResponse:
        """Predict every endpoint of one model."""
        model = self._models.get(request.model)
        snapshot = wire.snapshot_from(request.snapshot)
        prognosis = await asyncio.to_thread(model.predict, snapshot, tuple(request.horizons_days))
        telemetry.metrics.tell_prognosis(prognosis.model.name, [endpoint.status for endpoint in prognosis.endpoints])
        telemetry.note(telemetry.Attribute.MODEL, prognosis.model.name)
        return pb.PredictPrognosisResponse(prognosis=wire.prognosis_to(prognosis))

    @rpc.answers(pb.ListModelsResponse)
    async def ListModels(self, request: pb.ListModelsRequest, grpc_context: rpc.CallContext) -> pb.ListModelsResponse:
        """List the models of the store."""
        return pb.ListModelsResponse(models=[wire.model_summary_to(model.summary()) for model in self._models.list()])

    @rpc.answers(pb.GetModelResponse)
    async def GetModel(self, request: pb.GetModelRequest, grpc_context: rpc.CallContext) -> pb.GetModelResponse:
        """Describe one model."""
        return pb.GetModelResponse(model=wire.model_summary_to(self._models.get(request.name).summary()))

    @rpc.answers(pb.GetModelCardResponse)
    async def GetModelCard(
        self, request: pb.GetModelCardRequest, grpc_context: rpc.CallContext
    ) -> pb.GetModelCardResponse:
        """Give the card of one model."""
        card = self._models.card(request.name)
        return pb.GetModelCardResponse(ref=wire.model_ref_to(card.ref), markdown=card.markdown)
