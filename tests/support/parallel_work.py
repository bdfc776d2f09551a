"""Work for other processes: they import it by name, so it cannot stand in a test module."""

from __future__ import annotations

import os

from tumorcast_core.errors import InvalidInput
from tumorcast_training.parallel import ONE_THREAD


def squared(x: int) -> int:
    """The square."""
    return x * x


def threads(_: int) -> tuple[str, ...]:
    """How many threads each numerical library may use here."""
    return tuple(os.environ.get(name, "") for name in ONE_THREAD)


def refused(x: int) -> int:
    """The same number, but for 2."""
    if x == 2:
        raise InvalidInput("no")
    return x
