"""Derived progression: what counts, between which visits it lies, and when death competes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_training.cohorts.base import SurvivalOutcome
from tumorcast_training.cohorts.hcc_progression import CENSORED, DEATH, PROGRESSION, Visits, grown, progression

NAN = float("nan")


def _visits(
    days: Sequence[float],
    diameters: Sequence[float],
    *,
    new: Sequence[float] | None = None,
    vascular: Sequence[float] | None = None,
    death_day: float = NAN,
) -> Visits:
    size, day = len(days), np.array(days, dtype=float)
    spread = np.zeros((size, 3))
    spread[:, 0] = vascular or [0.0] * size
    return Visits(day, np.array(diameters, dtype=float), np.array(new or [0.0] * size), spread, death_day - day)


def _at(outcome: SurvivalOutcome, row: int) -> tuple[float, int, float]:
    return float(outcome.days[row]), int(outcome.event[row]), float(outcome.event_free_days[row])


@pytest.mark.parametrize(
    ("diameter", "nadir", "expected"),
    [
        (24.0, 20.0, False), (25.0, 20.0, True), (24.9, 20.0, False), (30.0, 25.0, True), (119.0, 100.0, False),
        (120.0, 100.0, True), (5.0, 0.0, True), (4.0, 0.0, False), (NAN, 10.0, False), (50.0, NAN, False),
    ],
)  # fmt: skip
def test_growth_is_20_percent_and_5_mm_over_nadir(diameter: float, nadir: float, expected: bool) -> None:
    assert grown(diameter, nadir) is expected


def test_growth_is_seen_at_a_visit_and_lies_after_the_visit_before() -> None:
    assert _at(progression(_visits([0, 60, 130], [30, 28, 40])), 0) == (130, PROGRESSION, 60)


def test_the_nadir_is_taken_from_the_landmark_on() -> None:
    outcome = progression(_visits([0, 60, 120, 180], [20, 40, 40, 40]))
    assert _at(outcome, 0)[:2] == (60, PROGRESSION)
    assert _at(outcome, 1) == (120, CENSORED, 120)


def test_the_nadir_moves_with_shrinkage() -> None:
    assert _at(progression(_visits([0, 60, 120], [50, 20, 30])), 0) == (120, PROGRESSION, 60)


def test_a_new_lesion_at_the_landmark_itself_is_no_progression_from_it() -> None:
    outcome = progression(_visits([0, 60, 120], [20, 20, 20], new=[1, 0, 1]))
    assert _at(outcome, 0) == (120, PROGRESSION, 60)


def test_an_unknown_new_lesion_is_none() -> None:
    assert _at(progression(_visits([0, 60], [20, 20], new=[0, NAN])), 0)[1] == CENSORED


def test_spread_counts_only_where_the_landmark_had_none() -> None:
    outcome = progression(_visits([0, 60, 120], [20, 20, 20], vascular=[0, 1, 1]))
    assert _at(outcome, 0) == (60, PROGRESSION, 0)
    assert _at(outcome, 1) == (60, CENSORED, 60)


@pytest.mark.parametrize(
    ("death_day", "expected"),
    [(200.0, (200, DEATH, 200)), (243.0, (243, DEATH, 243)), (244.0, (60, CENSORED, 60)), (NAN, (60, CENSORED, 60))],
)
def test_a_death_competes_up_to_183_days_after_the_last_visit(
    death_day: float, expected: tuple[float, int, float]
) -> None:
    assert _at(progression(_visits([0, 60], [20, 20], death_day=death_day)), 0) == expected


def test_without_a_later_visit_only_an_early_death_is_known() -> None:
    assert np.isnan(progression(_visits([0], [20])).days).all()
    assert np.isnan(progression(_visits([0], [20], death_day=300.0)).days).all()
    assert _at(progression(_visits([0], [20], death_day=100.0)), 0) == (100, DEATH, 100)


def test_progression_before_death_comes_first() -> None:
    assert _at(progression(_visits([0, 60], [20, 30], death_day=70.0)), 0)[1] == PROGRESSION


def test_deaths_can_be_left_out() -> None:
    outcome = progression(_visits([0, 60], [20, 20], death_day=70.0), None)
    assert _at(outcome, 0) == (60, CENSORED, 60)
    assert np.isnan(outcome.days[1])


@given(
    st.lists(
        st.tuples(st.integers(1, 120), st.sampled_from([0.0, 10.0, 30.0, 36.0, NAN]), st.sampled_from([0.0, 1.0, NAN])),
        min_size=1,
        max_size=8,
    ),
    st.floats(1, 400),
)
def test_an_event_lies_after_its_landmark_and_after_the_last_day_free_of_it(
    steps: list[tuple[int, float, float]], survival: float
) -> None:
    days = np.cumsum([gap for gap, _, _ in steps]).tolist()
    visits = _visits(days, [d for _, d, _ in steps], new=[n for _, _, n in steps], death_day=days[-1] + survival)
    outcome = progression(visits)
    known = outcome.known()
    assert (outcome.days[known] > 0).all()
    assert (outcome.event_free_days[known] <= outcome.days[known]).all()
    assert (outcome.event_free_days[outcome.event == PROGRESSION] < outcome.days[outcome.event == PROGRESSION]).all()
