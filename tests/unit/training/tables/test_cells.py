"""What a cell of a table may say, and what is refused rather than guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_core.catalog import catalog, entry
from tumorcast_core.errors import ImplausibleValue
from tumorcast_training.tables.cells import Refusal, is_missing, of_feature, of_outcome, plain, read_cells, spellings

NUMERIC = sorted(name for name, e in catalog().items() if not e.categories)
CATEGORICAL = sorted(name for name, e in catalog().items() if e.categories)


@pytest.mark.parametrize(
    ("feature", "text", "expected"),
    [
        ("albumin", "3.8", 3.8),
        ("albumin", " 3.80 ", 3.8),
        ("albumin", "3.8e0", 3.8),
        ("albumin", "3,8", Refusal.COMMA_IN_NUMBER),
        ("platelet_count", "1,234", Refusal.COMMA_IN_NUMBER),
        ("albumin", "<3.8", Refusal.NOT_A_NUMBER),
        ("albumin", "3.8 g/dL", Refusal.NOT_A_NUMBER),
        ("albumin", "0x3", Refusal.NOT_A_NUMBER),
        ("albumin", "inf", Refusal.NOT_A_NUMBER),
        ("albumin", "1_0", Refusal.NOT_A_NUMBER),
        ("albumin", "٣", Refusal.NOT_A_NUMBER),
        ("albumin", "-1", Refusal.OUT_OF_RANGE),
        ("albumin", "380", Refusal.OUT_OF_RANGE),
        ("child_pugh_score", "6.5", Refusal.NOT_WHOLE),
        ("child_pugh_score", "6.0", 6.0),
        ("sex", "FEMALE", "female"),
        ("sex", "f", Refusal.UNKNOWN_CATEGORY),
        ("sex", "1", Refusal.UNKNOWN_CATEGORY),
        ("immunotherapy_cancer_type", "Non-small cell lung", "non_small_cell_lung"),
        ("hormone_receptor_status", "1", "positive"),
        ("hormone_receptor_status", "no", "negative"),
        ("idh_mutation", "True", "present"),
        ("idh_mutation", "1.0", "present"),
        ("idh_mutation", "0.0", "absent"),
        ("idh_mutation", "2", Refusal.UNKNOWN_CATEGORY),
        ("idh_mutation", "y", Refusal.UNKNOWN_CATEGORY),
        ("checkpoint_inhibitor_class", "PD-1 or PD-L1", "pd_1_or_pd_l1"),
    ],
)
def test_a_cell_is_read_or_refused(feature: str, text: str, expected: object) -> None:
    assert of_feature(feature)(text) == expected


@pytest.mark.parametrize("text", ["", "  ", "NA", "na", "NaN", "null", "NULL"])
def test_an_empty_cell_is_missing_and_not_refused(text: str) -> None:
    read = read_cells([text, "4.1"], of_feature("albumin"))
    assert (read.values, read.missing, read.refused) == ([None, 4.1], 1, {})


@pytest.mark.parametrize("text", ["none", "n/a", "-", ".", "?", "unknown", "missing"])
def test_other_words_for_nothing_are_counted_as_refused(text: str) -> None:
    read = read_cells([text], of_feature("albumin"))
    assert (read.values, read.missing, sum(read.refused.values())) == ([None], 0, 1)


@pytest.mark.parametrize(
    ("text", "rank"),
    [("0", 0), ("1", 1), ("1.0", 1), ("Residual disease", 0), ("pathologic-complete-response", 1), ("yes", 1)],
)
def test_a_binary_outcome_is_a_number_or_a_name(text: str, rank: float) -> None:
    read = of_outcome(("residual_disease", "pathologic_complete_response"), numbered=True)
    assert read(text) == rank


def test_an_ordinal_outcome_is_a_name_only() -> None:
    read = of_outcome(("progression", "stable", "response"), numbered=False)
    assert [read(t) for t in ("stable", "Response", "1", "2")] == [1.0, 2.0, *[Refusal.UNKNOWN_OUTCOME] * 2]


def test_outcomes_that_are_named_like_numbers_keep_their_own_meaning() -> None:
    assert [of_outcome(("yes", "no"), numbered=True)(t) for t in ("yes", "no")] == [0.0, 1.0]


@pytest.mark.parametrize("name", CATEGORICAL)
def test_every_category_of_the_catalog_is_read_as_itself(name: str) -> None:
    read = of_feature(name)
    for category in entry(name).categories:
        assert read(category) == category
        assert read(category.upper().replace("_", " ")) == category
        assert not is_missing(category)


def test_two_categories_with_one_plain_name_are_both_refused() -> None:
    assert spellings(("low grade", "low-grade", "high")) == {"high": "high"}


@given(st.sampled_from(NUMERIC), st.floats(allow_nan=False))
def test_a_number_is_read_exactly_where_the_catalog_takes_it(name: str, value: float) -> None:
    known = entry(name)
    try:
        known.check(value, known.unit)
        expected: object = value
    except (ImplausibleValue, OverflowError):
        expected = None
    cell = of_feature(name)(repr(value))
    assert (None if isinstance(cell, Refusal) else cell) == (
        None if value in (float("inf"), -float("inf")) else expected
    )


@given(st.text(), st.sampled_from(NUMERIC + CATEGORICAL))
def test_any_text_is_a_plausible_value_missing_or_refused(text: str, name: str) -> None:
    read = read_cells([text], of_feature(name))
    (value,) = read.values
    assert (value is None) == (read.missing + sum(read.refused.values()) == 1)
    if value is not None:
        entry(name).check(value, entry(name).unit)


@given(st.text())
def test_a_plain_name_is_plain_already(text: str) -> None:
    assert plain(plain(text)) == plain(text)
