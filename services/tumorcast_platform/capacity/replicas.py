"""The two kinds of replicas: an ingress that reads and prepares studies, and an encoder that computes batches."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Literal

from tumorcast_platform.capacity.events import Action, Events
from tumorcast_platform.capacity.times import Study, Times

Status = Literal["in flight", "answered", "refused", "late"]


@dataclass(eq=False)
class Query:
    """A study on its way."""

    study: Study
    status: Status = "in flight"
    prepared: bool = False
    crops_left: int = 0
    latency_s: float = float("inf")

    @property
    def over(self) -> bool:
        return self.status != "in flight"


class Processor:
    """Processors of one pod, shared equally by what runs there; several at once get in each other's way."""

    def __init__(self, events: Events, cpus: float, contention: float) -> None:
        self._events, self._cpus, self._contention = events, cpus, contention
        self._ends: list[tuple[float, int, Action]] = []
        self._served_s = self._since_s = 0.0  # what each of those that run got so far, and as of when
        self._numbers, self._awaited = count(), 0
        self.busy_s = 0.0

    def run(self, work_s: float, done: Action) -> None:
        """Do so much work, as long as it takes, then call ``done``."""
        self._advance()
        heapq.heappush(self._ends, (self._served_s + work_s, next(self._numbers), done))
        self._await_next()

    def _speed(self) -> float:
        running = len(self._ends)
        return min(1.0, self._cpus / running) / (1 + self._contention * (running - 1) / running)

    def _advance(self) -> None:
        passed = self._events.now_s - self._since_s
        if self._ends:
            self._served_s += passed * self._speed()
            self.busy_s += passed * min(1.0, len(self._ends) / self._cpus)
        self._since_s = self._events.now_s

    def _await_next(self) -> None:
        self._awaited += 1
        if self._ends:
            awaited = self._awaited
            left_s = max(0.0, self._ends[0][0] - self._served_s) / self._speed()
            self._events.after(left_s, lambda: self._end(awaited))

    def _end(self, awaited: int) -> None:
        if awaited != self._awaited:  # something began meanwhile
            return
        self._advance()
        end, _, done = heapq.heappop(self._ends)
        self._served_s = end
        self._await_next()
        done()


class IngressReplica:
    """Prepares ``at_once`` studies at a time, the others wait; crops leave while a study is still measured."""

    def __init__(
        self,
        events: Events,
        times: Times,
        cpus: float,
        at_once: int,
        cut: Callable[[Query], None],
        prepared: Callable[[Query], None],
    ) -> None:
        self._events, self._times = events, times
        self._processor = Processor(events, cpus, times.contention)
        self._places, self._cut, self._prepared = at_once, cut, prepared
        self._waiting: deque[Query] = deque()

    @property
    def busy_s(self) -> float:
        return self._processor.busy_s

    def take(self, query: Query) -> None:
        self._waiting.append(query)
        self._next()

    def _next(self) -> None:
        while self._places and self._waiting:
            query = self._waiting.popleft()
            if not query.over:
                self._places -= 1
                self._prepare(query)

    def _prepare(self, query: Query) -> None:
        first_s = query.study.prepare_s * self._times.cut_share

        def end() -> None:
            self._places += 1
            if not query.over:
                self._prepared(query)
            self._next()

        def rest() -> None:
            if not query.over:
                self._cut(query)
            if query.over:
                end()
            else:
                self._processor.run(query.study.prepare_s - first_s, end)

        def begin() -> None:
            self._processor.run(first_s, rest) if not query.over else end()

        self._events.after(query.study.fetch_s, begin)


@dataclass(frozen=True, slots=True)
class Batching:
    """How crops come together: within a budget of voxels, for as long as the first one may wait."""

    batch_voxels: int = 1 << 21
    batch_wait_s: float = 0.002


Crop = tuple[Query, Action]
"""One crop: whose, and what is to be called when it is through."""


class EncoderReplica:
    """Batches as ``ray.serve.batch`` makes them, which run one after the other.

    A batch opens with its first crop and closes when its time is over or the next crop does not fit, **whether the
    device is free or not**: what comes while the device works waits in batches of ``batch_wait_s`` each, so batches do
    not grow with the load unless that is long (Ray 2.60, ``_BatchQueue``; a test holds this class to it).
    """

    def __init__(self, events: Events, times: Times, batching: Batching, encoded: Callable[[Query], None]) -> None:
        self._events, self._times, self._batching, self._encoded = events, times, batching, encoded
        self._open: list[Crop] = []
        self._closed: deque[list[Crop]] = deque()
        self._opened, self._running = 0, False
        self.busy_s = 0.0
        self.batches: list[int] = []

    def take(self, crop: Crop) -> None:
        voxels = self._times.crop_voxels**3
        if self._open and (len(self._open) + 1) * voxels > self._batching.batch_voxels:
            self._close()
        self._open.append(crop)
        if len(self._open) == 1:
            opened = self._opened
            self._events.after(self._batching.batch_wait_s, lambda: self._close() if opened == self._opened else None)
        if len(self._open) * voxels >= self._batching.batch_voxels:
            self._close()

    def _close(self) -> None:
        self._closed.append(self._open)
        self._open = []
        self._opened += 1
        self._run()

    def _run(self) -> None:
        if self._running or not self._closed:
            return
        batch = self._closed.popleft()
        wanted = sum(not query.over for query, _ in batch)
        seconds = self._times.encode_s(wanted) if wanted else 0.0
        self._running = True
        self.busy_s += seconds
        self.batches.append(wanted)
        self._events.after(seconds, lambda: self._done(batch))

    def _done(self, batch: list[Crop]) -> None:
        self._running = False
        self._run()
        for query, through in batch:
            through()
            if not query.over:
                self._encoded(query)
