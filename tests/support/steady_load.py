"""Queries one after another for as long as a context lasts, and what came of each."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Asked:
    """One query: when it was sent, what it cost, and its status and document; status 0: nobody answered."""

    at_s: float
    took_s: float
    kind: str
    status: int
    document: dict[str, Any]

    @property
    def code(self) -> str:
        """``OK`` or the problem's code; ``UNREACHABLE`` where nobody answered."""
        if self.status == 0:
            return "UNREACHABLE"
        return "OK" if self.status == 200 else str(self.document.get("code", self.status))


@dataclass
class SteadyLoad:
    """What was asked so far, in the order of the answers."""

    asked: list[Asked] = field(default_factory=list)

    def since(self, at_s: float) -> list[Asked]:
        """What was sent from then on."""
        return [one for one in self.asked if one.at_s >= at_s]


def ask(url: str, kind: str, body: bytes, patience_s: float) -> Asked:
    """Post one query."""
    began = time.monotonic()
    try:
        headers = {**JSON, "Prefer": f"wait={patience_s:g}"}
        response = httpx.post(f"{url}/v1/prognoses", content=body, headers=headers, timeout=patience_s + 10)
        status, document = response.status_code, response.json()
    except httpx.TransportError:
        status, document = 0, {}
    return Asked(began, time.monotonic() - began, kind, 200 if status == 201 else status, document)


@contextmanager
def steady_load(
    url: str, bodies: dict[str, bytes], *, callers: int = 2, every_s: float = 0.3, patience_s: float = 5
) -> Iterator[SteadyLoad]:
    """Let ``callers`` ask in turn for each of the bodies, with a pause of ``every_s`` after each answer."""
    load, stop = SteadyLoad(), threading.Event()

    def caller(turns: Sequence[tuple[str, bytes]]) -> None:
        for kind, body in itertools.cycle(turns):
            load.asked.append(ask(url, kind, body, patience_s))
            if stop.wait(every_s):
                return

    turns = list(bodies.items())
    threads = [
        threading.Thread(target=caller, args=(turns[n % len(turns) :] + turns[: n % len(turns)],))
        for n in range(callers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()
