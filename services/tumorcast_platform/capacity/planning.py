"""How many replicas a day's studies need, what they then do, and what autoscaling saves."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist

import numpy as np

from tumorcast_core.errors import InvalidInput
from tumorcast_platform.capacity.autoscaling import Scaling
from tumorcast_platform.capacity.demand import DAY_S, FLAT, Demand
from tumorcast_platform.capacity.simulation import Layout, Outcome, simulate
from tumorcast_platform.capacity.times import Study, Times

MOST_REPLICAS = 1024
MOST_UNANSWERED = 0.001
"""Share of studies that may be refused or late where the target counts as met."""
SCREENED = 3
"""Days that are looked at before a number of replicas is given up."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over simulated days, and its 95 % interval."""

    mean: float
    low: float
    high: float


def figure(values: Sequence[float]) -> Figure:
    """Mean and Student's interval; Cornish and Fisher's expansion of its quantile (Abramowitz & Stegun 26.7.5).

    >>> found = figure([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    >>> found.mean, round(found.low, 2), round(found.high, 2)
    (3.5, 1.54, 5.46)
    """
    mean, left = float(np.mean(values)), len(values) - 1
    if left < 1 or not math.isfinite(mean):
        return Figure(mean, mean, mean)
    z = NormalDist().inv_cdf(0.975)
    t = z + (z**3 + z) / (4 * left) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * left**2)
    t += (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * left**3)
    half = t * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Figure(mean, mean - half, mean + half)


@dataclass(frozen=True)
class Tried:
    """Days through one layout."""

    layout: Layout
    days: tuple[Outcome, ...]

    @cached_property
    def p50_s(self) -> Figure:
        return figure([day.quantile_s(0.5) for day in self.days])

    @cached_property
    def p95_s(self) -> Figure:
        return figure([day.quantile_s(0.95) for day in self.days])

    @cached_property
    def refused(self) -> Figure:
        """Share of the arrivals that was refused or late."""
        return figure([1 - day.count("answered") / max(1, len(day.statuses)) for day in self.days])

    @cached_property
    def encoder_hours(self) -> Figure:
        return figure([day.encoder_held_s / 3600 for day in self.days])

    @cached_property
    def encoder_utilization(self) -> float:
        return _ratio(sum(day.encoder_busy_s for day in self.days), sum(day.encoder_held_s for day in self.days))

    @cached_property
    def ingress_utilization(self) -> float:
        return _ratio(sum(day.ingress_busy_s for day in self.days), sum(day.ingress_held_s for day in self.days))

    @cached_property
    def mean_batch(self) -> float:
        return float(np.mean([day.mean_batch for day in self.days]))

    @property
    def peak_encoders(self) -> int:
        return max(day.peak_encoders for day in self.days)


@dataclass(frozen=True)
class Plan:
    """The smallest layout that keeps the target on the days tried, and the same one autoscaled."""

    fixed: Tried
    scaled: Tried | None
    """With the smallest floor that keeps the target; none where only the full number does."""
    from_one: Tried | None
    """Autoscaled from one replica on; none where one is all."""
    saturation_per_s: Figure


class Planner:
    """Tries layouts on the same days, so that two differ by their replicas and not by luck."""

    def __init__(
        self, demand: Demand, times: Times, layout: Layout, p95_s: float, *, days: int = 8, kept_share: float = 0.0
    ) -> None:
        self._demand, self._times, self._layout, self._p95_s = demand, times, layout, p95_s
        self._days: list[list[Study]] = [demand.studies(times, seed, kept_share=kept_share) for seed in range(days)]
        self._kept_share = kept_share

    def plan(self, scaling: Scaling) -> Plan:
        """Find it; raises ``InvalidInput`` where no number of replicas would do."""
        self._check_that_it_can_be_kept()
        least_ingress, least_encoders = self._least()
        ample = replace(self._layout, encoders=4 * least_encoders + 8)
        ingress = self._smallest(least_ingress, lambda n: replace(ample, ingress=n))
        encoders = self._smallest(least_encoders, lambda n: replace(self._layout, ingress=ingress, encoders=n))
        layout = replace(self._layout, ingress=ingress, encoders=encoders)
        fixed = self.tried(layout)
        saturation = self._saturation(layout, ingress, encoders)
        if encoders == 1:
            return Plan(fixed, None, None, saturation)
        floors = [replace(layout, encoders=self._bounded(scaling, low, encoders)) for low in range(1, encoders)]
        kept = next((one for one in map(self._kept, floors) if one), None)
        from_one = self.tried(replace(layout, encoders=self._bounded(scaling, 1, encoders)))
        return Plan(fixed, kept, from_one, saturation)

    def _check_that_it_can_be_kept(self, studies: int = 400) -> None:
        """Look at studies that come one after the other, with nobody else there."""
        patience_s = max(self._layout.deadline_s, self._p95_s)
        some = itertools.islice(itertools.chain.from_iterable(self._days), studies)
        apart = [replace(one, at_s=2 * n * patience_s) for n, one in enumerate(some)]
        alone_s = simulate(apart, self._times, replace(self._layout, deadline_s=patience_s)).quantile_s(0.95)
        if alone_s >= self._p95_s:
            took = f"{alone_s:.3g} s" if math.isfinite(alone_s) else f"more than {patience_s:g} s"
            raise InvalidInput(f"One study in twenty takes {took} even alone: no number of replicas keeps that target.")

    @staticmethod
    def _bounded(scaling: Scaling, low: int, high: int) -> Scaling:
        return replace(scaling, min_replicas=low, max_replicas=max(high, low), warm=max(low, scaling.warm))

    def _least(self) -> tuple[int, int]:
        """Replicas below which the busiest hour alone overfills them."""
        per_s = self._demand.peak_per_s * (1 - self._kept_share)
        prepare_s = self._times.prepare.mean_ms / 1000 / max(self._layout.ingress_cpus, 1e-9)
        crop_s = self._times.pass_ms / 1000 / self._times.pass_crops * self._times.crops_per_study
        return max(1, math.ceil(0.8 * per_s * prepare_s)), max(1, math.ceil(0.8 * per_s * crop_s))

    def _smallest(self, least: int, layout: Callable[[int], Layout]) -> int:
        """The least number of replicas that keeps the target, more being no worse."""
        low, high = least - 1, least
        while not self._kept(layout(high)):
            low, high = high, 2 * high
            if high > MOST_REPLICAS:
                raise InvalidInput(
                    f"Even {high // 2} replicas do not keep that target: look at bursts, queues and the deadline."
                )
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._kept(layout(middle)) else (middle, high)
        return high

    def tried(self, layout: Layout) -> Tried:
        """All days through one layout."""
        days = (simulate(studies, self._times, layout, seed) for seed, studies in enumerate(self._days))
        return Tried(layout, tuple(days))

    def _kept(self, layout: Layout) -> Tried | None:
        """All days, if the target is kept: the upper end of the interval, with hardly anyone refused."""
        first = [simulate(day, self._times, layout, seed) for seed, day in enumerate(self._days[:SCREENED])]
        screened = Tried(layout, tuple(first))
        if screened.p95_s.mean >= self._p95_s or screened.refused.mean > MOST_UNANSWERED:
            return None
        rest = [simulate(day, self._times, layout, seed) for seed, day in enumerate(self._days) if seed >= SCREENED]
        tried = Tried(layout, (*first, *rest))
        return tried if tried.p95_s.high < self._p95_s and tried.refused.mean <= MOST_UNANSWERED else None

    def _saturation(self, layout: Layout, ingress: int, encoders: int, studies: int = 3000) -> Figure:
        """Answers a second where half as much again comes as could be answered at best."""
        prepared_per_s = ingress * layout.ingress_cpus / max(self._times.prepare.mean_ms / 1000, 1e-9)
        crops = max(self._times.crops_per_study, 1e-9)
        encoded_per_s = encoders * self._times.pass_crops / (self._times.pass_ms / 1000) / crops
        per_s = 1.5 * min(prepared_per_s, encoded_per_s)
        seconds = max(studies / per_s, 4 * layout.deadline_s)
        flood = Demand(per_s * DAY_S, FLAT, batch_share=0, length_s=seconds)
        answered = [simulate(flood.studies(self._times, seed), self._times, layout, seed) for seed in range(SCREENED)]
        return figure([_answered_per_s(outcome, seconds) for outcome in answered])


def _answered_per_s(outcome: Outcome, seconds: float) -> float:
    """Answers between a quarter of the time, when the queues are full, and its end."""
    done = outcome.at_s + outcome.latency_s
    return float(((done > seconds / 4) & (done < seconds)).sum() / (0.75 * seconds))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
