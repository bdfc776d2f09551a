"""``/v1/jobs``: batches, accepted at once and answered in the background."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from tumorcast_api.answers import JobAnswer, JobResultsAnswer, JobsAnswer
from tumorcast_api.bodies import JobBody
from tumorcast_core.errors import JobNotFound, NoInput
from tumorcast_gateway.rest.answering import json, link_of_next
from tumorcast_gateway.rest.body import parsed
from tumorcast_gateway.rest.describing import OF_BODIES, OF_KEYS, SENT_TO_CALLERS, operation
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.negotiation import JSON, deadline, media_type
from tumorcast_gateway.rest.parameters import Asker, IdempotencyKey, JobId, Paging, documented
from tumorcast_gateway.rest.parsing import queries_from


def routes(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["jobs"], dependencies=[Depends(documented)])
    _making(router, door)
    _reading(router, door)
    return router


def _making(router: APIRouter, door: Door) -> None:
    jobs, settings = door.desk.jobs, door.settings

    @router.post(
        "/v1/jobs",
        **operation(
            "createJob",
            "Accept a batch of queries; it is answered in the background",
            JobAnswer,
            *SENT_TO_CALLERS,
            *OF_BODIES,
            *OF_KEYS,
            NoInput,
            status=202,
            headers=("Location",),
            body=JobBody,
        ),
    )
    async def create(request: Request, caller: Asker, idempotency_key: IdempotencyKey = None) -> Response:
        media_type(request, (JSON,))
        time = deadline(request, settings.deadline_s)
        with door.desk.context.admission.one():
            queries = await parsed(request, queries_from, settings.max_body_mib << 20, time)
            job = await jobs.create(caller, queries, idempotency_key or "")
        return json(JobAnswer.model_validate(job), 202, {"location": f"/v1/jobs/{job.job_id}"})

    @router.post(
        "/v1/jobs/{job_id}/cancel",
        **operation(
            "cancelJob",
            "Cancel what is not begun of a job; one that has ended stays as it is",
            JobAnswer,
            *SENT_TO_CALLERS,
            JobNotFound,
            parameters=(),
        ),
    )
    async def cancel(request: Request, caller: Asker, job_id: JobId) -> Response:
        media_type(request, (JSON,))
        return json(JobAnswer.model_validate(await jobs.cancel(caller, job_id)))


def _reading(router: APIRouter, door: Door) -> None:
    jobs = door.desk.jobs

    @router.get(
        "/v1/jobs",
        **operation(
            "listJobs",
            "List your jobs, the newest first",
            JobsAnswer,
            *SENT_TO_CALLERS,
            headers=("Link",),
            parameters=(),
        ),
    )
    async def list_jobs(request: Request, caller: Asker, page: Paging) -> Response:
        media_type(request, (JSON,))
        found = await jobs.list(caller, page)
        answer = JobsAnswer.model_validate({"jobs": found.items, "next_page_token": found.next_token})
        return json(answer, headers=link_of_next(request, found.next_token))

    @router.get(
        "/v1/jobs/{job_id}",
        **operation("getJob", "Say how far a job is", JobAnswer, *SENT_TO_CALLERS, JobNotFound, parameters=()),
    )
    async def get(request: Request, caller: Asker, job_id: JobId) -> Response:
        media_type(request, (JSON,))
        return json(JobAnswer.model_validate(await jobs.get(caller, job_id)))

    @router.get(
        "/v1/jobs/{job_id}/results",
        **operation(
            "listJobResults",
            "List what became of the queries of a job, by position",
            JobResultsAnswer,
            *SENT_TO_CALLERS,
            JobNotFound,
            headers=("Link",),
            parameters=(),
        ),
    )
    async def results(request: Request, caller: Asker, job_id: JobId, page: Paging) -> Response:
        media_type(request, (JSON,))
        found = await jobs.results(caller, job_id, page)
        answer = JobResultsAnswer.model_validate({"results": found.items, "next_page_token": found.next_token})
        return json(answer, headers=link_of_next(request, found.next_token))
