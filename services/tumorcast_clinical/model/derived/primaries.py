"""Several primary cancers of one patient: said, since stage and markers do not say which of them they are of."""

from __future__ import annotations

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature

_NO_SITE = frozenset({"other", "unknown_primary"})


def tell_several_primaries(readings: list[Reading], context: Context, _today: PartialDate | None) -> list[Feature]:
    """Warn at each primary cancer if the record states cancers of several sites; no features."""
    primaries = [reading for reading in readings if reading.feature.name == "primary_cancer"]
    if len({reading.feature.value for reading in primaries} - _NO_SITE) > 1:
        for reading in primaries:
            message = "is one of several primary cancers; stage, grade and markers may be of any of them."
            context.report.warn(reading.entry, "SEVERAL_PRIMARIES", message)
    return []
