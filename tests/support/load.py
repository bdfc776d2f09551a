"""A load generator: requests at given times whatever the server does (open loop), or as fast as it answers (closed).

One process, one event loop, plain HTTP/1.1 over kept connections. An open-loop latency counts from the moment at which
the request was due, not from when it was sent, so that a generator or a server that lags cannot hide it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np

TIMEOUT_S = 60.0
ANSWERED = (200, 201)
NARROWER = 206
"""In place of its status: an answer that used fewer inputs than it should have, so less work."""
USED = b'"used"'
"""What stands in an answer for every input group that it used."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request: when it is due, in seconds from the start, and which body it posts."""

    at_s: float
    body: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What became of a request. ``status`` 0: no answer; ``late_s``: by how much it was sent after it was due."""

    due_s: float
    late_s: float
    latency_s: float
    status: int
    body: int

    @property
    def done_s(self) -> float:
        return self.due_s + self.latency_s


def poisson(rate: float, seconds: float, bodies: int, seed: int) -> list[Arrival]:
    """Arrivals of a Poisson process of ``rate`` a second, with bodies in turn; the same for the same arguments.

    >>> poisson(2, 3, 4, seed=1) == poisson(2, 3, 4, seed=1)
    True
    """
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(1 / rate, round(2 * rate * seconds) + 100)
    times = np.cumsum(gaps)
    return [Arrival(float(at), number % bodies) for number, at in enumerate(times[times < seconds])]


@dataclass(frozen=True, slots=True)
class Ask:
    """A body to post, and how many inputs a whole answer to it uses."""

    body: bytes
    inputs: int = 0


class Connections:
    """Posts JSON to one URL over as many kept connections as are needed at once."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for _reader, writer in self._idle:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in self._idle), return_exceptions=True)

    async def status(self, ask: Ask) -> int:
        """Status of the answer; ``NARROWER`` if it is not whole."""
        status, content = await self.post(ask.body)
        return NARROWER if status in ANSWERED and content.count(USED) < ask.inputs else status

    async def post(self, body: bytes) -> tuple[int, bytes]:
        """Status and content of the answer; status 0 where there was none."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._post(body)
        except (OSError, EOFError, TimeoutError, ValueError):
            return 0, b""

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        fresh = not self._idle
        reader, writer = self._idle.pop() if self._idle else await self._opened()
        try:
            writer.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
            head = await reader.readuntil(b"\r\n\r\n")
        except (OSError, EOFError):
            writer.close()
            if fresh:
                raise
            return await self._post(body)  # a kept connection that the server had closed
        status, length, kept = _told(head)
        content = await reader.readexactly(length)
        if kept:
            self._idle.append((reader, writer))
        else:
            writer.close()
        return status, content

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port, limit=1 << 22)


def _told(head: bytes) -> tuple[int, int, bool]:
    """Status, length of the content, and whether the connection stays; raises ``ValueError`` without a length."""
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), int(fields["content-length"]), fields.get("connection", "").lower() != "close"


def first_in_line(work: Coroutine[Any, Any, list[Sample]]) -> list[Sample]:
    """Run ``work`` before the servers where that is allowed: its clock is not to wait for what it measures."""
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, usual - 5)
    try:
        return asyncio.run(work)
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)


async def open_loop(url: str, asks: Sequence[Ask], arrivals: Sequence[Arrival]) -> list[Sample]:
    """Send every request when it is due, and await all answers; samples in order of arrival."""
    samples: list[Sample] = []
    async with Connections(url) as connections:
        start = time.perf_counter() + 0.1

        async def one(arrival: Arrival) -> None:
            await asyncio.sleep(start + arrival.at_s - time.perf_counter())
            sent = time.perf_counter() - start
            status = await connections.status(asks[arrival.body])
            done = time.perf_counter() - start
            samples.append(Sample(arrival.at_s, sent - arrival.at_s, done - arrival.at_s, status, arrival.body))

        await asyncio.gather(*map(one, arrivals))
    return sorted(samples, key=lambda sample: sample.due_s)


async def closed_loop(url: str, asks: Sequence[Ask], at_once: int, seconds: float) -> list[Sample]:
    """Keep ``at_once`` requests under way for so many seconds; samples in order of sending."""
    samples: list[Sample] = []
    numbers = iter(range(1 << 62))
    async with Connections(url) as connections:
        start = time.perf_counter()

        async def some() -> None:
            while (sent := time.perf_counter() - start) < seconds:
                body = next(numbers) % len(asks)
                status = await connections.status(asks[body])
                samples.append(Sample(sent, 0.0, time.perf_counter() - start - sent, status, body))

        await asyncio.gather(*(some() for _ in range(at_once)))
    return sorted(samples, key=lambda sample: sample.due_s)
