"""FamilyMemberHistory: a relative's diseases are never the patient's."""

from __future__ import annotations

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.record.entry import Entry


def read_family_history(entry: Entry, context: Context) -> list[Reading]:
    """Say that the resource is about a relative; no feature reads it."""
    context.report.inform(
        entry, "FAMILY_HISTORY", "is about a relative's diseases; no feature of the patient reads it."
    )
    return []
