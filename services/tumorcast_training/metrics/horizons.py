"""All figures of predicted risks by one horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tumorcast_training.metrics.arrays import Array, Integers
from tumorcast_training.metrics.discrimination import auc_at
from tumorcast_training.metrics.nonparametric import risk_by
from tumorcast_training.metrics.probability import equal_mass_bins
from tumorcast_training.metrics.reporting import CONSTANT, Scores, decision_figures, decision_rows, explained, number
from tumorcast_training.metrics.resampling import Interval
from tumorcast_training.metrics.survival_calibration import (
    HorizonCalibration,
    brier_at,
    observed_to_expected,
    scaled_brier_at,
)
from tumorcast_training.metrics.survival_data import SurvivalData
from tumorcast_training.metrics.utility import benefit_of_treating, net_benefit_at

FIGURES = ("auc", "brier", "scaled_brier", "observed_to_expected", "calibration_slope", "calibration_intercept")
LISTS = ("net_benefit", "calibration_bins")


def score_horizon(data: SurvivalData, horizon: float, thresholds: Sequence[float]) -> Scores:
    """Score the risks by ``horizon``, which has no ``gap``."""
    risk = data.curves.risk_at(horizon)
    weak = HorizonCalibration.of(data.days, data.event, risk, horizon, data.cause)
    member = equal_mass_bins(risk)

    def figures(weights: Array | None) -> dict[str, Array]:
        return {
            **_probability_figures(data, horizon, risk, weights),
            "calibration_slope": weak.slope(weights),
            "calibration_intercept": weak.intercept(weights),
            **_net_benefits(data, horizon, risk, thresholds, weights),
            **_observed_in_bins(data, horizon, member, weights),
        }

    intervals = data.bootstrap.intervals(figures)
    reasons = dict.fromkeys(("auc", "calibration_slope"), CONSTANT) if np.ptp(risk) < 1e-9 else {}
    intervals.update(dict.fromkeys(reasons))
    named = {name: intervals[name] for name in FIGURES}
    return {
        **named,
        "net_benefit": decision_rows(thresholds, intervals),
        "calibration_bins": _bins(risk, member, intervals),
        "reasons": explained(named, data.bootstrap, reasons),
    }


def _probability_figures(data: SurvivalData, horizon: float, risk: Array, weights: Array | None) -> dict[str, Array]:
    censoring = data.censoring(weights)
    status = data.status(horizon, censoring, weights)
    common: dict[str, Any] = {"cause": data.cause, "weights": weights}
    return {
        "auc": auc_at(data.days, data.event, risk, horizon, censoring=censoring, **common),
        "brier": brier_at(status, risk),
        "scaled_brier": scaled_brier_at(status, risk),
        "observed_to_expected": observed_to_expected(data.days, data.event, risk, horizon, **common),
    }


def _net_benefits(
    data: SurvivalData, horizon: float, risk: Array, thresholds: Sequence[float], weights: Array | None
) -> dict[str, Array]:
    days, event, cause = data.days, data.event, data.cause
    everyone = risk_by(days, event, horizon, cause, weights)
    return decision_figures(
        thresholds,
        lambda t: net_benefit_at(days, event, risk, horizon, t, cause=cause, weights=weights),
        lambda t: benefit_of_treating(everyone, t),
    )


def _observed_in_bins(data: SurvivalData, horizon: float, member: Integers, weights: Array | None) -> dict[str, Array]:
    found = {}
    for k in np.unique(member):
        inside = member == k
        sample = None if weights is None else weights[:, inside]
        found[f"bin {k}"] = risk_by(data.days[inside], data.event[inside], horizon, data.cause, sample)
    return found


def _bins(risk: Array, member: Integers, intervals: Mapping[str, Interval | None]) -> list[dict[str, Any]]:
    return [
        {
            "rows": int((member == k).sum()),
            "predicted": number(risk[member == k].mean()),
            "observed": intervals[f"bin {k}"],
        }
        for k in np.unique(member)
    ]
