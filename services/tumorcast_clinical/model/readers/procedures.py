"""Procedures → ``cancer_surgery``, ``radiotherapy``, and ``systemic_therapy`` where chemotherapy is coded as one.

A procedure that was not done, is only prepared or was entered in error gives an issue. One that was stopped, paused or
whose status is not known is marked; one that is in progress or completed is not. Its date is the day it was performed,
or the first day of the period, else its last; a date in words or as an age is none. Operations that are done for other
diseases, too, count only if the record says that they were done for a cancer. Chemoradiation gives two features.
"""

from __future__ import annotations

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.readers.indications import Indication, indication_of
from tumorcast_clinical.model.record.entry import Entry, Refusal, Report
from tumorcast_clinical.model.record.landmark import Side
from tumorcast_clinical.model.record.tree import child, text
from tumorcast_clinical.model.terms.procedure_kinds import Kind, kinds_of
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate, read_date
from tumorcast_core.snapshot import Feature

_NOT_DONE = {
    "not-done": "was not done; it is not used.",
    "preparation": "is only being prepared; it is not used.",
}
_MARKED = frozenset({"on-hold", "stopped", "unknown"})
_UNREAD_DATES = ("performedString", "performedAge", "performedRange")


def read_procedure(entry: Entry, context: Context) -> list[Reading]:
    """Read the treatments that a procedure states; none, with an issue, if it states none."""
    if text(entry.resource, "status") == "entered-in-error":
        context.report.inform(entry, "ENTERED_IN_ERROR", "was entered in error; it is not used.", "status")
        return []
    kinds = kinds_of(child(entry.resource, "code"))
    if isinstance(kinds, Refusal):
        context.report.refuse(entry, kinds)
        return []
    if not _was_done(entry, context.report) or not all(_is_of_cancer(entry, kind, context) for kind in kinds):
        return []
    begin, when = _performed(entry)
    if begin and when and begin.first > when.last:
        context.report.error(entry, "INVALID_PERIOD", "ends before it begins; it is not used.", "performedPeriod")
        return []
    when = begin or (when if context.landmark.side(when) is Side.NOT_AFTER else None)
    if not context.landmark.admits(entry, when, context.report):
        return []
    _tell_doubts(entry, kinds, context.report)
    return [Reading(_feature(entry, kind, when), entry, "", when) for kind in kinds]


def _feature(entry: Entry, kind: Kind, when: PartialDate | None) -> Feature:
    status = text(entry.resource, "status")
    systemic = kind.name == "chemotherapy"
    return catalog_entry("systemic_therapy" if systemic else kind.name).make(
        "chemotherapy" if systemic else "present",
        coding=kind.coding,
        effective=when.text if when else "",
        source=entry.source,
        status=status if status in _MARKED else "",
    )


def _tell_doubts(entry: Entry, kinds: list[Kind], report: Report) -> None:
    if any(kind.from_text for kind in kinds):
        report.warn(entry, "READ_FROM_TEXT", "names its procedure in words, without a known code.", "code")
    for element in _UNREAD_DATES:
        if element in entry.resource:
            report.warn(entry, "UNUSED_ELEMENT", "says otherwise than by a date when it was done.", element)


def _was_done(entry: Entry, report: Report) -> bool:
    status = text(entry.resource, "status")
    if status in _NOT_DONE:
        report.inform(entry, "THERAPY_NOT_GIVEN", _NOT_DONE[status], "status")
    elif status in _MARKED:
        report.warn(entry, "NOT_COMPLETED", f"has status {status}; it is marked.", "status")
    return status not in _NOT_DONE


def _is_of_cancer(entry: Entry, kind: Kind, context: Context) -> bool:
    """Whether it treats a cancer; where that cannot be told, an operation is left out and the others are used."""
    if kind.by_itself:
        return True
    indication = indication_of(entry, context)
    if indication is Indication.CANCER or (kind.name != "cancer_surgery" and indication is Indication.UNKNOWN):
        return True
    if indication is Indication.OTHER:
        message = "is done for another disease than a cancer; it is not used."
        context.report.inform(entry, "THERAPY_NOT_OF_CANCER", message)
    else:
        message = "does not say that it is done for a cancer; it is not used."
        context.report.warn(entry, "INDICATION_NOT_CERTAIN", message)
    return False


def _performed(entry: Entry) -> tuple[PartialDate | None, PartialDate | None]:
    """When it began and when it ended, as far as the record says."""
    period = child(entry.resource, "performedPeriod")
    begin = read_date(text(entry.resource, "performedDateTime") or text(period, "start"))
    return begin, read_date(text(period, "end"))
