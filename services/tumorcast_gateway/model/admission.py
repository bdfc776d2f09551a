"""Bounds the work under way, over both doors: what comes beyond it is refused at once, never queued."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from tumorcast_core.errors import ResourceExhausted, ServiceUnavailable, TumorcastError


class Admission:
    """``limit`` places. Only for one event loop.

    A task takes one place, however often it asks: the door asks before it reads a body, the desk before it works.
    (Not a context variable: a connection's next request runs in a copy of the context that its last one left.)
    """

    def __init__(self, limit: int) -> None:
        self._limit = self._free = limit
        self._holders: set[asyncio.Task[object] | None] = set()
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def taken(self) -> int:
        """Places taken."""
        return self._limit - self._free

    @property
    def closed(self) -> bool:
        """Whether this process is about to end."""
        return self._closed

    @property
    def refusal(self) -> TumorcastError | None:
        """Why nothing more is let in now, as an error to tell; ``None``: there is room."""
        if self._closed:
            return ServiceUnavailable("The gateway is shutting down; try again.")
        return None if self._free else ResourceExhausted("The gateway is at its limit; try again later.")

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take one place; raises ``ResourceExhausted``, or ``ServiceUnavailable`` once closed."""
        task = asyncio.current_task()
        if task in self._holders:
            yield
            return
        if refusal := self.refusal:
            raise refusal
        self._free -= 1
        self._idle.clear()
        self._holders.add(task)
        try:
            yield
        finally:
            self._free += 1
            if not self.taken:
                self._idle.set()
            self._holders.discard(task)

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True

    async def drained(self) -> None:
        """Return once every place is free."""
        await self._idle.wait()
