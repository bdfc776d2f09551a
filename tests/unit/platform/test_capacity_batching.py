"""The simulation's encoder makes the batches that Ray Serve's own queue makes, on a clock that only we move."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorcast_platform.capacity import Batching, Duration, Study, Times
from tumorcast_platform.capacity.events import Events
from tumorcast_platform.capacity.replicas import EncoderReplica, Query

ray_batching = pytest.importorskip("ray.serve.batching")
SIDE = 48
STEP_S = 1e-7


class Clock(selectors.SelectSelector):
    """A selector that does not wait: the time passes at once."""

    now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout:
            Clock.now_s += timeout + STEP_S  # a little more: rounded down, a time would never be over
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """An event loop on that clock."""

    def __init__(self) -> None:
        super().__init__(Clock())

    def time(self) -> float:
        return Clock.now_s


@dataclass
class Item:
    """A request of Ray Serve's queue, as far as it looks at one."""

    flattened_args: Any
    future: Any
    self_arg: Any = None
    request_context: Any = None


def batches_of_ray(arrivals_s: Sequence[float], machine: Times, batching: Batching) -> list[tuple[float, int]]:
    """When each batch began to run, and of how many crops it was."""
    ran: list[tuple[float, int]] = []

    async def run() -> None:
        began, free = Clock.now_s, asyncio.Semaphore(1)
        queue = queue_of_ray(machine, batching)

        async def process(batch: list[Any]) -> None:
            async with (
                free
            ):  # _process_sub_batches: the semaphore is taken within the task, the next batch forms meanwhile
                ran.append((Clock.now_s - began, len(batch)))
                await asyncio.sleep(machine.encode_s(len(batch)))

        async def form() -> None:
            while True:
                batch, _ = await queue.wait_for_batch()
                tasks.append(asyncio.create_task(process(batch)))

        tasks: list[Any] = []
        forming = asyncio.create_task(form())
        for at_s in arrivals_s:
            await asyncio.sleep(max(0.0, began + at_s - Clock.now_s))
            queue.put(Item(None, None))
        await asyncio.sleep(batching.batch_wait_s + 1)
        forming.cancel()
        await asyncio.gather(*tasks)

    with asyncio.Runner(loop_factory=Loop) as runner, patch.object(ray_batching.time, "time", lambda: Clock.now_s):
        runner.run(run())
    return ran


def queue_of_ray(machine: Times, batching: Batching) -> Any:
    metric = SimpleNamespace(set=lambda *_, **__: None, observe=lambda *_, **__: None, inc=lambda *_, **__: None)
    context = SimpleNamespace(_deployment_config=SimpleNamespace(max_ongoing_requests=1 << 40))
    names = {"Histogram": lambda *_, **__: metric, "Gauge": lambda *_, **__: metric, "Counter": lambda *_, **__: metric}
    with (
        patch.multiple(ray_batching, **names),
        patch.object(ray_batching.serve, "get_replica_context", lambda: context),
        patch.object(ray_batching, "get_or_create_event_loop", asyncio.get_running_loop),
    ):
        queue = ray_batching._BatchQueue(
            max_batch_size=batching.batch_voxels,
            batch_wait_timeout_s=batching.batch_wait_s,
            max_concurrent_batches=1,
            batch_size_fn=lambda items: len(items) * machine.crop_voxels**3,
        )
    queue._compute_batch_size = lambda batch: len(batch) * machine.crop_voxels**3  # without recovering arguments
    return queue


def batches_of_ours(arrivals_s: Sequence[float], machine: Times, batching: Batching) -> list[tuple[float, int]]:
    events, ran = Events(), []
    replica = EncoderReplica(events, machine, batching, lambda query: None)
    run = replica._run

    def watched() -> None:
        before = len(replica.batches)
        run()
        if len(replica.batches) > before:
            ran.append((events.now_s, replica.batches[-1]))

    replica._run = watched  # type: ignore[method-assign]
    for at_s in arrivals_s:
        events.after(at_s, lambda: replica.take((Query(Study(0.0, 0.0, 0.0, 1)), lambda: None)))
    events.run()
    return ran


def machine(pass_ms: float) -> Times:
    return Times(
        name="test",
        machine="none",
        source="none",
        measured=False,
        prepare=Duration(mean_ms=0),
        crop_voxels=SIDE,
        pass_ms=pass_ms,
        pass_crops=4,
    )


def same(ours: list[tuple[float, int]], theirs: list[tuple[float, int]]) -> bool:
    sizes = [size for _, size in ours] == [size for _, size in theirs]
    return sizes and [at for at, _ in ours] == pytest.approx([at for at, _ in theirs], abs=1e-4)


@pytest.mark.parametrize(
    ("arrivals_s", "sizes"),
    [
        ([0.0], [1]),
        ([0.0, 0.001], [2]),
        ([0.0, 0.003], [1, 1]),  # the first one's 2 ms are over
        ([0.0, 0.010, 0.011, 0.020, 0.021], [1, 2, 2]),  # the device works for 100 ms, and still they close after 2 ms
    ],
)
def test_a_batch_closes_when_its_time_is_over_though_the_device_is_busy(arrivals_s: list[float], sizes: list[int]):
    ran = batches_of_ray(arrivals_s, machine(100), Batching())
    assert [size for _, size in ran] == sizes
    assert same(batches_of_ours(arrivals_s, machine(100), Batching()), ran)


@settings(max_examples=60)
@given(
    gaps_ms=st.lists(st.integers(1, 60), min_size=1, max_size=30),
    wait_ms=st.sampled_from([2, 15, 50]),
    crops=st.integers(1, 6),
    spare=st.sampled_from([0.0, 0.5]),
    pass_ms=st.sampled_from([1.0, 33.0, 170.0]),
)
def test_the_same_crops_make_the_same_batches(
    gaps_ms: list[int], wait_ms: int, crops: int, spare: float, pass_ms: float
):
    """Gaps in whole milliseconds and an odd offset: no two things happen at the same time."""
    arrivals_s = [sum(gaps_ms[: n + 1]) / 1000 + 0.00037 * n for n in range(len(gaps_ms))]
    batching = Batching(batch_voxels=int((crops + spare) * SIDE**3), batch_wait_s=wait_ms / 1000)
    theirs = batches_of_ray(arrivals_s, machine(pass_ms), batching)
    assert same(batches_of_ours(arrivals_s, machine(pass_ms), batching), theirs)
