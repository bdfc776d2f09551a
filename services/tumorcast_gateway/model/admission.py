"""Bounds the work under way, over both doors: what comes beyond it is refused at once, never queued."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tumorcast_core.errors import ResourceExhausted


class Admission:
    """``limit`` places. Only for one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = self._free = limit

    @property
    def taken(self) -> int:
        """Places taken."""
        return self._limit - self._free

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take one place, or raise ``ResourceExhausted``."""
        if not self._free:
            raise ResourceExhausted("The gateway is at its limit; try again later.")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
