"""A long table of scans → courses: one row a scan, ``patient_id``, ``day`` and the sum of diameters in mm.

Cells are read as those of every table (``tables.cells``): what cannot be used is counted under a reason and left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tumorcast_core.errors import InvalidInput
from tumorcast_fusion.model.growth.scans import LARGEST_DAY
from tumorcast_training.growth.reader import Course
from tumorcast_training.tables.cells import Cell, Refusal, Values, is_missing, number, of_feature, plain, read_cells
from tumorcast_training.tables.reader import PATIENT_ID
from tumorcast_training.tables.text import read_text

DAY = "day"
SECOND_OF_A_DAY = "SECOND_SCAN_OF_A_DAY"


@dataclass(frozen=True, slots=True, eq=False)
class CourseTable:
    """Courses in the order of their first rows, the rows that there were, and what of them was not used and why.

    ``refused`` counts cells by column and reason, missing ones as ``MISSING``; ``scans_not_used`` the rows that lack
    a usable cell, and scans of a day that already has one.
    """

    courses: tuple[Course, ...]
    rows: int
    refused: Mapping[str, Mapping[str, int]]
    scans_not_used: int
    not_read: tuple[str, ...]


def read_table(file: Path, quantity: str) -> CourseTable:
    """Read a CSV with the columns ``patient_id``, ``day`` (any whole or decimal count) and ``quantity`` in mm.

    Raises ``InvalidInput`` where a column is missing or no row can be used, and as ``tables.text.read_text``.
    """
    wanted = (PATIENT_ID, DAY, quantity)
    text = read_text(file, wanted)
    if absent := [name for name in wanted if plain(name) not in text.columns]:
        raise InvalidInput(
            f"The table has no column {', '.join(absent)}; it needs {', '.join(wanted)}, one row a scan."
        )
    patients = [cell.strip() for cell in text.columns[PATIENT_ID]]
    days = read_cells(text.columns[DAY], _day)
    sums = read_cells(text.columns[plain(quantity)], of_feature(quantity))
    found: dict[str, dict[float, float]] = {}
    twice = 0
    for patient, day, value in zip(patients, days.values, sums.values, strict=True):
        if is_missing(patient) or day is None or value is None:
            continue
        scans = found.setdefault(patient, {})
        twice += float(day) in scans
        scans.setdefault(float(day), float(value))
    if not found:
        raise InvalidInput("No row of the table has a patient, a day and a sum of diameters that can be used.")
    nobody = Values([], sum(map(is_missing, patients)), {})
    refused = {PATIENT_ID: _refused(nobody), DAY: _refused(days), quantity: _refused(sums)}
    if twice:
        refused[DAY] = {**refused[DAY], SECOND_OF_A_DAY: twice}
    courses = tuple(_course(patient, scans) for patient, scans in found.items())
    return CourseTable(courses, text.rows, refused, text.rows - sum(map(len, found.values())), text.not_read)


def _day(text: str) -> Cell:
    found = number(text)
    return Refusal.OUT_OF_RANGE if not isinstance(found, Refusal) and abs(found) > LARGEST_DAY else found


def _refused(column: Values) -> dict[str, int]:
    return {**({"MISSING": column.missing} if column.missing else {}), **column.refused}


def _course(patient: str, scans: Mapping[float, float]) -> Course:
    days = np.array(sorted(scans))
    return Course(patient, days - days[0], np.array([scans[day] for day in days.tolist()]))
