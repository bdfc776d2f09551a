"""Brier score, calibration error and its null, calibration slope and intercept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from tumorcast_training.metrics import (
    ClusterBootstrap,
    brier,
    calibration_intercept,
    calibration_slope,
    equal_mass_bins,
    expected_calibration_error,
    logistic_recalibration,
    null_calibration_error,
    scaled_brier,
)


def calibrated(n: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes whose true logit is ``shift`` + ``scale`` times the predicted one."""
    rng = np.random.default_rng(seed)
    logit = rng.standard_normal(n) * 1.2
    y = rng.random(n) < 1 / (1 + np.exp(-shift - scale * logit))
    return y.astype(float), 1 / (1 + np.exp(-logit))


def test_brier_is_scikit_learns_and_scaled_brier_is_zero_at_the_event_rate() -> None:
    y, p = calibrated(300, 0)
    assert brier(y, p)[0] == pytest.approx(brier_score_loss(y, p))
    assert scaled_brier(y, np.full(300, y.mean()))[0] == pytest.approx(0)
    assert scaled_brier(y, y)[0] == pytest.approx(1)


def test_calibration_error_by_hand() -> None:
    # Bins {.1, .2} and {.8, .9}: rates 0 and .5 against means .15 and .85; (.15 + .35) / 2 = .25.
    found = expected_calibration_error(np.array([0.0, 0, 1, 0]), np.array([0.1, 0.2, 0.8, 0.9]), bins=2)
    assert found[0] == pytest.approx(0.25)


@given(st.lists(st.floats(0, 1), min_size=10, max_size=60))
def test_bins_follow_the_probabilities_and_never_part_equal_ones(p: list[float]) -> None:
    bins = equal_mass_bins(np.array(p))
    order = np.argsort(p, kind="stable")
    assert (np.diff(bins[order]) >= 0).all()
    assert all(bins[i] == bins[j] for i in range(len(p)) for j in range(i) if p[i] == p[j])


def test_a_calibrated_model_lies_under_its_null_nineteen_times_in_twenty() -> None:
    inside = 0
    for seed in range(200):
        found = null_calibration_error(*calibrated(200, seed), draws=400, seed=seed)
        inside += found.estimate <= found.percentile_95
    assert 0.90 <= inside / 200 <= 0.99  # the binomial interval of .95 at 200


def test_a_wrong_model_lies_above_its_null() -> None:
    found = null_calibration_error(*calibrated(400, 1, shift=1.0))
    assert found.estimate > found.percentile_95
    assert found.p < 0.01


def test_the_null_knows_that_384_patients_do_not_suffice_for_an_error_of_4_percent() -> None:
    y, p = calibrated(384, 2)
    assert null_calibration_error(y, p).percentile_95 > 0.04


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.5, 1.0), (0.0, 0.6), (-0.4, 1.5)])
def test_slope_and_intercept_find_what_is_wrong(shift: float, scale: float) -> None:
    y, p = calibrated(40_000, 3, shift, scale)
    intercept, slope = logistic_recalibration(y, p)
    assert slope[0] == pytest.approx(scale, abs=0.05)
    assert intercept[0] == pytest.approx(shift, abs=0.05)
    assert calibration_slope(y, p)[0] == slope[0]
    if scale == 1:
        assert calibration_intercept(y, p)[0] == pytest.approx(shift, abs=0.05)


def test_recalibration_is_scikit_learns_logistic_regression() -> None:
    y, p = calibrated(300, 4, 0.3, 0.7)
    model = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(np.log(p / (1 - p))[:, None], y)
    intercept, slope = logistic_recalibration(y, p)
    assert intercept[0] == pytest.approx(model.intercept_[0], abs=1e-5)
    assert slope[0] == pytest.approx(model.coef_[0, 0], abs=1e-5)


def test_calibration_in_the_large_makes_expected_equal_observed() -> None:
    y, p = calibrated(500, 5, 0.8)
    shifted = 1 / (1 + np.exp(-np.log(p / (1 - p)) - calibration_intercept(y, p)[0]))
    assert shifted.mean() == pytest.approx(y.mean())


def test_intervals_of_a_calibrated_model_hold_one_and_zero_nineteen_times_in_twenty() -> None:
    held = np.zeros(2)
    for seed in range(100):
        y, p = calibrated(300, seed)
        found = ClusterBootstrap(range(300), 200, seed).intervals(
            lambda w, y=y, p=p: {"slope": calibration_slope(y, p, w), "intercept": calibration_intercept(y, p, w)}
        )
        for k, (name, truth) in enumerate((("slope", 1.0), ("intercept", 0.0))):
            assert found[name] is not None
            held[k] += found[name][1] <= truth <= found[name][2]
    assert (held >= 88).all()


@pytest.mark.parametrize(
    ("y", "p"),
    [
        ([0, 0, 0, 0], [0.1, 0.2, 0.3, 0.4]),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
    ],
    ids=["one outcome", "constant", "separated"],
)
def test_what_has_no_slope_is_not_a_number(y: list[int], p: list[float]) -> None:
    assert np.isnan(calibration_slope(np.array(y, float), np.array(p))[0])


def test_probabilities_of_zero_and_one_are_survived() -> None:
    y, p = calibrated(300, 6)
    p[:2] = 0, 1
    assert np.isfinite(calibration_slope(y, p)[0])
