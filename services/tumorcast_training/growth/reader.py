"""Reader of ``colorectal_ffcd``: sums of longest diameters of 150 patients of the FFCD 2000-05 trial.

The table holds the Box-Cox transform (x^0.3 - 1) / 0.3 of the sum. Transformed back, every one of the 906 values is a
multiple of 0.1, from 0.2 to 37.6 but for the 34 zeros, and first scans lie between 1.2 and 32.5 with a median of 10.7.
RECIST 1.0, in force when the trial ran, asks for targets of at least 10 mm (spiral CT) or 20 mm, up to ten of them: a
median sum of 10.7 mm is impossible and one of 107 mm typical, so the unit is the centimeter, read to the millimeter.
The value of a sum of zero, -3.33, is the transform's lowest.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tumorcast_core.errors import InvalidInput
from tumorcast_fusion.model.growth.kinetics import Array

FOLDER, TABLE = "colorectal_ffcd", "tumor_size_longitudinal.csv"
BOX_COX_EXPONENT = 0.3
MM_PER_UNIT = 10.0
DAYS_PER_YEAR = 365.25
LABELS = {"age": "age", "who.PS": "performance_status", "prev.resection": "previous_resection", "treatment": "arm"}
"""Columns that tell patients apart, by what a report calls them; the forecast reads none of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Scans of one patient: days since the first, ascending, and sums of diameters in mm, both (n,)."""

    patient_id: str
    days: Array
    sums_mm: Array
    treatment: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def from_box_cox(transformed: Array) -> Array:
    """Sum of longest diameters in mm, of the table's transformed values.

    >>> from_box_cox(np.array([5.22767935551004, -3.33333333333333])).round(6).tolist()
    [232.0, 0.0]
    """
    size = np.maximum(BOX_COX_EXPONENT * transformed + 1.0, 0.0) ** (1 / BOX_COX_EXPONENT)
    return np.asarray(np.round(MM_PER_UNIT * size, 6))


def courses_folder(data: Path) -> Path:
    """The cohort's folder: below ``data``, or ``data`` itself."""
    return data / FOLDER if (data / FOLDER).is_dir() else data


def read_courses(data: Path) -> list[Course]:
    """Read every patient of the folder ``data``, in the table's order.

    A table that cannot be read raises ``InvalidInput``.
    """
    path = data / TABLE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        found: dict[str, list[tuple[float, float]]] = {}
        first: dict[str, dict[str, str]] = {}
        for row in rows:
            found.setdefault(row["id"], []).append((float(row["year"]), float(row["tumor.size"])))
            first.setdefault(row["id"], row | {"treatment": row["treatment"]})
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as e:
        raise InvalidInput(f"{TABLE} is missing or not as expected: id, year, tumor.size, treatment.") from e
    if not found:
        raise InvalidInput(f"{TABLE} has no patient.")
    return [_course(patient_id, sorted(scans), first[patient_id]) for patient_id, scans in found.items()]


def _course(patient_id: str, scans: list[tuple[float, float]], told: Mapping[str, str]) -> Course:
    years = np.array([scan[0] for scan in scans])
    sums = from_box_cox(np.array([scan[1] for scan in scans]))
    if not np.all(np.isfinite(years)) or not np.all(np.isfinite(sums)) or np.any(np.diff(years) <= 0):
        raise InvalidInput(f"{TABLE} has a patient with two scans at one time, or a value that is not a number.")
    labels = {name: told[column] for column, name in LABELS.items() if told.get(column)}
    return Course(patient_id, (years - years[0]) * DAYS_PER_YEAR, sums, told["treatment"], labels)
