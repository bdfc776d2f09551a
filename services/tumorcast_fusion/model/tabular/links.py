"""The scale on which predictors of tables add up, and what it means.

A **link** is an array (n, causes, points): the log odds of the outcome for ``binary`` (1, 1); the log odds of reaching
each higher category for ``ordinal`` (1, categories - 1); the log cumulative cause-specific hazard at the interval ends
for times (causes, intervals). Blending and calibrating happen on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SMALLEST_HAZARD = 1e-12


def probability(link: Array) -> Array:
    """P(outcome), (...,), of a binary link (..., 1, 1)."""
    return expit(link[..., 0, 0])


def categories(link: Array) -> Array:
    """P(each ordered category), (..., K), of an ordinal link (..., 1, K - 1).

    >>> categories(np.array([[[0.0, -1.0]]])).round(3).tolist()
    [[0.5, 0.231, 0.269]]
    """
    reached = expit(np.minimum.accumulate(link[..., 0, :], axis=-1))
    ends = np.ones((*reached.shape[:-1], 1))
    out: Array = -np.diff(np.concatenate([ends, reached, 0 * ends], axis=-1), axis=-1)
    return out


def cumulative_hazards(link: Array) -> Array:
    """Cumulative hazards at the interval ends, never falling, of a link about times; same shape."""
    out: Array = np.maximum.accumulate(np.exp(np.clip(link, -30, 6)), axis=-1)
    return out


def cumulative_incidence(hazards: Array) -> Array:
    """Cumulative incidence of each cause at the interval ends, from cumulative hazards (..., causes, T).

    Hazards are constant inside an interval, so what is lost in it is shared in the proportion of their increments
    (Aalen-Johansen in discrete time); one minus the sum over causes is the probability of no event.
    """
    steps = np.diff(hazards, axis=-1, prepend=0.0)
    total = steps.sum(axis=-2, keepdims=True)
    survival = np.exp(-total.cumsum(axis=-1))
    lost = -np.diff(survival, axis=-1, prepend=1.0)
    out: Array = (lost * steps / np.maximum(total, SMALLEST_HAZARD)).cumsum(axis=-1)
    return out


def at_days(values: Array, edges_days: Sequence[float], days: Sequence[float]) -> Array:
    """A quantity that starts at 0 on day 0, read between the interval ends: (..., T) → (..., days).

    >>> at_days(np.array([0.1, 0.3]), [28, 56], [0, 28, 42]).round(3).tolist()
    [0.0, 0.1, 0.2]
    """
    edges = np.concatenate([[0.0], edges_days])
    padded = np.concatenate([np.zeros((*values.shape[:-1], 1)), values], axis=-1)
    wanted = np.asarray(days, dtype=float)
    right = np.clip(np.searchsorted(edges, wanted), 1, len(edges) - 1)
    share = np.clip((wanted - edges[right - 1]) / (edges[right] - edges[right - 1]), 0, 1)
    out: Array = padded[..., right - 1] * (1 - share) + padded[..., right] * share
    return out


def expit(x: Array) -> Array:
    """Inverse logit."""
    out: Array = 1 / (1 + np.exp(-np.clip(x, -35, 35)))
    return out


def logit(p: Array) -> Array:
    """Log odds, of probabilities kept away from 0 and 1."""
    q = np.clip(p, 1e-9, 1 - 1e-9)
    out: Array = np.log(q / (1 - q))
    return out


def survival_at(cumulative_hazard: Array, edges_days: Sequence[float], days: Sequence[float]) -> Array:
    """Survival at ``days``, with a constant hazard inside each interval; cumulative_hazard (..., intervals).

    >>> survival_at(np.array([0.1, 0.3]), [28, 56], [0, 28, 42]).round(4).tolist()
    [1.0, 0.9048, 0.8187]
    """
    survival: Array = np.exp(-at_days(cumulative_hazard, edges_days, days))
    return survival
