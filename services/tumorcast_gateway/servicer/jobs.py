"""Batches of queries, answered in the background."""

from __future__ import annotations

from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core import rpc
from tumorcast_core.errors import JobNotFound
from tumorcast_gateway.servicer.base import Methods, caller, opaque, page_from
from tumorcast_gateway.wire import job_result_to, job_to, queries_from


class JobMethods(Methods):
    """Methods about jobs."""

    @rpc.answers(pb.CreateJobResponse)
    async def CreateJob(self, request: pb.CreateJobRequest, grpc_context: rpc.CallContext) -> pb.CreateJobResponse:
        """Accept a batch."""
        queries = queries_from(request.queries, check=True)
        job = await self.desk.jobs.create(caller(), queries, request.idempotency_key)
        return pb.CreateJobResponse(job=job_to(job))

    @rpc.answers(pb.ListJobsResponse)
    async def ListJobs(self, request: pb.ListJobsRequest, grpc_context: rpc.CallContext) -> pb.ListJobsResponse:
        """List the caller's jobs."""
        page = await self.desk.jobs.list(caller(), page_from(request))
        return pb.ListJobsResponse(jobs=map(job_to, page.items), next_page_token=page.next_token)

    @rpc.answers(pb.GetJobResponse)
    async def GetJob(self, request: pb.GetJobRequest, grpc_context: rpc.CallContext) -> pb.GetJobResponse:
        """Say how far a job is."""
        return pb.GetJobResponse(job=job_to(await self.desk.jobs.get(caller(), opaque(request.job_id, JobNotFound))))

    @rpc.answers(pb.ListJobResultsResponse)
    async def ListJobResults(
        self, request: pb.ListJobResultsRequest, grpc_context: rpc.CallContext
    ) -> pb.ListJobResultsResponse:
        """List what became of the queries of a job."""
        page = await self.desk.jobs.results(caller(), opaque(request.job_id, JobNotFound), page_from(request))
        return pb.ListJobResultsResponse(results=map(job_result_to, page.items), next_page_token=page.next_token)

    @rpc.answers(pb.CancelJobResponse)
    async def CancelJob(self, request: pb.CancelJobRequest, grpc_context: rpc.CallContext) -> pb.CancelJobResponse:
        """Cancel what is not begun of a job."""
        return pb.CancelJobResponse(
            job=job_to(await self.desk.jobs.cancel(caller(), opaque(request.job_id, JobNotFound)))
        )
