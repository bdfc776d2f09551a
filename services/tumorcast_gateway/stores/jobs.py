"""Jobs: each query is a row that workers lease; the state of a job is derived from its rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, case, exists, func, insert, or_, select, tuple_, update

from tumorcast.prognosis.v1 import prognosis_service_pb2
from tumorcast_core import wire
from tumorcast_core.errors import JobNotFound, RecordErased, StoreUnavailable, TumorcastError
from tumorcast_core.prognosis import Reason
from tumorcast_core.query import Query
from tumorcast_gateway.model.records import Job, JobResult, JobState, JobTask, Page, PageRequest
from tumorcast_gateway.stores.keys import Box
from tumorcast_gateway.stores.session import Pages, Session
from tumorcast_gateway.stores.tables import job_queries, jobs

WAITING, LEASED, ANSWERED, FAILED, CANCELLED = STATES = ("waiting", "leased", "answered", "failed", "cancelled")
_ENDED: dict[str, Any] = {"query": None, "worker": None, "lease_until": None}
_q = job_queries.c


class SqlJobs:
    """Implements ``model.stores.Jobs``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, job: Job, owner: str, queries: Sequence[tuple[str, Query]]) -> None:
        """Keep a job with its queries, each sealed under the key of its patient."""
        keyring = self._session.keyring
        values = {
            "id": job.job_id,
            "created_at": job.created_at,
            "owner_lookup": keyring.digest("owner", owner),
            "owner": keyring.box.seal(owner.encode(), _owner_place(job.job_id)),
            "total": len(queries),
        }
        await self._session.run(insert(jobs).values(values))
        boxes = [await self._session.patient_box(patient) for patient, _ in queries]
        sealed = await asyncio.to_thread(_seal, job.job_id, boxes, [query for _, query in queries])
        rows = [
            {
                "job_id": job.job_id,
                "position": position,
                "created_at": job.created_at,
                "patient": patient,
                "state": WAITING,
                "query": query,
                "attempt": 0,
                "prognosis_id": "",
                "error_code": "",
                "error_message": "",
            }
            for position, ((patient, _), query) in enumerate(zip(queries, sealed, strict=True))
        ]
        if rows:
            await self._session.run(insert(job_queries), rows)

    async def get(self, job_id: str) -> tuple[Job, str]:
        """A job and its owner."""
        row = await self._session.first(select(jobs).where(jobs.c.id == job_id))
        if row is None:
            raise JobNotFound
        owner = self._session.keyring.box.open(row.owner, _owner_place(job_id)).decode()
        (job,) = await self._with_states([row])
        return job, owner

    async def list(self, page: PageRequest, owner: str) -> Page[Job]:
        """The jobs of an owner, the newest first."""
        pages = Pages(self._session.keyring, page, "jobs", owner)
        query = select(jobs).where(jobs.c.owner_lookup == self._session.keyring.digest("owner", owner))
        rows = await self._session.rows(pages.newest_first(query, jobs))
        return Page(tuple(await self._with_states(rows[: pages.size])), pages.after_row(rows))

    async def results(self, job_id: str, page: PageRequest) -> Page[JobResult]:
        """What became of the queries, by position."""
        pages = Pages(self._session.keyring, page, "results", job_id)
        query = select(_q.position, _q.prognosis_id, _q.error_code, _q.error_message).where(_q.job_id == job_id)
        rows = await self._session.rows(pages.in_order(query, _q.position))
        if not rows and not page.token:
            await self.get(job_id)
        return Page(tuple(map(_result, rows[: pages.size])), pages.after_position(rows))

    async def cancel(self, job_id: str) -> None:
        """Cancel what waits; what is leased may still end."""
        await self.get(job_id)
        waiting = and_(_q.job_id == job_id, _q.state == WAITING)
        await self._session.run(update(job_queries).where(waiting).values(state=CANCELLED, **_ENDED))

    async def claim(self, worker: str, limit: int, lease: timedelta, at: datetime) -> tuple[JobTask, ...]:
        """Lease queries. One that no longer opens ends as failed, and is none of those returned."""
        free = or_(_q.state == WAITING, and_(_q.state == LEASED, _q.lease_until <= at))
        choice = select(job_queries, jobs.c.owner).join(jobs, jobs.c.id == _q.job_id)
        choice = choice.where(_q.state.in_((WAITING, LEASED)), free)
        choice = choice.order_by(_q.created_at, _q.job_id, _q.position).limit(limit)
        rows = await self._session.rows(choice.with_for_update(of=job_queries, skip_locked=True))
        tasks = [task for row in rows if (task := await self._open(row))]
        if tasks:
            taken = tuple_(_q.job_id, _q.position).in_([(task.job_id, task.position) for task in tasks])
            held = {"state": LEASED, "worker": worker, "lease_until": at + lease, "attempt": _q.attempt + 1}
            await self._session.run(update(job_queries).where(taken).values(held))
        return tuple(tasks)

    async def renew(self, worker: str, lease: timedelta, at: datetime) -> None:
        """Extend every lease of a worker that has not gone to another."""
        own = and_(_q.state == LEASED, _q.worker == worker)
        await self._session.run(update(job_queries).where(own).values(lease_until=at + lease))

    async def finish(self, task: JobTask, worker: str, prognosis_id: str = "", error: Reason | None = None) -> bool:
        """Keep what became of a query, if its lease is still this one; the query itself is destroyed."""
        ended = {
            "state": FAILED if error else ANSWERED,
            "prognosis_id": prognosis_id,
            "error_code": error.code if error else "",
            "error_message": error.message if error else "",
        }
        done = await self._session.run(update(job_queries).where(_held(task, worker)).values(ended | _ENDED))
        return done.rowcount == 1

    async def release(self, task: JobTask, worker: str) -> None:
        """Give a leased query back; of a cancelled job it is cancelled."""
        other = job_queries.alias()
        cancelled = exists().where(other.c.job_id == task.job_id, other.c.state == CANCELLED)
        given_back = {
            "state": case((cancelled, CANCELLED), else_=WAITING),
            "query": case((cancelled, None), else_=_q.query),
            "worker": None,
            "lease_until": None,
        }
        await self._session.run(update(job_queries).where(_held(task, worker)).values(given_back))

    async def counts(self) -> dict[str, int]:
        """Queries by state."""
        rows = await self._session.rows(select(_q.state, func.count().label("queries")).group_by(_q.state))
        return dict.fromkeys(STATES, 0) | {row.state: row.queries for row in rows}

    async def _open(self, row: Row[Any]) -> JobTask | None:
        try:
            box = await self._session.patient_box(row.patient)
            query = await asyncio.to_thread(_open, box, row.job_id, row.position, row.query)
        except (RecordErased, StoreUnavailable) as e:
            await self._fail(row, e)
            return None
        owner = self._session.keyring.box.open(row.owner, _owner_place(row.job_id)).decode()
        return JobTask(row.job_id, row.position, query, owner, row.attempt + 1)

    async def _fail(self, row: Row[Any], error: TumorcastError) -> None:
        of_row = and_(_q.job_id == row.job_id, _q.position == row.position)
        ended = {"state": FAILED, "error_code": error.reason, "error_message": error.message}
        await self._session.run(update(job_queries).where(of_row).values(ended | _ENDED))

    async def _with_states(self, rows: Iterable[Row[Any]]) -> Sequence[Job]:
        rows = list(rows)
        of_jobs = select(_q.job_id, _q.state, func.count().label("queries"))
        of_jobs = of_jobs.where(_q.job_id.in_([row.id for row in rows])).group_by(_q.job_id, _q.state)
        counts: dict[str, dict[str, int]] = {}
        for row in await self._session.rows(of_jobs):
            counts.setdefault(row.job_id, {})[row.state] = row.queries
        return [_job(row, counts.get(row.id, {})) for row in rows]


def job_state(counts: Mapping[str, int]) -> JobState:
    """The state of a job by the number of its queries in each state.

    >>> job_state({"answered": 3, "waiting": 1}).value
    'running'
    """
    if counts.get(CANCELLED):
        return JobState.CANCELLED
    if not counts.get(WAITING) and not counts.get(LEASED):
        return JobState.COMPLETED
    begun = any(counts.get(state) for state in (LEASED, ANSWERED, FAILED))
    return JobState.RUNNING if begun else JobState.QUEUED


def _job(row: Row[Any], counts: Mapping[str, int]) -> Job:
    return Job(row.id, row.created_at, row.total, counts.get(ANSWERED, 0), counts.get(FAILED, 0), job_state(counts))


def _result(row: Row[Any]) -> JobResult:
    error = Reason(row.error_code, row.error_message) if row.error_code else None
    return JobResult(row.position, row.prognosis_id, error)


def _held(task: JobTask, worker: str) -> Any:
    of_task = and_(_q.job_id == task.job_id, _q.position == task.position)
    return and_(of_task, _q.state == LEASED, _q.worker == worker, _q.attempt == task.attempt)


def _seal(job_id: str, boxes: Sequence[Box], queries: Sequence[Query]) -> list[bytes]:
    return [
        box.seal(wire.query_to(query).SerializeToString(), _place(job_id, position))
        for position, (box, query) in enumerate(zip(boxes, queries, strict=True))
    ]


def _open(box: Box, job_id: str, position: int, sealed: bytes) -> Query:
    message = prognosis_service_pb2.CreatePrognosisRequest.FromString(box.open(sealed, _place(job_id, position)))
    return wire.query_from(message)


def _place(job_id: str, position: int) -> str:
    return f"job_queries/{job_id}/{position}/query"


def _owner_place(job_id: str) -> str:
    return f"jobs/{job_id}/owner"
