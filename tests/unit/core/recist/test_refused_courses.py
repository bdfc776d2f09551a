"""Bad lesions and visits are refused with a sentence that holds no patient's data."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from support.recist_courses import (
    ABSENT,
    BONE,
    EQUIVOCAL,
    LIVER,
    LUNG,
    NEW,
    NODE,
    NOT_EVALUABLE,
    TOO_SMALL,
    WORSE,
    visit,
)
from tumorcast_core.errors import InvalidInput, UnsoundAssessments
from tumorcast_core.recist import Assessment, Lesion, Measurement, Role, assess, irecist


def _six_targets() -> object:
    return assess([visit(0, {Lesion(f"T{i}", Role.TARGET, f"organ {i}"): 20.0 for i in range(6)})])


def _three_in_one_organ() -> object:
    return assess(
        [visit(0, {Lesion(f"T{i}", Role.TARGET, organ): 20.0 for i, organ in enumerate(("Lung", "lung ", "LUNG"))})]
    )


def _three_nodes() -> object:
    sites = ("axilla", "groin", "mediastinum")
    return assess([visit(0, {Lesion(f"T{i}", Role.TARGET, site, is_node=True): 20.0 for i, site in enumerate(sites)})])


CASES: dict[str, tuple[Callable[[], object], str]] = {
    "negative diameter": (lambda: Measurement(LIVER, -1.0), "negative or not a number"),
    "diameter that is no number": (lambda: Measurement(LIVER, math.nan), "negative or not a number"),
    "infinite diameter": (lambda: Measurement(LIVER, math.inf), "negative or not a number"),
    "absent with a diameter": (lambda: Measurement(LIVER, 12.0, ABSENT), "has a diameter"),
    "too small with a diameter of zero": (lambda: Measurement(LIVER, 0.0, TOO_SMALL), "diameter of zero"),
    "negative fragment": (lambda: Measurement.split(LIVER, [20.0, -1.0]), "negative or not a number"),
    "target said to be worse": (lambda: Measurement(LIVER, state=WORSE), "cannot be"),
    "equivocal non-target": (lambda: Measurement(BONE, state=EQUIVOCAL), "cannot be"),
    "no identifier": (lambda: Lesion("", Role.TARGET), "no identifier"),
    "node not flagged as one": (lambda: Lesion("T1", Role.TARGET, "Lymph Nodes"), "not flagged"),
    "a lesion twice on a visit": (lambda: Assessment(0, (Measurement(LIVER, 20.0),) * 2), "stands twice"),
    "no visit": (lambda: assess([]), "no visit"),
    "visits out of order": (lambda: assess([visit(0, {LIVER: 20.0}), visit(-7, {LIVER: 20.0})]), "out of order"),
    "two visits on a day": (lambda: assess([visit(0, {LIVER: 20.0}), visit(0, {LIVER: 20.0})]), "out of order"),
    "no lesion at baseline": (lambda: assess([visit(0, {})]), "has no lesion"),
    "new lesion at baseline": (lambda: assess([visit(0, {LIVER: 20.0, NEW: 8.0})]), "on the baseline"),
    "target not measured at baseline": (lambda: assess([visit(0, {LIVER: NOT_EVALUABLE})]), "not measured at"),
    "target too small at baseline": (lambda: assess([visit(0, {LIVER: TOO_SMALL})]), "not measured at"),
    "target under 10 mm": (lambda: assess([visit(0, {LIVER: 9.9})]), "not measurable"),
    "node under 15 mm": (lambda: assess([visit(0, {NODE: 14.9})]), "not measurable"),
    "target first seen later": (lambda: assess([visit(0, {LIVER: 20.0}), visit(42, {LUNG: 20.0})]), "not seen at"),
    "lesion of another kind later": (
        lambda: assess([visit(0, {LIVER: 20.0}), visit(42, {Lesion("T1", Role.TARGET, "liver", is_node=True): 20.0})]),
        "at another visit",
    ),
    "six targets": (_six_targets, "more than 5"),
    "three targets in one organ": (_three_in_one_organ, "more than 2"),
    "three target nodes": (_three_nodes, "more than 2"),
    "iRECIST of no visit": (lambda: irecist([]), "no visit"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused(case: str) -> None:
    make, sentence = CASES[case]
    with pytest.raises(UnsoundAssessments, match=sentence):
        make()


def test_the_refusal_is_an_invalid_input() -> None:
    assert issubclass(UnsoundAssessments, InvalidInput)


def test_targets_without_an_organ_are_not_counted_as_one_organ() -> None:
    visits = [visit(day, {Lesion(f"T{i}", Role.TARGET): 20.0 for i in range(3)}) for day in (0, 42)]
    assert assess(visits)[0].overall == "SD"
