"""When a request is sent once more, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tumorcast_core.errors import (
    FhirAccessDenied,
    IdempotencyKeyInUse,
    ResourceExhausted,
    ServiceUnavailable,
    TumorcastError,
)


@dataclass(frozen=True, slots=True)
class Retries:
    """``times`` more, each after twice the wait of the one before, or what ``Retry-After`` says if that is longer.

    A server that wants more than ``longest_wait_s`` is not asked again: its error is raised.
    """

    times: int = 3
    first_wait_s: float = 0.25
    longest_wait_s: float = 30.0

    def wait_s(self, error: TumorcastError, attempt: int) -> float | None:
        """Seconds until the next attempt after ``attempt`` (from 0) failed; ``None``: no more.

        >>> from tumorcast_core.errors import MalformedRequest
        >>> Retries().wait_s(MalformedRequest(), 0) is None
        True
        """
        passing = isinstance(error, ResourceExhausted | ServiceUnavailable | IdempotencyKeyInUse)
        if attempt >= self.times or not passing or isinstance(error, FhirAccessDenied):
            return None
        own = self.first_wait_s * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311 (spreads clients; no secret)
        wait = max(own, error.retry_after_s or 0.0)
        return wait if wait <= self.longest_wait_s else None
