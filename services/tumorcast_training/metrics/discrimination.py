"""Discrimination: AUC, Harrell's and Uno's C, AUC(t), and their forms with competing events.

Every function takes weights (b, n) of bootstrap samples and gives (b,) values, NaN where a sample has no pair to order;
without weights it gives one value. A higher risk means an earlier event.
"""

from __future__ import annotations

import numpy as np

from tumorcast_training.metrics.arrays import Array, Integers, ratio, sample_weights
from tumorcast_training.metrics.nonparametric import Censoring, Status
from tumorcast_training.metrics.pairs import pair_sums, weighted_auc

_NEVER = np.iinfo(np.int64).max


def auc(value: Array, risk: Array, weights: Array | None = None) -> Array:
    """Area under the ROC curve (b,): P(higher risk with the outcome than without), ties one half.

    >>> auc(np.array([0.0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])).tolist()
    [0.75]
    """
    weights = sample_weights(weights, len(risk))
    return weighted_auc(risk, weights * (value == 1), weights * (value == 0))


def harrell_c(
    days: Array,
    event: Integers,
    risk: Array,
    *,
    cause: int = 1,
    tau: float | None = None,
    weights: Array | None = None,
) -> Array:
    """Harrell's C (1982), (b,): of the pairs whose order is known, the share in which the earlier event had more risk.

    A pair counts if the earlier time is an event; at equal times an event precedes a censoring, and two events cannot
    be ordered. Equal risks count one half. Only events before ``tau`` open a pair. After a competing event, the event
    of ``cause`` never comes (Wolbers 2009): its time is infinite, whenever it was.
    """
    weights = sample_weights(weights, len(risk))
    case_key, partner_key = _keys(days, event)
    partner_key = np.where((event > 0) & (event != cause), _NEVER, partner_key)
    is_case = (event == cause) & (days < (np.inf if tau is None else tau))
    return ratio(*pair_sums(risk, case_key, weights * is_case, partner_key, weights))


def uno_c(
    days: Array,
    event: Integers,
    risk: Array,
    *,
    cause: int = 1,
    tau: float | None = None,
    censoring: Censoring | None = None,
    weights: Array | None = None,
) -> Array:
    """Uno's C (2011), (b,): as Harrell's, but pairs are weighted so that the censoring does not shape the figure.

    An event at t weighs 1 / G(t−)², G being the censoring distribution of ``censoring`` (the training data, say) or of
    these data, estimated anew in each sample. Only events before ``tau`` count. Of times after the last day of
    ``censoring`` nothing is known: events there open no pair, as if ``tau`` lay there. With competing events, patients
    who had one earlier stay partners, with weight 1 / (G(t−) G(s−)), s the day of theirs (Wolbers 2014).
    """
    sample = sample_weights(weights, len(risk))
    censoring = censoring or Censoring.of(days, event, weights)
    inverse = np.nan_to_num(censoring.inverse(days))
    case_key, partner_key = _keys(days, event)
    cases = sample * inverse * ((event == cause) & (days < (np.inf if tau is None else tau)))
    right, total = pair_sums(risk, case_key, cases * inverse, partner_key, sample)
    competing = (event > 0) & (event != cause)
    if competing.any():
        more = pair_sums(risk, -case_key - 1, cases, -case_key, sample * inverse * competing)
        right, total = right + more[0], total + more[1]
    return ratio(right, total)


def auc_at(
    days: Array,
    event: Integers,
    risk: Array,
    horizon: float,
    *,
    cause: int = 1,
    censoring: Censoring | None = None,
    weights: Array | None = None,
) -> Array:
    """Cumulative/dynamic AUC at a horizon (b,): who had the event by then against who had not (Uno 2007; Blanche 2013).

    Who had a competing event by then is a control. NaN where the horizon lies beyond what ``censoring`` knows.
    """
    status = Status.at(days, event, horizon, cause=cause, censoring=censoring, weights=weights)
    return weighted_auc(risk, status.weights * status.event, status.weights * ~status.event)


def _keys(days: Array, event: Integers) -> tuple[Integers, Integers]:
    """Places in time as cases and as partners: a censoring lies after the events of its day."""
    _, rank = np.unique(days, return_inverse=True)
    return 2 * rank, 2 * rank + (event == 0)
