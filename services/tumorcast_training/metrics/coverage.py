"""Whether prediction sets and lower bounds cover what they promise."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tumorcast_training.metrics.arrays import Array, Bools, Integers, ratio, sample_weights
from tumorcast_training.metrics.nonparametric import Censoring


def clopper_pearson(covered: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a binomial share (Clopper and Pearson 1934).

    >>> [round(limit, 4) for limit in clopper_pearson(8, 10)]
    [0.4439, 0.9748]
    """
    tail = (1 - level) / 2
    lower = float(stats.beta.ppf(tail, covered, of - covered + 1)) if covered > 0 else 0.0
    upper = float(stats.beta.ppf(1 - tail, covered + 1, of - covered)) if covered < of else 1.0
    return lower, upper


def in_set(value: Array, sets: Bools) -> Bools:
    """Whether each outcome (n,), a class number, lies in its row of ``sets`` (n, classes)."""
    return sets[np.arange(len(value)), value.astype(np.int64)]


def bound_coverage(
    days: Array,
    event: Integers,
    bound_days: Array,
    *,
    cause: int = 1,
    censoring: Censoring | None = None,
    weights: Array | None = None,
) -> Array:
    """P(the event comes on or after its lower bound), (b,), by inverse probability of censoring.

    1 less the weighted share of events seen before their bound. With competing events, who has one never has the event
    and is covered. NaN where a bound was broken on a day whose weight is not known.
    """
    sample = sample_weights(weights, len(days))
    censoring = censoring or Censoring.of(days, event, weights)
    broken = (event == cause) & (days < bound_days)
    missed = sample * np.where(broken & (sample > 0), censoring.inverse(days), 0.0)
    return 1 - ratio(missed.sum(axis=1), sample.sum(axis=1))
