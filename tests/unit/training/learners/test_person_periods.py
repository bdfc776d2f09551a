"""Times in intervals: laws of events and time at risk, and where a visit reveals the event."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tumorcast_core.prognosis import EndpointKind
from tumorcast_training.cohorts import SurvivalOutcome
from tumorcast_training.learners import Target
from tumorcast_training.learners.ridge import PersonPeriods, fit_hazards

Array = NDArray[np.float64]
EDGES = np.array([30.0, 60, 120, 365])
WIDTHS = np.diff(EDGES, prepend=0.0)


def one(days: float, free: float | None = None, *, happened: bool = True) -> PersonPeriods:
    """A single patient."""
    day = np.array([days])
    return PersonPeriods.of(day, day if free is None else np.array([free]), np.array([happened]), EDGES)


@given(st.floats(0, 800), st.booleans())
def test_exposure_times_width_is_the_time_at_risk(days: float, happened: bool) -> None:
    found = one(days, happened=happened)
    assert (found.exposure[0] * WIDTHS).sum() == pytest.approx(min(days, 365))
    assert found.event.sum() == (happened and days <= 365)


@given(st.integers(0, 365), st.integers(0, 365), st.floats(-3, 3))
def test_shares_of_an_event_seen_at_a_visit_add_up_to_one_before_and_after_reallocation(
    first: int, second: int, linear: float
) -> None:
    free, days = sorted((first, second))
    found = one(float(days), float(free))
    for periods in (found, found.reallocated(np.array([linear]), np.log([0.2, 0.3, 0.9, 1.5]))):
        assert periods.event.sum() == pytest.approx(1)
        assert (periods.event >= 0).all()
        at_risk = float((periods.exposure[0] * WIDTHS).sum())
        assert free - 1e-9 <= at_risk <= days + 1e-9


@pytest.mark.parametrize(
    ("days", "interval"), [(0.0, 0), (1.0, 0), (30.0, 0), (30.001, 1), (60.0, 1), (365.0, 3), (366.0, None)]
)
def test_an_interval_is_open_below_and_closed_above(days: float, interval: int | None) -> None:
    expected = np.zeros(4)
    if interval is not None:
        expected[interval] = 1
    assert one(days).event[0].tolist() == expected.tolist()


def test_an_event_seen_at_a_visit_is_spread_evenly_over_its_window_at_first() -> None:
    """Free on day 45, seen on day 90: 15 days of the second interval and 30 of the third.

    The chance to be still at risk falls from 1 to 2/3 over the first part (5/6 on average), to 0 over the second (1/3).
    """
    found = one(90.0, 45.0)
    assert found.event[0] == pytest.approx([0, 1 / 3, 2 / 3, 0])
    assert found.window[0] == pytest.approx([0, 0.5, 0.5, 0])
    assert found.exposure[0] == pytest.approx([1, 0.5 + 0.5 * 5 / 6, 0.5 / 3, 0])


def test_reallocation_follows_the_hazard_exactly() -> None:
    """Free on 0, seen on 60, hazards .1 and .6 at twice the risk: shares 1 - exp(-.2) and exp(-.2) (1 - exp(-1.2))."""
    found = one(60.0, 0.0).reallocated(np.log([2.0]), np.log([0.1, 0.7, 0.8, 0.9]))
    masses = np.array([1 - np.exp(-0.2), np.exp(-0.2) * (1 - np.exp(-1.2))])
    assert found.event[0, :2] == pytest.approx(masses / masses.sum())
    again = found.reallocated(np.log([2.0]), np.log([0.1, 0.7, 0.8, 0.9]))
    assert again.event == pytest.approx(found.event)
    assert again.exposure == pytest.approx(found.exposure)


def test_reallocation_within_a_part_of_an_interval_counts_from_the_windows_begin() -> None:
    """Free on 45, seen on 90, hazards .6 (second) and .4 (third): exp(-.3 before) cancels, then .3 and .2 of hazard."""
    found = one(90.0, 45.0).reallocated(np.zeros(1), np.log([0.1, 0.7, 1.1, 1.2]))
    masses = np.array([1 - np.exp(-0.3), np.exp(-0.3) * (1 - np.exp(-0.2))])
    assert found.event[0, 1:3] == pytest.approx(masses / masses.sum())


@given(st.floats(1, 364), st.booleans())
def test_reallocation_leaves_exact_days_as_they_are(days: float, happened: bool) -> None:
    before = one(days, happened=happened)
    after = before.reallocated(np.array([0.7]), np.log([0.2, 0.3, 0.9, 1.5]))
    assert after.event.tolist() == before.event.tolist()
    assert after.exposure == pytest.approx(before.exposure)


def test_interval_censored_em_recovers_the_hazard_better_than_the_day_of_the_visit() -> None:
    """Exponential times with a mean of 200 days, seen at visits every 120: the visit's day comes 60 days late."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((3000, 1))
    days = rng.exponential(200 * np.exp(-0.7 * x[:, 0]))
    visit = np.ceil(days / 120) * 120
    edges = np.arange(40.0, 401, 40)
    happened, weight = np.ones(3000, dtype=bool), np.ones(3000)
    late = fit_hazards(x, PersonPeriods.of(visit, visit, happened, edges), 1.0, weight)
    periods = PersonPeriods.of(visit, visit - 120, happened, edges)
    found = fit_hazards(x, periods, 1.0, weight)
    for _ in range(15):
        periods = periods.reallocated(x @ found.coefficients, found.offsets)
        found = fit_hazards(x, periods, 1.0, weight, found.coefficients)
    truth = edges / 200
    wrong_late, wrong_em = (np.abs(np.exp(f.offsets) - truth).mean() for f in (late, found))
    assert wrong_em < 0.35 * wrong_late
    assert np.exp(found.offsets[2::3]) == pytest.approx(truth[2::3], rel=0.08)
    assert found.coefficients[0] == pytest.approx(0.7, abs=0.07)


def test_competing_causes_share_the_time_at_risk_but_not_the_events() -> None:
    outcome = SurvivalOutcome(np.array([50.0, 50, 50]), np.array([1, 2, 0]), np.array([20.0, 50, 50]))
    target = Target.of(EndpointKind.COMPETING_RISKS, outcome, ("progression", "death"), EDGES)
    progression, death = target.periods
    assert progression.event.sum(axis=1) == pytest.approx([1, 0, 0])
    assert death.event.sum(axis=1) == pytest.approx([0, 1, 0])
    assert progression.window.any(axis=1).tolist() == [True, False, False]
    assert not death.window.any()
    assert (target.causes, target.points) == (2, 4)


def test_the_deviance_of_a_target_is_least_at_the_truth() -> None:
    rng = np.random.default_rng(4)
    days = rng.exponential(150, 2000)
    outcome = SurvivalOutcome.exact(np.minimum(days, 365), (days <= 365).astype(np.int64))
    target = Target.of(EndpointKind.TIME_TO_EVENT, outcome, ("event",), EDGES)
    truth = np.tile(np.log(EDGES / 150), (2000, 1, 1))
    deviances = [target.deviance(truth + shift, np.ones(2000)) for shift in (-0.3, 0.0, 0.3)]
    assert deviances[1] == min(deviances)
