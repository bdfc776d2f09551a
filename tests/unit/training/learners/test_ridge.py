"""Ridge fits agree with independent implementations, and their leave-one-out links with real refits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from tumorcast_training.learners.ridge import (
    PersonPeriods,
    deviance_hazards,
    deviance_logistic,
    fit_hazards,
    fit_logistic,
)

Array = NDArray[np.float64]


def drawn(rows: int, columns: int, seed: int) -> tuple[Array, Array, np.random.Generator]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, columns))
    return (x - x.mean(axis=0)) / x.std(axis=0, ddof=1), rng.normal(0, 0.6, columns), rng


def times(x: Array, slopes: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Exponential times with a mean of 300 days, censored at random."""
    days = rng.exponential(300 * np.exp(-x @ slopes))
    censored = rng.uniform(50, 900, len(x))
    return np.minimum(days, censored), days <= censored


def fine_edges(days: Array) -> Array:
    return np.unique(np.concatenate([np.quantile(days, np.linspace(0.01, 1, 200)), [days.max() + 1]]))


@pytest.mark.parametrize("l2", [0.5, 10.0, 300.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_logistic_fit_is_that_of_scikit_learn(l2: float, weighted: bool) -> None:
    x, slopes, rng = drawn(250, 4, 1)
    y = (rng.logistic(0, 1, 250) < x @ slopes - 1.2).astype(float)
    weight = rng.integers(0, 4, 250).astype(float) if weighted else np.ones(250)
    reference = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=1000).fit(x, y, weight)
    found = fit_logistic(x, y[:, None], l2, weight)
    assert found.coefficients == pytest.approx(reference.coef_[0], abs=1e-5)
    assert found.offsets == pytest.approx(reference.intercept_, abs=1e-5)


def test_the_ordinal_fit_maximizes_its_likelihood_and_recovers_the_truth() -> None:
    x, slopes, rng = drawn(3000, 3, 2)
    latent = x @ slopes + rng.logistic(0, 1, 3000)
    reached = (latent[:, None] > np.array([-0.5, 0.7])).astype(float)
    found = fit_logistic(x, reached, 1.0, np.ones(3000))

    def loss(theta: Array) -> float:
        eta = (x @ theta[2:])[:, None] + theta[:2]
        return float((np.logaddexp(0, eta) - reached * eta).sum() + 0.5 * theta[2:] @ theta[2:])

    by_brute_force = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-3}).x
    assert np.concatenate([found.offsets, found.coefficients]) == pytest.approx(by_brute_force, abs=1e-3)
    assert found.coefficients == pytest.approx(slopes, abs=0.12)
    assert found.offsets == pytest.approx([0.5, -0.7], abs=0.12)


@pytest.mark.parametrize("l2", [1.0, 50.0])
def test_the_hazard_fit_is_coxs(l2: float) -> None:
    x, slopes, rng = drawn(300, 3, 3)
    days, event = times(x, slopes, rng)
    table = pd.DataFrame(x, columns=list("abc")).assign(days=days, event=event)
    reference = CoxPHFitter(penalizer=l2 / 300).fit(table, "days", "event").params_.to_numpy()
    found = fit_hazards(x, PersonPeriods.of(days, days, event, fine_edges(days)), l2, np.ones(300))
    assert found.coefficients == pytest.approx(reference, abs=0.015)


def test_the_hazard_fit_gives_the_absolute_hazard() -> None:
    x, slopes, rng = drawn(4000, 3, 4)
    days, event = times(x, slopes, rng)
    edges = np.array([60.0, 150, 300, 600])
    found = fit_hazards(x, PersonPeriods.of(days, days, event, edges), 1.0, np.ones(4000))
    assert np.exp(found.offsets) == pytest.approx(edges / 300, rel=0.08)


def test_weights_count_as_repeated_rows() -> None:
    x, slopes, rng = drawn(120, 3, 5)
    weight = rng.integers(0, 3, 120)
    again = np.repeat(np.arange(120), weight)
    days, event = times(x, slopes, rng)
    y = (rng.random((120, 1)) < 0.4).astype(float)
    periods = PersonPeriods.of(days, days, event, np.array([100.0, 300, 900]))
    for weighed, repeated in (
        (fit_logistic(x, y, 2.0, weight.astype(float)), fit_logistic(x[again], y[again], 2.0, np.ones(len(again)))),
        (fit_hazards(x, periods, 2.0, weight * 1.0), fit_hazards(x[again], periods[again], 2.0, np.ones(len(again)))),
    ):
        assert weighed.coefficients == pytest.approx(repeated.coefficients, abs=1e-6)
        assert weighed.offsets == pytest.approx(repeated.offsets, abs=1e-6)


def test_leave_one_out_links_are_those_of_real_refits_for_odds() -> None:
    x, slopes, rng = drawn(80, 4, 6)
    y = (rng.logistic(0, 1, (80, 1)) < (x @ slopes)[:, None]).astype(float)
    found = fit_logistic(x, y, 3.0, np.ones(80))
    refitted = np.empty(80)
    for i in range(80):
        rest = np.arange(80) != i
        other = fit_logistic(x[rest], y[rest], 3.0, np.ones(79))
        refitted[i] = x[i] @ other.coefficients + other.offsets[0]
    moved = refitted - (x @ found.coefficients + found.offsets[0])
    assert found.leave_one_out + found.offsets[0] == pytest.approx(refitted, abs=0.03)
    assert np.abs(moved).max() > 0.2


def test_leave_one_out_links_are_those_of_real_refits_for_hazards() -> None:
    x, slopes, rng = drawn(80, 4, 7)
    days, event = times(x, slopes, rng)
    periods = PersonPeriods.of(days, days, event, np.array([60.0, 150, 300, 900]))
    found = fit_hazards(x, periods, 3.0, np.ones(80))
    refitted = np.empty(80)
    for i in range(80):
        rest = np.flatnonzero(np.arange(80) != i)
        refitted[i] = x[i] @ fit_hazards(x[rest], periods[rest], 3.0, np.ones(79)).coefficients
    moved, approximated = refitted - x @ found.coefficients, found.leave_one_out - x @ found.coefficients
    assert np.corrcoef(moved, approximated)[0, 1] > 0.97
    assert approximated == pytest.approx(moved, abs=0.1)


def test_the_leave_one_out_likelihood_finds_a_penalty_that_predicts_new_patients() -> None:
    """Of 40 columns 37 are noise: little shrinkage overfits, and the left-out likelihood sees it."""
    x, _, rng = drawn(2120, 40, 8)
    y = (rng.logistic(0, 1, (2120, 1)) < x[:, :3].sum(axis=1, keepdims=True)).astype(float)
    train, new = slice(0, 120), slice(120, None)
    seen, left_out, truly = [], [], []
    for l2 in (0.3, 3.0, 10.0, 30.0, 300.0):
        found = fit_logistic(x[train], y[train], l2, np.ones(120))
        seen.append(deviance_logistic(x[train] @ found.coefficients, found.offsets, y[train], np.ones(120)))
        left_out.append(deviance_logistic(found.leave_one_out, found.offsets, y[train], np.ones(120)))
        truly.append(deviance_logistic(x[new] @ found.coefficients, found.offsets, y[new], np.ones(2000)))
    assert int(np.argmin(seen)) == 0
    assert truly[int(np.argmin(left_out))] == pytest.approx(min(truly), abs=0.02)


def test_the_hazard_deviance_is_the_exponential_likelihood() -> None:
    """One patient dies on day 5 of a 10-day interval, another lives through: by hand, hazard 0.3 and log risk 0.2."""
    periods = PersonPeriods.of(np.array([5.0, 10]), np.array([5.0, 10]), np.array([True, False]), np.array([10.0]))
    risk = np.exp(0.2)
    expected = (0.3 * risk * 0.5 - np.log(0.3) - 0.2 + 0.3 * risk) / 2
    found = deviance_hazards(np.full(2, 0.2), np.log([0.3]), periods, np.ones(2))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("reached", [np.zeros((20, 1)), np.ones((20, 1)), np.eye(20)[:, :1], np.zeros((20, 2))])
def test_odds_of_one_event_or_none_stay_finite(reached: Array) -> None:
    x, _, _ = drawn(20, 30, 9)
    found = fit_logistic(x, reached, 1.0, np.ones(20))
    assert np.isfinite(found.coefficients).all()
    assert np.isfinite(found.offsets).all()
    assert np.isfinite(found.leave_one_out).all()


@pytest.mark.parametrize("events", [0, 1, 15])
def test_hazards_of_one_event_or_none_stay_finite(events: int) -> None:
    x, _, rng = drawn(15, 25, 10)
    days, happened = rng.uniform(1, 100, 15), np.arange(15) < events
    found = fit_hazards(x, PersonPeriods.of(days, days, happened, np.array([20.0, 50, 100])), 1.0, np.ones(15))
    assert np.isfinite(found.coefficients).all()
    assert (np.diff(np.exp(found.offsets)) > 0).all()
    assert np.isfinite(found.leave_one_out).all()


def test_without_columns_the_rates_are_the_cohorts() -> None:
    y = np.array([[1.0], [0], [0], [0]])
    assert 1 / (1 + np.exp(-fit_logistic(np.zeros((4, 0)), y, 1.0, np.ones(4)).offsets)) == pytest.approx(
        0.25, abs=1e-6
    )
    days = np.array([10.0, 20, 30, 40] * 50)
    periods = PersonPeriods.of(days, days, days < 35, np.array([40.0]))
    assert np.exp(fit_hazards(np.zeros((200, 0)), periods, 1.0, np.ones(200)).offsets) == pytest.approx(1.2, rel=0.01)


def test_a_constant_or_doubled_column_does_not_break_a_fit() -> None:
    x, slopes, rng = drawn(60, 2, 11)
    days, event = times(x, slopes, rng)
    doubled = np.column_stack([x, x[:, 0], np.zeros(60), np.ones(60)])
    found = fit_hazards(doubled, PersonPeriods.of(days, days, event, np.array([100.0, 900])), 1.0, np.ones(60))
    assert found.coefficients[0] == pytest.approx(found.coefficients[2])
    assert found.coefficients[3] == 0
    assert np.isfinite(fit_logistic(doubled, event[:, None].astype(float), 1.0, np.ones(60)).coefficients).all()
