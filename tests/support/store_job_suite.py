"""What holds for jobs and idempotency keys on every database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from support.store_records import PATIENT_ID, START, accepted, kept, minutes, query, stored
from tumorcast_core.errors import IdempotencyKeyInUse, IdempotencyKeyReused, JobNotFound
from tumorcast_core.prognosis import Reason
from tumorcast_gateway.model.records import JobResult, JobState, JobTask, PageRequest, new_id
from tumorcast_gateway.stores import SqlStores

LEASE = timedelta(minutes=1)
FAULT = Reason("NO_INPUT", "Nothing that was given can be used.")


async def claim(stores: SqlStores, worker: str, limit: int = 10, after: float = 0) -> tuple[JobTask, ...]:
    async with stores.transaction() as tx:
        return await tx.jobs.claim(worker, limit, LEASE, START + minutes(after))


async def finish(stores: SqlStores, task: JobTask, worker: str, **ended: object) -> bool:
    async with stores.transaction() as tx:
        return await tx.jobs.finish(task, worker, **ended)  # type: ignore[arg-type]


class JobSuite:
    @stored
    async def test_a_job_is_answered_query_by_query(self, stores: SqlStores) -> None:
        job = await accepted(stores, 3)
        of = await kept(stores)
        first, second, third = await claim(stores, "w")
        assert (first.query, first.owner, first.attempt) == (query(), "issuer me", 1)
        assert await finish(stores, first, "w", prognosis_id=of)
        assert await finish(stores, second, "w", error=FAULT)
        async with stores.transaction() as tx:
            found, owner = await tx.jobs.get(job.job_id)
            assert (found.total, found.answered, found.failed, found.state) == (3, 1, 1, JobState.RUNNING)
            assert (found.created_at, owner) == (START, "issuer me")
            results = await tx.jobs.results(job.job_id, PageRequest(2))
            assert results.items == (JobResult(0, of), JobResult(1, "", FAULT))
            rest = await tx.jobs.results(job.job_id, PageRequest(2, results.next_token))
            assert (rest.items, rest.next_token) == ((JobResult(2),), "")
            counts = {"waiting": 0, "leased": 1, "answered": 1, "failed": 1, "cancelled": 0}
            assert await tx.jobs.counts() == counts
        assert await finish(stores, third, "w", prognosis_id=of)
        async with stores.transaction() as tx:
            assert (await tx.jobs.get(job.job_id))[0].state is JobState.COMPLETED

    @stored
    async def test_what_is_leased_no_other_gets_before_the_lease_is_over(self, stores: SqlStores) -> None:
        await accepted(stores, 2)
        (task,) = await claim(stores, "a", 1)
        assert [t.position for t in await claim(stores, "b", after=0.5)] == [1]
        assert await claim(stores, "c", after=0.5) == ()
        (again,) = await claim(stores, "b", 1, after=1)
        assert (again.position, again.attempt) == (task.position, 2)
        assert not await finish(stores, task, "a", prognosis_id=new_id())
        assert await finish(stores, again, "b", error=FAULT)
        assert not await finish(stores, again, "b", error=FAULT)

    @stored
    async def test_a_worker_of_the_same_name_does_not_end_its_forerunners_lease(self, stores: SqlStores) -> None:
        await accepted(stores, 1)
        (old,) = await claim(stores, "pod-0")
        (new,) = await claim(stores, "pod-0", after=2)
        assert not await finish(stores, old, "pod-0", prognosis_id=new_id())
        assert await finish(stores, new, "pod-0", prognosis_id=new_id())

    @stored
    async def test_the_oldest_job_comes_first(self, stores: SqlStores) -> None:
        young = await accepted(stores, 2, START + minutes(1))
        old = await accepted(stores, 2)
        tasks = await claim(stores, "w", 3, after=2)
        assert [(t.job_id, t.position) for t in tasks] == [(old.job_id, 0), (old.job_id, 1), (young.job_id, 0)]

    @stored
    async def test_what_is_given_back_is_tried_again(self, stores: SqlStores) -> None:
        await accepted(stores, 1)
        (task,) = await claim(stores, "a")
        async with stores.transaction() as tx:
            await tx.jobs.release(task, "b")
        assert await claim(stores, "b") == ()
        async with stores.transaction() as tx:
            await tx.jobs.release(task, "a")
        (again,) = await claim(stores, "b")
        assert (again.query, again.attempt) == (query(), 2)

    @stored
    async def test_cancelling_leaves_what_is_begun(self, stores: SqlStores) -> None:
        job = await accepted(stores, 3)
        begun, back = await claim(stores, "w", 2)
        async with stores.transaction() as tx:
            await tx.jobs.cancel(job.job_id)
            await tx.jobs.release(back, "w")
        assert await claim(stores, "other") == ()
        assert await finish(stores, begun, "w", prognosis_id=new_id())
        async with stores.transaction() as tx:
            found, _ = await tx.jobs.get(job.job_id)
            assert (found.state, found.answered) == (JobState.CANCELLED, 1)
            assert (await tx.jobs.counts())["cancelled"] == 2

    @stored
    async def test_a_job_that_has_ended_stays_as_it_is(self, stores: SqlStores) -> None:
        job = await accepted(stores, 1)
        (task,) = await claim(stores, "w")
        await finish(stores, task, "w", error=FAULT)
        async with stores.transaction() as tx:
            await tx.jobs.cancel(job.job_id)
            assert (await tx.jobs.get(job.job_id))[0].state is JobState.COMPLETED

    @stored
    async def test_queries_of_an_erased_patient_fail(self, stores: SqlStores) -> None:
        job = await accepted(stores, 2)
        (task, other) = await claim(stores, "w")
        async with stores.transaction() as tx:
            patient = await tx.patients.find(f"{PATIENT_ID}-0")
            assert patient
            assert await tx.patients.erase(patient) == 0
            results = await tx.jobs.results(job.job_id, PageRequest())
            assert [r.error.code if r.error else "" for r in results.items] == ["RECORD_ERASED", ""]
        assert not await finish(stores, task, "w", prognosis_id=new_id())
        assert await finish(stores, other, "w", prognosis_id=new_id())

    @stored
    async def test_an_owner_sees_own_jobs_the_newest_first(self, stores: SqlStores) -> None:
        jobs = [await accepted(stores, 1, START + minutes(i), "me") for i in range(3)]
        await accepted(stores, 1, owner="another")
        async with stores.transaction() as tx:
            page = await tx.jobs.list(PageRequest(2), "me")
            rest = await tx.jobs.list(PageRequest(2, page.next_token), "me")
        assert [job.job_id for job in (*page.items, *rest.items)] == [job.job_id for job in jobs[::-1]]
        assert {job.state for job in page.items} == {JobState.QUEUED}

    @stored
    async def test_an_unknown_job_is_not_found(self, stores: SqlStores) -> None:
        async with stores.transaction() as tx:
            for attempt in (tx.jobs.get("x"), tx.jobs.cancel("x"), tx.jobs.results("x", PageRequest())):
                with pytest.raises(JobNotFound):
                    await attempt

    @stored
    async def test_workers_at_once_share_the_queries_and_none_twice(self, stores: SqlStores) -> None:
        await accepted(stores, 20)
        await accepted(stores, 20, START + minutes(0.1))

        async def work(worker: str) -> list[tuple[str, int]]:
            done = []
            while tasks := await claim(stores, worker, 3, after=0.5):
                for task in tasks:
                    assert await finish(stores, task, worker, prognosis_id=new_id())
                    done.append((task.job_id, task.position))
            return done

        shares = await asyncio.gather(*(work(f"w{i}") for i in range(4)))
        assert len({one for share in shares for one in share}) == sum(map(len, shares)) == 40


class IdempotencySuite:
    @stored
    async def test_a_key_stands_for_what_its_first_request_made(self, stores: SqlStores) -> None:
        made, until = new_id(), START + minutes(60)
        async with stores.transaction() as tx:
            assert await tx.idempotency.begin("me", "k", "digest", until, START) == ""
        async with stores.transaction() as tx:
            with pytest.raises(IdempotencyKeyInUse):
                await tx.idempotency.begin("me", "k", "digest", until, START)
            with pytest.raises(IdempotencyKeyReused):
                await tx.idempotency.begin("me", "k", "other", until, START)
            assert await tx.idempotency.begin("you", "k", "other", until, START) == ""
            await tx.idempotency.complete("me", "k", made, until + minutes(60))
            await tx.idempotency.abandon("me", "k")
        async with stores.transaction() as tx:
            assert await tx.idempotency.begin("me", "k", "digest", until, START + minutes(119)) == made
            with pytest.raises(IdempotencyKeyReused):
                await tx.idempotency.begin("me", "k", "other", until, START)
            over = until + minutes(60)
            assert await tx.idempotency.begin("me", "k", "other", over + minutes(60), over) == ""

    @stored
    async def test_a_request_that_failed_frees_its_key(self, stores: SqlStores) -> None:
        async with stores.transaction() as tx:
            await tx.idempotency.begin("me", "k", "digest", START + minutes(1), START)
            await tx.idempotency.abandon("me", "k")
            assert await tx.idempotency.begin("me", "k", "other", START + minutes(1), START) == ""

    @stored
    async def test_subject_and_key_do_not_run_into_each_other(self, stores: SqlStores) -> None:
        async with stores.transaction() as tx:
            assert await tx.idempotency.begin("a", "bc", "digest", START + minutes(1), START) == ""
            assert await tx.idempotency.begin("ab", "c", "digest", START + minutes(1), START) == ""

    @stored
    async def test_of_requests_at_once_one_is_the_first(self, stores: SqlStores) -> None:
        async def ask() -> str:
            try:
                async with stores.transaction() as tx:
                    return await tx.idempotency.begin("me", "k", "digest", START + minutes(1), START)
            except IdempotencyKeyInUse:
                return "in use"

        assert sorted(await asyncio.gather(*(ask() for _ in range(8)))) == ["", *["in use"] * 7]
