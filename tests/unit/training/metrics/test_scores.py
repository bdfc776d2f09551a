"""The dictionaries: plain JSON, complete, and never an error for what data may be."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import survival_reference as reference
from tumorcast_training.cohorts import SurvivalOutcome
from tumorcast_training.metrics import auc, by_subgroup, harrell_c, score_binary, score_survival

EDGES = np.arange(1, 13) * 100.0


def binary(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.05, 0.95, n)
    return (rng.random(n) < p).astype(float), p


def over_time(n: int = 200) -> tuple[SurvivalOutcome, np.ndarray, np.ndarray]:
    """An outcome with two causes, the all-cause cumulative hazard, and the incidence of cause 1."""
    days, event, risk = reference.table(1, n)
    hazard = np.outer(np.exp(1.5 * (risk - 0.5)), EDGES / 400)
    return SurvivalOutcome.exact(days, event), hazard, 0.7 * (1 - np.exp(-hazard))


def any_cause(outcome: SurvivalOutcome) -> SurvivalOutcome:
    return SurvivalOutcome.exact(outcome.days, (outcome.event > 0).astype(int))


def ordered(scores: Any) -> bool:
    """Whether every [estimate, lower, upper] within has its limits in order."""
    if isinstance(scores, dict):
        return all(ordered(value) for key, value in scores.items() if key not in ("observed", "expected"))
    if isinstance(scores, list) and len(scores) == 3 and all(isinstance(v, float) for v in scores):
        return scores[1] <= scores[2]
    return all(ordered(value) for value in scores) if isinstance(scores, list) else True


def test_binary_scores_are_complete_json_with_intervals() -> None:
    y, p = binary()
    sets = np.c_[p < 0.8, p > 0.2]
    scores = score_binary(y, p, range(200), prediction_sets=sets, samples=200)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert ordered(scores)
    assert scores["reasons"] == {}
    assert scores["auc"][0] == pytest.approx(auc(y, p)[0], abs=1e-5)
    assert scores["auc"][1] < scores["auc"][0] < scores["auc"][2]
    assert scores["ece_null"]["within"]
    assert scores["calibration_slope"][1] < 1 < scores["calibration_slope"][2]
    assert scores["prediction_sets"]["mean_size"] == pytest.approx(sets.sum(axis=1).mean(), abs=1e-5)
    assert sum(one["rows"] for one in scores["calibration_bins"]) == 200
    assert scores["net_benefit"][0]["treat_none"] == 0


def test_survival_scores_are_complete_json_with_intervals() -> None:
    outcome, hazard, _ = over_time()
    bounds = np.full(200, 40.0)
    scores = score_survival(
        any_cause(outcome),
        EDGES,
        (250, 500),
        range(200),
        cumulative_hazard=hazard,
        lower_bound_days=bounds,
        samples=200,
    )
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert ordered(scores)
    assert scores["reasons"] == {}
    assert scores["harrell_c"][0] == pytest.approx(
        harrell_c(outcome.days, (outcome.event > 0).astype(int), hazard[:, -1])[0], abs=1e-5
    )
    for figures in scores["horizons"].values():
        assert figures["reasons"] == {}
        assert figures["observed_to_expected"][1] < 1 < figures["observed_to_expected"][2]
        assert figures["calibration_slope"][1] < 1 < figures["calibration_slope"][2]
    assert scores["d_calibration"]["p"] > 0.01
    assert scores["lower_bounds"]["coverage"][1] < scores["lower_bounds"]["coverage"][0]


def test_competing_causes_are_scored_on_the_incidence() -> None:
    outcome, hazard, incidence = over_time()
    scores = score_survival(outcome, EDGES, (250,), range(200), cumulative_incidence=incidence, samples=200)
    assert scores["competing_events"] == int((outcome.event == 2).sum())
    assert scores["horizons"]["250"]["reasons"] == {}
    assert scores["d_calibration"]["method"].startswith("Wald")
    wrong = score_survival(outcome, EDGES, (250,), range(200), cumulative_hazard=hazard, samples=20)
    assert set(wrong["reasons"].values()) == {"competing events need a cumulative incidence"}


def test_the_same_seed_scores_the_same_to_the_bit() -> None:
    outcome, _, incidence = over_time()
    first, again = (
        score_survival(outcome, EDGES, (250,), range(200), cumulative_incidence=incidence, samples=50) for _ in range(2)
    )
    assert json.dumps(first) == json.dumps(again)


@pytest.mark.parametrize(
    ("y", "p", "figure", "reason"),
    [
        (np.zeros(50), np.linspace(0.1, 0.9, 50), "auc", "one outcome only"),
        (np.arange(50) % 2, np.full(50, 0.5), "calibration_slope", "constant predictions"),
        (np.array([0, 1, 1]), np.array([0.2, 0.6, 0.9]), "auc", "fewer than 10 patients"),
        (np.array([]), np.array([]), "brier", "no known outcome"),
        (np.full(20, np.nan), np.full(20, 0.5), "auc", "no known outcome"),
        (np.arange(20) % 2, np.r_[np.nan, np.full(19, 0.4)], "auc", "a prediction is missing or no probability"),
        (np.arange(20) % 2, np.full(20, 1.5), "ece", "a prediction is missing or no probability"),
        (np.full(20, 2.0), np.full(20, 0.5), "auc", "an outcome is neither 0 nor 1"),
        (np.r_[np.zeros(99), 1], np.linspace(0, 1, 100), "auc", "too few events or patients for an interval"),
    ],
)
def test_binary_data_that_give_no_figure_give_a_reason(y: Any, p: Any, figure: str, reason: str) -> None:
    scores = score_binary(y.astype(float), p, range(len(y)), samples=100)
    assert scores[figure] is None
    assert scores["reasons"][figure] == reason
    json.dumps(scores, allow_nan=False)


@pytest.mark.parametrize(
    ("change", "figure", "reason"),
    [
        (lambda d, e, h: (d, e * 0, h), "harrell_c", "no events"),
        (lambda d, e, h: (d * np.nan, e, h), "uno_c", "no known outcome"),
        (lambda d, e, h: (-d, e, h), "uno_c", "a time is negative"),
        (lambda d, e, h: (d, e, h * np.nan), "integrated_brier", "a prediction is missing or no cumulative curve"),
        (lambda d, e, h: (d, e, h[:, ::-1]), "harrell_c", "a prediction is missing or no cumulative curve"),
        (lambda d, e, h: (d, e, np.repeat(h[:1], len(h), axis=0)), "harrell_c", "constant predictions"),
        (lambda d, e, h: (d[:3], e[:3], h[:3]), "harrell_c", "fewer than 10 patients"),
        (lambda d, e, h: (d / 1e6, e, h), "integrated_brier", "no horizon can be scored"),
    ],
)
def test_times_that_give_no_figure_give_a_reason(change: Any, figure: str, reason: str) -> None:
    outcome, hazard, _ = over_time(100)
    days, event, curves = change(outcome.days, (outcome.event > 0).astype(int), hazard)
    scores = score_survival(
        SurvivalOutcome.exact(days, event), EDGES, (250,), range(len(days)), cumulative_hazard=curves, samples=60
    )
    assert scores[figure] is None
    assert scores["reasons"][figure] == reason
    json.dumps(scores, allow_nan=False)


@pytest.mark.parametrize(
    ("horizon", "reason"),
    [
        (5000, "beyond the model's follow-up"),
        (1e-6, "no event by then"),
        (1190, "nobody is followed beyond it"),
    ],
)
def test_a_horizon_that_cannot_be_scored_says_why(horizon: float, reason: str) -> None:
    outcome, hazard, _ = over_time(60)
    outcome = SurvivalOutcome.exact(np.minimum(outcome.days, 1000), (outcome.event > 0).astype(int))
    outcome.event[outcome.days == 1000] = 1
    scores = score_survival(outcome, EDGES, (horizon,), range(60), cumulative_hazard=hazard, samples=20)
    (only,) = scores["horizons"].values()
    assert set(only["reasons"].values()) == {reason}


def test_a_horizon_beyond_the_censoring_reference_says_so() -> None:
    outcome, hazard, _ = over_time(100)
    short = SurvivalOutcome.exact(np.array([50.0, 100, 200]), np.array([1, 0, 1]))
    scores = score_survival(
        any_cause(outcome),
        EDGES,
        (150, 250),
        range(100),
        cumulative_hazard=hazard,
        censoring_reference=short,
        samples=60,
    )
    assert set(scores["horizons"]["250"]["reasons"].values()) == {
        "beyond the follow-up that the censoring was estimated on"
    }
    assert scores["horizons"]["150"]["auc"] is not None
    assert scores["uno_until_days"] == 200


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 25), st.booleans())
def test_no_data_raise(seed: int, n: int, competing: bool) -> None:
    rng = np.random.default_rng(seed)
    days = rng.choice([np.nan, 0.0, 10, 150, 250, 400, 2000], n)
    event = rng.integers(0, 3 if competing else 2, n)
    curves = np.cumsum(rng.choice([0, 0.02, 0.08], (n, len(EDGES))), axis=1)
    key = "cumulative_incidence" if competing else "cumulative_hazard"
    outcome = SurvivalOutcome.exact(days, event)
    scores = score_survival(
        outcome, EDGES, (250, 400), rng.integers(0, 20, n), **{key: curves}, lower_bound_days=days / 2, samples=20
    )
    json.dumps(scores, allow_nan=False)
    y, p = rng.choice([0, 1, np.nan], n), rng.choice([0, 0.3, 1], n)
    sets = rng.random((n, 2)) < 0.7
    json.dumps(score_binary(y, p, rng.integers(0, 20, n), prediction_sets=sets, samples=20), allow_nan=False)


def test_rows_of_one_patient_have_no_binomial_null() -> None:
    y, p = binary()
    scores = score_binary(y, p, np.arange(200) // 2, samples=50)
    assert scores["ece_null"] is None
    assert scores["reasons"]["ece_null"] == "rows of one patient are not independent"


def test_small_subgroups_have_their_counts_and_no_figures() -> None:
    y, p = binary(400)
    labels = np.array([None, "old", "young", "rare"], dtype=object)[np.r_[0, np.full(5, 3), 1 + np.arange(394) % 2]]
    found = by_subgroup(labels, lambda rows: score_binary(y[rows], p[rows], np.flatnonzero(rows), samples=50))
    assert list(found) == ["old", "rare", "young"]
    assert found["rare"]["reason"] == "too few events"
    assert "auc" not in found["rare"]
    assert found["old"]["auc"] is not None
    assert found["old"]["rows"] == 197
