"""What of a record no reader takes, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.references import Referred
from tumorcast_clinical.model.record.tree import child, items, text
from tumorcast_core.snapshot import Severity

REFERRED = frozenset({"Condition", "Medication", "Substance"})
"""Types whose resources are read where others refer to them."""

_SEVERITIES = {"fatal": Severity.ERROR, "error": Severity.ERROR, "warning": Severity.WARNING}


def tell_unreferred(entries: Iterable[Entry], referred: Referred, report: Report) -> None:
    """Say of each drug and substance that no treatment of the record names it."""
    for entry in entries:
        if entry.type != "Condition" and id(entry.resource) not in referred.used:
            report.inform(entry, "UNUSED_RESOURCE", "is a drug that no treatment of the record refers to.")


def tell_unread(entry: Entry, report: Report) -> None:
    """Say of a resource of a type without a reader that it is not read; pass on what a server said."""
    if entry.type == "OperationOutcome":
        _tell_outcome(entry, report)
    elif entry.type not in REFERRED and entry.type != "Patient":
        report.inform(entry, "UNUSED_RESOURCE", "is of a type that no feature is read from.")
        tell_contained(entry, report)


def tell_contained(entry: Entry, report: Report) -> None:
    """Say of contained resources other than the drug that they are not read."""
    if "contained" not in entry.resource:
        return
    contained = items(entry.resource, "contained")
    drugs = {text(child(entry.resource, "medicationReference"), "reference")}
    drugs |= {text(child(p, "itemReference"), "reference") for item in contained for p in items(item, "ingredient")}
    reasons = {text(reason, "reference") for reason in items(entry.resource, "reasonReference")}
    for i, item in enumerate(contained):
        name = f"#{text(item, 'id')}"
        if name in drugs:
            continue
        if text(item, "resourceType") == "Observation":
            report.error(entry, "CONTAINED_RESULT", "contains a result, which is not read.", f"contained[{i}]")
            continue
        how = "read as a reason alone" if name in reasons else "not read"
        report.inform(entry, "UNUSED_RESOURCE", f"contains a resource that is {how}.", f"contained[{i}]")


def _tell_outcome(entry: Entry, report: Report) -> None:
    """Pass on a server's OperationOutcome among the results: something may be missing from them."""
    worst = {_SEVERITIES.get(text(issue, "severity")) for issue in items(entry.resource, "issue")}
    severity = Severity.ERROR if Severity.ERROR in worst else Severity.WARNING
    message = "is the server's word that the record may be incomplete."
    report.add(severity, "OPERATION_OUTCOME", f"{entry.title} {message}", entry.location)
