"""The catalog owns names, units, ranges and categories."""

import math
from importlib.resources import files
from typing import Any

import pytest

from tumorcast_core.catalog import by_coding, catalog, checked, entry
from tumorcast_core.catalog.each import expanded
from tumorcast_core.catalog.trends import trends_of
from tumorcast_core.errors import ImplausibleValue, UnknownFeature
from tumorcast_core.snapshot import Feature, Modality


@pytest.mark.parametrize("is_note", [False, True])
def test_no_code_belongs_to_two_features_of_records_or_to_two_of_free_text(is_note: bool) -> None:
    codings = [
        (c.system, c.code) for e in catalog().values() if (e.modality is Modality.NOTES) is is_note for c in e.codings
    ]
    assert len(set(codings)) == len(codings)


def test_a_code_that_free_text_and_records_share_means_what_records_state() -> None:
    for known in catalog().values():
        for coding in known.codings:
            meant = by_coding()[coding.system, coding.code]
            assert meant is known or known.modality is Modality.NOTES


def test_no_name_stands_twice_in_the_files_or_is_that_of_a_trend() -> None:
    folder = files("tumorcast_core.catalog")
    lines = [line for file in folder.rglob("*.yaml") for line in file.read_text(encoding="utf-8").splitlines()]
    names = [line.split(":")[0] for line in lines if line[:1].isalpha()]
    more = sum(line.count(",") for line in lines if line.startswith("  each: "))
    trends = trends_of(catalog().values())
    assert len(set(names)) == len(names) == len(catalog()) - len(trends) - more


def test_one_entry_stands_for_each_kind_of_image_with_its_unit_and_range() -> None:
    raw = {
        "each": ["pet", "mr"],
        "description": "peak in {modality}",
        "unit": {"pet": "g/mL"},
        "range": {"pet": [0, 9], "mr": [0, 5]},
        "codings": ["local {name} peak in {modality}"],
        "group": "{modality}",
    }
    told = {"description": "peak in PET", "codings": ["local pet_peak peak in PET"], "group": "PET"}
    assert expanded({"peak": raw, "age": {"codings": []}}) == {
        "pet_peak": told | {"unit": "g/mL", "range": [0, 9]},
        "mr_peak": {
            "description": "peak in MR",
            "range": [0, 5],
            "codings": ["local mr_peak peak in MR"],
            "group": "MR",
        },
        "age": {"codings": []},
    }


@pytest.mark.parametrize(
    "entries",
    [
        {"size": {"each": ["xray"], "codings": []}},
        {"size": {"each": ["ct"], "range": {"pet": [0, 1]}, "codings": []}},
        {"size": {"each": ["ct"], "codings": []}, "ct_size": {"codings": []}},
    ],
    ids=["no kind of image", "no range of its own", "two of one name"],
)
def test_an_entry_for_each_kind_of_image_that_cannot_be_is_refused(entries: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the catalog has"):
        expanded(entries)


def test_every_entry_is_a_bounded_number_or_a_category() -> None:
    for known in catalog().values():
        assert known.categories or all(map(math.isfinite, known.range)), known.name


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 8.0, "high"])
def test_an_implausible_albumin_is_refused_without_being_quoted(value: float | str) -> None:
    with pytest.raises(ImplausibleValue) as raised:
        checked(Feature("albumin", value, "g/dL"))
    assert str(value) not in raised.value.message


def test_a_value_in_another_unit_is_refused() -> None:
    with pytest.raises(ImplausibleValue, match="g/dL"):
        checked(Feature("albumin", 38.0, "g/L"))


def test_an_unknown_category_is_refused() -> None:
    with pytest.raises(ImplausibleValue):
        entry("kras_mutation").make("maybe")


def test_an_unknown_name_is_refused_without_being_quoted() -> None:
    with pytest.raises(UnknownFeature) as raised:
        checked(Feature("Jane Doe", 1.0))
    assert "Jane" not in raised.value.message


def test_a_checked_feature_gets_the_canonical_coding() -> None:
    feature = checked(Feature("hemoglobin", 12.0, "g/dL"))
    assert feature.coding is not None
    assert feature.coding.code == "718-7"


def test_a_feature_known_to_be_unknown_passes() -> None:
    assert checked(Feature("albumin", None)).value is None
