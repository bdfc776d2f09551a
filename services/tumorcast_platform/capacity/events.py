"""The clock of a simulation: what happens next."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

Action = Callable[[], None]


class Events:
    """Things to come, in order of time and, at the same time, of asking.

    >>> events, seen = Events(), []
    >>> events.after(2, lambda: seen.append("b")); events.after(1, lambda: seen.append("a"))
    >>> events.run(); seen, events.now_s
    (['a', 'b'], 2.0)
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self._heap: list[tuple[float, int, Action]] = []
        self._numbers = count()

    def after(self, seconds: float, action: Action) -> None:
        """Let something happen in so many seconds."""
        heapq.heappush(self._heap, (self.now_s + seconds, next(self._numbers), action))

    def run(self) -> None:
        """Let everything happen until nothing is left."""
        while self._heap:
            at, _, action = heapq.heappop(self._heap)
            self.now_s = float(at)
            action()
