"""Dimensions of a tumor as reports state them (mCODE 4 TumorSize)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import INDEX, LOINC, UCUM, bundle, concept, observation
from tumorcast_clinical.model import extract_features

SIZE, LONGEST, ADDITIONAL = "21889-1", "33728-7", "33729-5"
LONG, SHORT = "tumor_longest_diameter", "tumor_short_axis"


def dimension(code, value, unit="cm", **more):
    quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    return {"code": concept(LOINC, code), "valueQuantity": quantity | more}


def size(*parts, **more):
    more = {"valueString": None, **more} if parts else more
    return observation(loinc=SIZE, component=list(parts) or None, **more)


def read(*resources):
    """Dimensions with what they came from, and the issue codes."""
    found = extract_features(bundle(*resources), INDEX)
    dimensions = [(f.name, f.value, f.source) for f in found.features if f.name in (LONG, SHORT)]
    return dimensions, [issue.code for issue in found.issues]


WHOLE, FIRST, SECOND, THIRD = (f"Observation/o1{part}" for part in ("", *(f"#component[{i}]" for i in range(3))))


@pytest.mark.parametrize(
    ("parts", "expected", "issues"),
    [
        ([dimension(LONGEST, 2.5)], [(LONG, 25.0, FIRST)], []),
        ([dimension(LONGEST, 25, "mm")], [(LONG, 25.0, FIRST)], []),
        ([dimension(LONGEST, 2.5), dimension(ADDITIONAL, 14, "mm")], [(LONG, 25.0, FIRST), (SHORT, 14.0, SECOND)], []),
        ([dimension(ADDITIONAL, 1.4), dimension(LONGEST, 2.5)], [(LONG, 25.0, SECOND), (SHORT, 14.0, FIRST)], []),
        ([dimension(LONGEST, 2.5), dimension(ADDITIONAL, 2.5)], [(LONG, 25.0, FIRST), (SHORT, 25.0, SECOND)], []),
        (
            [dimension(LONGEST, 1.2), dimension(ADDITIONAL, 1.0), dimension(ADDITIONAL, 0.5)],
            [(LONG, 12.0, FIRST), (SHORT, 10.0, SECOND)],
            ["THIRD_DIMENSION"],
        ),
        (
            [dimension(LONGEST, 1.2), dimension(ADDITIONAL, 0.5), dimension(ADDITIONAL, 1.0)],
            [(LONG, 12.0, FIRST), (SHORT, 10.0, THIRD)],
            ["THIRD_DIMENSION"],
        ),
        ([dimension(LONGEST, 2.5), dimension(ADDITIONAL, 3.1)], [(LONG, 25.0, FIRST)], ["CONFLICTING_DIMENSIONS"]),
        ([dimension(LONGEST, 2.5), dimension(ADDITIONAL, 14, "cm")], [(LONG, 25.0, FIRST)], ["CONFLICTING_DIMENSIONS"]),
        (
            [dimension(LONGEST, 2.5), dimension(ADDITIONAL, 3.1), dimension(ADDITIONAL, 1.0)],
            [(LONG, 25.0, FIRST)],
            ["CONFLICTING_DIMENSIONS", "CONFLICTING_DIMENSIONS"],
        ),
        ([dimension(ADDITIONAL, 1.4)], [], ["NO_LONGEST_DIMENSION"]),
        (
            [dimension(LONGEST, 900, "cm"), dimension(ADDITIONAL, 1.4)],
            [],
            ["IMPLAUSIBLE_VALUE", "NO_LONGEST_DIMENSION"],
        ),
        ([dimension(LONGEST, 2.5, "furlong")], [], ["UNKNOWN_UNIT"]),
        ([dimension(LONGEST, 2.5, "mL")], [], ["UNIT_MISMATCH"]),
        ([{"code": concept(LOINC, LONGEST)}], [], ["NO_VALUE"]),
        (
            [dimension(LONGEST, 2.5, comparator=">"), dimension(ADDITIONAL, 1.4)],
            [(LONG, 25.0, FIRST)],
            ["DIMENSION_NOT_CERTAIN"],
        ),
        (
            [dimension(LONGEST, 2.5), dimension(ADDITIONAL, 1.4, comparator="<")],
            [(LONG, 25.0, FIRST)],
            ["DIMENSION_NOT_CERTAIN"],
        ),
        ([dimension("99999-9", 2.5)], [], ["UNMAPPED_CODE"]),
    ],
)
def test_components_of_a_size_give_the_longest_diameter_and_one_short_axis(parts, expected, issues):
    assert read(size(*parts)) == (expected, issues)


@pytest.mark.parametrize(
    ("more", "expected", "issues"),
    [
        ({"value": 3.2, "unit": "cm"}, [(LONG, 32.0, WHOLE)], []),
        ({"value": 32, "unit": "mm"}, [(LONG, 32.0, WHOLE)], []),
        ({"valueQuantity": {"value": 3.2}}, [], ["UNKNOWN_UNIT"]),
        ({"valueString": "3.2 x 2.1 cm"}, [], ["VALUE_TYPE"]),
        ({"value": 32, "unit": "mm", "status": "entered-in-error"}, [], ["ENTERED_IN_ERROR"]),
        ({"value": 32, "unit": "mm", "effectiveDateTime": "2026-05-01"}, [], ["AFTER_INDEX_DATE"]),
    ],
)
def test_a_size_without_components_is_the_longest_diameter(more, expected, issues):
    assert read(size(**more)) == (expected, issues)


def test_a_size_of_its_own_and_its_short_axis_as_a_component_belong_together():
    together = size(dimension(ADDITIONAL, 1.1), valueQuantity={"value": 3.2, "unit": "cm"})
    assert read(together) == ([(LONG, 32.0, WHOLE), (SHORT, 11.0, FIRST)], [])


def test_an_additional_dimension_alone_is_no_short_axis():
    assert read(observation(loinc=ADDITIONAL, value=11, unit="mm")) == ([], ["NO_LONGEST_DIMENSION"])


def test_reported_dimensions_are_of_no_timepoint():
    found = extract_features(bundle(size(dimension(LONGEST, 2.5))), INDEX)
    assert {f.timepoint for f in found.features} == {""}


@given(sizes=st.lists(st.integers(20, 4000), min_size=1, max_size=4), at=st.integers(0, 4))
def test_the_short_axis_is_never_longer_than_the_longest_diameter(sizes, at):
    longest, *others = sizes
    parts = [dimension(ADDITIONAL, tenths / 10, "mm") for tenths in others]
    parts.insert(at, dimension(LONGEST, longest / 10, "mm"))
    found = {name: value for name, value, _ in read(size(*parts))[0]}
    assert found[LONG] == longest / 10
    fits = bool(others) and max(others) <= longest
    assert found.get(SHORT) == (max(others) / 10 if fits else None)
