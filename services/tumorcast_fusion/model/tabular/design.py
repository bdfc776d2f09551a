"""Inputs → columns: the numbers that the predictors of tables read.

A missing input makes its columns NaN; nothing is imputed here. A column belongs to the groups of all its inputs and is
available where all of them are given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tumorcast_fusion.model.manifest import Column, Manifest

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
MAX_Z = 6.0
"""Standardized columns are clipped here: one wild value must not carry an answer by itself."""


@dataclass(frozen=True)
class Design:
    """Columns of a model, with the groups each needs."""

    columns: tuple[Column, ...]
    groups: tuple[str, ...]
    group_of_input: Mapping[str, str]

    @classmethod
    def of(cls, manifest: Manifest, columns: Sequence[Column] | None = None) -> Design:
        """The design of a manifest, or of other columns over its groups."""
        chosen = columns if columns is not None else manifest.tabular.columns if manifest.tabular else ()
        groups = {name: group.id for name, (group, _) in manifest.inputs().items()}
        groups |= {name: group for group, names in manifest.elements().items() for name in names}
        return cls(tuple(chosen), tuple(group.id for group in manifest.groups), groups)

    @cached_property
    def needs(self) -> Mask:
        """Which groups each column needs, (columns, groups)."""
        return np.array(
            [
                [g in {self.group_of_input[name] for name in column.inputs} for g in self.groups]
                for column in self.columns
            ]
        ).reshape(len(self.columns), len(self.groups))

    @cached_property
    def split(self) -> int | None:
        """Position of the column that splits the rows; ``None`` where none does."""
        return next((i for i, column in enumerate(self.columns) if column.splits), None)

    @property
    def patterns(self) -> int:
        """How many patterns there are: subsets of the groups, twice where a column splits the rows."""
        return int(2 ** (len(self.groups) + (self.split is not None)))

    def split_holds(self, z: Array, present: Mask) -> Mask:
        """Which rows (n,) are known to be on the side of the split that has coefficients of its own."""
        if self.split is None:
            return np.zeros(len(z), dtype=bool)
        column = self.columns[self.split]
        holds: Mask = self.available(present)[:, self.split] & (z[:, self.split] > (0.5 - column.mean) / column.sd)
        return holds

    def pattern_of(self, z: Array, present: Mask) -> NDArray[np.int64]:
        """Number of the pattern of each row: bit g for group g, and one more where the split holds; (n,)."""
        holds = self.split_holds(z, present).astype(np.int64)
        return pattern_index(present) + (holds << len(self.groups))

    @cached_property
    def categories(self) -> Mapping[str, frozenset[str]]:
        """Categories seen in training, by input; any other value of an input with several of them is as if missing."""
        found: dict[str, set[str]] = {}
        for column in self.columns:
            if column.category:
                found.setdefault(column.inputs[0], set()).update(filter(None, (column.category, column.reference)))
        return {name: frozenset(known) for name, known in found.items()}

    def usable(self, name: str, value: float | str) -> bool:
        """Whether a value says anything to this model: a category that it has seen, or a number."""
        known = self.categories.get(name, frozenset())
        return len(known) < 2 or value in known

    def available(self, present: Mask) -> Mask:
        """Which columns can be known where just these groups are given: present (..., groups) → (..., columns)."""
        lacking = (~present).astype(np.int64) @ self.needs.T.astype(np.int64)
        available: Mask = lacking == 0
        return available

    def matrix(self, inputs: Mapping[str, NDArray[np.float64] | NDArray[np.object_]], rows: int) -> Array:
        """Standardized columns (rows, columns) of inputs by name, each (rows,); an input not given is missing."""
        made = [self._column(column, inputs, rows) for column in self.columns]
        return np.stack(made, axis=1) if made else np.zeros((rows, 0))

    def present(self, inputs: Mapping[str, NDArray[np.float64] | NDArray[np.object_]], rows: int) -> Mask:
        """Which groups have at least one known input, (rows, groups)."""
        here = np.zeros((rows, len(self.groups)), dtype=bool)
        for name, values in inputs.items():
            if name in self.group_of_input:
                known = ~missing(values)
                if len(self.categories.get(name, ())) > 1:
                    known &= np.isin(values.astype(str), sorted(self.categories[name]))
                here[:, self.groups.index(self.group_of_input[name])] |= known
        return here

    def _column(
        self, column: Column, inputs: Mapping[str, NDArray[np.float64] | NDArray[np.object_]], rows: int
    ) -> Array:
        raw = raw_column(column, [inputs.get(name) for name in column.inputs], rows)
        known = self.categories.get(column.inputs[0])
        if known and len(known) > 1 and column.inputs[0] in inputs:
            raw = np.where(np.isin(inputs[column.inputs[0]].astype(str), sorted(known)), raw, np.nan)
        z: Array = np.clip((raw - column.mean) / column.sd, -MAX_Z, MAX_Z)
        return z

    def columns_of(self, input_name: str) -> list[int]:
        """Positions of the columns that an input feeds."""
        return [i for i, column in enumerate(self.columns) if input_name in column.inputs]

    def masked(self, z: Array, present: Mask) -> Array:
        """The columns with those of absent groups taken out, both (n, ...)."""
        return np.where(self.available(present), z, np.nan)


def pattern_index(present: Mask) -> NDArray[np.int64]:
    """Number of a subset of groups: bit g is set if group g is given; (..., groups) → (...,)."""
    index: NDArray[np.int64] = present.astype(np.int64) @ (1 << np.arange(present.shape[-1]))
    return index


def missing(values: NDArray[np.float64] | NDArray[np.object_]) -> Mask:
    """Which values are missing: ``None`` or NaN."""
    if values.dtype == object:
        return np.array([v is None or v != v for v in values], dtype=bool)
    return np.isnan(values)


def raw_column(column: Column, values: Sequence[NDArray[np.float64] | NDArray[np.object_] | None], rows: int) -> Array:
    """A column before standardization, (rows,)."""
    if any(v is None for v in values):
        return np.full(rows, np.nan)
    first = values[0]
    assert first is not None  # noqa: S101 (for the type checker; held by the line above)
    if column.kind == "at_most":
        return np.where(missing(first), np.nan, first.astype(float) <= column.knot)
    if column.kind == "category":
        return np.where(missing(first), np.nan, (first == column.category).astype(float))
    t = transformed(column, first)
    if column.kind == "hinge":
        return np.maximum(t - column.knot, 0.0)
    second = values[1] if column.kind == "change" else None
    return t - transformed(column, second) if second is not None else t


def transformed(column: Column, x: NDArray[np.float64] | NDArray[np.object_]) -> Array:
    """Clipped to the column's range, then on its scale."""
    clipped = np.clip(x.astype(float), column.low, column.high)
    out: Array = np.log(column.offset + clipped) if column.transform == "log" else clipped
    return out
