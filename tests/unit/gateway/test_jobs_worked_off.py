"""Jobs on a real SQLite store: nothing accepted is lost or done twice, whatever happens to the workers."""
# ruff: noqa: ASYNC110 - what is waited for happens in a database

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.desks import desk_of
from support.gateway import QUERY, Fakes
from tumorcast_core.errors import ServiceUnavailable
from tumorcast_gateway.model import ANYONE, Desk, working
from tumorcast_gateway.model.records import Job, JobResult, JobState, PageRequest
from tumorcast_gateway.model.working import Worker

QUERIES = tuple(replace(QUERY, patient_id=f"P{i}") for i in range(5))


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "LONGEST_PAUSE_S", 0.01)


def _clock() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def working_at(desk: Desk, workers: int = 1) -> AsyncIterator[list[asyncio.Task[None]]]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(Worker(desk, 2, 5.0, poll_s=0.01).run(stop)) for _ in range(workers)]
    try:
        yield tasks
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)


async def ended(desk: Desk, job: Job) -> tuple[Job, tuple[JobResult, ...]]:
    async with asyncio.timeout(30):
        while (found := await desk.jobs.get(ANYONE, job.job_id)).state in (JobState.QUEUED, JobState.RUNNING):
            await asyncio.sleep(0.02)
    return found, (await desk.jobs.results(ANYONE, job.job_id, PageRequest(200))).items


def test_every_query_is_answered_once_by_whichever_worker(tmp_path: Path):
    async def main() -> None:
        fakes = Fakes()
        async with desk_of(tmp_path, fakes, _clock) as desk, working_at(desk, workers=3):
            job, results = await ended(desk, await desk.jobs.create(ANYONE, QUERIES))
            assert (job.state, job.total, job.answered, job.failed) == (JobState.COMPLETED, 5, 5, 0)
            assert [r.position for r in results] == list(range(5))
            assert len({r.prognosis_id for r in results}) == 5
            assert len(fakes.fusion.calls) == 5
            for result in results:
                assert (await desk.prognoses.get(ANYONE, result.prognosis_id)).endpoints

    asyncio.run(main())


def test_a_query_that_cannot_be_answered_fails_with_its_reason(tmp_path: Path):
    async def main() -> None:
        async with desk_of(tmp_path, Fakes(), _clock) as desk, working_at(desk):
            made = await desk.jobs.create(ANYONE, (QUERY, replace(QUERY, model="none")))
            job, (good, bad) = await ended(desk, made)
            assert (job.state, job.answered, job.failed) == (JobState.COMPLETED, 1, 1)
            assert good.error is None
            assert bad.error is not None
            assert (bad.prognosis_id, bad.error.code) == ("", "UNKNOWN_MODEL")

    asyncio.run(main())


def test_a_service_that_comes_back_in_time_costs_nothing(tmp_path: Path):
    async def main() -> None:
        fakes = Fakes()
        fakes.fusion.error = ServiceUnavailable()
        async with desk_of(tmp_path, fakes, _clock) as desk, working_at(desk):
            made = await desk.jobs.create(ANYONE, QUERIES)
            while len(fakes.fusion.calls) < 3:
                await asyncio.sleep(0.01)
            fakes.fusion.error = None
            job, _ = await ended(desk, made)
            assert (job.answered, job.failed) == (5, 0)

    asyncio.run(main())


def test_a_service_that_stays_away_fails_its_queries_at_last(tmp_path: Path):
    async def main() -> None:
        fakes = Fakes()
        fakes.fusion.error = ServiceUnavailable()
        async with desk_of(tmp_path, fakes, _clock) as desk, working_at(desk):
            job, results = await ended(desk, await desk.jobs.create(ANYONE, QUERIES[:1]))
            assert job.failed == 1
            assert results[0].error is not None
            assert results[0].error.code == "SERVICE_UNAVAILABLE"
            assert len(fakes.fusion.calls) == working.MAX_ATTEMPTS

    asyncio.run(main())


def test_an_answer_made_narrower_by_a_failing_service_is_tried_again_before_it_is_taken(tmp_path: Path):
    async def main() -> None:
        fakes = Fakes()
        fakes.notes.error = ServiceUnavailable()
        async with desk_of(tmp_path, fakes, _clock) as desk, working_at(desk):
            job, results = await ended(desk, await desk.jobs.create(ANYONE, QUERIES[:1]))
            assert job.answered == 1
            assert len(fakes.notes.calls) == working.PATIENT_ATTEMPTS
            kept = await desk.prognoses.list(ANYONE, PageRequest())
            assert [item.prognosis_id for item in kept.items] == [results[0].prognosis_id]

    asyncio.run(main())


def test_a_worker_that_dies_leaves_its_queries_to_the_next(tmp_path: Path):
    async def main() -> None:
        async with desk_of(tmp_path, Fakes(), _clock) as desk:
            made = await desk.jobs.create(ANYONE, QUERIES)
            async with desk.context.stores.transaction() as tx:  # and then never a word again
                assert len(await tx.jobs.claim("dead", 2, timedelta(seconds=0.5), _clock())) == 2
            async with working_at(desk):
                job, results = await ended(desk, made)
            assert (job.answered, job.failed) == (5, 0)
            kept = await desk.prognoses.list(ANYONE, PageRequest())
            assert {item.prognosis_id for item in kept.items} == {r.prognosis_id for r in results}

    asyncio.run(main())


def test_a_worker_whose_lease_has_gone_keeps_nothing(tmp_path: Path):
    async def main() -> None:
        fakes = Fakes()
        fakes.fusion.delay_s = 0.4
        async with desk_of(tmp_path, fakes, _clock) as desk:
            made = await desk.jobs.create(ANYONE, QUERIES[:1])
            slow, quick = Worker(desk, 1, 5.0), Worker(desk, 1, 5.0)
            slow._lease *= 0.002
            assert await slow._take()
            await asyncio.sleep(0.2)
            assert await quick._take()
            await asyncio.gather(*slow._tasks, *quick._tasks)
            job, results = await ended(desk, made)
            kept = await desk.prognoses.list(ANYONE, PageRequest())
            assert job.answered == 1
            assert [item.prognosis_id for item in kept.items] == [results[0].prognosis_id]
            assert len(fakes.fusion.calls) == 2

    asyncio.run(main())


def test_a_query_that_takes_longer_than_a_lease_stays_with_the_worker_that_lives(tmp_path: Path):
    async def main() -> None:
        fakes = Fakes()
        fakes.fusion.delay_s = 4.0
        async with desk_of(tmp_path, fakes, _clock) as desk:
            made = await desk.jobs.create(ANYONE, QUERIES[:1])
            stop = asyncio.Event()
            workers = [Worker(desk, 1, 10.0, poll_s=0.05) for _ in range(3)]
            for worker in workers:
                worker._lease *= 0.1  # two seconds
            running = [asyncio.create_task(worker.run(stop)) for worker in workers]
            job, _ = await ended(desk, made)
            stop.set()
            await asyncio.gather(*running)
            assert job.answered == 1
            assert len(fakes.fusion.calls) == 1

    asyncio.run(main())


def test_a_place_that_becomes_free_is_taken_at_once(tmp_path: Path):
    async def main() -> None:
        async with desk_of(tmp_path, Fakes(), _clock) as desk:
            made = await desk.jobs.create(ANYONE, QUERIES)
            stop = asyncio.Event()
            running = asyncio.create_task(Worker(desk, 1, 5.0, poll_s=30.0).run(stop))
            job, _ = await ended(desk, made)
            stop.set()
            async with asyncio.timeout(5):
                await running
            assert job.answered == 5

    asyncio.run(main())


def test_a_worker_that_is_stopped_gives_back_at_once(tmp_path: Path):
    async def main() -> None:
        fakes = Fakes()
        fakes.fusion.delay_s = 60.0
        async with desk_of(tmp_path, fakes, _clock) as desk:
            made = await desk.jobs.create(ANYONE, QUERIES)
            async with working_at(desk):
                while not fakes.fusion.calls:
                    await asyncio.sleep(0.01)
            fakes.fusion.delay_s = 0.0
            async with working_at(desk):
                job, _ = await ended(desk, made)
            assert job.answered == 5

    asyncio.run(main())


def test_what_is_not_begun_is_cancelled_and_what_was_done_stands(tmp_path: Path):
    async def main() -> None:
        fakes = Fakes()
        fakes.fusion.delay_s = 0.05
        async with desk_of(tmp_path, fakes, _clock) as desk, working_at(desk):
            made = await desk.jobs.create(ANYONE, QUERIES)
            while not (await desk.jobs.get(ANYONE, made.job_id)).answered:
                await asyncio.sleep(0.01)
            await desk.jobs.cancel(ANYONE, made.job_id)
            await asyncio.sleep(0.3)
            job = await desk.jobs.get(ANYONE, made.job_id)
            assert job.state is JobState.CANCELLED
            assert 1 <= job.answered < 5
            again = await desk.jobs.cancel(ANYONE, made.job_id)
            assert again == job

    asyncio.run(main())
