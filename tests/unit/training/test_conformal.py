"""Conformal sets and bounds cover new patients at their level, with and without censoring."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from tumorcast_core.prognosis import EndpointKind
from tumorcast_training.cohorts import BinaryOutcome, OrdinalOutcome, SurvivalOutcome
from tumorcast_training.conformal import bound_threshold, conformal_threshold, set_threshold
from tumorcast_training.cross_validation import Answers, day_of

Array = NDArray[np.float64]
GRID = tuple(float(d) for d in np.linspace(20, 1000, 50))


def covers(hits: NDArray[np.bool_], level: float, calibration: int) -> bool:
    """Whether the share of hits fits ``level`` within what both samples' chance explains, at 99.9 %."""
    error = np.sqrt(level * (1 - level) * (1 / len(hits) + 1 / calibration))
    return bool(abs(hits.mean() - level) < stats.norm.ppf(0.9995) * error + 1 / calibration)


@pytest.mark.parametrize("level", [0.8, 0.9])
@pytest.mark.parametrize("temper", [1.0, 3.0])
def test_sets_cover_new_patients_at_their_level_even_of_an_overconfident_model(level: float, temper: float) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.2, (2, 3000, 3))
    true = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    rank = (rng.random((2, 3000, 1)) > true.cumsum(axis=-1)[..., :-1]).sum(axis=-1)
    said = np.exp(temper * logits) / np.exp(temper * logits).sum(axis=-1, keepdims=True)
    threshold = set_threshold(said[0], rank[0], level)
    assert covers(1 - said[1][np.arange(3000), rank[1]] <= threshold, level, 3000)


@given(st.integers(1, 60), st.floats(0.5, 0.95))
def test_a_set_threshold_is_one_of_the_calibration_scores_or_takes_everything(patients: int, level: float) -> None:
    rng = np.random.default_rng(patients)
    p = rng.uniform(0, 1, patients)
    threshold = set_threshold(np.stack([1 - p, p], axis=1), np.ones(patients, dtype=np.int64), level)
    if np.ceil((patients + 1) * level) > patients:
        assert threshold == 1
    else:
        assert (1 - p <= threshold + 1e-12).sum() == np.ceil((patients + 1) * level)


def simulated(rows: int, seed: int, *, late_censoring: float) -> tuple[SurvivalOutcome, Array, Array]:
    """Outcome, true survival curves and true times; hazards differ between patients."""
    rng = np.random.default_rng(seed)
    rate = np.exp(rng.normal(-6.2, 0.7, rows))
    days, censored = rng.exponential(1 / rate), rng.exponential(late_censoring, rows)
    curves = np.exp(-rate[:, None] * np.array(GRID))
    return SurvivalOutcome.exact(np.minimum(days, censored), (days <= censored).astype(np.int64)), curves, days


@pytest.mark.parametrize("late_censoring", [1e9, 1500.0, 500.0], ids=["none", "some", "most"])
@pytest.mark.parametrize("wrong", [1.0, 0.3], ids=["true curves", "curves too hopeful"])
def test_bounds_are_outlived_at_their_level_whatever_the_censoring(late_censoring: float, wrong: float) -> None:
    outcome, curves, _ = simulated(2500, 2, late_censoring=late_censoring)
    threshold = bound_threshold(curves**wrong, GRID, outcome, 0.9)
    _, new_curves, times = simulated(2500, 3, late_censoring=1e9)
    outlived = times >= day_of(new_curves**wrong, GRID, threshold)
    effective = int(2500 * (1.0 if late_censoring > 1e6 else 0.5))
    assert covers(outlived, 0.9, effective) or (outlived.mean() > 0.9 and outlived.mean() < 0.925)


def test_ignoring_the_censoring_would_cover_too_little() -> None:
    """Who is censored before the bound counts as if outliving it: that is what the weights correct."""
    outcome, curves, _ = simulated(2500, 2, late_censoring=300)
    threshold = bound_threshold(curves, GRID, outcome, 0.9)
    early = (outcome.event > 0) & (outcome.days < day_of(curves, GRID, threshold))
    assert early.mean() < 0.09
    _, new_curves, times = simulated(2500, 3, late_censoring=1e9)
    assert (times >= day_of(new_curves, GRID, threshold)).mean() > 0.88


def test_too_few_patients_get_the_bound_that_everybody_outlives() -> None:
    outcome, curves, _ = simulated(6, 4, late_censoring=1e9)
    threshold = bound_threshold(curves, GRID, outcome, 0.9)
    assert threshold == 1
    assert day_of(curves, GRID, threshold).tolist() == [0.0] * 6


def test_the_day_of_a_level_lies_on_the_curve() -> None:
    curve = np.array([[0.9, 0.7, 0.2]])
    grid = (10.0, 20.0, 30.0)
    assert [float(day_of(curve, grid, level)[0]) for level in (0.95, 0.9, 0.8, 0.2, 0.1)] == pytest.approx(
        [5, 10, 15, 30, 30]
    )


def test_no_bound_is_made_of_competing_risks_and_sets_of_everything_else() -> None:
    half = np.full((40, 2), 0.5)
    binary = Answers(EndpointKind.BINARY, half)
    assert conformal_threshold(binary, BinaryOutcome(np.arange(40) % 2.0)) == (0.5, 0.9)
    ordinal = Answers(EndpointKind.ORDINAL, np.full((40, 4), 0.25))
    assert conformal_threshold(ordinal, OrdinalOutcome(np.arange(40) % 4.0)) == (0.75, 0.9)
    times = SurvivalOutcome.exact(np.arange(1.0, 41), np.ones(40, dtype=np.int64))
    competing = Answers(EndpointKind.COMPETING_RISKS, np.full((40, 2, 50), 0.1), GRID)
    assert conformal_threshold(competing, times) == (1.0, 0.0)
