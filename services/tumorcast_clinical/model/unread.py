"""What of a record no reader takes, and what is said of it."""

from __future__ import annotations

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.tree import child, items, text
from tumorcast_core.snapshot import Severity

REFERRED = frozenset({"Condition", "Medication"})
"""Types whose resources are read where others refer to them."""

_SEVERITIES = {"fatal": Severity.ERROR, "error": Severity.ERROR, "warning": Severity.WARNING}


def tell_unread(entry: Entry, report: Report) -> None:
    """Say of a resource of a type without a reader that it is not read; pass on what a server said."""
    if entry.type == "OperationOutcome":
        _tell_outcome(entry, report)
    elif entry.type not in REFERRED and entry.type != "Patient":
        report.inform(entry, "UNUSED_RESOURCE", "is of a type that no feature is read from.")


def tell_contained(entry: Entry, report: Report) -> None:
    """Say of contained resources other than the drug that they are not read."""
    if "contained" not in entry.resource:
        return
    reference = text(child(entry.resource, "medicationReference"), "reference")
    for i, item in enumerate(items(entry.resource, "contained")):
        if f"#{text(item, 'id')}" != reference:
            report.inform(entry, "UNUSED_RESOURCE", "contains a resource that is not read.", f"contained[{i}]")


def _tell_outcome(entry: Entry, report: Report) -> None:
    """Pass on a server's OperationOutcome among the results: something may be missing from them."""
    worst = {_SEVERITIES.get(text(issue, "severity")) for issue in items(entry.resource, "issue")}
    severity = Severity.ERROR if Severity.ERROR in worst else Severity.WARNING
    message = "is the server's word that the record may be incomplete."
    report.add(severity, "OPERATION_OUTCOME", f"{entry.title} {message}", entry.location)
