"""A circuit breaker: a service that broke several times in a row is left alone for a while.

Meanwhile calls to it fail at once, so that answers become narrower at once and not after a timeout each. Then one call
finds out whether the service is back: half-open, with the others still turned away.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

from tumorcast_core.errors import ServiceUnavailable
from tumorcast_core.telemetry import metrics


class State(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Breaker:
    """Opens after ``failures`` broken calls in a row, for ``open_s`` seconds; ``now`` is a monotonic clock."""

    def __init__(
        self, service: str, failures: int = 5, open_s: float = 2.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._service, self._failures, self._open_s, self._now = service, failures, open_s, now
        self._broken = 0
        self._opened_at = 0.0
        self._state = State.CLOSED
        metrics.tell_breaker(service, self._state)

    @property
    def state(self) -> State:
        """Closed: calls pass. Open: none does. Half-open: one is finding out."""
        return self._state

    def enter(self) -> bool:
        """Ask to pass; whether this call is the one that finds out. Raises ``ServiceUnavailable`` while open."""
        if self._state is State.CLOSED:
            return False
        left_s = self._opened_at + self._open_s - self._now()
        if self._state is State.OPEN and left_s <= 0:
            self._become(State.HALF_OPEN)
            return True
        error = ServiceUnavailable(f"The {self._service} service does not answer; it is asked again shortly.")
        error.retry_after_s = max(left_s, 1.0)
        raise error

    def answered(self) -> None:
        """The service said something, be it an error: it is there."""
        self._broken = 0
        if self._state is not State.CLOSED:
            self._become(State.CLOSED)

    def broke(self) -> None:
        """The service broke off, is not there, or was silent for long."""
        self._broken += 1
        if self._state is State.HALF_OPEN or (self._state is State.CLOSED and self._broken >= self._failures):
            self._opened_at = self._now()
            self._become(State.OPEN)
            metrics.breaker_opened.labels(self._service).inc()

    def left(self) -> None:
        """The call that was finding out ended without a finding, as when its caller hung up: the next one does."""
        if self._state is State.HALF_OPEN:
            self._become(State.OPEN)

    def _become(self, state: State) -> None:
        self._state = state
        metrics.tell_breaker(self._service, state)
