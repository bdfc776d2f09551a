"""All figures of a predicted time to event in one dictionary."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_training.metrics import horizons
from tumorcast_training.metrics.arrays import Array
from tumorcast_training.metrics.coverage import bound_coverage, clopper_pearson
from tumorcast_training.metrics.curves import RiskCurves
from tumorcast_training.metrics.discrimination import harrell_c, uno_c
from tumorcast_training.metrics.reporting import CONSTANT, NOT_GIVEN, Scores, explained, nulls, number
from tumorcast_training.metrics.resampling import Interval, rounded
from tumorcast_training.metrics.survival_calibration import (
    LEAST_ROWS,
    DCalibration,
    brier_at,
    d_calibration,
    d_calibration_of_incidence,
    integrated_brier,
)
from tumorcast_training.metrics.survival_data import SurvivalData, TimeToEvent
from tumorcast_training.metrics.utility import THRESHOLDS

FIGURES = ("harrell_c", "uno_c", "integrated_brier")
_OTHERS = ("d_calibration", "lower_bounds")
_BRIER_STEPS = 20


def score_survival(
    outcome: TimeToEvent,
    edges_days: Sequence[float] | Array,
    horizons_days: Sequence[float],
    patient_ids: Sequence[Hashable] | NDArray[np.object_],
    *,
    cumulative_hazard: Array | None = None,
    cumulative_incidence: Array | None = None,
    cause: int = 1,
    censoring_reference: TimeToEvent | None = None,
    lower_bound_days: Array | None = None,
    coverage_level: float = 0.9,
    thresholds: Sequence[float] = THRESHOLDS,
    samples: int = 1000,
    seed: int = 0,
) -> Scores:
    """Score predicted times to an event: a cumulative hazard, or where events compete an incidence, (n, T).

    Every figure is [estimate, lower, upper], 95 % by bootstrap over patients, or null, with the reason under
    ``reasons``; ``horizons`` holds the figures at each. Rows without a time (NaN) are left out and counted. Concordance
    orders by the expected time lost up to the last edge; Uno's C is truncated at the last horizon. Censoring is
    estimated on ``censoring_reference`` (the training data), else on these rows, anew in each sample.
    ``lower_bound_days`` (n,) should be outlived with probability ``coverage_level``.
    """
    curves = _curves(len(outcome.days), np.asarray(edges_days, dtype=float), cumulative_hazard, cumulative_incidence)
    data = SurvivalData.of(outcome, curves, cause, patient_ids, censoring_reference, samples, seed)
    problem = data.problem()
    scores: Scores = {**_counts(data, len(outcome.days)), **nulls((*FIGURES, *_OTHERS), problem or NOT_GIVEN)}
    if problem is None:
        scores |= _concordance_and_brier(data, horizons_days)
        scores["d_calibration"] = _d_calibration(data)
        if scores["d_calibration"] is None:
            scores["reasons"]["d_calibration"] = "fewer than five events expected in a bin"
        if lower_bound_days is None:
            scores["reasons"]["lower_bounds"] = NOT_GIVEN
        else:
            bounds = np.asarray(lower_bound_days, dtype=float)[np.isfinite(outcome.days)]
            scores["lower_bounds"] = _bounds(data, bounds, coverage_level)
    scores["horizons"] = {}
    for horizon in horizons_days:
        gap = problem or data.gap(horizon)
        scores["horizons"][f"{horizon:g}"] = (
            nulls((*horizons.FIGURES, *horizons.LISTS), gap)
            if gap
            else horizons.score_horizon(data, horizon, thresholds)
        )
    return scores


def _curves(rows: int, edges: Array, hazard: Array | None, incidence: Array | None) -> RiskCurves:
    values = hazard if incidence is None else incidence
    values = np.full((rows, len(edges)), np.nan) if values is None else np.asarray(values, dtype=float)
    return RiskCurves.of(edges, values, is_hazard=incidence is None)


def _counts(data: SurvivalData, rows: int) -> Scores:
    return {
        "rows": len(data.days),
        "patients": data.bootstrap.patients,
        "unknown": rows - len(data.days),
        "events": int(data.had_event.sum()),
        "competing_events": int(data.had_competing.sum()),
    }


def _concordance_and_brier(data: SurvivalData, horizons_days: Sequence[float]) -> Scores:
    """Concordance, and the Brier score integrated from day 0 to the last horizon that can be scored."""
    risk, tau = data.curves.time_lost(), max(horizons_days, default=data.curves.end)
    usable = [h for h in horizons_days if data.gap(h) is None]
    grid = np.linspace(0, max(usable, default=0), _BRIER_STEPS + 1)
    risks = [data.curves.risk_at(day) for day in grid]

    def figures(weights: Array | None) -> dict[str, Array]:
        censoring = data.censoring(weights)
        common: dict[str, Any] = {"cause": data.cause, "weights": weights}
        briers = [brier_at(data.status(day, censoring, weights), r) for day, r in zip(grid, risks, strict=True)]
        return {
            "harrell_c": harrell_c(data.days, data.event, risk, **common),
            "uno_c": uno_c(data.days, data.event, risk, tau=tau, censoring=censoring, **common),
            "integrated_brier": integrated_brier(grid, np.array(briers).T),
        }

    intervals = data.bootstrap.intervals(figures)
    reasons = dict.fromkeys(("harrell_c", "uno_c"), CONSTANT) if np.ptp(risk) < 1e-9 else {}
    if not usable:
        reasons["integrated_brier"] = "no horizon can be scored"
    intervals.update(dict.fromkeys(reasons))
    return {
        **intervals,
        "uno_until_days": number(min(tau, data.censoring().until)),
        "integrated_brier_until_days": number(max(usable)) if usable else None,
        "reasons": explained(intervals, data.bootstrap, reasons),
    }


def _d_calibration(data: SurvivalData) -> Scores | None:
    own, end, patients = data.curves.risk_at_own(data.days), data.curves.end, data.bootstrap.patient_of_row
    found: DCalibration | None
    if data.curves.is_hazard:
        seen = data.had_event & (data.days <= end)
        if len(seen) < LEAST_ROWS:
            return None
        found = d_calibration(1 - own, seen, patients if data.bootstrap.clustered else None)
    else:
        at_end = data.curves.risk_at(end)
        found = d_calibration_of_incidence(
            own, at_end, data.days, data.event, patients, cause=data.cause, end=end, censoring=data.reference
        )
    if found is None:
        return None
    return {
        "observed": rounded(*found.observed),
        "expected": rounded(*found.expected),
        "statistic": number(found.statistic),
        "p": number(found.p),
        "method": found.method,
    }


def _bounds(data: SurvivalData, bounds: Array, level: float) -> Scores | None:
    """Coverage of lower bounds; where none is broken, exact over the patients whose bound was put to the test."""

    def coverage(weights: Array | None) -> Array:
        censoring = data.censoring(weights)
        return bound_coverage(data.days, data.event, bounds, cause=data.cause, censoring=censoring, weights=weights)

    interval: Interval | None = data.bootstrap.interval(coverage) if np.isfinite(bounds).all() else None
    broken = data.had_event & (data.days < bounds)
    if interval is not None and not broken.any():
        tested = len(np.unique(data.bootstrap.patient_of_row[(data.days >= bounds) | (data.event > 0)]))
        interval = rounded(1.0, *clopper_pearson(tested, tested)) if tested else None
    return {
        "nominal": level,
        "coverage": interval,
        "contains_nominal": None if interval is None else interval[1] <= level <= interval[2],
        "median_days": number(float(np.median(bounds))),
    }
