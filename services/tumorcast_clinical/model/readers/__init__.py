"""Readers: for each resource type that features are read from, the function that reads one resource of it.

A reader takes an entry that is valid, of this patient and in one version, and returns its readings. Whatever it does
not use it tells the report. Treatments go to ``context.courses``, too, from which lines of therapy are derived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tumorcast_clinical.model.readers.conditions import read_condition
from tumorcast_clinical.model.readers.context import Context, Course, Reading
from tumorcast_clinical.model.readers.family_history import read_family_history
from tumorcast_clinical.model.readers.medications import read_medication
from tumorcast_clinical.model.readers.observations import read_observation
from tumorcast_clinical.model.readers.procedures import read_procedure
from tumorcast_clinical.model.record.entry import Entry

Reader = Callable[[Entry, Context], list[Reading]]

READERS: Mapping[str, Reader] = {
    "Condition": read_condition,
    "FamilyMemberHistory": read_family_history,
    "MedicationAdministration": read_medication,
    "MedicationRequest": read_medication,
    "MedicationStatement": read_medication,
    "Observation": read_observation,
    "Procedure": read_procedure,
}

__all__ = ["READERS", "Context", "Course", "Reader", "Reading"]
