"""The fusion service as a port."""

from __future__ import annotations

import grpc

from tumorcast.fusion.v1 import fusion_service_pb2 as pb
from tumorcast.fusion.v1 import fusion_service_pb2_grpc as pb_grpc
from tumorcast_core import wire
from tumorcast_core.deadline import Deadline
from tumorcast_core.prognosis import ModelCard, ModelSummary, Prognosis
from tumorcast_core.snapshot import PatientSnapshot
from tumorcast_gateway.adapters.backend import Backend


class FusionClient:
    """Asks the prognosis models."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def predict_prognosis(
        self, model: str, snapshot: PatientSnapshot, horizons_days: tuple[float, ...], deadline: Deadline
    ) -> Prognosis:
        """Call ``PredictPrognosis``."""
        request = pb.PredictPrognosisRequest(
            model=model, snapshot=wire.snapshot_to(snapshot), horizons_days=horizons_days
        )
        answer = await self._backend.call(lambda channel: _stub(channel).PredictPrognosis, request, deadline)
        with self._backend.reading_answer():
            return wire.prognosis_from(answer.prognosis)

    async def list_models(self, deadline: Deadline) -> tuple[ModelSummary, ...]:
        """Call ``ListModels``."""
        request = pb.ListModelsRequest()
        answer = await self._backend.call(lambda channel: _stub(channel).ListModels, request, deadline)
        with self._backend.reading_answer():
            return tuple(map(wire.model_summary_from, answer.models))

    async def get_model(self, name: str, deadline: Deadline) -> ModelSummary:
        """Call ``GetModel``."""
        request = pb.GetModelRequest(name=name)
        answer = await self._backend.call(lambda channel: _stub(channel).GetModel, request, deadline)
        with self._backend.reading_answer():
            return wire.model_summary_from(answer.model)

    async def get_model_card(self, name: str, deadline: Deadline) -> ModelCard:
        """Call ``GetModelCard``."""
        request = pb.GetModelCardRequest(name=name)
        answer = await self._backend.call(lambda channel: _stub(channel).GetModelCard, request, deadline)
        with self._backend.reading_answer():
            return ModelCard(wire.model_ref_from(answer.ref), answer.markdown)


def _stub(channel: grpc.aio.Channel) -> pb_grpc.FusionServiceStub:
    return pb_grpc.FusionServiceStub(channel)
