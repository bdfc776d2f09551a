"""Results dated before the patient was born: said, since one of the two dates is wrong."""

from __future__ import annotations

from tumorcast_clinical.model.derived.person import Person
from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature


def tell_before_birth(readings: list[Reading], context: Context, _today: PartialDate | None) -> list[Feature]:
    """Warn once of each resource whose result is dated before the birth; no features."""
    born = Person.of(readings).born
    if born is None:
        return []
    early = {r.entry.location: r.entry for r in readings if r.when and r.when.last < born.first}
    for entry in early.values():
        context.report.warn(entry, "BEFORE_BIRTH", "is dated before the patient was born; one of the dates is wrong.")
    return []
