"""A prior fitted on simulated patients knows their population, covers new ones, and gains from scans."""

from __future__ import annotations

import numpy as np
import pytest

from support.growth import DRIFT, GROWTH_SD, KILL_SD, LOG_GROWTH, LOG_KILL, NOISE, simulated_course, simulated_courses
from tumorcast_core.errors import InvalidInput
from tumorcast_fusion.model.growth import Form, PopulationPrior, forecast
from tumorcast_training.growth.fitting import balanced_folds, choose_form, fit_population, fit_prior
from tumorcast_training.growth.held_out import course_forecasts


@pytest.fixture(scope="module")
def prior() -> PopulationPrior:
    return fit_prior(simulated_courses(seed=1, patients=150), Form.GROWTH_KILL)


def test_the_population_is_recovered(prior: PopulationPrior) -> None:
    assert prior.mean[0] == pytest.approx(LOG_KILL, abs=0.2)
    assert prior.mean[1] == pytest.approx(LOG_GROWTH, abs=0.2)
    assert np.sqrt(prior.covariance[0][0]) == pytest.approx(KILL_SD, abs=0.2)
    assert np.sqrt(prior.covariance[1][1]) == pytest.approx(GROWTH_SD, abs=0.2)
    assert prior.noise_sd == pytest.approx(NOISE, rel=0.35)
    assert prior.drift_sd_per_100_days == pytest.approx(DRIFT, rel=0.5)
    assert prior.visit_interval_days == pytest.approx(60, abs=2)


def test_bands_cover_new_patients_of_the_population_and_beat_the_last_value(prior: PopulationPrior) -> None:
    rows = [row for course in simulated_courses(seed=2, patients=40) for row in course_forecasts(course, prior)]
    following = [row for row in rows if row["is_next"]]
    assert np.mean([row["within_90"] for row in following]) == pytest.approx(0.90, abs=0.05)
    assert np.mean([row["within_50"] for row in following]) == pytest.approx(0.50, abs=0.08)
    error = {name: np.mean([abs(row[name] - row["truth_mm"]) for row in rows]) for name in ("growth", "last_value")}
    assert error["growth"] < 0.8 * error["last_value"]


def test_the_rates_intervals_hold_the_truth_nine_times_in_ten(prior: PopulationPrior) -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(100):
        course, _, growth = simulated_course(rng, 6)
        rate = forecast(course.days, course.sums_mm, [course.days[-1] + 60], prior).specific_growth_rate
        held.append(rate.lower_90_per_day <= growth <= rate.upper_90_per_day)
    assert 0.8 <= np.mean(held) <= 0.98


def test_more_scans_narrow_the_band_of_the_same_day(prior: PopulationPrior) -> None:
    widths = np.zeros((40, 3))
    for row, course in enumerate(simulated_courses(seed=4, patients=40)):
        for column, past in enumerate((1, 3, 6)):
            found = forecast(course.days[:past], course.sums_mm[:past], [course.days[6]], prior)
            widths[row, column] = np.log((found.upper_90_mm[0] + 5) / (found.lower_90_mm[0] + 5))
    assert np.all(np.diff(np.median(widths, axis=0)) < 0)


def test_the_simpler_law_is_kept_where_it_is_the_truth() -> None:
    choice = choose_form(simulated_courses(seed=5, patients=60), seed=0)
    assert choice.form is Form.GROWTH_KILL


def test_the_same_patients_give_the_same_prior_to_the_bit() -> None:
    courses = simulated_courses(seed=6, patients=30)
    assert fit_prior(courses, Form.GROWTH_KILL) == fit_prior(courses, Form.GROWTH_KILL)


def test_a_patient_with_one_scan_changes_nothing_of_the_fit() -> None:
    courses = simulated_courses(seed=7, patients=30)
    alone = simulated_course(np.random.default_rng(8), 1)[0]
    with_one = fit_population([*courses, alone], Form.GROWTH_KILL)
    assert np.array_equal(with_one.mean, fit_population(courses, Form.GROWTH_KILL).mean)


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(InvalidInput):
        fit_prior(simulated_courses(seed=9, patients=19), Form.GROWTH_KILL)


def test_folds_are_balanced_and_the_same_by_seed() -> None:
    folds = balanced_folds(103, 5, 1)
    assert sorted(np.bincount(folds).tolist()) == [20, 20, 21, 21, 21]
    assert np.array_equal(folds, balanced_folds(103, 5, 1))
    assert not np.array_equal(folds, balanced_folds(103, 5, 2))
