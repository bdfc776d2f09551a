"""Kaplan–Meier, Aalen–Johansen, weights and pseudo-values: R, lifelines, scikit-survival, brute force."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import AalenJohansenFitter, KaplanMeierFitter

from support import survival_reference as reference
from tumorcast_training.metrics import Censoring, Status, aalen_johansen, kaplan_meier, pseudo_values, risk_by

_, (DAYS, EVENT, _) = reference.train_and_test()


def test_survival_of_the_maintained_aml_patients_is_that_of_r() -> None:
    # R: survival::aml, summary(survfit(Surv(time, status) ~ x)), x = Maintained (survival's own documentation).
    weeks = np.array([9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161], dtype=float)
    status = np.array([1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0])
    found = kaplan_meier(weeks, status).at(np.array([9.0, 13, 18, 23, 31, 34, 48]))[0]
    assert found == pytest.approx([0.909, 0.818, 0.716, 0.614, 0.491, 0.368, 0.184], abs=5e-4)


def test_survival_is_that_of_lifelines() -> None:
    days = np.ceil(DAYS / 20) * 20
    fitted = KaplanMeierFitter().fit(days, EVENT > 0)
    when = np.arange(0.0, 1200, 37)
    assert kaplan_meier(days, EVENT).at(when)[0] == pytest.approx(fitted.predict(when).to_numpy(), abs=1e-12)


def test_cumulative_incidence_is_that_of_scikit_survival_and_lifelines() -> None:
    when = np.array(reference.HORIZONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = AalenJohansenFitter(calculate_variance=False).fit(DAYS, EVENT, event_of_interest=1)
    beside = [float(fitted.cumulative_density_.loc[:h].iloc[-1, 0]) for h in when]
    for cause, expected in zip((1, 2), reference.CUMULATIVE_INCIDENCE, strict=True):
        assert aalen_johansen(DAYS, EVENT, cause).at(when)[0] == pytest.approx(expected, abs=1e-12)
    assert aalen_johansen(DAYS, EVENT, 1).at(when)[0] == pytest.approx(beside, abs=1e-9)


@given(st.integers(0, 10_000))
def test_survival_and_incidences_sum_to_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days, event = rng.integers(1, 9, 30) * 1.0, rng.integers(0, 4, 30)
    when = np.arange(10.0)
    total = kaplan_meier(days, event).at(when) + sum(aalen_johansen(days, event, k).at(when) for k in (1, 2, 3))
    assert total == pytest.approx(np.ones_like(total))


@pytest.mark.parametrize("horizon", [100.0, 250.0, 600.0])
@pytest.mark.parametrize("grid", [0.001, 50.0])
def test_pseudo_values_are_the_jackknife(horizon: float, grid: float) -> None:
    days, n = np.ceil(DAYS / grid) * grid, len(DAYS)
    full = aalen_johansen(days, EVENT).at(np.array([horizon]))[0, 0]
    without = [aalen_johansen(np.delete(days, i), np.delete(EVENT, i)).at(np.array([horizon]))[0, 0] for i in range(n)]
    assert pseudo_values(days, EVENT, horizon) == pytest.approx(n * full - (n - 1) * np.array(without), abs=1e-9)


def test_without_censoring_pseudo_values_are_the_outcomes() -> None:
    days = np.array([3.0, 1, 2, 5])
    assert pseudo_values(days, np.array([1, 1, 2, 1]), 3.0) == pytest.approx([1, 1, 0, 0])


@given(st.integers(0, 10_000), st.integers(1, 8))
def test_weights_at_a_horizon_give_the_aalen_johansen_estimate(seed: int, horizon: int) -> None:
    rng = np.random.default_rng(seed)
    days, event = rng.integers(1, 9, 40) * 1.0, rng.integers(0, 3, 40)
    status = Status.at(days, event, float(horizon))
    expected = risk_by(days, event, float(horizon))[0]
    if np.isfinite(expected) and np.isfinite(status.weights).all():
        assert status.weights[0].sum() == pytest.approx(40)
        assert status.weights[0] @ status.event / 40 == pytest.approx(expected)


def test_who_is_censored_on_the_horizon_is_known_to_be_free() -> None:
    status = Status.at(np.array([1.0, 5, 5, 3]), np.array([1, 0, 1, 0]), 5.0)
    assert status.weights[0] == pytest.approx([1, 1.5, 1.5, 0])
    assert status.event.tolist() == [True, False, True, False]


def test_nothing_is_known_beyond_the_last_day() -> None:
    censoring = Censoring.of(np.array([10.0, 20, 30]), np.array([0, 1, 1]))
    assert censoring.observed(np.array([10.0, 20, 30]))[0] == pytest.approx([1, 2 / 3, 2 / 3])
    assert np.isnan(censoring.inverse(np.array([31.0]))[0, 0])
    assert np.isnan(risk_by(np.array([10.0, 20]), np.array([1, 0]), 25.0)[0])
