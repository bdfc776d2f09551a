"""Kaplan–Meier, Aalen–Johansen and the censoring distribution, for many bootstrap samples at once.

At equal times an event precedes a censoring: who is censored on a day was free of events on that day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tumorcast_training.metrics.arrays import Array, Bools, Integers, ratio, sample_weights


@dataclass(frozen=True, slots=True, eq=False)
class StepFunction:
    """Right-continuous steps, one function a sample: ``values`` (b, m) from ``days`` (m,) on, ``start`` before them."""

    days: Array
    values: Array
    start: float

    def at(self, when: Array) -> Array:
        """Values (b, k) at ``when`` (k,)."""
        return self._take(np.searchsorted(self.days, when, side="right"))

    def before(self, when: Array) -> Array:
        """Left limits (b, k) at ``when`` (k,)."""
        return self._take(np.searchsorted(self.days, when, side="left"))

    def _take(self, index: Integers) -> Array:
        padded = np.concatenate((np.full((len(self.values), 1), self.start), self.values), axis=1)
        return padded[:, index]


class RiskSets:
    """Who is at risk on each distinct day, (b, m)."""

    def __init__(self, days: Array, weights: Array | None = None) -> None:
        self._weights = sample_weights(weights, len(days))
        self._order = np.argsort(days, kind="stable")
        self.days, self._starts = np.unique(days[self._order], return_index=True)
        leaving = self.count(np.ones(len(days), dtype=bool))
        self.at_risk: Array = np.cumsum(leaving[:, ::-1], axis=1)[:, ::-1]

    def count(self, rows: Bools) -> Array:
        """How many of ``rows`` (n,) leave on each day, (b, m)."""
        counted: Array = np.add.reduceat((self._weights * rows)[:, self._order], self._starts, axis=1)
        return counted


def kaplan_meier(days: Array, event: Integers, weights: Array | None = None) -> StepFunction:
    """Estimate survival by Kaplan and Meier (1958); any ``event`` above 0 is the event.

    >>> kaplan_meier(np.array([1.0, 2, 3]), np.array([1, 0, 1])).at(np.array([0.0, 1, 3])).round(3).tolist()
    [[1.0, 0.667, 0.0]]
    """
    return _estimates(days, event, 1, weights)[0]


def aalen_johansen(days: Array, event: Integers, cause: int = 1, weights: Array | None = None) -> StepFunction:
    """Estimate the cumulative incidence of ``cause`` by Aalen and Johansen (1978); other causes compete.

    >>> aalen_johansen(np.array([1.0, 2, 3, 4]), np.array([1, 2, 0, 1])).at(np.array([1.0, 4])).tolist()
    [[0.25, 0.75]]
    """
    return _estimates(days, event, cause, weights)[1]


def _estimates(days: Array, event: Integers, cause: int, weights: Array | None) -> tuple[StepFunction, StepFunction]:
    """Event-free survival, and the cumulative incidence of a cause."""
    sets = RiskSets(days, weights)
    hazard = np.nan_to_num(ratio(sets.count(event > 0), sets.at_risk))
    survival = np.asarray(np.cumprod(1 - hazard, axis=1), dtype=float)
    before = np.concatenate((np.ones((len(survival), 1)), survival[:, :-1]), axis=1)
    steps = before * np.nan_to_num(ratio(sets.count(event == cause), sets.at_risk))
    return StepFunction(sets.days, survival, 1.0), StepFunction(sets.days, np.cumsum(steps, axis=1), 0.0)


def risk_by(days: Array, event: Integers, horizon: float, cause: int = 1, weights: Array | None = None) -> Array:
    """Observed risk of ``cause`` by a horizon in each sample (b,), NaN where nobody is observed as long."""
    weights = sample_weights(weights, len(days))
    when = np.array([horizon])
    survival, incidence = _estimates(np.minimum(days, horizon), np.where(days <= horizon, event, 0), cause, weights)
    known = (weights @ (days >= horizon).astype(float) > 0) | (survival.at(when)[:, 0] <= 0)
    return np.where(known, incidence.at(when)[:, 0], np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Censoring:
    """The probability of being observed, by a Kaplan–Meier estimate of the time to censoring.

    ``until`` is the last day of the data it was estimated on: nothing is known of later days, and weights there are
    NaN.
    """

    function: StepFunction
    until: float

    @classmethod
    def of(cls, days: Array, event: Integers, weights: Array | None = None) -> Censoring:
        """Estimate on ``days`` (n,) and ``event`` (n,), 0 being censored; ``weights`` (b, n) give b estimates."""
        sets = RiskSets(days, weights)
        remaining = sets.at_risk - sets.count(event > 0)
        hazard = np.nan_to_num(ratio(sets.count(event == 0), remaining))
        values = np.clip(np.cumprod(1 - hazard, axis=1), 0, 1)
        return cls(StepFunction(sets.days, values, 1.0), float(days.max()))

    def observed(self, when: Array) -> Array:
        """P(not censored before ``when``), (b, k): the left limit, as an event precedes a censoring of its day."""
        return np.where(when <= self.until, self.function.before(when), np.nan)

    def inverse(self, when: Array) -> Array:
        """Weight of who is observed on ``when`` (k,), (b, k); NaN where nobody can be."""
        probability = self.observed(when)
        return ratio(np.ones_like(probability), probability)


@dataclass(frozen=True, slots=True, eq=False)
class Status:
    """What is known at a horizon: who had the event (n,), and inverse-probability-of-censoring weights (b, n).

    The weight is 0 for who was censored before the horizon, so weighted means over the others estimate those of all
    patients (Graf 1999; Gerds and Schumacher 2006; with competing events Blanche 2013). ``rows`` (b,) is how many rows
    each sample holds.
    """

    event: Bools
    weights: Array
    rows: Array

    @classmethod
    def at(
        cls,
        days: Array,
        event: Integers,
        horizon: float,
        *,
        cause: int = 1,
        censoring: Censoring | None = None,
        weights: Array | None = None,
    ) -> Status:
        """The status at ``horizon``; who had a competing event is known not to have the event."""
        sample = sample_weights(weights, len(days))
        censoring = censoring or Censoring.of(days, event, weights)
        past = (days <= horizon) & (event > 0)
        free = (days > horizon) | ((days == horizon) & (event == 0))
        inverse = censoring.inverse(np.minimum(days, horizon))
        counted = (past | free) & (sample > 0)
        return cls(past & (event == cause), sample * np.where(counted, inverse, 0.0), sample.sum(axis=1))


def pseudo_values(days: Array, event: Integers, horizon: float, cause: int = 1) -> Array:
    """Jackknife pseudo-values of the risk of ``cause`` by ``horizon``, (n,) (Andersen, Klein and Rosthøj 2003).

    n times the Aalen–Johansen estimate less n − 1 times the estimate without the patient, in O(n log n): without
    patient i, the estimate runs with one fewer at risk up to i's day and as it was from there on.
    """
    n = len(days)
    if n < 2:
        return np.full(n, np.nan)
    sets = RiskSets(days)
    within = sets.days <= horizon
    ours, others = (sets.count(rows)[0][within] for rows in (event == cause, (event > 0) & (event != cause)))
    at_risk, any_event = sets.at_risk[0][within], ours + others
    survival, incidence = _incidence(ours, any_event, at_risk)
    fewer_survival, fewer_incidence = _incidence(ours, any_event, at_risk - 1)

    k = np.searchsorted(sets.days[within], days)
    left = k < len(at_risk)
    at = np.minimum(k, max(len(at_risk) - 1, 0))
    without = np.full(n, fewer_incidence[-1])
    if left.any():
        i = at[left]
        one_less = np.maximum(at_risk[i] - 1, 1)
        incident = fewer_survival[i] * (ours[i] - (event[left] == cause)) / one_less
        still = fewer_survival[i] * (1 - (any_event[i] - (event[left] > 0)) / one_less)
        later = np.nan_to_num(ratio(incidence[-1] - incidence[i + 1], survival[i + 1]))
        without[left] = fewer_incidence[i] + incident + still * later
    values: Array = n * incidence[-1] - (n - 1) * without
    return values


def _incidence(ours: Array, any_event: Array, at_risk: Array) -> tuple[Array, Array]:
    """Survival and cumulative incidence, (m + 1,), before the first day and after each."""
    any_hazard, our_hazard = (np.nan_to_num(ratio(d, np.maximum(at_risk, 0))) for d in (any_event, ours))
    survival = np.concatenate(([1.0], np.cumprod(1 - any_hazard)))
    return survival, np.concatenate(([0.0], np.cumsum(survival[:-1] * our_hazard)))
