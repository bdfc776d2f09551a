"""Prognoses: asked for, given again, listed, replayed, explained; cohorts of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core import rpc, wire
from tumorcast_core.errors import MalformedRequest, PrognosisNotFound, TumorcastError
from tumorcast_core.prognosis import Reason
from tumorcast_core.wire.parts import reason_to
from tumorcast_gateway.servicer.base import Methods, caller, is_opaque, opaque, page_from
from tumorcast_gateway.wire import explanation_to, prognosis_summary_to, queries_from, replay_to, write_back_to

MAX_NAME_CHARACTERS = 100
Named = pb.GetPrognosisRequest | pb.ReplayPrognosisRequest | pb.ExplainPrognosisRequest | pb.WriteBackPrognosisRequest


class PrognosisMethods(Methods):
    """Methods about prognoses."""

    @rpc.answers(pb.CreatePrognosisResponse)
    async def CreatePrognosis(
        self, request: pb.CreatePrognosisRequest, grpc_context: rpc.CallContext
    ) -> pb.CreatePrognosisResponse:
        """Answer one query and keep the record."""
        query, deadline = wire.query_from(request), self.deadline(grpc_context)
        prognosis = await self.desk.prognoses.create(caller(), query, deadline, request.idempotency_key)
        return pb.CreatePrognosisResponse(prognosis=wire.prognosis_to(prognosis))

    @rpc.streams(pb.ScoreCohortResponse)
    async def ScoreCohort(
        self, request: pb.ScoreCohortRequest, grpc_context: rpc.CallContext
    ) -> AsyncIterator[pb.ScoreCohortResponse]:
        """Answer many queries while the call lasts; what fails of them is told in its place."""
        queries = queries_from(request.queries)
        deadline = self.deadline(grpc_context, self.settings.upload_deadline_s)
        async with aclosing(self.desk.prognoses.score(caller(), queries, deadline)) as results:
            done = 0
            async for position, result in results:
                done += 1
                message = pb.ScoreCohortResponse(position=position, done=done, total=len(queries))
                if isinstance(result, TumorcastError):
                    message.error.CopyFrom(reason_to(Reason(result.reason, result.message)))
                else:
                    message.prognosis.CopyFrom(wire.prognosis_to(result))
                yield message

    @rpc.answers(pb.GetPrognosisResponse)
    async def GetPrognosis(
        self, request: pb.GetPrognosisRequest, grpc_context: rpc.CallContext
    ) -> pb.GetPrognosisResponse:
        """Give a stored prognosis."""
        prognosis = await self.desk.prognoses.get(caller(), _id(request))
        return pb.GetPrognosisResponse(prognosis=wire.prognosis_to(prognosis))

    @rpc.answers(pb.ListPrognosesResponse)
    async def ListPrognoses(
        self, request: pb.ListPrognosesRequest, grpc_context: rpc.CallContext
    ) -> pb.ListPrognosesResponse:
        """List stored prognoses."""
        if request.patient and not is_opaque(request.patient):
            raise MalformedRequest.at("patient", "patient must be an opaque id, or empty.")
        if len(request.model) > MAX_NAME_CHARACTERS or not request.model.isprintable():
            raise MalformedRequest.at("model", f"model must be a name of at most {MAX_NAME_CHARACTERS} characters.")
        page = await self.desk.prognoses.list(
            caller(), page_from(request), patient=request.patient, model=request.model
        )
        return pb.ListPrognosesResponse(
            prognoses=map(prognosis_summary_to, page.items), next_page_token=page.next_token
        )

    @rpc.answers(pb.ReplayPrognosisResponse)
    async def ReplayPrognosis(
        self, request: pb.ReplayPrognosisRequest, grpc_context: rpc.CallContext
    ) -> pb.ReplayPrognosisResponse:
        """Ask the model again with the stored snapshot."""
        replay = await self.desk.prognoses.replay(caller(), _id(request), self.deadline(grpc_context))
        return pb.ReplayPrognosisResponse(replay=replay_to(replay))

    @rpc.answers(pb.ExplainPrognosisResponse)
    async def ExplainPrognosis(
        self, request: pb.ExplainPrognosisRequest, grpc_context: rpc.CallContext
    ) -> pb.ExplainPrognosisResponse:
        """Say why a stored prognosis is as it is."""
        explanation = await self.desk.prognoses.explain(caller(), _id(request))
        return pb.ExplainPrognosisResponse(explanation=explanation_to(explanation))

    @rpc.answers(pb.WriteBackPrognosisResponse)
    async def WriteBackPrognosis(
        self, request: pb.WriteBackPrognosisRequest, grpc_context: rpc.CallContext
    ) -> pb.WriteBackPrognosisResponse:
        """Write a stored prognosis to the EHR."""
        written = await self.desk.write_backs.create(caller(), _id(request), self.deadline(grpc_context))
        return pb.WriteBackPrognosisResponse(write_back=write_back_to(written))


def _id(request: Named) -> str:
    return opaque(request.prognosis_id, PrognosisNotFound)
