"""Floors: what the plain regressions are, and that nothing is learned from the fold they are scored on."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import CoxPHFitter

from tumorcast_core.catalog import entry
from tumorcast_core.errors import InvalidInput
from tumorcast_training import floors
from tumorcast_training.cohorts import breast_ispy2
from tumorcast_training.cohorts.base import BinaryOutcome, Cohort, OrdinalOutcome, SurvivalOutcome
from tumorcast_training.floor_regression import Columns, ridge_cox, ridge_logistic

ENDPOINT = "pathologic_complete_response"


def _cohort(rows: int = 200, seed: int = 0) -> Cohort:
    """A cohort of noise but for age, with the inputs of the clinical floor."""
    random = np.random.default_rng(seed)
    age = random.normal(50, 10, rows)
    clinical = ("menopausal_status", "hormone_receptor_status", "her2_status", "mammaprint_risk")
    categories = {name: random.choice(np.array(entry(name).categories, dtype=object), rows) for name in clinical}
    value = (random.random(rows) < 1 / (1 + np.exp(-(age - 50) / 5))).astype(float)
    folds = np.stack([random.permutation(np.arange(rows) % 5) for _ in range(4)], axis=1)
    ids = np.array([str(i) for i in range(rows)], dtype=object)
    inputs = pd.DataFrame({"age": age, **categories})
    return Cohort(breast_ispy2.NAME, inputs, ids, {ENDPOINT: BinaryOutcome(value)}, folds)


@pytest.mark.parametrize("penalty_per_row", [0.01, 0.1, 1.0])
def test_the_cox_floor_is_that_of_lifelines(penalty_per_row: float) -> None:
    """Without ties, as lifelines has Efron's rule for them; on columns of sd 1, as it penalizes those."""
    random = np.random.default_rng(1)
    x = random.normal(size=(150, 3))
    x = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    days, event = random.exponential(np.exp(-x[:, 0])), random.random(150) < 0.7
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(days=days, event=event)
    theirs = CoxPHFitter(penalizer=penalty_per_row).fit(frame, "days", "event").params_
    assert ridge_cox(x, days, event, penalty_per_row * len(x)) == pytest.approx(theirs.to_numpy(), abs=1e-4)


def test_tied_times_weigh_by_breslow() -> None:
    """Two of three rows have x = 1 and their events together: the slope is 2 - 2 · 2e^b / (2e^b + 1) - penalty · b."""
    low, high = 0.0, 10.0
    for _ in range(200):
        middle = (low + high) / 2
        slope = 2 - 4 * np.exp(middle) / (2 * np.exp(middle) + 1) - 0.5 * middle
        low, high = (middle, high) if slope > 0 else (low, middle)
    found = ridge_cox(np.array([[1.0], [1.0], [0.0]]), np.array([3.0, 3.0, 5.0]), np.array([True, True, False]), 0.5)
    assert found[0] == pytest.approx(low, abs=1e-6)


@given(st.permutations(range(12)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    random = np.random.default_rng(2)
    x, days, event = random.normal(size=(12, 2)), random.integers(1, 6, 12).astype(float), np.arange(12) % 3 > 0
    shuffled = ridge_cox(x[order], days[order], event[order], 1.0)
    assert shuffled == pytest.approx(ridge_cox(x, days, event, 1.0), abs=1e-6)


def test_the_logistic_penalty_is_half_the_squared_coefficients() -> None:
    """One row of each outcome at x = ±1: the maximum of 2 log sigmoid(b) - b² / 2 solves 2 / (1 + e^b) = b."""
    x, value = np.array([[-1.0], [1.0]]), np.array([0.0, 1.0])
    slope = ridge_logistic(x, value, 1.0, np.array([[1.0]]))[0]
    assert 2 / (1 + np.exp(slope)) == pytest.approx(slope, abs=1e-3)


def test_columns_are_completed_and_scaled_by_the_training_rows() -> None:
    train = pd.DataFrame({"n": [1.0, 3.0, np.nan, 5.0], "c": np.array(["a", "b", None, "a"], dtype=object)})
    columns = Columns.of(train, scale_indicators=False)
    new = columns(pd.DataFrame({"n": [np.nan, 3.0], "c": np.array(["z", "b"], dtype=object)}))
    assert new.tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    scaled = Columns.of(train, scale_indicators=True)(train)
    assert scaled.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)
    assert scaled.std(axis=0) == pytest.approx(np.ones(3))


def test_a_column_without_a_value_or_a_second_value_does_no_harm() -> None:
    train = pd.DataFrame({"empty": [np.nan] * 3, "same": [2.0] * 3, "none": np.array([None] * 3, dtype=object)})
    assert np.isfinite(Columns.of(train, scale_indicators=True)(train)).all()


def test_a_signal_is_found_on_every_fold_and_noise_is_not() -> None:
    cohort = _cohort(1000)
    assert floors.fold_scores(cohort, ENDPOINT, "clinical").shape == (4, 5)
    assert floors.fold_scores(cohort, ENDPOINT, "clinical").mean() > 0.75
    shuffled = BinaryOutcome(np.random.default_rng(3).permutation(cohort.outcomes[ENDPOINT].value))
    scores = floors.fold_scores(replace(cohort, outcomes={ENDPOINT: shuffled}), ENDPOINT, "clinical")
    assert abs(scores.mean() - 0.5) < 0.06


def test_the_outcomes_of_a_fold_do_not_shape_its_predictions() -> None:
    cohort, rows = _cohort(), np.arange(200) < 150
    floor = floors.floor_of(breast_ispy2.NAME, ENDPOINT, "clinical")
    test = cohort[~rows]
    turned = replace(test, outcomes={ENDPOINT: BinaryOutcome(1 - test.outcomes[ENDPOINT].value)})
    risk = floors.predict(floor, cohort[rows], test, ENDPOINT)
    assert risk.tolist() == floors.predict(floor, cohort[rows], turned, ENDPOINT).tolist()
    assert floors.score(test.outcomes[ENDPOINT], risk) == 1 - floors.score(turned.outcomes[ENDPOINT], risk)


def test_rows_without_outcome_or_fold_are_left_out() -> None:
    cohort = _cohort()
    more = _cohort(20, seed=9)
    both = replace(
        cohort,
        inputs=pd.concat([cohort.inputs, more.inputs], ignore_index=True),
        patient_ids=np.concatenate([cohort.patient_ids, more.patient_ids]),
        outcomes={
            ENDPOINT: BinaryOutcome(np.concatenate([cohort.outcomes[ENDPOINT].value, np.tile([np.nan, 1.0], 10)]))
        },
        folds=np.concatenate([cohort.folds, np.tile([[0], [-1]], (10, 4))]),
    )
    expected = floors.fold_scores(cohort, ENDPOINT, "clinical")
    assert floors.fold_scores(both, ENDPOINT, "clinical").tolist() == expected.tolist()


@pytest.mark.parametrize(("endpoint", "which"), [(ENDPOINT, "best"), ("overall_survival", "clinical")])
def test_a_floor_that_does_not_exist_is_refused(endpoint: str, which: str) -> None:
    with pytest.raises(InvalidInput):
        floors.fold_scores(_cohort(), endpoint, which)


def test_a_cohort_without_folds_is_refused() -> None:
    cohort = _cohort()
    with pytest.raises(InvalidInput):
        floors.fold_scores(replace(cohort, folds=np.full_like(cohort.folds, -1)), ENDPOINT, "clinical")


def test_an_ordinal_outcome_has_no_floor() -> None:
    with pytest.raises(InvalidInput):
        floors.score(OrdinalOutcome(np.zeros(3)), np.zeros(3))


def test_after_a_competing_event_the_first_cause_never_comes() -> None:
    """The competing event at day 1 is a partner of both events of cause 1: of three pairs, one is ordered by risk."""
    outcome = SurvivalOutcome.exact(np.array([1.0, 2.0, 3.0]), np.array([2, 1, 1]))
    assert floors.score(outcome, np.array([3.0, 2.0, 1.0])) == pytest.approx(1 / 3)


def test_every_input_of_a_floor_is_in_the_catalog() -> None:
    names = {name for sets in floors.FLOORS.values() for floor in sets.values() for name in floor.inputs}
    assert all(entry(re.sub(r"_(t[0-3]|baseline)$", "", name)) for name in names)
