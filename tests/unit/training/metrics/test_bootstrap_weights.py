"""A sample's weights are its repeated rows, for every figure; samples draw patients, not rows."""

from collections.abc import Callable

import numpy as np
import pytest

from tumorcast_training.metrics import (
    ClusterBootstrap,
    Status,
    aalen_johansen,
    auc,
    auc_at,
    bound_coverage,
    brier,
    brier_at,
    calibration_intercept,
    calibration_slope,
    expected_calibration_error,
    harrell_c,
    net_benefit,
    net_benefit_at,
    observed_to_expected,
    risk_by,
    scaled_brier,
    scaled_brier_at,
    uno_c,
)

N = 80
RNG = np.random.default_rng(1)
DAYS = RNG.integers(1, 30, N) * 10.0
EVENT = RNG.integers(0, 3, N)
P = np.round(RNG.uniform(0.05, 0.95, N), 2)
DRAWN = RNG.integers(0, N, N)
WEIGHTS = np.bincount(DRAWN, minlength=N)[None].astype(float)

BINARY = (auc, brier, scaled_brier, calibration_slope, calibration_intercept, lambda y, p, w: net_benefit(y, p, 0.4, w))
OVER_TIME: tuple[Callable, ...] = (
    lambda d, e, p, w: harrell_c(d, e, p, weights=w),
    lambda d, e, p, w: uno_c(d, e, p, tau=250, weights=w),
    lambda d, e, p, w: auc_at(d, e, p, 150, weights=w),
    lambda d, e, p, w: brier_at(Status.at(d, e, 150, weights=w), p),
    lambda d, e, p, w: scaled_brier_at(Status.at(d, e, 150, weights=w), p),
    lambda d, e, p, w: observed_to_expected(d, e, p, 150, weights=w),
    lambda d, e, p, w: risk_by(d, e, 150, 1, w),
    lambda d, e, p, w: net_benefit_at(d, e, p, 150, 0.4, weights=w),
    lambda d, e, p, w: bound_coverage(d, e, 100 * p, weights=w),
    lambda d, e, p, w: aalen_johansen(d, e, 1, w).at(np.array([150.0]))[:, 0],
)


@pytest.mark.parametrize("figure", BINARY)
def test_weights_of_a_binary_figure_are_repeated_rows(figure: Callable) -> None:
    y = (EVENT > 0).astype(float)
    assert figure(y, P, WEIGHTS)[0] == pytest.approx(figure(y[DRAWN], P[DRAWN], None)[0], abs=1e-9)


@pytest.mark.parametrize("figure", OVER_TIME)
def test_weights_of_a_figure_over_time_are_repeated_rows(figure: Callable) -> None:
    found = figure(DAYS, EVENT, P, WEIGHTS)[0]
    assert found == pytest.approx(figure(DAYS[DRAWN], EVENT[DRAWN], P[DRAWN], None)[0], abs=1e-9)


def test_calibration_error_keeps_its_bins_in_every_sample() -> None:
    y = (EVENT > 0).astype(float)
    both = expected_calibration_error(y, P, weights=np.ones((2, N)))
    assert both == pytest.approx([expected_calibration_error(y, P)[0]] * 2)


def test_samples_hold_as_many_patients_as_there_are_and_never_split_one() -> None:
    ids = ["a", "a", "b", "c", "c", "c", "d"]
    weights = ClusterBootstrap(ids, samples=200, seed=3).weights()
    assert weights.shape == (200, 7)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3:5] == weights[:, 4:6]).all()
    assert (weights[:, [0, 2, 3, 6]].sum(axis=1) == 4).all()
    assert weights[:, 0].mean() == pytest.approx(1, abs=0.2)


def test_the_same_seed_draws_the_same_and_another_draws_others() -> None:
    first, again, other = (ClusterBootstrap(range(20), 10, seed).weights() for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_chunks_are_the_weights_in_order() -> None:
    bootstrap = ClusterBootstrap(range(30_000), 300, 0)
    chunks = list(bootstrap.chunks())
    assert len(chunks) > 1
    assert (np.concatenate([c[:, :5] for c in chunks]) == bootstrap.weights()[:, :5]).all()


def test_repeating_every_row_of_a_patient_does_not_narrow_the_interval() -> None:
    value = np.random.default_rng(0).standard_normal(200)

    def mean(rows: np.ndarray) -> Callable:
        return lambda w: np.array([rows.mean()]) if w is None else w @ rows / w.sum(axis=1)

    once = ClusterBootstrap(range(200)).interval(mean(value))
    thrice = ClusterBootstrap(np.repeat(np.arange(200), 3)).interval(mean(np.repeat(value, 3)))
    assert once == thrice
    half_width = 1.96 * value.std() / np.sqrt(200)
    assert once == pytest.approx([value.mean(), value.mean() - half_width, value.mean() + half_width], abs=0.02)


def test_a_model_does_not_differ_from_itself() -> None:
    y = (EVENT > 0).astype(float)
    bootstrap = ClusterBootstrap(range(N))
    assert bootstrap.difference(lambda w: auc(y, P, w), lambda w: auc(y, 2 * P, w)) == [0, 0, 0]


def test_few_patients_or_failing_samples_give_no_interval() -> None:
    assert ClusterBootstrap(range(9)).interval(lambda w: np.ones(1 if w is None else len(w))) is None
    assert ClusterBootstrap(range(90)).interval(lambda w: np.full(1 if w is None else len(w), np.nan)) is None
