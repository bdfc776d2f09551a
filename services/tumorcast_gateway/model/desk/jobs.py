"""Jobs: batches of queries, accepted at once and answered in the background by ``working.Worker``."""

from __future__ import annotations

from collections.abc import Sequence

from tumorcast_core.errors import JobNotFound
from tumorcast_core.query import Query
from tumorcast_gateway.model.caller import Caller, Permission
from tumorcast_gateway.model.desk.context import Context
from tumorcast_gateway.model.desk.once import once
from tumorcast_gateway.model.desk.prognoses import check_batch
from tumorcast_gateway.model.records import Job, JobResult, Page, PageRequest, new_id
from tumorcast_gateway.model.stores import Transaction


class Jobs:
    """What callers do with jobs; each sees its own, unless it may see one patient only."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def create(self, caller: Caller, queries: Sequence[Query], idempotency_key: str = "") -> Job:
        """Accept a batch; every query must be sound by itself. Callers of one patient ask one by one."""
        await self._context.allow(caller, Permission.PREDICT, "job.create", "job", all_patients=True)
        check_batch(queries)
        for query in queries:
            query.check()
        context = self._context
        async with once(context, caller, idempotency_key, tuple(queries)) as first:
            if first.made_before:
                async with context.stores.transaction() as tx:
                    return await _own(tx, caller, first.made_before)
            job = Job(new_id(), context.clock(), len(queries))
            async with (
                context.doing(caller, "job.create", "job", job.job_id) as deed,
                context.stores.transaction() as tx,
            ):
                items = [(await tx.patients.ensure(query.patient_id), query) for query in queries]
                await tx.jobs.add(job, _owner(caller), items)
                await deed.done(tx)
                await first.done(tx, job.job_id)
        return job

    async def get(self, caller: Caller, job_id: str) -> Job:
        """A job and how far it is; raises ``JobNotFound``."""
        await self._context.allow(caller, Permission.READ, "job.read", "job", job_id, all_patients=True)
        async with self._context.stores.transaction() as tx:
            return await _own(tx, caller, job_id)

    async def list(self, caller: Caller, page: PageRequest) -> Page[Job]:
        """The caller's jobs, the newest first."""
        await self._context.allow(caller, Permission.READ, "job.list", "job", all_patients=True)
        page.check()
        async with self._context.stores.transaction() as tx:
            return await tx.jobs.list(page, _owner(caller))

    async def results(self, caller: Caller, job_id: str, page: PageRequest) -> Page[JobResult]:
        """What became of the queries of a job, by position."""
        await self._context.allow(caller, Permission.READ, "job.results", "job", job_id, all_patients=True)
        page.check()
        async with self._context.stores.transaction() as tx:
            await _own(tx, caller, job_id)
            return await tx.jobs.results(job_id, page)

    async def cancel(self, caller: Caller, job_id: str) -> Job:
        """Cancel what is not begun; a job that has ended stays as it is."""
        async with self._context.doing(caller, "job.cancel", "job", job_id, Permission.PREDICT) as deed:
            caller.require_all_patients()
            async with self._context.stores.transaction() as tx:
                await _own(tx, caller, job_id)
                await tx.jobs.cancel(job_id)
                await deed.done(tx)
                return await _own(tx, caller, job_id)


async def _own(tx: Transaction, caller: Caller, job_id: str) -> Job:
    job, owner = await tx.jobs.get(job_id)
    if owner != _owner(caller):
        raise JobNotFound
    return job


def _owner(caller: Caller) -> str:
    return f"{caller.issuer} {caller.subject}"
