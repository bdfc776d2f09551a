"""Non-targets, new lesions and the overall response: RECIST 1.1, tables 1 and 2, row by row."""

from __future__ import annotations

import pytest

from support.recist_courses import (
    ABSENT,
    BONE,
    EFFUSION,
    EQUIVOCAL,
    LIVER,
    NEW,
    NODE,
    NOT_EVALUABLE,
    PRESENT,
    WORSE,
    Found,
    answers,
    visit,
)
from tumorcast_core.recist import Lesion, Reason, Response, Role, assess, overall_response

R = Response
TABLE_1 = [
    (R.CR, R.CR, False, R.CR),
    (R.CR, R.NON_CR_NON_PD, False, R.PR),
    (R.CR, R.NE, False, R.PR),
    (R.PR, R.NON_CR_NON_PD, False, R.PR),
    (R.PR, R.CR, False, R.PR),
    (R.PR, R.NE, False, R.PR),
    (R.SD, R.NON_CR_NON_PD, False, R.SD),
    (R.SD, R.CR, False, R.SD),
    (R.SD, R.NE, False, R.SD),
    (R.NE, R.NON_CR_NON_PD, False, R.NE),
    (R.NE, R.CR, False, R.NE),
    (R.CR, None, False, R.CR),
    (R.PR, None, False, R.PR),
    (R.NE, None, False, R.NE),
    *[
        (R.PD, other, new, R.PD)
        for other in (None, *R)
        if other is not R.PR and other is not R.SD
        for new in (False, True)
    ],
    *[(target, R.PD, False, R.PD) for target in (R.CR, R.PR, R.SD, R.NE)],
    *[(target, R.CR, True, R.PD) for target in (R.CR, R.PR, R.SD, R.NE)],
]
TABLE_2 = [
    (None, R.CR, False, R.CR),
    (None, R.NON_CR_NON_PD, False, R.NON_CR_NON_PD),
    (None, R.NE, False, R.NE),
    (None, R.PD, False, R.PD),
    (None, R.CR, True, R.PD),
    (None, R.NON_CR_NON_PD, True, R.PD),
]


@pytest.mark.parametrize(("target", "non_target", "new", "expected"), [*TABLE_1, *TABLE_2])
def test_overall_response_follows_the_published_tables(
    target: Response | None, non_target: Response | None, new: bool, expected: Response
) -> None:
    assert overall_response(target, non_target, new) is expected


@pytest.mark.parametrize(
    ("effusion", "bone", "expected"),
    [
        (ABSENT, ABSENT, "CR"),
        (ABSENT, PRESENT, "NON-CR/NON-PD"),
        (PRESENT, PRESENT, "NON-CR/NON-PD"),
        (WORSE, ABSENT, "PD"),
        (WORSE, NOT_EVALUABLE, "PD"),
        (ABSENT, NOT_EVALUABLE, "NE"),
        (PRESENT, NOT_EVALUABLE, "NE"),
    ],
)
def test_disease_of_non_targets_alone(effusion: Found, bone: Found, expected: str) -> None:
    visits = [visit(0, {EFFUSION: PRESENT, BONE: PRESENT}), visit(42, {EFFUSION: effusion, BONE: bone})]
    found = assess(visits)[0]
    assert found.target is None
    assert found.sum_mm is None
    assert found.non_target == found.overall == expected


def test_a_non_target_left_out_was_not_evaluated() -> None:
    found = assess([visit(0, {LIVER: 30.0, BONE: PRESENT}), visit(42, {LIVER: 0.0})])[0]
    assert (found.non_target, found.overall) == ("NE", "PR")
    assert Reason.NON_TARGET_NOT_EVALUATED in found.reasons


@pytest.mark.parametrize(("short_axis_mm", "expected"), [(9.9, "CR"), (10.0, "NON-CR/NON-PD")])
def test_a_non_target_node_is_normal_below_ten_millimeters(short_axis_mm: float, expected: str) -> None:
    node = Lesion("N3", Role.NON_TARGET, "lymph node", is_node=True)
    assert assess([visit(0, {node: 12.0}), visit(42, {node: short_axis_mm})])[0].non_target == expected


def test_elevated_markers_rule_out_a_complete_response() -> None:
    visits = [visit(0, {LIVER: 30.0}), visit(42, {LIVER: 0.0}, markers_elevated=True)]
    found = assess(visits)[0]
    assert found.overall is Response.PR
    assert Reason.MARKERS_ELEVATED in found.reasons


def test_an_equivocal_new_lesion_is_no_progression_and_dates_it_when_it_proves_true() -> None:
    states: list[Found] = [EQUIVOCAL, NOT_EVALUABLE, PRESENT]
    visits = [visit(0, {LIVER: 30.0}), *(visit(42 * i, {LIVER: 30.0, NEW: s}) for i, s in enumerate(states, 1))]
    found = assess(visits)
    assert answers(found) == ["SD", "SD", "PD"]
    assert Reason.EQUIVOCAL_NEW_LESION in found[0].reasons
    assert found[2].progression_day == 42
    assert Reason.DATED_BY_EQUIVOCAL_LESION in found[2].reasons


def test_an_equivocal_lesion_that_was_refuted_dates_nothing() -> None:
    states: list[Found] = [EQUIVOCAL, ABSENT, PRESENT]
    visits = [visit(0, {LIVER: 30.0}), *(visit(42 * i, {LIVER: 30.0, NEW: s}) for i, s in enumerate(states, 1))]
    assert assess(visits)[2].progression_day == 126


def test_a_new_lesion_stands_until_it_is_seen_to_be_gone() -> None:
    visits = [
        visit(0, {LIVER: 30.0}),
        visit(42, {LIVER: 30.0, NEW: PRESENT}),
        visit(84, {LIVER: 30.0}),
        visit(126, {LIVER: 30.0, NEW: ABSENT}),
    ]
    found = assess(visits)
    assert answers(found) == ["PD", "PD", "SD"]
    assert Reason.NEW_LESION_NOT_RE_EVALUATED in found[1].reasons


def test_a_target_that_reappears_after_an_overall_complete_response_is_progression_even_below_five_millimeters() -> (
    None
):
    visits = [visit(day, {LIVER: mm}) for day, mm in ((0, 30.0), (42, 0.0), (84, 4.0))]
    found = assess(visits)[1]
    assert (found.target, found.overall) == ("PR", "PD")
    assert Reason.TARGET_AFTER_CR in found.reasons


def test_a_target_that_reappears_without_a_complete_response_before_counts_by_the_sum() -> None:
    found = assess([visit(day, {LIVER: mm, NODE: 30.0}) for day, mm in ((0, 30.0), (42, 0.0), (84, 4.0))])
    assert answers(found) == ["PR", "PR"]


def test_a_non_target_that_reappears_after_a_complete_response_is_progression() -> None:
    states: list[Found] = [PRESENT, ABSENT, PRESENT]
    found = assess([visit(42 * i, {BONE: state}) for i, state in enumerate(states)])
    assert answers(found) == ["CR", "PD"]
    assert Reason.NON_TARGET_AFTER_CR in found[1].reasons


def test_a_target_missing_after_a_complete_response_proves_nothing() -> None:
    found = assess([visit(0, {LIVER: 30.0}), visit(42, {LIVER: 0.0}), visit(84, {})])
    assert answers(found) == ["CR", "NE"]


def test_a_progression_that_goes_on_is_dated_by_its_own_visit() -> None:
    found = assess([visit(0, {LIVER: 30.0}), *(visit(day, {LIVER: 30.0, NEW: PRESENT}) for day in (42, 84))])
    assert [v.progression_day for v in found] == [42, 84]
