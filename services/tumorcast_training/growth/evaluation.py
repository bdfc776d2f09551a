"""Errors, coverage and progression probabilities of the growth forecast on held-out patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from tumorcast_fusion.model.growth.kinetics import Array
from tumorcast_training.growth.fitting import OFFSET_MM
from tumorcast_training.growth.held_out import FOLDS, held_out_forecasts
from tumorcast_training.growth.reader import Course, courses_folder, read_courses

METHODS = ("growth", "last_value", "linear", "exponential")
RESAMPLES = 2000
REPEATS = 4
HORIZONS = ((0, 80), (80, 160), (160, 320), (320, 731))
PAST_SCANS = ((1, 1), (2, 2), (3, 4), (5, 8), (9, 99))
LEAST_PATIENTS = 10
"""Groups of fewer patients are counted and not scored."""
SMALLEST_MM = 1e-3
"""A first sum of diameters below this is no measurement; errors are held against this instead."""
_MOST_BINS, _SCANS_OF_BIN = 10, 20


def evaluate(
    data: Path,
    seed: int = 0,
    repeats: int = REPEATS,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Score forecasts of held-out patients by 5-fold cross-validation, ``repeats`` times; the same by seed.

    ``data`` is the cohort's folder or the one above it. ``next_scan`` forecasts every scan from all before it,
    ``last_scan`` only each patient's last, ``every_later_scan`` each scan from every earlier stretch. A negative
    difference means that growth errs less than the plain forecast.
    """
    courses = read_courses(courses_folder(data))
    found = held_out_forecasts(courses, seed, repeats, progress)
    rows = found.rows
    following, last = rows[rows.is_next == 1], rows[(rows.is_next == 1) & (rows.is_last == 1)]
    return {
        "patients": len(courses),
        "scans": sum(len(course.days) for course in courses),
        "design": f"{FOLDS}-fold cross-validation by patient, repeats: {repeats}, seed: {seed}",
        "forms_chosen": {str(form): found.forms.count(form) for form in sorted(set(found.forms))},
        "last_scan": scores(last, seed),
        "next_scan": scores(following, seed),
        "every_later_scan": scores(rows, seed),
        "every_later_scan_by_horizon_days": by_range(rows, "horizon_days", HORIZONS, seed),
        "last_scan_from_fewer_scans_by_horizon_days": by_range(rows[rows.is_last == 1], "horizon_days", HORIZONS, seed),
        "last_scan_by_horizon_days": by_range(last, "horizon_days", HORIZONS, seed),
        "next_scan_by_past_scans": by_range(following, "past_scans", PAST_SCANS, seed),
        "last_scan_by_past_scans": by_range(last, "past_scans", PAST_SCANS, seed),
        "next_scan_by_group_of_patients": _by_label(following, courses, seed),
        "progression_at_last_scan": progression_scores(last, seed),
        "progression_at_next_scan": progression_scores(following.assign(base_rate=following.next_base_rate), seed),
    }


def by_range(
    rows: pd.DataFrame, column: str, ranges: tuple[tuple[int, int], ...], seed: int, samples: int = RESAMPLES
) -> dict[str, Any]:
    """Scores of the rows in each range that has any: of days without its end, of counts with it."""
    groups = {}
    for low, high in ranges:
        inside = rows[rows[column].between(low, high, inclusive="both" if column == "past_scans" else "left")]
        if len(inside):
            groups[f"{low}-{high}" if low != high else str(low)] = scores(inside, seed, samples)
    return groups


def _by_label(rows: pd.DataFrame, courses: Sequence[Course], seed: int) -> dict[str, Any]:
    """Scores by what the table tells of its patients; of a group of fewer than ten patients only that it is small."""
    found: dict[str, Any] = {}
    for name in sorted({name for course in courses for name in course.labels}):
        labels = np.array([courses[int(number)].labels.get(name, "") for number in rows.patient])
        for label in sorted(set(labels) - {""}):
            inside = rows[labels == label]
            enough = inside.patient.nunique() >= LEAST_PATIENTS
            found.setdefault(name, {})[str(label)] = scores(inside, seed) if enough else {"reason": "too few patients"}
    return found


def errors(rows: pd.DataFrame, method: str) -> dict[str, Array]:
    """Absolute errors of one method: in mm, relative to the first scan, and of log(sum + 5 mm)."""
    truth, forecast = rows.truth_mm.to_numpy(), rows[method].to_numpy()
    absolute = np.abs(forecast - truth)
    log = np.abs(np.log((forecast + OFFSET_MM) / (truth + OFFSET_MM)))
    return {"mm": absolute, "relative": absolute / np.maximum(rows.baseline_mm.to_numpy(), SMALLEST_MM), "log": log}


def scores(rows: pd.DataFrame, seed: int, samples: int = RESAMPLES) -> dict[str, Any]:
    """Errors of every method, paired differences with intervals, coverage and width of the bands."""
    weights = _resampled_weights(rows, seed, samples)
    by_method = {method: errors(rows, method) for method in METHODS}
    distinct = len(rows) // rows.repeat.nunique()
    return {
        "scans": distinct,
        "patients": int(rows.patient.nunique()),
        "errors": {method: _summary(found) for method, found in by_method.items()},
        "difference_to": {
            method: _differences(by_method["growth"], by_method[method], weights) for method in METHODS[1:]
        },
        "coverage_50": _coverage(rows.within_50.to_numpy(), distinct, weights),
        "coverage_90": _coverage(rows.within_90.to_numpy(), distinct, weights),
        "median_width_90_mm": float(rows.width_90_mm.median()),
    }


def _summary(found: dict[str, Array]) -> dict[str, float]:
    return {
        "mae_mm": float(found["mm"].mean()),
        "rmse_mm": float(np.sqrt((found["mm"] ** 2).mean())),
        "median_absolute_error_mm": float(np.median(found["mm"])),
        "mae_relative": float(found["relative"].mean()),
        "mae_log": float(found["log"].mean()),
        "rmse_log": float(np.sqrt((found["log"] ** 2).mean())),
    }


def _resampled_weights(rows: pd.DataFrame, seed: int, samples: int) -> Array:
    """How often each row is in each bootstrap sample of patients, (resamples, rows)."""
    number = np.unique(rows.patient.to_numpy(), return_inverse=True)[1]
    count = int(number.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=samples)
    return np.asarray(drawn[:, number], dtype=np.float64)


def _interval(values: Array) -> list[float]:
    return [float(value) for value in np.quantile(values, [0.025, 0.975])]


def _differences(ours: dict[str, Array], theirs: dict[str, Array], weights: Array) -> dict[str, Any]:
    total = weights.sum(axis=1)
    found: dict[str, Any] = {}
    for scale in ("mm", "relative", "log"):
        gain = ours[scale] - theirs[scale]
        found[f"mae_{scale}"] = {"value": float(gain.mean()), "interval": _interval(weights @ gain / total)}
    for scale in ("mm", "log"):
        samples = [np.sqrt(weights @ method[scale] ** 2 / total) for method in (ours, theirs)]
        value = np.sqrt((ours[scale] ** 2).mean()) - np.sqrt((theirs[scale] ** 2).mean())
        found[f"rmse_{scale}"] = {"value": float(value), "interval": _interval(samples[0] - samples[1])}
    return found


def _coverage(within: Array, distinct: int, weights: Array) -> dict[str, Any]:
    """Share inside, its exact binomial interval as if scans were independent, and its bootstrap interval by patient."""
    share = float(within.mean())
    exact = binomtest(round(share * distinct), distinct).proportion_ci(0.95)
    return {
        "value": share,
        "binomial_interval": [float(exact.low), float(exact.high)],
        "interval": _interval(weights @ within / weights.sum(axis=1)),
    }


def progression_scores(rows: pd.DataFrame, seed: int, samples: int = RESAMPLES) -> dict[str, Any]:
    """How good the probability is that the scan shows RECIST progression, beside the rate in ``base_rate``.

    ``observed`` is what happened, in groups of similar probability.
    """
    truth, said = rows.progression.to_numpy(), rows.progression_probability.to_numpy()
    weights = _resampled_weights(rows, seed, min(samples, 500))
    brier, base = (said - truth) ** 2, (rows.base_rate.to_numpy() - truth) ** 2
    gain = weights @ (brier - base) / weights.sum(axis=1)
    return {
        "share": float(truth.mean()),
        "mean_probability": float(said.mean()),
        "auc": _auc(truth, said, weights),
        "brier": float(brier.mean()),
        "brier_of_base_rate": float(base.mean()),
        "brier_difference_interval": _interval(gain),
        "observed": _observed(rows, weights),
    }


def _observed(rows: pd.DataFrame, weights: Array) -> list[dict[str, Any]]:
    """Share of progression in groups of similar probability, of at least twenty scans, with its interval by patient."""
    truth, said = rows.progression.to_numpy(), rows.progression_probability.to_numpy()
    count = int(np.clip(len(rows) // rows.repeat.nunique() // _SCANS_OF_BIN, 1, _MOST_BINS))
    member = np.searchsorted(np.quantile(said, np.arange(1, count) / count), said, side="right")
    found = []
    for group in np.unique(member):
        inside = member == group
        patients = int(rows.patient[inside].nunique())
        if patients >= LEAST_PATIENTS:
            drawn = weights[:, inside]
            some = drawn.sum(axis=1) > 0
            shares = drawn[some] @ truth[inside] / drawn[some].sum(axis=1)
            mean = {"probability": float(said[inside].mean()), "share": float(truth[inside].mean())}
            found.append({"patients": patients, **mean, "interval": _interval(shares)})
    return found


def _auc(truth: Array, said: Array, weights: Array) -> dict[str, Any] | None:
    """AUC and its interval over the resamples that have both outcomes; ``None`` where the rows have not."""
    both = [weight for weight in weights if 0 < weight @ truth < weight.sum()]
    if len(np.unique(truth)) < 2 or not both:
        return None
    found = [roc_auc_score(truth[weight > 0], said[weight > 0], sample_weight=weight[weight > 0]) for weight in both]
    return {"value": float(roc_auc_score(truth, said)), "interval": _interval(np.array(found))}
