"""Laws that every forecast obeys, whatever the scans."""

from __future__ import annotations

from dataclasses import fields, replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorcast_fusion.model.growth import Forecast, Form, PopulationPrior, forecast

PRIOR = PopulationPrior(
    form=Form.GROWTH_KILL,
    mean=(-5.5, -7.0),
    covariance=((0.5, 0.1), (0.1, 0.3)),
    offset_mm=5.0,
    noise_sd=0.1,
    drift_sd_per_100_days=0.2,
    damping_days=300.0,
    degrees_of_freedom=5.0,
    scale_inflation=1.0,
    largest_degrees_of_freedom=30.0,
    visit_interval_days=56.0,
    longest_horizon_days=730.0,
    patients=100,
    scans=500,
)
RESISTANT = replace(
    PRIOR,
    form=Form.RESISTANT_FRACTION,
    mean=(-5.0, -7.0, 0.0),
    covariance=((0.5, 0.1, 0.0), (0.1, 0.3, 0.0), (0.0, 0.0, 1.0)),
)
BANDS = ("lower_90_mm", "lower_50_mm", "median_mm", "upper_50_mm", "upper_90_mm")


@st.composite
def courses(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    count = draw(st.integers(1, 12))
    gaps = draw(st.lists(st.floats(7, 200), min_size=count, max_size=count))
    sums = draw(st.lists(st.floats(0, 400), min_size=count, max_size=count))
    return np.cumsum(gaps).tolist(), [draw(st.floats(5, 400)), *sums[1:]]


def equal(first: Forecast, second: Forecast) -> bool:
    return all(np.array_equal(getattr(first, f.name), getattr(second, f.name)) for f in fields(first))


@pytest.mark.parametrize("prior", [PRIOR, RESISTANT], ids=lambda prior: str(prior.form))
@given(course=courses(), ahead=st.lists(st.floats(1, 700), min_size=1, max_size=5, unique=True))
@settings(max_examples=40)
def test_bands_are_nested_and_probabilities_are_probabilities_that_never_fall(
    prior: PopulationPrior, course: tuple[list[float], list[float]], ahead: list[float]
) -> None:
    days, sums = course
    found = forecast(days, sums, [days[-1] + more for more in ahead], prior)
    bands = np.array([getattr(found, name) for name in BANDS])
    assert np.all(np.isfinite(bands))
    assert np.all(bands >= 0)
    assert np.all(np.diff(bands, axis=0) >= -1e-6 * (1 + bands[1:]))
    for probability in (found.progression_probability, found.response_probability):
        assert np.all((probability >= 0) & (probability <= 1))
        assert np.all(np.diff(probability) >= 0)
    for rate in (found.specific_growth_rate, found.kill_rate):
        assert 0 < rate.lower_90_per_day <= rate.median_per_day <= rate.upper_90_per_day


@given(course=courses(), order=st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_the_order_in_which_scans_and_days_are_given_does_not_matter(
    course: tuple[list[float], list[float]], order: Random
) -> None:
    days, sums = course
    shuffled = list(zip(days, sums, strict=True))
    order.shuffle(shuffled)
    straight = forecast(days, sums, [days[-1] + 50, days[-1] + 100], PRIOR)
    mixed = forecast([d for d, _ in shuffled], [s for _, s in shuffled], [days[-1] + 100, days[-1] + 50], PRIOR)
    assert equal(straight, mixed)


@given(course=courses(), factor=st.sampled_from([0.1, 0.5, 2.0, 7.0]))
@settings(max_examples=25)
def test_another_unit_of_length_scales_the_forecast(course: tuple[list[float], list[float]], factor: float) -> None:
    days, sums = course
    at = [days[-1] + 60, days[-1] + 200]
    plain = forecast(days, sums, at, PRIOR)
    scaled = forecast(days, [factor * s for s in sums], at, replace(PRIOR, offset_mm=factor * PRIOR.offset_mm))
    for name in BANDS:
        assert getattr(scaled, name) == pytest.approx(factor * getattr(plain, name), rel=1e-4, abs=1e-3)
    assert scaled.specific_growth_rate.median_per_day == pytest.approx(plain.specific_growth_rate.median_per_day)


@given(course=courses(), shift=st.integers(-3000, 3000))
@settings(max_examples=25)
def test_only_time_since_the_first_scan_counts(course: tuple[list[float], list[float]], shift: int) -> None:
    days, sums = course
    whole = [float(round(day)) for day in days]
    if len(set(whole)) < len(whole):
        return
    here = forecast(whole, sums, [whole[-1] + 60], PRIOR)
    there = forecast([day + shift for day in whole], sums, [whole[-1] + 60 + shift], PRIOR)
    assert there.days[0] == here.days[0] + shift
    assert there.median_mm == pytest.approx(here.median_mm)
    assert np.array_equal(there.progression_probability, here.progression_probability)


@given(last=st.floats(82, 150), more=st.floats(1.05, 2.0))
@settings(max_examples=25)
def test_a_larger_last_sum_raises_the_next_band_and_the_chance_of_progression(last: float, more: float) -> None:
    """The nadir is 80 mm in both."""
    small = forecast([0, 60, 120], [100, 80, last], [180], PRIOR)
    large = forecast([0, 60, 120], [100, 80, more * last], [180], PRIOR)
    assert large.median_mm[0] > small.median_mm[0]
    assert large.progression_probability[0] >= small.progression_probability[0] - 0.02


def test_the_band_widens_with_the_horizon() -> None:
    found = forecast([0, 60, 120], [100, 70, 60], [150, 200, 300, 500, 800], PRIOR)
    ratio = (found.upper_90_mm + PRIOR.offset_mm) / (found.lower_90_mm + PRIOR.offset_mm)
    assert np.all(np.diff(ratio) > 0)


def test_the_same_call_gives_the_same_bits() -> None:
    calls = [forecast([0, 60, 120], [100, 70, 60], [180, 300], PRIOR) for _ in range(2)]
    assert equal(*calls)


def test_an_asked_day_does_not_depend_on_the_others_asked() -> None:
    alone = forecast([0, 60], [100, 70], [160], PRIOR)
    among = forecast([0, 60], [100, 70], [100, 160, 400], PRIOR)
    assert among.median_mm[1] == pytest.approx(alone.median_mm[0], rel=1e-6)
    assert among.progression_probability[1] == pytest.approx(alone.progression_probability[0], abs=0.03)
