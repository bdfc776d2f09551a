"""The gRPC door: ``PrognosisService``."""

from __future__ import annotations

import uuid

from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast.prognosis.v1 import prognosis_service_pb2_grpc as pb_grpc
from tumorcast_core import logs, rpc, wire
from tumorcast_core.deadline import Deadline
from tumorcast_gateway.model import Ports, create_prognosis


class PrognosisServicer(pb_grpc.PrognosisServiceServicer):
    """Answers queries within the caller's deadline, or within ``deadline_s`` where that is sooner."""

    def __init__(self, ports: Ports, deadline_s: float) -> None:
        self._ports = ports
        self._deadline_s = deadline_s

    @rpc.answers(pb.CreatePrognosisResponse)
    async def CreatePrognosis(
        self, request: pb.CreatePrognosisRequest, grpc_context: rpc.CallContext
    ) -> pb.CreatePrognosisResponse:
        """Answer one query. The request id is made here: a caller's own could name the patient in our logs."""
        logs.request_id.set(uuid.uuid4().hex)
        deadline = Deadline(min(rpc.deadline_of(grpc_context).at_s, Deadline.after(self._deadline_s).at_s))
        prognosis = await create_prognosis(wire.query_from(request), self._ports, deadline)
        return pb.CreatePrognosisResponse(prognosis=wire.prognosis_to(prognosis))
