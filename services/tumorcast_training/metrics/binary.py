"""All figures of a predicted probability in one dictionary."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_training.metrics.arrays import Array, Bools, sample_weights, share
from tumorcast_training.metrics.coverage import clopper_pearson, in_set
from tumorcast_training.metrics.discrimination import auc
from tumorcast_training.metrics.probability import (
    brier,
    calibration_intercept,
    calibration_slope,
    equal_mass_bins,
    expected_calibration_error,
    null_calibration_error,
    scaled_brier,
)
from tumorcast_training.metrics.reporting import (
    CONSTANT,
    DEPENDENT,
    NOT_GIVEN,
    Scores,
    decision_figures,
    decision_rows,
    explained,
    nulls,
    number,
)
from tumorcast_training.metrics.resampling import ClusterBootstrap, Interval, rounded
from tumorcast_training.metrics.utility import THRESHOLDS, net_benefit

FIGURES = {
    "auc": auc,
    "brier": brier,
    "scaled_brier": scaled_brier,
    "ece": lambda value, probability, weights=None: expected_calibration_error(value, probability, weights=weights),
    "calibration_slope": calibration_slope,
    "calibration_intercept": calibration_intercept,
}
_NEED_BOTH = ("auc", "scaled_brier", "calibration_slope", "calibration_intercept")
_NEED_SPREAD = ("auc", "calibration_slope")
_OTHERS = ("ece_null", "net_benefit", "calibration_bins", "prediction_sets")


def score_binary(
    value: Array,
    probability: Array,
    patient_ids: Sequence[Hashable] | NDArray[np.object_],
    *,
    prediction_sets: Bools | None = None,
    coverage_level: float = 0.9,
    thresholds: Sequence[float] = THRESHOLDS,
    samples: int = 1000,
    seed: int = 0,
) -> Scores:
    """Score probabilities (n,) of an outcome (n,): 1 yes, 0 no, NaN unknown (left out and counted).

    Every figure is [estimate, lower, upper], 95 % by bootstrap over patients, or null, with the reason under
    ``reasons``. ``ece_null`` sets the calibration error beside its null. ``prediction_sets`` (n, 2) say whether no, and
    yes, is in the patient's set; their coverage has an exact binomial interval.
    """
    value, probability = np.asarray(value, dtype=float), np.asarray(probability, dtype=float)
    known = np.isfinite(value)
    ids = np.asarray(patient_ids, dtype=object)[known]
    y, p = value[known], probability[known]
    bootstrap = ClusterBootstrap(ids, samples, seed)
    scores: Scores = {
        "rows": len(y),
        "patients": bootstrap.patients,
        "unknown": int((~known).sum()),
        "events": int((y == 1).sum()),
        "non_events": int((y == 0).sum()),
    }
    problem = _problem(y, p)
    if problem:
        return {**scores, **nulls((*FIGURES, *_OTHERS), problem)}
    intervals = bootstrap.intervals(lambda w: {name: figure(y, p, w) for name, figure in FIGURES.items()})
    reasons = _reasons(y, p)
    intervals.update(dict.fromkeys(reasons))
    scores.update(intervals)
    scores["ece_null"] = None if bootstrap.clustered else _null(y, p, seed)
    scores["net_benefit"] = _decisions(y, p, thresholds, bootstrap)
    scores["calibration_bins"] = _bins(y, p)
    sets = None if prediction_sets is None else np.asarray(prediction_sets, dtype=bool)[known]
    scores["prediction_sets"] = None if sets is None else _coverage(y, sets, coverage_level, bootstrap)
    scores["reasons"] = explained(intervals, bootstrap, reasons)
    if sets is None:
        scores["reasons"]["prediction_sets"] = NOT_GIVEN
    if bootstrap.clustered:
        scores["reasons"]["ece_null"] = DEPENDENT
    return scores


def _problem(y: Array, p: Array) -> str | None:
    if not len(y):
        return "no known outcome"
    if not np.isin(y, (0, 1)).all():
        return "an outcome is neither 0 nor 1"
    if not ((p >= 0) & (p <= 1)).all():
        return "a prediction is missing or no probability"
    return None


def _reasons(y: Array, p: Array) -> dict[str, str]:
    if len(np.unique(y)) < 2:
        return dict.fromkeys(_NEED_BOTH, "one outcome only")
    if np.ptp(p) < 1e-9:
        return dict.fromkeys(_NEED_SPREAD, CONSTANT)
    return {}


def _null(y: Array, p: Array, seed: int) -> dict[str, Any]:
    null = null_calibration_error(y, p, seed=seed)
    return {
        "percentile_95": number(null.percentile_95),
        "p": number(null.p),
        "within": null.estimate <= null.percentile_95,
    }


def _decisions(y: Array, p: Array, thresholds: Sequence[float], bootstrap: ClusterBootstrap) -> list[dict[str, Any]]:
    everyone = np.ones_like(p)
    intervals = bootstrap.intervals(
        lambda w: decision_figures(
            thresholds, lambda t: net_benefit(y, p, t, w), lambda t: net_benefit(y, everyone, t, w)
        )
    )
    return decision_rows(thresholds, intervals)


def _bins(y: Array, p: Array) -> list[dict[str, Any]]:
    """Equal-mass bins: mean prediction and event rate, with its exact binomial interval."""
    member = equal_mass_bins(p)
    rows = []
    for k in np.unique(member):
        inside = member == k
        events, of = int(y[inside].sum()), int(inside.sum())
        observed = rounded(events / of, *clopper_pearson(events, of))
        rows.append({"rows": of, "predicted": number(p[inside].mean()), "observed": observed})
    return rows


def _coverage(y: Array, sets: Bools, level: float, bootstrap: ClusterBootstrap) -> dict[str, Any]:
    covered = in_set(y, sets).astype(float)
    interval: Interval | None = rounded(covered.mean(), *clopper_pearson(int(covered.sum()), len(covered)))
    if bootstrap.clustered:
        interval = bootstrap.interval(lambda w: share(covered, sample_weights(w, len(covered))))
    size = sets.sum(axis=1)
    return {
        "nominal": level,
        "coverage": interval,
        "contains_nominal": None if interval is None else interval[1] <= level <= interval[2],
        "mean_size": number(size.mean()),
        "empty": number((size == 0).mean()),
        "undecided": number((size > 1).mean()),
    }
