"""When studies come: a day with its busy hours, and batches that scanners and archives send at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_platform.capacity.times import Study, Times

DAY_S = 86_400.0
FLAT = (1.0,) * 24
CLINIC = (
    *(0.2, 0.2, 0.2, 0.2, 0.2, 0.3, 0.6, 1.2, 2.2, 2.6, 2.6, 2.4),
    *(1.8, 2.2, 2.4, 2.2, 1.8, 1.2, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2),
)
"""Weights of the hours of a weekday, an assumption: scanning from 7 to 18, a dip at noon, emergencies at night."""
SHAPES = {"clinic": CLINIC, "flat": FLAT}


@dataclass(frozen=True, slots=True)
class Demand:
    """Studies of a day.

    ``hours`` weighs 24 equal parts of ``length_s``. Of all studies ``batch_share`` come in batches of ``batch_size`` on
    average (geometric), one every ``batch_gap_s``; the others, and the batches, come independently of one another.
    """

    studies_per_day: float
    hours: tuple[float, ...] = CLINIC
    batch_share: float = 0.2
    batch_size: float = 8.0
    batch_gap_s: float = 1.0
    length_s: float = DAY_S

    def __post_init__(self) -> None:
        if len(self.hours) != 24 or not all(0 <= weight < 1e9 for weight in self.hours) or sum(self.hours) <= 0:
            raise InvalidInput("A day needs 24 weights, none of them negative and not all 0.")
        if self.studies_per_day < 0 or not 0 <= self.batch_share <= 1 or self.batch_size < 1 or self.batch_gap_s < 0:
            raise InvalidInput("Studies a day, or what is said of batches, is out of range.")

    @property
    def peak_per_s(self) -> float:
        """Mean rate of the busiest hour.

        >>> round(Demand(2400, hours=FLAT).peak_per_s * 3600)
        100
        """
        return self.studies_per_day * max(self.hours) / sum(self.hours) * 24 / DAY_S

    def arrivals_s(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Times of one day's arrivals, in order.

        >>> Demand(0).arrivals_s(np.random.default_rng(1)).size
        0
        """
        expected = self.studies_per_day * self.length_s / DAY_S
        single = self._times(rng, int(rng.poisson(expected * (1 - self.batch_share))))
        first = self._times(rng, int(rng.poisson(expected * self.batch_share / self.batch_size)))
        sizes = rng.geometric(1 / self.batch_size, first.size)
        turns = np.concatenate([np.arange(size) for size in sizes]) if first.size else np.empty(0)
        batched = np.repeat(first, sizes) + turns * self.batch_gap_s
        times = np.sort(np.concatenate([single, batched]))
        return np.asarray(times[times < self.length_s])

    def _times(self, rng: np.random.Generator, number: int) -> NDArray[np.float64]:
        edges = np.concatenate([[0.0], np.cumsum(self.hours)]) / sum(self.hours)
        return np.interp(rng.random(number), edges, np.linspace(0, self.length_s, 25))

    def studies(self, times: Times, seed: int, *, kept_share: float = 0.0) -> list[Study]:
        """One day: the same studies for the same arguments, whatever they are then given to.

        ``kept_share`` of them were asked before: their answer is kept and takes nothing here.
        """
        when, what, files, kept, crops = (np.random.default_rng([seed, stream]) for stream in range(5))
        at = self.arrivals_s(when)
        anew = kept.random(at.size) >= kept_share
        fetch = times.fetch.drawn_s(files, at.size) * anew
        prepare = times.prepare.drawn_s(what, at.size) * anew
        return list(
            map(Study, at.tolist(), fetch.tolist(), prepare.tolist(), (times.crops(crops, at.size) * anew).tolist())
        )
