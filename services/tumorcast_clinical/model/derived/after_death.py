"""Results dated after the patient's death: said, since one of the two dates is wrong."""

from __future__ import annotations

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature


def tell_after_death(readings: list[Reading], context: Context, _today: PartialDate | None) -> list[Feature]:
    """Warn once of each resource whose result is dated after the death; no features."""
    deaths = [r.when for r in readings if r.feature.name == "death" and r.feature.value == "present" and r.when]
    if len(deaths) != 1:
        return []
    late = {r.entry.location: r.entry for r in readings if r.when and r.when.first > deaths[0].last}
    for entry in late.values():
        context.report.warn(entry, "AFTER_DEATH", "is dated after the patient's death; one of the dates is wrong.")
    return []
