"""What the routes need, handed in by ``app``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tumorcast_core.errors import ResourceExhausted
from tumorcast_gateway.model import HealthPort, Ports, UploadPort
from tumorcast_gateway.settings import Settings


class Admission:
    """Bounds the work under way: what comes beyond it is refused at once, never queued."""

    def __init__(self, limit: int) -> None:
        self._free = limit

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


@dataclass(frozen=True)
class Door:
    """The ports behind the routes, the settings, and how much is let in."""

    ports: Ports
    uploads: UploadPort
    backends: HealthPort
    settings: Settings
    admission: Admission = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "admission", Admission(self.settings.max_concurrent_calls))
