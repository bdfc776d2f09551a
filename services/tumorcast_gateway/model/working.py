"""Answers the queries of jobs, in the background, one lease at a time.

A query is leased to one worker; its record and its result are kept in one transaction, by the holder of the lease only.
So a worker that dies loses nothing and nothing is done twice: another takes the query once the lease is over.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import timedelta

from tumorcast_core import logs
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    DeadlineExceeded,
    ResourceExhausted,
    ServiceUnavailable,
    TumorcastError,
)
from tumorcast_core.prognosis import Reason
from tumorcast_core.telemetry import metrics
from tumorcast_gateway.model.caller import Caller, Permission
from tumorcast_gateway.model.desk import Desk
from tumorcast_gateway.model.records import JobTask, PredictionRecord, new_id
from tumorcast_gateway.model.stores import Transaction

log = logging.getLogger(__name__)

PASSING = (ServiceUnavailable, ResourceExhausted, DeadlineExceeded)
"""What trying again may cure."""
MAX_ATTEMPTS = 8
PATIENT_ATTEMPTS = 3
"""So often an answer that a failing service made narrower is tried again before it is taken as it is."""
LONGEST_PAUSE_S = 30.0
LEASE = timedelta(seconds=20)
"""A worker that lives renews its leases; what a dead one held is taken by another after this time."""


class LeaseLostError(Exception):
    """Another worker has the query now; what this one made of it is not kept."""


class Worker:
    """Takes up to ``concurrency`` queries at once; run by every gateway."""

    def __init__(self, desk: Desk, concurrency: int, deadline_s: float, poll_s: float = 0.5) -> None:
        self._desk = desk
        self._stores = desk.context.stores
        self._free = concurrency
        self._deadline_s = deadline_s
        self._poll_s = poll_s
        self._lease = LEASE
        self._name = uuid.uuid4().hex
        self._tasks: set[asyncio.Task[None]] = set()
        self._wakes = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then give back what is not done."""
        helpers = [asyncio.create_task(self._renew()), asyncio.create_task(self._end_at(stop))]
        while not stop.is_set():
            self._wakes.clear()
            if not await self._take():
                await _wait(self._wakes, self._poll_s)
        ending = [*helpers, *self._tasks]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _end_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wakes.set()

    async def _renew(self) -> None:
        """Hold on to what is leased for as long as this process lives."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 4)
            if not self._tasks:
                continue
            try:
                async with self._stores.transaction() as tx:
                    await tx.jobs.renew(self._name, self._lease, self._desk.context.clock())
            except ServiceUnavailable:
                log.warning("leases could not be renewed: the store of records does not answer")

    async def _take(self) -> bool:
        """Lease as much as there is room for; whether there was anything."""
        if not self._free:
            return False
        try:
            async with self._stores.transaction() as tx:
                now = self._desk.context.clock()
                claimed = await tx.jobs.claim(self._name, self._free, self._lease, now)
        except ServiceUnavailable:
            return False  # the store is away for now
        for leased in claimed:
            self._free -= 1
            task = asyncio.create_task(self._one(leased))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        return bool(claimed)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._free += 1
        self._wakes.set()
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            log.error("a query of a job was left to its next lease (%s)", type(failure).__name__)

    async def _one(self, task: JobTask) -> None:
        """Answer one query, and keep what came of it."""
        logs.request_id.set(new_id())
        try:
            await self._answer(task)
        except LeaseLostError:
            log.info("a query of job %s went to another worker", task.job_id)
        except PASSING as e:
            if task.attempt >= MAX_ATTEMPTS:
                await self._fail(task, e)
            else:
                await asyncio.sleep(min(2.0 ** (task.attempt - 1), LONGEST_PAUSE_S))
                await self._release(task)
        except TumorcastError as e:
            await self._fail(task, e)
        except asyncio.CancelledError:
            await asyncio.shield(self._release(task))
            raise

    async def _answer(self, task: JobTask) -> None:
        async def keep(tx: Transaction, record: PredictionRecord) -> None:
            codes = {issue.code for issue in record.snapshot.issues}
            if task.attempt < PATIENT_ATTEMPTS and codes & {error.reason for error in PASSING}:
                raise ServiceUnavailable("A service did not answer; the query is tried again.")
            if not await tx.jobs.finish(task, self._name, prognosis_id=record.prognosis_id):
                raise LeaseLostError

        caller = _owner(task)
        await self._desk.prognoses.answer(caller, task.query, Deadline.after(self._deadline_s), keep)

    async def _fail(self, task: JobTask, error: TumorcastError) -> None:
        async with self._stores.transaction() as tx:
            await tx.jobs.finish(task, self._name, error=Reason(error.reason, error.message))

    async def _release(self, task: JobTask) -> None:
        async with self._stores.transaction() as tx:
            await tx.jobs.release(task, self._name)


def _owner(task: JobTask) -> Caller:
    """Whoever made the job, with the one permission that its queries need."""
    issuer, _, subject = task.owner.partition(" ")
    return Caller(subject, issuer=issuer, permissions=frozenset({Permission.PREDICT}))


async def tell_queries(desk: Desk, stop: asyncio.Event, every_s: float = 15.0) -> None:
    """Say as a metric how many queries of jobs are in each state, until ``stop`` is set."""
    while not stop.is_set():
        try:
            async with desk.context.stores.transaction() as tx:
                metrics.tell_job_queries(await tx.jobs.counts())
        except ServiceUnavailable:
            log.warning("the store does not answer; the jobs are not counted")
        await _wait(stop, every_s)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
