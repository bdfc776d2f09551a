"""Decision curves: the net benefit of treating by a predicted risk, against treating all and none."""

from __future__ import annotations

import numpy as np

from tumorcast_training.metrics.arrays import Array, Integers, sample_weights, share
from tumorcast_training.metrics.nonparametric import risk_by

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def net_benefit(value: Array, probability: Array, threshold: float, weights: Array | None = None) -> Array:
    """Net benefit of treating whoever reaches the threshold, (b,): true less false positives at their exchange rate.

    TP/n − FP/n · pt/(1 − pt) (Vickers and Elkin 2006). Treating none has 0; treating all is a ``probability`` of 1.
    """
    weights = sample_weights(weights, len(value))
    treated = probability >= threshold
    return share(treated & (value == 1), weights) - share(treated & (value == 0), weights) * _odds(threshold)


def net_benefit_at(
    days: Array,
    event: Integers,
    risk: Array,
    horizon: float,
    threshold: float,
    *,
    cause: int = 1,
    weights: Array | None = None,
) -> Array:
    """Net benefit for an event by a horizon, (b,) (Vickers 2008, survival extension).

    Among those at or above the threshold, the share with the event is read from Kaplan–Meier, or from Aalen–Johansen
    where events compete. Nobody treated: 0. NaN where none of the treated is observed as long as the horizon.
    """
    weights = sample_weights(weights, len(days))
    treated = risk >= threshold
    if not treated.any():
        return np.zeros(len(weights))
    positive = share(treated, weights)
    rate = risk_by(days[treated], event[treated], horizon, cause, weights[:, treated])
    return positive * benefit_of_treating(np.where(positive == 0, 0.0, rate), threshold)


def benefit_of_treating(rate: Array, threshold: float) -> Array:
    """Net benefit per treated patient of a group with this event rate.

    >>> benefit_of_treating(np.array([0.5]), 0.2).tolist()
    [0.375]
    """
    return rate - (1 - rate) * _odds(threshold)


def _odds(threshold: float) -> float:
    return threshold / (1 - threshold)
