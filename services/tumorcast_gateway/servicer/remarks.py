"""Feedback and outcomes of prognoses."""

from __future__ import annotations

from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core import rpc
from tumorcast_core.errors import PrognosisNotFound
from tumorcast_gateway.servicer.base import Methods, caller, opaque
from tumorcast_gateway.wire import feedback_from, feedback_to, outcome_from, outcome_to


class RemarkMethods(Methods):
    """Methods about what is said of prognoses later."""

    @rpc.answers(pb.CreateFeedbackResponse)
    async def CreateFeedback(
        self, request: pb.CreateFeedbackRequest, grpc_context: rpc.CallContext
    ) -> pb.CreateFeedbackResponse:
        """Keep what a reader decided."""
        feedback = feedback_from(request.feedback)
        opaque(feedback.prognosis_id, PrognosisNotFound)
        kept = await self.desk.remarks.add_feedback(caller(), feedback, request.idempotency_key)
        return pb.CreateFeedbackResponse(feedback=feedback_to(kept))

    @rpc.answers(pb.ListFeedbackResponse)
    async def ListFeedback(
        self, request: pb.ListFeedbackRequest, grpc_context: rpc.CallContext
    ) -> pb.ListFeedbackResponse:
        """List feedback on one prognosis."""
        found = await self.desk.remarks.feedback(caller(), opaque(request.prognosis_id, PrognosisNotFound))
        return pb.ListFeedbackResponse(feedback=map(feedback_to, found))

    @rpc.answers(pb.CreateOutcomeResponse)
    async def CreateOutcome(
        self, request: pb.CreateOutcomeRequest, grpc_context: rpc.CallContext
    ) -> pb.CreateOutcomeResponse:
        """Keep what became of the patient."""
        outcome = outcome_from(request.outcome)
        opaque(outcome.prognosis_id, PrognosisNotFound)
        kept = await self.desk.remarks.add_outcome(caller(), outcome, request.idempotency_key)
        return pb.CreateOutcomeResponse(outcome=outcome_to(kept))

    @rpc.answers(pb.ListOutcomesResponse)
    async def ListOutcomes(
        self, request: pb.ListOutcomesRequest, grpc_context: rpc.CallContext
    ) -> pb.ListOutcomesResponse:
        """List outcomes of one prognosis."""
        found = await self.desk.remarks.outcomes(caller(), opaque(request.prognosis_id, PrognosisNotFound))
        return pb.ListOutcomesResponse(outcomes=map(outcome_to, found))
