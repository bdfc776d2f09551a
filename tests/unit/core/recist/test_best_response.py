"""Best overall response (RECIST 1.1, table 3) and the times of progression and response."""

from __future__ import annotations

import pytest

from support.recist_courses import ABSENT, BONE, EQUIVOCAL, LIVER, NEW, PRESENT, Found, visit
from tumorcast_core.recist import (
    BestResponse,
    Lesion,
    Response,
    TimeToEvent,
    VisitResponse,
    assess,
    best_overall_response,
    duration_of_response,
    progression_day,
    progression_free_survival,
    time_to_progression,
)

# One liver target of 100 mm at baseline: 70 mm is PR, 75 mm SD, also after PR (7 % over the nadir).
_FOUND: dict[str, dict[Lesion, Found]] = {
    "CR": {LIVER: 0.0, NEW: ABSENT},
    "PR": {LIVER: 70.0, NEW: ABSENT},
    "SD": {LIVER: 75.0, NEW: ABSENT},
    "PD": {LIVER: 70.0, NEW: PRESENT},
    "NE": {NEW: ABSENT},
}


def course(said: str, every_days: int = 42) -> list[VisitResponse]:
    """A course with these overall responses."""
    follow_up = [visit(index * every_days, _FOUND[word]) for index, word in enumerate(said.split(), start=1)]
    responses = assess([visit(0, {LIVER: 100.0}), *follow_up])
    assert [v.overall for v in responses] == said.split()
    return responses


@pytest.mark.parametrize(
    ("said", "unconfirmed", "confirmed"),
    [
        ("CR CR", "CR", "CR"),
        ("CR PD", "CR", "SD"),
        ("CR NE", "CR", "SD"),
        ("CR NE CR", "CR", "CR"),
        ("CR NE NE CR", "CR", "SD"),
        ("PR CR", "CR", "PR"),
        ("PR PR", "PR", "PR"),
        ("PR SD", "PR", "SD"),
        ("PR SD PR", "PR", "SD"),
        ("PR PD", "PR", "SD"),
        ("PR NE", "PR", "SD"),
        ("PR NE PR", "PR", "PR"),
        ("SD PR PR", "PR", "PR"),
        ("SD PD PR", "SD", "SD"),
        ("PD PR PR", "PD", "PD"),
        ("NE NE", "NE", "NE"),
        ("NE PD", "PD", "PD"),
    ],
)
def test_best_response_with_and_without_confirmation(said: str, unconfirmed: str, confirmed: str) -> None:
    responses = course(said)
    assert best_overall_response(responses).response == unconfirmed
    assert best_overall_response(responses, confirmed=True).response == confirmed


@pytest.mark.parametrize(
    ("said", "unconfirmed", "confirmed"),
    [
        ("SD", "NE", "NE"),  # lost to follow-up before 6 weeks
        ("SD PD", "PD", "PD"),
        ("SD SD", "SD", "SD"),  # the second one is at 6 weeks
        ("CR PD", "CR", "PD"),  # table 3: SD only if it lasted long enough
        ("PR PD", "PR", "PD"),
        ("PR NE", "PR", "NE"),
        ("PR PR", "PR", "SD"),  # 21 days later confirms nothing
        ("PR PR PR", "PR", "PR"),
    ],
)
def test_before_six_weeks_stable_disease_does_not_count_and_three_weeks_confirm_nothing(
    said: str, unconfirmed: str, confirmed: str
) -> None:
    responses = course(said, every_days=21)
    assert best_overall_response(responses).response == unconfirmed
    assert best_overall_response(responses, confirmed=True).response == confirmed


def test_the_day_of_the_best_response_is_its_first_visit_and_of_its_confirmation_the_later_one() -> None:
    assert best_overall_response(course("SD PR NE PR"), confirmed=True) == BestResponse(Response.PR, 84, 168)


def test_four_weeks_confirm() -> None:
    assert best_overall_response(course("PR PR", every_days=28), confirmed=True) == BestResponse(Response.PR, 28, 56)


def test_the_start_of_treatment_can_be_another_day_than_the_baseline() -> None:
    assert best_overall_response(course("SD"), start_day=1).response is Response.NE
    assert time_to_progression(course("SD PD"), start_day=14) == TimeToEvent(70, event=True, event_free_days=28)


def test_disease_of_non_targets_alone_is_best_non_cr_non_pd() -> None:
    responses = assess([visit(day, {BONE: PRESENT}) for day in (0, 42)])
    assert best_overall_response(responses) == BestResponse(Response.NON_CR_NON_PD, 42)


def test_progression_lies_between_the_last_evaluable_visit_and_the_visit_that_shows_it() -> None:
    assert time_to_progression(course("PR NE PD SD")) == TimeToEvent(126, event=True, event_free_days=42)
    assert progression_day(course("PR NE PD SD")) == 126


def test_without_progression_the_time_is_censored_at_the_last_evaluable_visit() -> None:
    assert time_to_progression(course("PR SD NE")) == TimeToEvent(84, event=False, event_free_days=84)
    assert time_to_progression(course("NE")) == TimeToEvent(0, event=False, event_free_days=0)
    assert time_to_progression([]) is None


def test_a_progression_dated_back_by_an_equivocal_lesion_ends_the_course_there() -> None:
    responses = assess(
        [visit(0, {LIVER: 100.0}), visit(42, {LIVER: 60.0, NEW: EQUIVOCAL}), visit(84, {LIVER: 60.0, NEW: PRESENT})]
    )
    assert time_to_progression(responses) == TimeToEvent(42, event=True, event_free_days=0)
    assert best_overall_response(responses) == BestResponse(Response.PD, 42)


@pytest.mark.parametrize(
    ("said", "death_day", "expected"),
    [
        ("SD SD", 200, TimeToEvent(200, event=True, event_free_days=200)),
        ("SD PD", 200, TimeToEvent(84, event=True, event_free_days=42)),
        ("SD PD", 84, TimeToEvent(84, event=True, event_free_days=42)),
        ("SD SD", None, TimeToEvent(84, event=False, event_free_days=84)),
    ],
)
def test_progression_free_survival_ends_with_progression_or_death(
    said: str, death_day: int | None, expected: TimeToEvent
) -> None:
    assert progression_free_survival(course(said), death_day=death_day) == expected


def test_a_death_before_the_first_visit_needs_a_start() -> None:
    assert progression_free_survival([], death_day=30) is None
    assert progression_free_survival([], 0, 30) == TimeToEvent(30, event=True, event_free_days=30)


def test_duration_of_response_runs_from_the_first_response_to_progression() -> None:
    assert duration_of_response(course("SD PR CR PD")) == TimeToEvent(84, event=True, event_free_days=42)
    assert duration_of_response(course("PR PR"), confirmed=True) == TimeToEvent(42, event=False, event_free_days=42)
    assert duration_of_response(course("PR PD"), confirmed=True) is None
    assert duration_of_response(course("SD PD PR")) is None
