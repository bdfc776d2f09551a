"""Targets by RECIST 1.1 from measured lesions, organs from what a lesion was drawn with, changes in numbers."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_core.recist import Role
from tumorcast_core.snapshot import Coding
from tumorcast_imaging.dicom import Region
from tumorcast_imaging.model.change import study_sum
from tumorcast_imaging.model.change.doubts import CODES, doubt
from tumorcast_imaging.model.change.measures import LONGEST, VOLUME, changes
from tumorcast_imaging.model.change.organ import is_node, organ_of
from tumorcast_imaging.model.change.targets import roles
from tumorcast_imaging.model.lesions.lesion import Lesion
from tumorcast_imaging.model.lesions.size import Size

SCT = "http://snomed.info/sct"
NOWHERE = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def lesion(
    label: str,
    longest: float,
    short: float = 5.0,
    *,
    number: int = 1,
    modality: str = "CT",
    uid: str = "",
    series: str = "1",
) -> Lesion:
    region = Region(np.ones((1, 1, 1), bool), number, source_uid=f"seg {series}", label=label, tracking_uid=uid)
    size = Size(longest, short, longest**3 / 2000, longest, 0, NOWHERE, NOWHERE)
    return Lesion(region, f"series {series}", modality, "HU", "2026-01-02", "", size)


@pytest.mark.parametrize(
    ("label", "site", "organ", "node"),
    [
        ("Liver metastasis 3", None, "liver", False),
        ("GTV", Coding(SCT, "10200004", "Liver structure"), "liver", False),
        ("left lower lobe of lung", None, "lung", False),
        ("Lung nodule", None, "lung", False),
        ("target_lymph_node_2", None, "lymph node", True),
        ("Node 4R", None, "lymph node", True),
        ("adenopathy", Coding(SCT, "59441001"), "lymph node", True),
        ("Lung", Coding(SCT, "62683002", "Mediastinal lymph node structure"), "lymph node", True),
        ("nodular opacity", None, "", False),
        ("liver or kidney", None, "", False),
        ("GTV_Mass", None, "", False),
        ("", None, "", False),
    ],
)
def test_the_organ_is_what_the_region_says(label: str, site: Coding | None, organ: str, node: bool) -> None:
    region = Region(np.ones((1, 1, 1), bool), 1, label=label, site=site)
    assert (organ_of(region), is_node(region)) == (organ, node)


SIX = ("liver", "lung", "brain", "kidney", "spleen", "bone")
T, N = Role.TARGET, Role.NON_TARGET


@pytest.mark.parametrize(
    ("lesions", "slice_mm", "expected"),
    [
        ([("liver", 9.9, 5), ("liver", 10, 5)], 5.0, [N, T]),
        ([("liver", 15.9, 5), ("liver", 16, 5)], 8.0, [N, T]),  # twice the slice
        ([("liver", 11, 5)], None, [T]),
        ([("node", 30, 14.9), ("node", 16, 15)], 5.0, [N, T]),  # short axis
        ([("node", 30, 9.9), ("liver", 30, 5)], 5.0, [None, T]),  # a node of normal size is no disease
        ([("liver", 30, 5), ("liver", 20, 5), ("liver", 40, 5)], 5.0, [T, N, T]),  # two in an organ, the largest
        ([("left lung", 30, 5), ("right lung", 20, 5), ("lung", 15, 5)], 5.0, [T, T, N]),  # paired organs are one
        ([("a", 30, 5), ("b", 20, 5), ("c", 40, 5)], 5.0, [T, N, T]),  # organs not named count as one
        (
            [(x, 20.0 + i, 5) for i, x in enumerate(["liver", "lung", "brain", "kidney", "spleen", "bone"])],
            5.0,
            [N, *[T] * 5],
        ),
    ],
)
def test_targets_are_chosen_by_the_rules(
    lesions: list[tuple[str, float, float]], slice_mm: float | None, expected: list[Role | None]
) -> None:
    measured = [(lesion(label, longest, short, number=n),) for n, (label, longest, short) in enumerate(lesions)]
    assert roles(measured, [slice_mm] * len(measured)) == expected


def test_the_sum_of_a_study_adds_targets_and_takes_nodes_by_their_short_axis() -> None:
    found = study_sum(
        [
            lesion("liver", 40, number=1),
            lesion("liver", 30, number=2),
            lesion("liver", 20, number=3),
            lesion("lymph node", 30, 17, number=4),
            lesion("liver", 80, modality="PT", number=5, series="2"),
        ]
    )
    assert found is not None
    assert (found.name, found.value, found.unit, found.effective) == ("sum_of_diameters", 87.0, "mm", "2026-01-02")
    assert found.sources == ("seg 1#segment=1", "seg 1#segment=2", "seg 1#segment=4")


def test_the_sum_takes_one_series_so_that_no_lesion_counts_twice() -> None:
    found = study_sum(
        [lesion("liver", 40, series="1"), lesion("liver", 41, series="2"), lesion("lung", 20, number=2, series="2")]
    )
    assert found is not None
    assert found.value == 61
    both = study_sum([lesion("liver", 40, modality="MR", series="3"), lesion("liver", 39, series="1")])
    assert both is not None
    assert both.value == 39


def test_parts_of_one_lesion_are_added() -> None:
    found = study_sum([lesion("liver", 12, uid="1.2"), lesion("liver", 6, number=2, uid="1.2")])
    assert found is not None
    assert found.value == 18


@pytest.mark.parametrize(
    "lesions", [[], [lesion("liver", 9)], [lesion("node", 30, 14)], [lesion("liver", 50, modality="PT")]]
)
def test_a_study_without_a_target_has_no_sum(lesions: list[Lesion]) -> None:
    assert study_sum(lesions) is None


@given(st.permutations(range(6)))
def test_the_order_of_lesions_changes_no_sum(order: list[int]) -> None:
    known = [lesion(f"{'liver' if n % 2 else 'lung'}", 10.0 + n % 3, number=n) for n in range(6)]
    straight, turned = study_sum(known), study_sum([known[n] for n in order])
    assert straight is not None
    assert turned is not None
    assert (turned.value, set(turned.sources)) == (straight.value, set(straight.sources))


def test_changes_are_told_from_baseline_and_from_the_smallest_before() -> None:
    days = [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]
    values = [{LONGEST: 50.0, VOLUME: 40.0}, {LONGEST: 30.0, VOLUME: 10.0}, None, {LONGEST: 45.0, VOLUME: 20.0}]
    found = changes(values, days)
    assert found[1].from_baseline[LONGEST].percent == pytest.approx(-40)
    assert found[1].from_nadir[LONGEST].percent == pytest.approx(-40)
    assert found[1].growth_percent_per_day == pytest.approx(100 * math.log(0.25) / 31)
    assert found[1].doubling_days is None
    assert found[2].values is None
    assert (found[3].from_baseline[LONGEST].absolute, found[3].from_nadir[LONGEST].absolute) == (-5.0, 15.0)
    assert found[3].from_nadir[LONGEST].percent == pytest.approx(50)
    assert found[3].days == 59  # from February on, when it was last measured
    assert found[3].doubling_days == pytest.approx(59)


def test_a_lesion_that_is_gone_has_no_growth_and_comes_back_from_zero_without_a_percentage() -> None:
    days = [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
    found = changes([{VOLUME: 4.0}, {VOLUME: 0.0}, {VOLUME: 2.0}], days)
    assert found[1].from_baseline[VOLUME].percent == -100
    assert found[1].growth_percent_per_day is None
    assert found[2].from_nadir[VOLUME].percent is None
    assert found[2].growth_percent_per_day is None


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_doubt_is_one_plain_sentence(code: str) -> None:
    message = doubt(code).message
    assert message.endswith(".")
    assert message[0].isupper()
