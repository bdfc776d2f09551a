"""The fusion service as a port."""

from __future__ import annotations

from tumorcast.fusion.v1 import fusion_service_pb2 as pb
from tumorcast.fusion.v1 import fusion_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc, wire
from tumorcast_core.deadline import Deadline
from tumorcast_core.prognosis import Prognosis
from tumorcast_core.snapshot import PatientSnapshot
from tumorcast_gateway.adapters.backend import Backend
from tumorcast_gateway.model import EndpointDescription, InputGroup, ModelSummary


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
        answer = await rpc.call(self._stub().PredictPrognosis, request, deadline, service=self._backend.service)
        with self._backend.reading_answer():
            return wire.prognosis_from(answer.prognosis)

    async def list_models(self, deadline: Deadline) -> tuple[ModelSummary, ...]:
        """Call ``ListModels``."""
        request = pb.ListModelsRequest()
        answer = await rpc.call(self._stub().ListModels, request, deadline, service=self._backend.service)
        with self._backend.reading_answer():
            return tuple(map(summary_from, answer.models))

    async def get_model(self, name: str, deadline: Deadline) -> ModelSummary:
        """Call ``GetModel``."""
        request = pb.GetModelRequest(name=name)
        answer = await rpc.call(self._stub().GetModel, request, deadline, service=self._backend.service)
        with self._backend.reading_answer():
            return summary_from(answer.model)

    def _stub(self) -> pb_grpc.FusionServiceStub:
        return pb_grpc.FusionServiceStub(self._backend.channel)


def summary_from(m: pb.ModelSummary) -> ModelSummary:
    """Message → domain model summary."""
    return ModelSummary(
        ref=wire.model_ref_from(m.ref),
        indication=m.indication,
        intended_use=m.intended_use,
        simulated=m.simulated,
        groups=tuple(
            InputGroup(g.id, wire.modality_from(g.modality), g.timepoint, tuple(g.features), tuple(g.embedding_spaces))
            for g in m.groups
        ),
        endpoints=tuple(
            EndpointDescription(e.id, wire.endpoint_kind_from(e.kind), e.definition, tuple(e.horizons_days))
            for e in m.endpoints
        ),
    )
