"""Brier(t), observed over expected, calibration slope at a horizon, D-calibration; simulated truth and by hand."""

import numpy as np
import pytest

from support import survival_reference as reference
from tumorcast_training.metrics import (
    Censoring,
    ClusterBootstrap,
    HorizonCalibration,
    Status,
    brier_at,
    d_calibration,
    d_calibration_of_incidence,
    integrated_brier,
    observed_to_expected,
    scaled_brier_at,
)


class Cohort:
    """Exponential times to two causes, whose incidence is known."""

    def __init__(self, n: int, seed: int, competing: float = 0.001) -> None:
        rng = np.random.default_rng(seed)
        self.hazard = 0.002 * np.exp(0.8 * rng.standard_normal(n))
        self.total = self.hazard + competing
        times, censored = rng.exponential(1 / self.total), rng.uniform(100, 1500, n)
        cause = np.where(rng.random(n) < self.hazard / self.total, 1, 2)
        self.days = np.minimum(times, censored)
        self.event = np.where(times <= censored, cause, 0)

    def incidence(self, days: np.ndarray | float) -> np.ndarray:
        return self.hazard / self.total * (1 - np.exp(-self.total * days))


def test_brier_over_time_is_that_of_scikit_survival() -> None:
    train, (days, cause, risk) = reference.train_and_test()
    censoring, event = Censoring.of(train[0], (train[1] > 0).astype(int)), (cause > 0).astype(int)
    horizons = np.array(reference.HORIZONS)
    predicted = 1 - np.exp(-np.outer(np.exp(1.5 * (risk - 0.5)), horizons / 400))
    scores = np.array(
        [
            brier_at(Status.at(days, event, h, censoring=censoring), p)
            for h, p in zip(horizons, predicted.T, strict=True)
        ]
    ).T
    assert scores[0] == pytest.approx(reference.BRIER_AT, abs=1e-12)
    assert integrated_brier(horizons, scores)[0] == pytest.approx(reference.INTEGRATED_BRIER, abs=1e-12)


def test_scaled_brier_is_zero_at_the_event_rate_and_one_for_an_oracle() -> None:
    cohort = Cohort(400, 0)
    status = Status.at(cohort.days, cohort.event, 300.0)
    rate = status.weights[0] @ status.event / status.weights[0].sum()
    assert scaled_brier_at(status, np.full(400, rate))[0] == pytest.approx(0, abs=1e-12)
    assert scaled_brier_at(status, status.event.astype(float))[0] == pytest.approx(1)


@pytest.mark.parametrize("competing", [0.0, 0.001])
@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.5, 1.0), (0.0, 0.6)])
def test_slope_intercept_and_ratio_find_what_is_wrong(competing: float, shift: float, scale: float) -> None:
    cohort = Cohort(12_000, 1, competing)
    truth = np.log(-np.log1p(-cohort.incidence(400)))
    predicted = 1 - np.exp(-np.exp((truth - shift) / scale))
    found = HorizonCalibration.of(cohort.days, cohort.event, predicted, 400.0)
    assert found.slope()[0] == pytest.approx(scale, abs=0.08)
    ratio = observed_to_expected(cohort.days, cohort.event, predicted, 400.0)[0]
    assert ratio == pytest.approx(cohort.incidence(400).mean() / predicted.mean(), abs=0.03)
    if scale == 1:
        assert found.intercept()[0] == pytest.approx(shift, abs=0.08)


def test_intervals_of_the_true_model_hold_one_and_zero() -> None:
    held = np.zeros(2)
    for seed in range(60):
        cohort = Cohort(300, seed)
        weak = HorizonCalibration.of(cohort.days, cohort.event, cohort.incidence(500), 500.0)
        found = ClusterBootstrap(range(300), 200, seed).intervals(
            lambda w, weak=weak: {"slope": weak.slope(w), "intercept": weak.intercept(w)}
        )
        for k, (name, truth) in enumerate((("slope", 1.0), ("intercept", 0.0))):
            assert found[name] is not None
            held[k] += found[name][1] <= truth <= found[name][2]
    assert (held >= 50).all()


def test_d_calibration_by_hand() -> None:
    # Two bins. Events at S = .9 and .2 count whole; censored at S = .75 gives (.75 - .5)/.75 = 1/3 to the upper and
    # .5/.75 = 2/3 to the lower bin; censored at S = .4 is in the lower bin: counts 1 + 2/3 + 1 and 1 + 1/3 of 4.
    found = d_calibration(np.array([0.9, 0.2, 0.75, 0.4]), np.array([True, True, False, False]), bins=2)
    assert found.observed == pytest.approx([(2 + 2 / 3) / 4, (1 + 1 / 3) / 4])
    assert found.statistic == pytest.approx(2 * (2 / 3) ** 2 / 2)


def test_d_calibration_of_the_true_model_rejects_at_its_level() -> None:
    pearson, incidence = [], []
    for seed in range(200):
        cohort = Cohort(300, seed)
        pearson.append(d_calibration(np.exp(-cohort.total * cohort.days), cohort.event > 0).p)
        arguments = cohort.incidence(cohort.days), cohort.incidence(1000), cohort.days, cohort.event, np.arange(300)
        found = d_calibration_of_incidence(*arguments, end=1000)
        assert found is not None
        incidence.append(found.p)
    for p in (pearson, incidence):
        assert np.mean(np.array(p) < 0.05) < 0.11
        assert np.mean(p) == pytest.approx(0.5, abs=0.08)


def test_d_calibration_rejects_a_wrong_scale() -> None:
    cohort = Cohort(500, 3)
    assert d_calibration(np.exp(-1.6 * cohort.total * cohort.days), cohort.event > 0).p < 0.001
    wrong = [np.minimum(1.5 * cohort.incidence(d), 1) for d in (cohort.days, 1000)]
    found = d_calibration_of_incidence(*wrong, cohort.days, cohort.event, np.arange(500), end=1000)
    assert found is not None
    assert found.p < 0.001


def test_repeated_rows_do_not_sharpen_the_clustered_test() -> None:
    cohort = Cohort(300, 4)
    survival, seen = np.exp(-1.15 * cohort.total * cohort.days), cohort.event > 0
    once = d_calibration(survival, seen, np.arange(300))
    thrice = d_calibration(np.repeat(survival, 3), np.repeat(seen, 3), np.repeat(np.arange(300), 3))
    assert thrice.p == pytest.approx(once.p)
