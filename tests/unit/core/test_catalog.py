"""The catalog owns names, units, ranges and categories."""

import math

import pytest

from tumorcast_core.catalog import by_coding, catalog, checked, entry
from tumorcast_core.errors import ImplausibleValue, UnknownFeature
from tumorcast_core.snapshot import Feature


def test_no_code_belongs_to_two_features() -> None:
    codings = [(c.system, c.code) for e in catalog().values() for c in e.codings]
    assert len(set(codings)) == len(codings) == len(by_coding())


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
