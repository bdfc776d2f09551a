"""What an Observation is about besides the patient: a stage or finding of a disease that is refuted is none."""

from __future__ import annotations

from tumorcast_clinical.model.readers.context import Context
from tumorcast_clinical.model.readers.course_of_disease import is_doubted
from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.tree import items, text


def is_of_untrue_condition(entry: Entry, context: Context) -> bool:
    """Whether ``focus`` names a Condition of the record that is refuted or doubted; if so, an issue says it."""
    for i, reference in enumerate(items(entry.resource, "focus")):
        found = context.referred.find(text(reference, "reference"), entry)
        if not found or text(found, "resourceType") != "Condition":
            continue
        if is_doubted(Entry(found, "Condition"), [], Report()):
            message = "is about a condition that the record refutes or doubts; it is not used."
            context.report.error(entry, "CONDITION_NOT_CONFIRMED", message, f"focus[{i}]")
            return True
    return False
