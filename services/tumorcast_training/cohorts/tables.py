"""Read a cohort's CSV files into model inputs by the catalog, and note what was left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tumorcast_core.catalog import entry
from tumorcast_core.errors import InvalidInput
from tumorcast_training.cohorts.base import NO_FOLD, Array, SurvivalOutcome

DAYS_PER_MONTH = 30.4375
REPEATS = ("repeat_0", "repeat_1", "repeat_2", "repeat_3")
PRESENCE = ("absent", "present")
AGE_BANDS = (50.0, 65.0)


def read_table(folder: Path, file: str, columns: Collection[str]) -> pd.DataFrame:
    """Read a CSV file as text; raises ``InvalidInput`` where the file, a column or every row is missing."""
    try:
        table = pd.read_csv(folder / file, dtype=str, encoding="utf-8-sig")
    except (OSError, ValueError) as e:
        raise InvalidInput(f"The cohort's folder has no readable {file}.") from e
    if missing := sorted(set(columns) - set(table.columns)):
        raise InvalidInput(f"{file} lacks the columns {', '.join(missing)}.")
    if table.empty:
        raise InvalidInput(f"{file} has no rows.")
    return table


def read_ids(table: pd.DataFrame, column: str, file: str, prefix: str = "") -> NDArray[np.object_]:
    """The patient of each row, (n,); raises ``InvalidInput`` where one has no id."""
    if table[column].isna().any():
        raise InvalidInput(f"A row of {file} has no {column}.")
    return np.array([prefix + text.strip() for text in table[column]], dtype=object)


def one_row_each(patient_ids: NDArray[np.object_], file: str) -> NDArray[np.object_]:
    """The same ids; raises ``InvalidInput`` where a patient has two rows."""
    if len(set(patient_ids)) < len(patient_ids):
        raise InvalidInput(f"A patient stands twice in {file}.")
    return patient_ids


def read_folds(folder: Path, patient_ids: NDArray[np.object_]) -> NDArray[np.int64]:
    """The published fold of each row in each repeat, (n, 4); ``NO_FOLD`` for patients who are in none.

    Raises ``InvalidInput`` where ``folds.csv`` is missing, names a patient twice or holds anything but whole numbers.
    """
    table = read_table(folder, "folds.csv", ["patient_id", *REPEATS])
    ids = one_row_each(read_ids(table, "patient_id", "folds.csv"), "folds.csv")
    numbers = np.stack([_numbers(table[repeat]) for repeat in REPEATS], axis=1)
    if not np.all(numbers == np.floor(numbers)) or numbers.min() < 0:  # NaN is unequal to itself
        raise InvalidInput("A fold in folds.csv is not a whole number.")
    of_patient = dict(zip(ids, numbers.astype(np.int64), strict=True))
    none = np.full(len(REPEATS), NO_FOLD, np.int64)
    return np.stack([of_patient.get(patient, none) for patient in patient_ids])


def _numbers(column: pd.Series) -> Array:
    """A column of text as numbers, NaN where it is none or not finite."""
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


class Reading:
    """Collects inputs of a table, column by column, in catalog units; ``notes`` say what was left out.

    An input's name is that of its catalog feature, plus ``_<timepoint>`` where ``timepoint`` is given.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self.columns: dict[str, NDArray[np.float64] | NDArray[np.object_]] = {}
        self.notes: list[str] = []

    def number(
        self,
        feature: str,
        column: str,
        *,
        timepoint: str = "",
        factor: float = 1.0,
        within: tuple[float, float] | None = None,
    ) -> Array:
        """Read numbers times ``factor``; those outside the catalog's range or ``within`` are missing."""
        known = entry(feature)
        low, high = within or known.range
        text, values = self.table[column], _numbers(self.table[column]) * factor
        plausible = (values >= max(low, known.range[0])) & (values <= min(high, known.range[1]))
        if known.integer:
            plausible &= values == np.floor(values)
        values = np.where(plausible, values, np.nan)
        self._note(column, text, np.isnan(values))
        self.add(feature, values, timepoint)
        return values

    def flag(self, feature: str, column: str, names: Sequence[str] = PRESENCE) -> NDArray[np.object_]:
        """Read a column of 0 and 1 as the first and second of ``names``; anything else is missing."""
        return self.codes(feature, column, dict(enumerate(names)))

    def codes(self, feature: str, column: str, names: Mapping[int, str]) -> NDArray[np.object_]:
        """Read a column of whole numbers as the category of each; numbers without one are missing."""
        return self._categories(feature, column, [names.get(value) for value in _numbers(self.table[column])])

    def category(self, feature: str, column: str, names: Mapping[str, str | None]) -> NDArray[np.object_]:
        """Read text as the category of each; text that ``names`` gives None or does not know is missing."""
        return self._categories(feature, column, [names.get(str(value).strip()) for value in self.table[column]])

    def texts(self, column: str) -> NDArray[np.object_]:
        """A column's text, None where it is empty."""
        return np.array([None if pd.isna(text) else str(text).strip() for text in self.table[column]], dtype=object)

    def _categories(self, feature: str, column: str, found: Sequence[str | None]) -> NDArray[np.object_]:
        for category in {name for name in found if name is not None}:
            entry(feature).check(category)
        values = np.array(found, dtype=object)
        self._note(column, self.table[column], values == None)  # noqa: E711 - elementwise
        self.add(feature, values)
        return values

    def add(self, feature: str, values: NDArray[np.float64] | NDArray[np.object_], timepoint: str = "") -> None:
        """Take values that were derived as an input."""
        self.columns[f"{entry(feature).name}_{timepoint}" if timepoint else entry(feature).name] = values

    def inputs(self) -> pd.DataFrame:
        """Everything read so far, a column an input."""
        return pd.DataFrame(self.columns)

    def known(self, column: str, allowed: Collection[float]) -> Array:
        """Numbers of an outcome column, NaN where the number is not among ``allowed``."""
        values = _numbers(self.table[column])
        values = np.where(np.isin(values, list(allowed)), values, np.nan)
        self._note(column, self.table[column], np.isnan(values))
        return values

    def survival(self, days_column: str, event_column: str, days_per_unit: float = 1.0) -> SurvivalOutcome:
        """Read an exact time to event; rows without a time above 0 or without 0 or 1 as event are unknown."""
        days, event = _numbers(self.table[days_column]) * days_per_unit, self.known(event_column, (0, 1))
        unknown = ~(days > 0) | np.isnan(event)
        if count := int(unknown.sum()):
            self.notes.append(f"{days_column}: unknown in {count} rows (no event, or no time after the landmark)")
        return SurvivalOutcome.exact(np.where(unknown, np.nan, days), np.where(unknown, 0, event).astype(np.int64))

    def _note(self, column: str, text: pd.Series, missing: NDArray[np.bool_]) -> None:
        stated = text.notna().to_numpy(dtype=bool)
        if absent := int((~stated).sum()):
            self.notes.append(f"{column}: missing in {absent} rows")
        if left_out := int((stated & missing).sum()):
            self.notes.append(f"{column}: {left_out} values that fit no range or category left out")


def bands(values: Array, edges: Sequence[float]) -> NDArray[np.object_]:
    """Label each value by the band it lies in, None where it is missing.

    >>> bands(np.array([49.0, 50.0, 70.0, np.nan]), (50, 65)).tolist()
    ['under 50', '50 to 64', '65 and over', None]
    """
    names = [f"under {edges[0]:g}"]
    names += [f"{low:g} to {high - 1:g}" for low, high in pairwise(edges)]
    names += [f"{edges[-1]:g} and over"]
    labels = [None if np.isnan(value) else names[int(np.searchsorted(edges, value, side="right"))] for value in values]
    return np.array(labels, dtype=object)


def common(labels: NDArray[np.object_], smallest: int, rest: str = "other") -> NDArray[np.object_]:
    """Labels with fewer than ``smallest`` rows become ``rest``."""
    counts = pd.Series(labels, dtype=object).value_counts()
    return np.array([x if x is None or counts[x] >= smallest else rest for x in labels], dtype=object)
