"""iRECIST: Seymour et al. 2017, table 2, and the EORTC FAQ, by hand-made courses."""

from __future__ import annotations

import pytest

from support.recist_courses import (
    ABSENT,
    BONE,
    EFFUSION,
    EQUIVOCAL,
    LIVER,
    LUNG,
    NEW,
    NEW_2,
    NOT_EVALUABLE,
    PRESENT,
    WORSE,
    answers,
    grown,
    sizes,
    visit,
)
from tumorcast_core.recist import (
    Assessment,
    ImmuneProgression,
    ImmuneReason,
    Lesion,
    Role,
    best_immune_response,
    immune_progression,
    irecist,
)


def responses(visits: list[Assessment]) -> list[str]:
    return answers(irecist(visits), "response")


@pytest.mark.parametrize(
    ("diameters_mm", "expected"),
    [
        ((50.0, 60.0, 65.0), ["iUPD", "iCPD"]),
        ((50.0, 60.0, 64.9), ["iUPD", "iUPD"]),
        ((50.0, 60.0, 63.0, 65.0), ["iUPD", "iUPD", "iCPD"]),  # increases add up
        ((50.0, 60.0, 55.0), ["iUPD", "iSD"]),  # +10 % over nadir: the bar is reset
        ((50.0, 60.0, 35.0), ["iUPD", "iPR"]),
        ((50.0, 60.0, 0.0), ["iUPD", "iCR"]),
        ((50.0, 60.0, NOT_EVALUABLE, 65.0), ["iUPD", "NE", "iCPD"]),
        ((50.0, 60.0, 30.0, 36.0, 41.0), ["iUPD", "iPR", "iUPD", "iCPD"]),  # from the new nadir
        ((50.0, 60.0, 65.0, 30.0), ["iUPD", "iCPD", "iCPD"]),
        ((50.0, 35.0, 34.0), ["iPR", "iPR"]),
    ],
)
def test_targets_alone(diameters_mm: tuple[float, ...], expected: list[str]) -> None:
    assert responses(sizes(*diameters_mm)) == expected


@pytest.mark.parametrize(
    ("days", "expected", "reason"),
    [
        (27, "iUPD", ImmuneReason.TOO_EARLY_TO_CONFIRM),
        (28, "iCPD", ImmuneReason.TARGETS_GREW_FURTHER),
        (56, "iCPD", ImmuneReason.TARGETS_GREW_FURTHER),
        (57, "iCPD", ImmuneReason.CONFIRMED_LATE),
    ],
)
def test_confirmation_comes_four_to_eight_weeks_after(days: int, expected: str, reason: ImmuneReason) -> None:
    visits = [visit(0, {LIVER: 50.0}), visit(42, {LIVER: 60.0}), visit(42 + days, {LIVER: 65.0})]
    found = irecist(visits)[1]
    assert found.response == expected
    assert reason in found.reasons
    assert (ImmuneReason.CONFIRMED_LATE in found.reasons) == (days > 56)


def test_growth_that_was_too_early_still_confirms_later() -> None:
    days = (0, 42, 63, 84)
    visits = [visit(day, {LIVER: mm}) for day, mm in zip(days, (50.0, 60.0, 65.0, 65.0), strict=True)]
    assert responses(visits) == ["iUPD", "iUPD", "iCPD"]


def test_any_growth_of_a_non_target_confirms_and_none_does_not() -> None:
    first = [visit(0, {LIVER: 50.0, BONE: PRESENT}), visit(42, {LIVER: 30.0, BONE: WORSE})]
    assert responses([*first, visit(84, {LIVER: 30.0, BONE: WORSE})]) == ["iUPD", "iUPD"]
    assert responses([*first, visit(84, {LIVER: 30.0, BONE: grown(BONE, WORSE)})]) == ["iUPD", "iCPD"]
    assert responses([*first, visit(84, {LIVER: 30.0, BONE: PRESENT})]) == ["iUPD", "iPR"]


def test_another_non_target_that_gets_worse_confirms() -> None:
    visits = [
        visit(0, {BONE: PRESENT, EFFUSION: PRESENT}),
        visit(42, {BONE: WORSE, EFFUSION: PRESENT}),
        visit(84, {BONE: WORSE, EFFUSION: WORSE}),
    ]
    assert responses(visits) == ["iUPD", "iCPD"]


@pytest.mark.parametrize(
    ("at_confirmation", "expected", "reason"),
    [
        ({NEW: 17.0}, "iCPD", ImmuneReason.NEW_LESIONS_GREW),
        ({NEW: 16.9}, "iUPD", ImmuneReason.NO_FURTHER_GROWTH),
        ({NEW: 12.0, NEW_2: 4.0}, "iCPD", ImmuneReason.MORE_NEW_LESIONS),
        ({NEW: 12.0}, "iUPD", ImmuneReason.NO_FURTHER_GROWTH),
        ({NEW: 12.0, NEW_2: EQUIVOCAL}, "iUPD", ImmuneReason.NO_FURTHER_GROWTH),
        ({NEW: NOT_EVALUABLE}, "iUPD", ImmuneReason.NO_FURTHER_GROWTH),
        ({NEW: ABSENT}, "iSD", ImmuneReason.RESET),
    ],
)
def test_a_measurable_new_lesion(at_confirmation: dict, expected: str, reason: ImmuneReason) -> None:
    visits = [
        visit(0, {LIVER: 50.0}),
        visit(42, {LIVER: 50.0, NEW: 12.0}),
        visit(84, {LIVER: 50.0, **at_confirmation}),
    ]
    found = irecist(visits)[1]
    assert found.response == expected
    assert reason in found.reasons


def test_a_new_lesion_that_is_not_measurable_confirms_by_any_growth() -> None:
    first = [visit(0, {LIVER: 50.0}), visit(42, {LIVER: 50.0, NEW: PRESENT})]
    assert responses([*first, visit(84, {LIVER: 50.0, NEW: PRESENT})]) == ["iUPD", "iUPD"]
    assert responses([*first, visit(84, {LIVER: 50.0, NEW: grown(NEW)})]) == ["iUPD", "iCPD"]
    small = [first[0], visit(42, {LIVER: 50.0, NEW: 6.0})]
    assert responses([*small, visit(84, {LIVER: 50.0, NEW: 7.0})]) == ["iUPD", "iCPD"]


def test_progression_in_another_category_confirms() -> None:
    visits = [visit(0, {LIVER: 50.0}), visit(42, {LIVER: 60.0}), visit(84, {LIVER: 60.0, NEW: PRESENT})]
    found = irecist(visits)[1]
    assert found.response == "iCPD"
    assert found.reasons == (ImmuneReason.PROGRESSED_ELSEWHERE,)


def test_new_lesions_are_summed_apart_at_most_two_an_organ_and_only_where_measurable() -> None:
    brain = {Lesion(f"X{i}", Role.NEW, "brain"): mm for i, mm in enumerate((11.0, 30.0, 20.0))}
    node = {Lesion("X8", Role.NEW, "groin", is_node=True): 14.0, Lesion("X9", Role.NEW, "skin"): 9.0}
    found = irecist([visit(0, {LIVER: 50.0}), visit(42, {LIVER: 40.0, **brain, **node})])[0]
    assert found.new_lesion_count == 5
    assert found.new_lesion_sum_mm == 50.0
    assert found.recist.sum_mm == 40.0


def test_a_new_lesion_target_that_was_not_measured_leaves_no_sum() -> None:
    visits = [visit(0, {LIVER: 50.0}), visit(42, {LIVER: 50.0, NEW: 20.0}), visit(84, {LIVER: 50.0})]
    assert [v.new_lesion_sum_mm for v in irecist(visits)] == [20.0, None]
    assert [v.new_lesion_count for v in irecist(visits)] == [1, 1]


@pytest.mark.parametrize(
    ("diameters_mm", "best", "progression"),
    [
        ((50.0, 60.0, 65.0), "iCPD", ImmuneProgression(42, is_confirmed=True)),
        ((50.0, 60.0), "iUPD", ImmuneProgression(42, is_confirmed=False)),
        ((50.0, 60.0, 55.0), "iSD", None),
        ((50.0, 60.0, 35.0, 45.0, 50.0), "iPR", ImmuneProgression(126, is_confirmed=True)),
        ((50.0, 60.0, 0.0), "iCR", None),
        ((50.0, 60.0, NOT_EVALUABLE), "iUPD", ImmuneProgression(42, is_confirmed=False)),
        ((50.0, NOT_EVALUABLE), "NE", None),
    ],
)
def test_best_response_and_day_of_progression(
    diameters_mm: tuple[float, ...], best: str, progression: ImmuneProgression | None
) -> None:
    found = irecist(sizes(*diameters_mm))
    assert best_immune_response(found) == best
    assert immune_progression(found) == progression


def test_without_a_follow_up_visit_nothing_is_known() -> None:
    assert irecist(sizes(50.0)) == []
    assert immune_progression([]) is None
    assert best_immune_response([]) == "NE"


def test_growth_seen_before_a_reset_does_not_confirm_the_next_progression() -> None:
    found = (PRESENT, WORSE, grown(BONE, WORSE), PRESENT, WORSE, WORSE)
    visits = [visit(day, {BONE: each}) for day, each in zip((0, 42, 63, 105, 147, 189), found, strict=True)]
    assert responses(visits) == ["iUPD", "iUPD", "NON-iCR/NON-iUPD", "iUPD", "iUPD"]


def test_a_lesion_that_grew_and_is_gone_confirms_nothing() -> None:
    visits = [
        visit(0, {BONE: PRESENT, EFFUSION: PRESENT}),
        visit(42, {BONE: WORSE, EFFUSION: PRESENT}),
        visit(63, {BONE: WORSE, EFFUSION: grown(EFFUSION)}),
        visit(84, {BONE: WORSE, EFFUSION: ABSENT}),
    ]
    assert responses(visits) == ["iUPD", "iUPD", "iUPD"]


def test_a_target_that_was_not_evaluated_at_the_progression_does_not_count_as_growth_when_it_is() -> None:
    visits = [visit(0, {LIVER: 40.0, LUNG: 10.0}), visit(42, {LIVER: 60.0}), visit(84, {LIVER: 60.0, LUNG: 10.0})]
    assert responses(visits) == ["iUPD", "iUPD"]


def test_a_new_lesion_target_that_is_gone_counts_zero() -> None:
    visits = [
        visit(0, {LIVER: 50.0}),
        visit(42, {LIVER: 50.0, NEW: 20.0, NEW_2: 12.0}),
        visit(84, {LIVER: 50.0, NEW: ABSENT, NEW_2: 12.0}),
    ]
    assert [v.new_lesion_sum_mm for v in irecist(visits)] == [32.0, 12.0]
    assert [v.new_lesion_count for v in irecist(visits)] == [2, 1]
