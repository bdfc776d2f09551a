"""Effects that fade: what is known at the start of treatment often says more of the first months than of later years.

Proportional hazards would then be too timid early and too bold late. One more parameter lets the log hazard move by
``(1 + rate u(t))`` times the linear part, u being the logarithm of time, standardized by the events: a test for it is
Grambsch and Therneau, Biometrika 1994, 81:515. The rate is fitted to leave-one-out linear parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from tumorcast_training.learners.ridge import PersonPeriods, baseline_of

Array = NDArray[np.float64]
MOST_RATE = 0.8
_PRIOR_SD = 0.3
_LEAST_SLOPE, _MOST_SLOPE = 0.1, 3.0
_LEAST_SPREAD = 1e-3
"""Of the logarithm of the events' times: events in one interval say nothing of fading."""


@dataclass(frozen=True, eq=False)
class Fading:
    """The rate, the slope of each interval (T,), and log cumulative hazards at a linear part of zero (T,)."""

    rate: float
    slopes: Array
    offsets: Array


def fade(linear: Array, periods: PersonPeriods, weight: Array, edges_days: Array, rate: float) -> Fading:
    """The baseline that belongs to a linear part (n,) whose effect fades at ``rate``."""
    slopes = _slopes(periods, weight, edges_days, rate)
    baseline = _baseline(linear, slopes, periods, weight)
    return Fading(rate, slopes, np.log(np.maximum(np.cumsum(baseline), 1e-12)))


def fade_of(held_out: Array, linear: Array, periods: PersonPeriods, weight: Array, edges_days: Array) -> Fading:
    """The rate that makes the held-out linear parts (n,) most likely, with the baseline of ``linear`` (n,)."""

    def loss(rate: float) -> float:
        slopes = _slopes(periods, weight, edges_days, rate)
        hazard = _baseline(held_out, slopes, periods, weight)
        moved = np.clip(held_out[:, None] * slopes, -20, 20)
        each = periods.exposure * hazard * np.exp(moved) - periods.event * (np.log(hazard) + moved)
        return float(weight @ each.sum(axis=1)) + rate**2 / (2 * _PRIOR_SD**2)

    found = minimize_scalar(loss, bounds=(-MOST_RATE, MOST_RATE), method="bounded", options={"xatol": 1e-3})
    return fade(linear, periods, weight, edges_days, float(found.x))


def _slopes(periods: PersonPeriods, weight: Array, edges_days: Array, rate: float) -> Array:
    starts = np.concatenate([[0.0], edges_days[:-1]])
    u = np.log((starts + edges_days) / 2)
    events = weight @ periods.event
    share = events / max(float(events.sum()), 1e-12)
    mean = float(share @ u)
    sd = float(np.sqrt(share @ (u - mean) ** 2))
    if sd < _LEAST_SPREAD:
        return np.ones(len(u))
    slopes: Array = np.clip(1 + rate * (u - mean) / sd, _LEAST_SLOPE, _MOST_SLOPE)
    return slopes


def _baseline(linear: Array, slopes: Array, periods: PersonPeriods, weight: Array) -> Array:
    """Hazard of each interval at a linear part of zero (T,)."""
    moved = np.exp(np.clip(linear[:, None] * slopes, -20, 20))
    expected = (weight[:, None] * periods.exposure * moved).sum(axis=0)
    return baseline_of(weight @ periods.event, expected)
