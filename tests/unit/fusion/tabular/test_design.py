"""Inputs become columns: every kind of column, gaps, categories never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cohorts import BLUEPRINT, simulated
from tumorcast_core.errors import UnknownModel
from tumorcast_fusion.model import manifest as m
from tumorcast_fusion.model.tabular import Design, raw_column
from tumorcast_fusion.model.tabular.design import MAX_Z, missing

X = np.array([-5.0, 0.0, 2.0, 7.0, np.nan])
OTHER = np.array([1.0, 2.0, np.nan, 0.0, 1.0])
WORDS = np.array(["a", "b", "c", None, "a"], dtype=object)
nan = float("nan")


def column(kind: str, **more: object) -> m.Column:
    inputs = ("x", "other") if kind == "change" else ("x",)
    return m.Column.model_validate({"name": "column", "kind": kind, "inputs": inputs, **more})


@pytest.mark.parametrize(
    ("made", "values", "expected"),
    [
        (column("value"), [X], [-5, 0, 2, 7, nan]),
        (column("value", low=-1, high=5), [X], [-1, 0, 2, 5, nan]),
        (column("value", low=0, transform="log", offset=1), [X], [0, 0, np.log(3), np.log(8), nan]),
        (column("hinge", knot=1), [X], [0, 0, 1, 6, nan]),
        (column("hinge", low=0, transform="log", offset=1, knot=np.log(3)), [X], [0, 0, 0, np.log(8 / 3), nan]),
        (column("change"), [X, OTHER], [-6, -2, nan, 7, nan]),
        (column("at_most", knot=0), [X], [1, 1, 0, 0, nan]),
        (column("category", category="a"), [WORDS], [1, 0, 0, nan, 1]),
        (column("change"), [X, None], [nan] * 5),
        (column("value"), [X.astype(object)], [-5, 0, 2, 7, nan]),
    ],
)
def test_a_column_is_what_its_kind_says(made: m.Column, values: list[np.ndarray | None], expected: list[float]) -> None:
    assert raw_column(made, values, 5) == pytest.approx(expected, nan_ok=True)


def design_of(*columns: m.Column) -> Design:
    return Design(columns, ("one", "two"), {"x": "one", "other": "two", "y": "one"})


def test_a_column_is_available_where_all_its_groups_are_given() -> None:
    design = design_of(column("value"), column("change"))
    given_groups = np.array([[True, True], [True, False], [False, True], [False, False]])
    assert design.available(given_groups).tolist() == [[True, True], [True, False], [False, False], [False, False]]


def test_columns_are_standardized_and_clipped() -> None:
    design = design_of(column("value", mean=2, sd=0.5))
    assert design.matrix({"x": X}, 5)[:, 0] == pytest.approx([-MAX_Z, -4, 0, MAX_Z, nan], nan_ok=True)


def test_an_input_that_is_not_given_makes_its_columns_missing() -> None:
    assert np.isnan(design_of(column("value"), column("change")).matrix({"other": OTHER}, 5)).all()


@pytest.mark.parametrize("reference", ["", "b"])
def test_a_category_beyond_a_contrast_of_two_is_missing_and_not_the_reference(reference: str) -> None:
    design = design_of(column("category", category="a", reference=reference))
    found = design.matrix({"x": WORDS}, 5)[:, 0]
    assert found == pytest.approx([1, 0, nan if reference else 0, nan, 1], nan_ok=True)
    assert design.usable("x", "c") == (not reference)
    assert design.usable("x", "b")
    assert design.present({"x": WORDS}, 5)[:, 0].tolist() == [True, True, not reference, False, True]


def test_a_category_that_has_no_column_is_missing_in_all_columns_of_its_input() -> None:
    design = design_of(column("category", category="a"), column("category", category="b"))
    found = design.matrix({"x": WORDS}, 5)
    assert found[:3].tolist()[:2] == [[1, 0], [0, 1]]
    assert np.isnan(found[2]).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1.0, nan]), [False, True]),
        (np.array(["a", None, nan], dtype=object), [False, True, True]),
        (np.array([0.0, 1.0, None], dtype=object), [False, False, True]),
    ],
)
def test_none_and_nan_are_missing_and_zero_is_not(values: np.ndarray, expected: list[bool]) -> None:
    assert missing(values).tolist() == expected


@given(st.permutations(range(30)))
def test_rows_do_not_depend_on_each_other(order: list[int]) -> None:
    cohort, _ = simulated(30, seed=1)
    design = Design.of(BLUEPRINT.manifest(cohort.inputs), BLUEPRINT.fit_columns(cohort.inputs))
    values = {name: cohort.inputs[name].to_numpy() for name in cohort.inputs}
    mixed = {name: column_[order] for name, column_ in values.items()}
    assert np.array_equal(design.matrix(mixed, 30), design.matrix(values, 30)[order], equal_nan=True)
    assert np.array_equal(design.present(mixed, 30), design.present(values, 30)[order])


def test_a_manifest_survives_yaml_to_the_bit(tmp_path: Path) -> None:
    cohort, _ = simulated(60, seed=2)
    manifest = BLUEPRINT.manifest(cohort.inputs, BLUEPRINT.fit_columns(cohort.inputs))
    m.dump(manifest, tmp_path)
    again = m.load(tmp_path)
    assert again == manifest
    values = {name: cohort.inputs[name].to_numpy() for name in cohort.inputs}
    found, expected = (Design.of(one).matrix(values, 60) for one in (again, manifest))
    assert np.array_equal(found, expected, equal_nan=True)
    assert m.Manifest.model_validate_json(manifest.model_dump_json()) == manifest


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a: [", b"name: x", b""])
def test_a_broken_manifest_is_an_unknown_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.yaml").write_bytes(content)
    with pytest.raises(UnknownModel):
        m.load(tmp_path)


def test_without_columns_there_is_an_empty_matrix() -> None:
    design = design_of()
    assert design.matrix({"x": X}, 5).shape == (5, 0)
    assert design.available(np.ones((5, 2), dtype=bool)).shape == (5, 0)
