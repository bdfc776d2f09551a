"""The cyclic garbage collector, paused while a record is in memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class _Pause:
    """Counts who wants the collector paused; the last to leave starts it again."""

    def __init__(self) -> None:
        self._lock, self._count, self._was_on = Lock(), 0, True

    def enter(self) -> None:
        with self._lock:
            if self._count == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._count += 1

    def leave(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0 and self._was_on:
                gc.enable()


_PAUSE = _Pause()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the collector of this process.

    Parsed JSON has no cycles, so that looking for them again and again as it grows finds nothing and costs a third of
    the time. Reference counting goes on.
    """
    _PAUSE.enter()
    try:
        yield
    finally:
        _PAUSE.leave()
