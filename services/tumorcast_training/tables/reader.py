"""A table of patients → a cohort, with what was found in every column, what was missing, and what was refused.

Columns are the model's input names and the outcome columns of its endpoints, any of them missing; ``patient_id`` says
which rows are of one patient (each row is a patient where it is not given). Other columns are not read, but may be
named as subgroups. A time of 0 days says nothing of what comes after time zero and is unknown, as in training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tumorcast_core.catalog import entry
from tumorcast_core.errors import InvalidInput
from tumorcast_core.prognosis import EndpointKind
from tumorcast_training.cohorts import Cohort, Outcome
from tumorcast_training.cohorts.base import NO_FOLD
from tumorcast_training.tables.cells import is_missing, of_feature, plain, read_cells
from tumorcast_training.tables.outcomes import read_category, read_time
from tumorcast_training.tables.schema import Schema
from tumorcast_training.tables.text import DEFAULT_LIMITS, Limits, TextTable, read_text

PATIENT_ID = "patient_id"
_MOST_LABELS = 50
SINGLE_ID = re.compile(r"[^/\\\0.][^/\\\0]{0,254}")
"""An id that may name a folder: not hidden, no path."""


class Role(StrEnum):
    """What a column is to an evaluation."""

    INPUT = "input"
    OUTCOME = "outcome"
    PATIENT = "patient"
    SUBGROUP = "subgroup"
    TIME_ZERO = "time zero"


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """One column that was read: rows with a usable value, without any, and refused, by reason."""

    name: str
    role: Role
    known: int
    missing: int
    refused: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """As it is reported."""
        return {"role": self.role.value, "known": self.known, "missing": self.missing, "refused": dict(self.refused)}


@dataclass(frozen=True, slots=True, eq=False)
class TableCohort:
    """A cohort as read; ``absent`` are columns that the table lacks, ``not_read`` those that mean nothing here."""

    cohort: Cohort
    columns: tuple[ColumnReport, ...]
    absent: tuple[str, ...]
    not_read: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """What was found, for the answer of a command."""
        return {
            "rows": len(self.cohort),
            "patients": len(set(self.cohort.patient_ids)),
            "columns": {
                "read": {column.name: column.to_json() for column in self.columns},
                "absent": list(self.absent),
                "not_read": list(self.not_read),
            },
        }


def read_table(
    file: Path, schema: Schema, *, subgroups: Sequence[str] = (), limits: Limits = DEFAULT_LIMITS
) -> TableCohort:
    """Read a CSV file of patients, a row each, or several with one ``patient_id``.

    Raises ``InvalidInput`` where it is no such table, ``PayloadTooLarge`` over the limits. A cell that cannot be used
    counts as missing and is counted; no message and no count quotes what a cell holds.
    """
    known = {plain(name) for name in (*schema.features, *schema.outcome_names())}
    labels = [name for name in subgroups if plain(name) not in known]
    text = read_text(file, [*schema.features, *schema.outcome_names(), PATIENT_ID, *labels], limits)
    if not known & set(text.columns):
        raise InvalidInput("The table has none of the model's input or outcome columns in its first line.")
    if lacking := [name for name in subgroups if plain(name) not in text.columns]:
        raise InvalidInput(f"The table lacks {len(lacking)} of the columns named as subgroups.")
    return assembled(text, schema, subgroups)


def assembled(text: TextTable, schema: Schema, subgroups: Sequence[str] = ()) -> TableCohort:
    """The cohort of a table's texts; raises ``InvalidInput`` where a subgroup has too many labels."""
    reports: list[ColumnReport] = []
    inputs = _inputs(text, schema, reports)
    outcomes = _outcomes(text, schema, reports)
    patients = _patients(text, reports)
    labels = {name: _labels(name, text, inputs, reports) for name in subgroups}
    expected = (*schema.features, *(name for e in schema.endpoints for name in e.columns))
    cohort = Cohort(
        name=schema.name,
        inputs=inputs,
        patient_ids=patients,
        outcomes=outcomes,
        folds=np.full((text.rows, 1), NO_FOLD, np.int64),
        subgroups=labels,
    )
    absent = tuple(name for name in expected if plain(name) not in text.columns)
    return TableCohort(cohort, tuple(reports), absent, text.not_read)


def _inputs(text: TextTable, schema: Schema, reports: list[ColumnReport]) -> pd.DataFrame:
    found: dict[str, NDArray[np.float64] | NDArray[np.object_]] = {}
    for name, feature in schema.features.items():
        if plain(name) not in text.columns:
            continue
        read = read_cells(text.columns[plain(name)], of_feature(feature))
        dtype = object if entry(feature).categories else np.float64
        found[name] = np.array(read.values, dtype=dtype)  # None becomes NaN among numbers
        usable = text.rows - read.missing - sum(read.refused.values())
        reports.append(ColumnReport(name, Role.INPUT, usable, read.missing, read.refused))
    return pd.DataFrame(found, index=pd.RangeIndex(text.rows))


def _outcomes(text: TextTable, schema: Schema, reports: list[ColumnReport]) -> dict[str, Outcome]:
    """The outcomes of the endpoints that have all their columns."""
    found: dict[str, Outcome] = {}
    for endpoint in schema.endpoints:
        if not endpoint.columns or any(plain(name) not in text.columns for name in endpoint.columns):
            continue
        given = {
            name: text.columns[plain(name)]
            for name in (*endpoint.columns, *endpoint.optional)
            if plain(name) in text.columns
        }
        about_time = endpoint.kind in (EndpointKind.TIME_TO_EVENT, EndpointKind.COMPETING_RISKS)
        outcome, counts = (read_time if about_time else read_category)(given, endpoint)
        found[endpoint.id] = outcome
        for name, (missing, refused) in counts.items():
            known = text.rows - missing - sum(refused.values())
            reports.append(ColumnReport(name, Role.OUTCOME, known, missing, refused))
    return found


def _patients(text: TextTable, reports: list[ColumnReport]) -> NDArray[np.object_]:
    """Whose row each is; a row without an id is a patient of its own."""
    if PATIENT_ID not in text.columns:
        return np.array([f"row {i + 1}" for i in range(text.rows)], dtype=object)
    given = [t.strip() for t in text.columns[PATIENT_ID]]
    taken = set(given)
    missing = sum(is_missing(t) for t in given)
    reports.append(ColumnReport(PATIENT_ID, Role.PATIENT, text.rows - missing, missing, {}))
    return np.array([_alone(i, taken) if is_missing(t) else t for i, t in enumerate(given)], dtype=object)


def _alone(row: int, taken: set[str]) -> str:
    name = f"row {row + 1}"
    while name in taken:
        name += "'"
    return name


def _labels(name: str, text: TextTable, inputs: pd.DataFrame, reports: list[ColumnReport]) -> NDArray[np.object_]:
    """The label of each row, ``None`` where it has none; an input's are its values, or their terciles."""
    column = next((c for c in inputs if plain(str(c)) == plain(name)), None)
    if column is not None:
        return labels_of_input(inputs[column])
    labels = [None if is_missing(t) else t.strip() for t in text.columns[plain(name)]]
    if len(set(labels)) > _MOST_LABELS:
        raise InvalidInput(f"A column named as subgroup has more than {_MOST_LABELS} different values.")
    if all(report.name != name for report in reports):
        known = sum(label is not None for label in labels)
        reports.append(ColumnReport(name, Role.SUBGROUP, known, text.rows - known, {}))
    return np.array(labels, dtype=object)


def labels_of_input(values: pd.Series) -> NDArray[np.object_]:
    """Labels of an input: its categories, or the terciles of its numbers."""
    return np.asarray(values, dtype=object) if values.dtype == object else terciles(values.to_numpy(dtype=float))


def terciles(values: NDArray[np.float64]) -> NDArray[np.object_]:
    """Label each number by its third of the known ones, ``None`` where it is missing.

    >>> terciles(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, np.nan])).tolist()
    ['to 2.67', 'to 2.67', '2.67 to 4.33', '2.67 to 4.33', 'over 4.33', 'over 4.33', None]
    """
    known = values[~np.isnan(values)]
    low, high = (float(f"{x:.3g}") for x in np.quantile(known, [1 / 3, 2 / 3])) if len(known) else (0.0, 0.0)
    names = (f"to {low:g}", f"{low:g} to {high:g}", f"over {high:g}")
    labels = [None if np.isnan(v) else names[int(v > low) + int(v > high)] for v in values]
    return np.array(labels, dtype=object)
