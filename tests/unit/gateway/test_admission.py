"""Admission: one place for each task, refused at once beyond the limit, closed when the process ends."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from tumorcast_core.errors import ResourceExhausted, ServiceUnavailable
from tumorcast_gateway.model import Admission


def test_a_task_that_asks_again_keeps_its_one_place() -> None:
    async def go() -> None:
        admission = Admission(1)
        with admission.one():
            with admission.one():
                assert admission.taken == 1
            assert admission.taken == 1
        assert admission.taken == 0

    asyncio.run(go())


def test_another_task_is_refused_even_one_that_was_begun_in_a_copy_of_the_first_ones_context() -> None:
    async def second(admission: Admission) -> None:
        with admission.one():
            pass

    async def go() -> None:
        admission = Admission(1)
        with admission.one():
            task = asyncio.create_task(second(admission), context=contextvars.copy_context())
            with pytest.raises(ResourceExhausted):
                await task

    asyncio.run(go())


def test_a_place_is_given_back_whatever_ends_the_work() -> None:
    async def go() -> None:
        admission = Admission(1)
        for error in (ValueError, asyncio.CancelledError):
            with pytest.raises(error), admission.one():
                raise error
        assert admission.taken == 0
        assert admission.refusal is None

    asyncio.run(go())


def test_once_closed_nobody_is_let_in_and_who_is_in_can_be_waited_for() -> None:
    async def go() -> None:
        admission = Admission(2)
        leave = asyncio.Event()

        async def work() -> None:
            with admission.one():
                await leave.wait()
                with admission.one():  # a place that is held stays good
                    pass

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        admission.close()
        with pytest.raises(ServiceUnavailable), admission.one():
            pass
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(admission.drained(), 0.05)
        leave.set()
        await asyncio.wait_for(admission.drained(), 1)
        await task

    asyncio.run(go())
