"""One deadline for the whole query, handed on as the time that is left."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from tumorcast_core.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on this process's monotonic clock, in seconds; ``inf`` means none."""

    at_s: float = math.inf

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Set the deadline ``seconds`` from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left_s(self) -> float:
        """Seconds left; negative once it has passed."""
        return self.at_s - time.monotonic()

    @property
    def timeout_s(self) -> float | None:
        """Seconds left as a gRPC timeout: ``None`` for no deadline, never negative."""
        return None if math.isinf(self.at_s) else max(self.left_s, 0.0)

    def check(self) -> None:
        """Raise ``DeadlineExceeded`` once it has passed."""
        if self.left_s <= 0:
            raise DeadlineExceeded

    def reserve(self, seconds: float, *, fraction: float = 0.2) -> Deadline:
        """An earlier deadline: leaves ``seconds`` for a later step, but at most ``fraction`` of what is left."""
        if math.isinf(self.at_s):
            return self
        return Deadline(self.at_s - min(seconds, fraction * max(self.left_s, 0.0)))
