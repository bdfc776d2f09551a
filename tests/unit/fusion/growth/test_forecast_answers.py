"""What a forecast says in cases whose answer is known, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tumorcast_core.errors import HorizonOutOfRange, ImplausibleValue, InvalidInput, TumorcastError
from tumorcast_fusion.model.growth import Form, PopulationPrior, forecast
from tumorcast_fusion.model.growth.events import is_progression
from tumorcast_fusion.model.growth.kinetics import covariance, log_relative_size
from tumorcast_fusion.model.growth.posterior import mixture_cdf, mixture_quantile, posterior
from tumorcast_fusion.model.growth.scans import checked_scans

PRIOR = PopulationPrior(
    form=Form.GROWTH_KILL,
    mean=(np.log(0.005), np.log(0.001)),
    covariance=((0.4, 0.0), (0.0, 0.4)),
    offset_mm=5.0,
    noise_sd=0.06,
    drift_sd_per_100_days=0.05,
    damping_days=1e6,
    degrees_of_freedom=20.0,
    scale_inflation=1.0,
    largest_degrees_of_freedom=1e6,
    visit_interval_days=42.0,
    longest_horizon_days=730.0,
    patients=100,
    scans=500,
)
CERTAIN = replace(
    PRIOR, covariance=((1e-10, 0.0), (0.0, 1e-10)), noise_sd=1e-4, drift_sd_per_100_days=1e-4, degrees_of_freedom=100.0
)


def test_a_known_course_without_noise_is_continued_exactly() -> None:
    """f(120) = exp(-0.6) + exp(0.12) - 1 = 0.676308; f(200) = exp(-1) + exp(0.2) - 1 = 0.589282 (by hand)."""
    of_105 = np.exp(-0.6) + np.exp(0.12) - 1
    assert of_105 == pytest.approx(0.676308, abs=1e-6)
    found = forecast([0, 120], [100, 105 * of_105 - 5], [200], CERTAIN)
    assert found.median_mm[0] == pytest.approx(105 * 0.589282 - 5, abs=0.05)
    assert found.upper_90_mm[0] - found.lower_90_mm[0] < 0.2


def test_both_laws_start_at_one() -> None:
    for form, parameters in ((Form.GROWTH_KILL, [[-5.0, -7.0]]), (Form.RESISTANT_FRACTION, [[-5.0, -7.0, 0.3]])):
        assert log_relative_size(form, np.array(parameters), np.zeros(1)) == pytest.approx(0.0)


def test_a_prediction_from_one_draw_is_the_conditional_t_of_the_joint_covariance() -> None:
    """The flat level is replaced by a very wide normal one, and the t by conditioning the joint covariance."""
    prior = replace(PRIOR, covariance=((1e-12, 0.0), (0.0, 1e-12)), noise_sd=0.1, drift_sd_per_100_days=0.3)
    days, sums, at = np.array([0.0, 50.0, 130.0]), np.array([100.0, 90.0, 60.0]), np.array([190.0])
    known = posterior(prior, checked_scans(days, sums))
    location, spread = known.location_and_covariance(at)
    every = np.concatenate([days, at])
    joint = covariance(0.1, 0.3, every[:, None], every[None, :], np.eye(4)) + 1e4
    mean = np.log(np.exp(-0.005 * every) + np.exp(0.001 * every) - 1)
    left = np.log(sums + 5) - mean[:3]
    gain = joint[3, :3] @ np.linalg.inv(joint[:3, :3])
    assert location[0, 0] == pytest.approx(mean[3] + gain @ left, abs=1e-3)
    assert spread[0, 0] == pytest.approx(joint[3, 3] - gain @ joint[:3, 3], rel=1e-3)


def test_quantiles_of_a_mixture_of_one_are_those_of_the_t_distribution() -> None:
    levels = np.array([0.05, 0.5, 0.95])
    found = mixture_quantile(levels, np.array([[2.0]]), np.array([[3.0]]), np.ones(1), 4.0)
    assert found[:, 0] == pytest.approx(stats.t(4, 2, 3).ppf(levels), abs=1e-5)


@given(seed=st.integers(0, 10_000), freedom=st.floats(1.5, 1e6), spread=st.floats(0.01, 3))
@settings(max_examples=100)
def test_quantiles_of_a_mixture_undo_its_distribution(seed: int, freedom: float, spread: float) -> None:
    rng = np.random.default_rng(seed)
    levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    location, scale = rng.normal(0, spread, (2, 60)), np.exp(rng.normal(-1, 0.7, (2, 60)))
    weights = rng.dirichlet(np.full(60, 0.3))
    found = mixture_quantile(levels, location, scale, weights, freedom)
    assert mixture_cdf(found, location, scale, weights, freedom) == pytest.approx(
        np.repeat(levels[:, None], 2, axis=1), abs=1e-6
    )


def test_one_scan_gives_the_population_s_rates() -> None:
    rate = forecast([0], [80], [60], PRIOR).specific_growth_rate
    spread = 1.644854 * np.sqrt(0.4)
    assert rate.median_per_day == pytest.approx(0.001, rel=0.02)
    assert rate.lower_90_per_day == pytest.approx(0.001 * np.exp(-spread), rel=0.05)
    assert rate.upper_90_per_day == pytest.approx(0.001 * np.exp(spread), rel=0.05)


def test_a_complete_disappearance_is_forecast_to_stay_small_and_a_return_is_progression() -> None:
    found = forecast([0, 60, 120, 180], [90, 20, 0, 0], [240], PRIOR)
    assert found.median_mm[0] < 5
    assert found.lower_90_mm[0] == 0
    assert found.response_seen
    assert forecast([0, 60, 120], [90, 0, 6], [180], PRIOR).progression_seen


@pytest.mark.parametrize(
    ("sum_mm", "nadir_mm", "expected"),
    [(60.0, 50.0, True), (59.9, 50.0, False), (24.9, 20.0, False), (25.0, 20.0, True), (5.0, 0.0, True)],
)
def test_progression_needs_a_fifth_and_5_mm_over_the_nadir(sum_mm: float, nadir_mm: float, expected: bool) -> None:
    assert bool(is_progression(np.array(sum_mm), np.array(nadir_mm))) is expected


@pytest.mark.parametrize("last_mm", [50.0, 65.0, 75.0, 90.0])
def test_probabilities_lie_between_the_levels_of_the_quantiles_around_the_threshold(last_mm: float) -> None:
    """With one coming scan, response is a sum of 70 mm or less, progression one of 1.2 times the last or more."""
    found = forecast([0, 60], [100, last_mm], [100], PRIOR, visit_interval_days=1000)
    bands = [found.lower_90_mm, found.lower_50_mm, found.median_mm, found.upper_50_mm, found.upper_90_mm]
    levels = np.array([0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0])
    for threshold, below in (
        (70.0, found.response_probability[0]),
        (1.2 * last_mm, 1 - found.progression_probability[0]),
    ):
        place = int(np.searchsorted(np.ravel(bands), threshold))
        assert levels[place] - 0.02 <= below <= levels[place + 1] + 0.02


def test_more_visits_give_more_chances_to_see_progression() -> None:
    often = forecast([0, 60], [100, 70], [400], PRIOR, visit_interval_days=28)
    once = forecast([0, 60], [100, 70], [400], PRIOR, visit_interval_days=1000)
    assert often.progression_probability[0] > once.progression_probability[0]


@pytest.mark.parametrize(
    ("days", "sums", "at", "error"),
    [
        ([], [], [10], InvalidInput),
        ([0, 60], [100], [90], InvalidInput),
        ([0, 60, 60], [100, 90, 80], [90], InvalidInput),
        ([0, float("nan")], [100, 90], [90], InvalidInput),
        ([0, 60], [100, float("nan")], [90], InvalidInput),
        ([0, 60], [100, float("inf")], [90], InvalidInput),
        ([0, 60], [100, "large"], [90], InvalidInput),
        ([[0, 60]], [[100, 90]], [90], InvalidInput),
        ([0, 60], [0, 10], [90], InvalidInput),
        ([0, 60], [100, -1], [90], ImplausibleValue),
        ([0, 60], [100, 1e6], [90], ImplausibleValue),
        ([0, 1e9], [100, 90], [1e9 + 1], ImplausibleValue),
        ([0, 60], [100, 90], [], InvalidInput),
        ([0, 60], [100, 90], [60], InvalidInput),
        ([0, 60], [100, 90], [30, 90], InvalidInput),
        ([0, 60], [100, 90], [float("nan")], InvalidInput),
        ([0, 60], [100, 90], [791], HorizonOutOfRange),
        (list(range(201)), [100] * 201, [300], InvalidInput),
    ],
)
def test_what_makes_no_sense_is_refused_without_repeating_it(
    days: list[float], sums: list[float], at: list[float], error: type[TumorcastError]
) -> None:
    with pytest.raises(error) as raised:
        forecast(days, sums, at, PRIOR)
    assert "1000000" not in raised.value.message
    assert "large" not in raised.value.message.split()


@pytest.mark.parametrize("interval", [0.0, -5.0, float("nan"), 0.01])
def test_an_interval_of_visits_that_makes_no_sense_is_refused(interval: float) -> None:
    with pytest.raises(InvalidInput):
        forecast([0, 60], [100, 90], [90], PRIOR, visit_interval_days=interval)
