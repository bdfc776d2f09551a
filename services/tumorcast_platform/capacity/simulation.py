"""One day of studies through ingress and encoders: who was answered when, who was refused, what it held."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tumorcast_platform.capacity.autoscaling import Scaling
from tumorcast_platform.capacity.events import Events
from tumorcast_platform.capacity.group import Group, Seat
from tumorcast_platform.capacity.replicas import Batching, Crop, EncoderReplica, IngressReplica, Query
from tumorcast_platform.capacity.times import Study, Times


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands there; the defaults are the service's and the chart's."""

    ingress: int | Scaling = 1
    encoders: int | Scaling = 1
    ingress_cpus: float = 1
    studies_at_once: int = 4
    max_concurrent_calls: int = 64
    max_queued_calls: int = 64
    max_ongoing_crops: int = 0
    max_queued_crops: int = 64
    batching: Batching = field(default_factory=Batching)
    deadline_s: float = 30.0

    def ongoing_crops(self, times: Times) -> int:
        """Crops that one encoder replica takes at a time.

        >>> from tumorcast_platform.capacity.times import load
        >>> Layout().ongoing_crops(load("cpu-avx512"))
        36
        """
        return self.max_ongoing_crops or max(2 * max(self.batching.batch_voxels // times.crop_voxels**3, 1), 32)


@dataclass(frozen=True)
class Outcome:
    """What became of every study, in order of arrival; latencies of those not answered are infinite."""

    at_s: NDArray[np.float64]
    latency_s: NDArray[np.float64]
    statuses: tuple[str, ...]
    span_s: float
    encoder_held_s: float
    encoder_busy_s: float
    ingress_held_s: float
    ingress_busy_s: float
    peak_encoders: int
    mean_batch: float

    def count(self, status: str) -> int:
        return self.statuses.count(status)

    def quantile_s(self, q: float) -> float:
        """Latency that a share ``q`` of all arrivals had at most; refused and late ones count as never answered."""
        return float(np.quantile(self.latency_s, q, method="inverted_cdf")) if self.latency_s.size else 0.0


class Simulation:
    """Studies through a layout with the times of a machine."""

    def __init__(self, studies: list[Study], times: Times, layout: Layout, seed: int = 0) -> None:
        self._studies, self._times, self._layout = studies, times, layout
        self._events = Events()
        self._left = len(studies)
        self._place: dict[Query, Seat[IngressReplica]] = {}
        self.queries = [Query(study) for study in studies]
        rng = random.Random(seed)  # noqa: S311 - routing, nothing secret
        self.encoders = self._encoder_group(rng)
        self.ingress = self._ingress_group(rng)

    def _ingress_group(self, rng: random.Random) -> Group[IngressReplica, Query]:
        layout, events, times = self._layout, self._events, self._times

        def give(replica: IngressReplica, seat: Seat[IngressReplica], query: Query) -> None:
            self._place[query] = seat
            replica.take(query)

        return Group(
            events,
            rng,
            lambda: IngressReplica(
                events, times, layout.ingress_cpus, layout.studies_at_once, self._cut, self._prepared
            ),
            give,
            most=layout.max_concurrent_calls,
            queue=layout.max_queued_calls * _least(layout.ingress),
            replicas=layout.ingress,
            more=lambda: self._left > 0,
        )

    def _encoder_group(self, rng: random.Random) -> Group[EncoderReplica, Query]:
        layout, events, times = self._layout, self._events, self._times

        def give(replica: EncoderReplica, seat: Seat[EncoderReplica], query: Query) -> None:
            crop: Crop = (query, lambda: self.encoders.left(seat))
            replica.take(crop)

        return Group(
            events,
            rng,
            lambda: EncoderReplica(events, times, layout.batching, self._encoded),
            give,
            most=layout.ongoing_crops(times),
            queue=layout.max_queued_crops * _least(layout.ingress),
            replicas=layout.encoders,
            more=lambda: self._left > 0,
        )

    def run(self) -> Outcome:
        """Let all studies come and be answered, refused or given up."""
        for query in self.queries:
            self._events.after(query.study.at_s, lambda query=query: self._arrive(query))  # type: ignore[misc]
        self._events.run()
        batches = [size for seat in self.encoders.seats for size in seat.replica.batches if size]
        return Outcome(
            at_s=np.array([query.study.at_s for query in self.queries]),
            latency_s=np.array([query.latency_s for query in self.queries]),
            statuses=tuple(query.status for query in self.queries),
            span_s=self._events.now_s,
            encoder_held_s=self.encoders.held_s(),
            encoder_busy_s=self.encoders.busy_s(),
            ingress_held_s=self.ingress.held_s(),
            ingress_busy_s=self.ingress.busy_s(),
            peak_encoders=self.encoders.peak,
            mean_batch=float(np.mean(batches)) if batches else 0.0,
        )

    def _arrive(self, query: Query) -> None:
        query.crops_left = query.study.crops
        if not self.ingress.offer(query):
            self._end(query, "refused")
            return
        self._events.after(self._layout.deadline_s, lambda: None if query.over else self._end(query, "late"))

    def _cut(self, query: Query) -> None:
        """Send the crops; one that finds the encoders full ends the whole call."""

        def arrive() -> None:
            if not query.over and not self.encoders.offer(query):
                self._end(query, "refused")

        for _ in range(query.study.crops):
            self._events.after(self._times.hop_ms / 1000, arrive)

    def _prepared(self, query: Query) -> None:
        query.prepared = True
        self._answer_if_whole(query)

    def _encoded(self, query: Query) -> None:
        query.crops_left -= 1
        self._answer_if_whole(query)

    def _answer_if_whole(self, query: Query) -> None:
        if query.prepared and query.crops_left == 0:
            self._end(query, "answered")

    def _end(self, query: Query, status: str) -> None:
        query.status = status  # type: ignore[assignment]
        self._left -= 1
        if status == "answered":
            query.latency_s = self._events.now_s - query.study.at_s + self._times.answer_ms / 1000
        else:
            self.encoders.forget(query)
        if seat := self._place.pop(query, None):
            self.ingress.left(seat)
        else:
            self.ingress.forget(query)


def _least(replicas: int | Scaling) -> int:
    return replicas if isinstance(replicas, int) else replicas.min_replicas


def simulate(studies: list[Study], times: Times, layout: Layout, seed: int = 0) -> Outcome:
    """Run one day; the same arguments give the same outcome."""
    return Simulation(studies, times, layout, seed).run()
