"""What load measurements say: quantiles with intervals, rates, and the tail that queueing predicts."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from support.load import ANSWERED, Arrival, Sample

RESAMPLINGS = 1000
BLOCKS = 20
"""Waiting times follow one another: whole stretches of time are drawn, not single requests."""


@dataclass(frozen=True, slots=True)
class Figure:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        digits = 1 if self.value < 100 else 0
        return f"{self.value:.{digits}f} ({self.low:.{digits}f}–{self.high:.{digits}f})"


def latencies_ms(samples: Sequence[Sample]) -> NDArray[np.float64]:
    return np.array([1000 * sample.latency_s for sample in samples])


def quantile_ms(samples: Sequence[Sample], q: float, seed: int = 1) -> Figure:
    """A quantile of the latency in ms; the interval by bootstrap of ``BLOCKS`` stretches of time."""
    return _bootstrapped(latencies_ms(samples), lambda values: float(np.quantile(values, q)), seed)


def throughput(samples: Sequence[Sample], seconds: float, seed: int = 1) -> Figure:
    """Answers a second: those answered between a tenth of the time and its end; interval by bootstrap."""
    first = seconds / 10
    done = np.array([sample.done_s for sample in samples if sample.status in ANSWERED])
    counts, _ = np.histogram(done, bins=BLOCKS, range=(first, seconds))
    per_s = counts * BLOCKS / (seconds - first)
    rng = np.random.default_rng(seed)
    means = [float(rng.choice(per_s, BLOCKS).mean()) for _ in range(RESAMPLINGS)]
    return Figure(float(per_s.mean()), *np.quantile(means, [0.025, 0.975]).tolist())


def _bootstrapped(values: NDArray[np.float64], of: Callable[[NDArray[np.float64]], float], seed: int) -> Figure:
    if not len(values):
        return Figure(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    blocks = np.array_split(values, min(BLOCKS, len(values)))
    drawn = [
        of(np.concatenate([blocks[i] for i in rng.integers(len(blocks), size=len(blocks))])) for _ in range(RESAMPLINGS)
    ]
    return Figure(of(values), *np.quantile(drawn, [0.025, 0.975]).tolist())


def predicted_ms(
    arrivals: Sequence[Arrival], alone_s: NDArray[np.float64], per_s: float, seed: int = 1
) -> NDArray[np.float64]:
    """Latencies in ms that a queue would give on the very same arrivals (Kiefer–Wolfowitz recursion, G/G/c).

    ``alone_s`` are latencies of single requests on the idle server, ``per_s`` its greatest throughput. By Little's law
    it then works on ``c = per_s × mean(alone_s)`` requests at once, so c servers (rounded, at least one) serve in times
    of the measured shape that together give that throughput; with c = 1 the recursion is Lindley's. What a request
    takes besides waiting is what it takes alone.

    >>> arrivals = [Arrival(0.0, 0), Arrival(0.5, 0), Arrival(3.0, 0)]
    >>> predicted_ms(arrivals, np.ones(5), per_s=1).round().tolist()
    [1000.0, 1500.0, 1000.0]
    """
    rng = np.random.default_rng(seed)
    servers = max(1, round(per_s * float(alone_s.mean())))
    busy_s = alone_s * (servers / per_s / alone_s.mean())
    free_at = [0.0] * servers
    found = []
    for arrival, drawn in zip(arrivals, rng.integers(len(alone_s), size=len(arrivals)), strict=True):
        begins = max(arrival.at_s, heapq.heappop(free_at))
        heapq.heappush(free_at, begins + busy_s[drawn])
        found.append(1000 * (begins - arrival.at_s + alone_s[drawn]))
    return np.array(found)


def table(title: str, rows: dict[str, dict[str, object]]) -> str:
    """One line a row, one column a key; every column as wide as it needs."""
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    cells = [["", *columns]] + [[name, *(str(row.get(key, "")) for key in columns)] for name, row in rows.items()]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join(["", title, *lines])
