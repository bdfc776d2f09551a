"""Replicas of one deployment behind a handle, as Ray Serve routes to them, bounds them and scales them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tumorcast_platform.capacity.autoscaling import Decider, LookBack, Scaling
from tumorcast_platform.capacity.events import Events

TICK_S = 1.0
"""How often the number of replicas is decided on. Ray Serve does so ten times as often, on reports of every 10 s."""


class Replica(Protocol):
    """What works, and counts the seconds."""

    @property
    def busy_s(self) -> float: ...


R = TypeVar("R", bound=Replica)
T = TypeVar("T")


@dataclass(eq=False)
class Seat(Generic[R]):
    """A replica's place, from its order to its end."""

    replica: R
    since_s: float
    ready: bool = False
    leaving: bool = False
    ongoing: int = 0
    gone_s: float | None = None

    @property
    def open(self) -> bool:
        return self.ready and not self.leaving


class Group(Generic[R, T]):
    """Takes items: each goes to the less busy of two replicas that have room, or waits, or finds the queue full."""

    def __init__(
        self,
        events: Events,
        rng: random.Random,
        make: Callable[[], R],
        give: Callable[[R, Seat[R], T], None],
        *,
        most: int,
        queue: int,
        replicas: int | Scaling,
        more: Callable[[], bool],
    ) -> None:
        self._events, self._rng, self._make, self._give = events, rng, make, give
        self._most, self._queue, self._more = most, queue, more
        self.waiting: deque[T] = deque()
        self.seats: list[Seat[R]] = []
        self._target = replicas if isinstance(replicas, int) else replicas.min_replicas
        self.peak = self._target
        for _ in range(self._target):
            self.seats.append(Seat(make(), 0.0, ready=True))
        self._decider = None if isinstance(replicas, int) else Decider(replicas)
        if self._decider:
            self._ongoing, self._reported = LookBack(self._decider.scaling.look_back_period_s), 0.0
            self._report(self._decider)
            self._tick(self._decider)

    def offer(self, item: T) -> bool:
        """Take an item; false where every replica and the queue are full."""
        if seat := self._chosen():
            self._begin(seat, item)
        elif len(self.waiting) < self._queue:
            self.waiting.append(item)
        else:
            return False
        self._changed()
        return True

    def left(self, seat: Seat[R]) -> None:
        """An item of this seat's replica is done."""
        seat.ongoing -= 1
        self._end_if_idle(seat)
        self._fill()

    def forget(self, item: T) -> None:
        """Nobody waits for this item any more."""
        if item in self.waiting:
            self.waiting = deque(other for other in self.waiting if other is not item)
            self._changed()

    def held_s(self) -> float:
        """Replica seconds from each one's order to its end."""
        now = self._events.now_s
        return sum((now if seat.gone_s is None else seat.gone_s) - seat.since_s for seat in self.seats)

    def busy_s(self) -> float:
        return sum(seat.replica.busy_s for seat in self.seats)

    def _begin(self, seat: Seat[R], item: T) -> None:
        seat.ongoing += 1
        self._give(seat.replica, seat, item)

    def _chosen(self) -> Seat[R] | None:
        ready = [seat for seat in self.seats if seat.open] if self._decider else self.seats
        if len(ready) > 2:
            two = self._rng.sample(ready, 2)
            best = min(two, key=_load)
            if best.ongoing < self._most:
                return best
        best = min(ready, key=_load)
        return best if best.ongoing < self._most else None

    def _fill(self) -> None:
        while self.waiting and (seat := self._chosen()):
            self._begin(seat, self.waiting.popleft())
        self._changed()

    def _changed(self) -> None:
        if self._decider:
            ongoing = sum(seat.ongoing for seat in self.seats if seat.gone_s is None) + len(self.waiting)
            self._ongoing.changed(self._events.now_s, ongoing)

    def _report(self, decider: Decider) -> None:
        self._reported = self._ongoing.mean(self._events.now_s)
        if self._more():
            self._events.after(decider.scaling.metrics_interval_s, lambda: self._report(decider))

    def _tick(self, decider: Decider) -> None:
        running = sum(seat.open for seat in self.seats)
        self._target = decider.decide(self._events.now_s, self._reported, running, self._target)
        held = [seat for seat in self.seats if seat.gone_s is None and not seat.leaving]
        for _ in range(self._target - len(held)):
            self._order(decider.scaling)
        for seat in sorted(held, key=lambda seat: (seat.ready, seat.ongoing))[: max(0, len(held) - self._target)]:
            seat.leaving = True
            self._end_if_idle(seat)
        if self._more():
            self._events.after(TICK_S, lambda: self._tick(decider))

    def _order(self, scaling: Scaling) -> None:
        there = sum(seat.gone_s is None for seat in self.seats)
        seat = Seat(self._make(), self._events.now_s)
        self.seats.append(seat)
        self.peak = max(self.peak, there + 1)

        def come() -> None:
            if not seat.leaving:
                seat.ready = True
                self._fill()

        self._events.after(scaling.start_s + (0 if there < scaling.warm else scaling.node_s), come)

    def _end_if_idle(self, seat: Seat[R]) -> None:
        if seat.leaving and seat.ongoing == 0 and seat.gone_s is None:
            seat.gone_s = self._events.now_s


def _load(seat: Seat[R]) -> int:
    return seat.ongoing
