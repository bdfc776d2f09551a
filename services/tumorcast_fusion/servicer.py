"""What the fusion service answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tumorcast.fusion.v1 import fusion_service_pb2 as pb
from tumorcast.fusion.v1 import fusion_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc, telemetry, wire
from tumorcast_core.prognosis import Prognosis
from tumorcast_core.snapshot import PatientSnapshot
from tumorcast_fusion.adapters.live_models import Live, LiveModels
from tumorcast_fusion.adapters.shadowing import Answered, ShadowScorer
from tumorcast_fusion.wire import shadow_report_to


class FusionServicer(pb_grpc.FusionServiceServicer):
    """Answers from the models in service; shadows are asked afterwards."""

    def __init__(self, models: LiveModels, shadows: ShadowScorer | None = None) -> None:
        self._models = models
        self._shadows = shadows or ShadowScorer()

    @rpc.answers(pb.PredictPrognosisResponse)
    async def PredictPrognosis(
        self, request: pb.PredictPrognosisRequest, grpc_context: rpc.CallContext
    ) -> pb.PredictPrognosisResponse:
        """Predict every endpoint of one model."""
        live = self._models.live(request.model)
        snapshot, horizons = wire.snapshot_from(request.snapshot), tuple(request.horizons_days)
        with self._shadows.answering():
            prognosis, seconds = await asyncio.to_thread(_timed, live, snapshot, horizons)
            answer = pb.PredictPrognosisResponse(prognosis=wire.prognosis_to(prognosis))
        telemetry.metrics.tell_prognosis(prognosis.model.name, [endpoint.status for endpoint in prognosis.endpoints])
        telemetry.note(telemetry.Attribute.MODEL, prognosis.model.name)
        if live.shadow:
            answered = Answered(live, snapshot, horizons, prognosis.endpoints, seconds, time.monotonic())
            _after_the_answer(grpc_context, lambda: self._shadows.offer(answered))
        return answer

    @rpc.answers(pb.ListModelsResponse)
    async def ListModels(self, request: pb.ListModelsRequest, grpc_context: rpc.CallContext) -> pb.ListModelsResponse:
        """List the models in service."""
        return pb.ListModelsResponse(
            models=[wire.model_summary_to(live.active.summary()) for live in self._models.list()]
        )

    @rpc.answers(pb.GetModelResponse)
    async def GetModel(self, request: pb.GetModelRequest, grpc_context: rpc.CallContext) -> pb.GetModelResponse:
        """Describe one model."""
        return pb.GetModelResponse(model=wire.model_summary_to(self._models.live(request.name).active.summary()))

    @rpc.answers(pb.GetModelCardResponse)
    async def GetModelCard(
        self, request: pb.GetModelCardRequest, grpc_context: rpc.CallContext
    ) -> pb.GetModelCardResponse:
        """Give the card of one model."""
        card = self._models.card(request.name)
        return pb.GetModelCardResponse(ref=wire.model_ref_to(card.ref), markdown=card.markdown)

    @rpc.answers(pb.GetShadowResponse)
    async def GetShadow(self, request: pb.GetShadowRequest, grpc_context: rpc.CallContext) -> pb.GetShadowResponse:
        """Tell how the shadow of one model compares."""
        return shadow_report_to(self._shadows.report(self._models.live(request.name)))


def _timed(live: Live, snapshot: PatientSnapshot, horizons_days: tuple[float, ...]) -> tuple[Prognosis, float]:
    began = time.perf_counter()
    return live.active.predict(snapshot, horizons_days), time.perf_counter() - began


def _after_the_answer(context: rpc.CallContext, work: Callable[[], None]) -> None:
    """Do something when the call is over; where a context does not tell, when the loop comes to it."""
    if when_done := getattr(context, "add_done_callback", None):
        when_done(lambda _: work())
    else:
        asyncio.get_running_loop().call_soon(work)
