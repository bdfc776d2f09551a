"""Target lesions by RECIST 1.1, section 4.3: hand-computed sums around every cut-off."""

from __future__ import annotations

import pytest

from support.recist_courses import ABSENT, LIVER, LUNG, MERGED, NODE, NOT_EVALUABLE, TOO_SMALL, Found, sizes, visit
from tumorcast_core.recist import Lesion, Measurement, Reason, Response, Rules, assess


@pytest.mark.parametrize(
    ("baseline", "follow_up", "expected"),
    [
        (50.0, 35.0, "PR"),  # exactly −30 %
        (90.0, 63.0, "PR"),  # exactly −30 %, and 0.7 × 90 < 63 in floating point
        (50.0, 35.1, "SD"),
        (50.0, 60.0, "PD"),  # exactly +20 %, +10 mm
        (50.0, 59.9, "SD"),
        (20.0, 24.9, "SD"),  # +24.5 %, but 4.9 mm
        (20.0, 25.0, "PD"),  # 5 mm
        (50.0, 0.0, "CR"),
        (50.0, TOO_SMALL, "PR"),  # 5 mm is no CR
        (50.0, NOT_EVALUABLE, "NE"),
    ],
)
def test_one_target_against_its_baseline(baseline: float, follow_up: Found, expected: str) -> None:
    found = assess([visit(0, {LIVER: baseline}), visit(42, {LIVER: follow_up})])[0]
    assert found.target == found.overall == expected


def test_progression_is_measured_from_the_smallest_sum_so_far_and_partial_response_from_the_baseline() -> None:
    found = assess(sizes(100.0, 60.0, 69.0, 72.0, 71.0))
    assert [v.overall for v in found] == ["PR", "PR", "PD", "SD"]
    assert [v.nadir_mm for v in found] == [100.0, 60.0, 60.0, 60.0]
    assert [v.change_from_nadir_mm for v in found] == [-40.0, 9.0, 12.0, 11.0]
    assert [v.change_from_nadir_percent for v in found] == pytest.approx([-40.0, 15.0, 20.0, 100 * 11 / 60])
    assert [v.change_from_baseline_percent for v in found] == pytest.approx([-40.0, -31.0, -28.0, -29.0])
    assert [v.baseline_mm for v in found] == [100.0] * 4


def test_a_small_relative_growth_says_why_it_is_no_progression() -> None:
    assert Reason.GREW_LESS_THAN_5_MM in assess(sizes(20.0, 24.5))[0].reasons


def test_progression_from_a_nadir_of_zero_needs_five_millimeters_and_has_no_percentage() -> None:
    found = assess(sizes(30.0, 0.0, 5.0))[1]
    assert found.nadir_mm == 0.0
    assert found.change_from_nadir_percent is None
    assert found.target is Response.PD


def test_nodes_count_by_short_axis_and_complete_response_leaves_a_sum_above_zero() -> None:
    found = assess([visit(0, {LIVER: 30.0, NODE: 20.0}), visit(42, {LIVER: ABSENT, NODE: 9.9})])[0]
    assert (found.overall, found.sum_mm) == ("CR", 9.9)
    assert Reason.NORMAL_NODES_REMAIN in found.reasons
    assert assess([visit(0, {LIVER: 30.0, NODE: 20.0}), visit(42, {LIVER: ABSENT, NODE: 10.0})])[0].overall == "PR"


def test_normal_nodes_stay_a_complete_response_although_their_sum_doubles() -> None:
    visits = [visit(day, {NODE: mm}) for day, mm in ((0, 18.0), (42, 4.0), (84, 9.5))]
    assert [v.target for v in assess(visits)] == ["CR", "CR"]


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (89.0, "NE"),  # + 0 % of 90
        (108.0, "PD"),  # 20 % over the nadir of 90 by the liver alone
        (107.9, "NE"),
        (0.0, "NE"),
    ],
)
def test_a_missing_target_is_not_evaluable_unless_the_measured_ones_prove_progression(
    measured: float, expected: str
) -> None:
    found = assess([visit(0, {LIVER: 60.0, LUNG: 30.0}), visit(42, {LIVER: measured})])[0]
    assert found.target == expected
    assert found.sum_mm is None
    assert found.change_from_baseline_mm is None
    assert found.measured_sum_mm == measured
    assert Reason.TARGET_NOT_EVALUATED in found.reasons
    assert (Reason.PROVEN_BY_MEASURED_TARGETS in found.reasons) == (expected == "PD")


def test_an_incomplete_sum_is_no_nadir() -> None:
    visits = [visit(0, {LIVER: 60.0, LUNG: 30.0}), visit(42, {LIVER: 10.0}), visit(84, {LIVER: 60.0, LUNG: 30.0})]
    assert assess(visits)[1].nadir_mm == 90.0


def test_a_target_too_small_to_measure_counts_five_millimeters_unless_it_was_measured() -> None:
    visits = [visit(0, {LIVER: 20.0}), visit(42, {LIVER: TOO_SMALL})]
    assert assess(visits)[0].sum_mm == 5.0
    assert Reason.TOO_SMALL_COUNTED_5_MM in assess(visits)[0].reasons
    measured = Measurement(LIVER, 3.0, TOO_SMALL)
    assert assess([visits[0], visit(42, {LIVER: measured})])[0].sum_mm == 3.0


def test_fragments_of_a_split_target_are_added() -> None:
    split = Measurement.split(LIVER, [20.0, 25.0])
    assert assess([visit(0, {LIVER: 30.0}), visit(42, {LIVER: split})])[0].sum_mm == 45.0


def test_a_merged_target_is_counted_in_its_host_and_is_no_complete_response_while_that_is_there() -> None:
    visits = [visit(0, {LIVER: 30.0, LUNG: 30.0}), visit(42, {LIVER: 40.0, LUNG: MERGED})]
    found = assess(visits)[0]
    assert (found.sum_mm, found.overall) == (40.0, "PR")


def test_other_cut_offs_are_the_protocols_to_state() -> None:
    six = [Lesion(f"T{i}", LIVER.role, f"organ {i}") for i in range(6)]
    visits = [visit(day, dict.fromkeys(six, 10.0)) for day in (0, 42)]
    assert assess(visits, Rules(max_targets=10))[0].sum_mm == 60.0
