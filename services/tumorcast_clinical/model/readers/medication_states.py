"""What a medication resource's status, intent and period say: whether the drug was given, and when.

MedicationRequest, -Statement and -Administration have one ``status`` each, with different meanings (FHIR R4 11.1.3,
11.4.3, 11.3.3). What was never given is refused; what was stopped, paused or only ordered is marked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from math import ceil

from tumorcast_clinical.model.record.entry import Entry, Refusal, Report
from tumorcast_clinical.model.record.landmark import Landmark, Side
from tumorcast_clinical.model.record.tree import Json, child, items, number, text
from tumorcast_core.dates import PartialDate, read_date
from tumorcast_core.snapshot import Severity

ADMINISTRATION_LASTS_DAYS = 42
"""An administration counts as current for two cycles of the common three-week regimens."""

_DAYS = {
    "min": Fraction(1, 1440),
    "h": Fraction(1, 24),
    "d": Fraction(1),
    "wk": Fraction(7),
    "mo": Fraction(31),
    "a": Fraction(366),
}
"""Longest length of the units of time that FHIR takes for durations (R4 2.24.0.6)."""
_LONGEST_DAYS = 100_000
_ORDERS = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})
_NOT_GIVEN = frozenset({"cancelled", "draft", "not-done", "not-taken", "intended"})
_MARKED = frozenset({"stopped", "on-hold", "unknown"})


@dataclass(frozen=True, slots=True)
class Span:
    """When a course began, the last day that it is known to have been given, and until when it counts as current."""

    begin: PartialDate | None
    last: PartialDate | None
    end: PartialDate | None


@dataclass(frozen=True, slots=True)
class State:
    """How a feature of it is marked (empty: given), and whether it counts as a current treatment."""

    mark: str
    current: bool


def state_of(entry: Entry, span: Span, landmark: Landmark, report: Report) -> State | None:
    """Judge whether the drug was given; ``None``, with an issue, if it was not."""
    status = text(entry.resource, "status")
    refusal = _refusal(entry, status)
    if refusal:
        report.refuse(entry, refusal)
        return None
    if status in _MARKED and _went_on(entry, span, landmark):
        return State("", True)
    if status in _MARKED or (status == "completed" and not _completed_is_current(entry, span)):
        _tell_not_current(entry, status, report)
        return State(status if status in _MARKED else "", False)
    return State("ordered" if entry.type == "MedicationRequest" else "", True)


def _refusal(entry: Entry, status: str) -> Refusal | None:
    path, why = "status", ""
    if status in _NOT_GIVEN:
        why = f"has status {status}: the drug was not given; it is not used."
    elif entry.resource.get("doNotPerform") is True:
        path, why = "doNotPerform", "says that the drug must not be given."
    elif entry.type == "MedicationRequest" and text(entry.resource, "intent") not in _ORDERS:
        path, why = "intent", "is a proposal or a plan, not an order."
    elif number(child(entry.resource, "dosage", "dose"), "value") == 0:
        path, why = "dosage.dose", "states a dose of none; it is not used."
    return Refusal("THERAPY_NOT_GIVEN", why, path, Severity.INFORMATION) if why else None


def _went_on(entry: Entry, span: Span, landmark: Landmark) -> bool:
    """Whether what is now stopped or paused was still given at the index date, for its period ends later."""
    period = entry.type != "MedicationRequest" and "end" in child(entry.resource, "effectivePeriod")
    return period and landmark.side(span.last) is Side.AFTER


def _completed_is_current(entry: Entry, span: Span) -> bool:
    """A completed order is over, as is a completed statement without an end; the others count until their end."""
    return entry.type == "MedicationAdministration" or (entry.type == "MedicationStatement" and span.last is not None)


def _tell_not_current(entry: Entry, status: str, report: Report) -> None:
    if status == "unknown":
        report.warn(entry, "THERAPY_NOT_CURRENT", "does not know whether the drug was given; it is marked.", "status")
    elif status == "completed" and entry.type == "MedicationStatement":
        report.inform(entry, "THERAPY_NOT_CURRENT", "is completed and does not say when it ended.", "status")
    else:
        report.inform(entry, "THERAPY_NOT_CURRENT", f"has status {status}; it is not a current therapy.", "status")


def span_of(entry: Entry) -> Span:
    """Read when the drug was given or is to be taken."""
    if entry.type == "MedicationRequest":
        begin, end = _span_of_order(entry.resource)
        return Span(begin, end, end)
    period = child(entry.resource, "effectivePeriod")
    begin = read_date(text(entry.resource, "effectiveDateTime") or text(period, "start"))
    end = read_date(text(period, "end"))
    if entry.type == "MedicationStatement":
        return Span(begin, end, end)
    given = end or begin
    return Span(begin, given, _later(given, ADMINISTRATION_LASTS_DAYS) if given else None)


def _later(when: PartialDate, days: int) -> PartialDate:
    if (date.max - when.last).days <= days:
        return when
    last = when.last + timedelta(days=days)
    return PartialDate(last.isoformat(), last, last)


def _span_of_order(resource: Json) -> tuple[PartialDate | None, PartialDate | None]:
    """When an order was written and is to be taken from, the later of the two, and when it runs out."""
    validity = child(resource, "dispenseRequest", "validityPeriod")
    timings = [child(dose, "timing") for dose in items(resource, "dosageInstruction")]
    starts = [_first_of(timing) for timing in timings]
    first = min((day for day in starts if day), key=_first, default=None) if all(starts) else None
    written = read_date(text(resource, "authoredOn") or text(validity, "start"))
    begin = max((day for day in (written, first) if day), key=_first, default=None)
    ends = [_last_of(timing, begin) for timing in timings]
    last = max((day for day in ends if day), key=_first, default=None) if all(ends) else None
    runs_out = min((day for day in (read_date(text(validity, "end")), last) if day), key=_first, default=None)
    return begin, runs_out


def _first_of(timing: Json) -> PartialDate | None:
    start = read_date(text(child(timing, "repeat", "boundsPeriod"), "start"))
    return start or min(_events(timing), key=_first, default=None)


def _last_of(timing: Json, begin: PartialDate | None) -> PartialDate | None:
    """The last day of a timing: as stated, after its duration, or its last event."""
    end = read_date(text(child(timing, "repeat", "boundsPeriod"), "end"))
    duration = child(timing, "repeat", "boundsDuration")
    length, unit = number(duration, "value"), _DAYS.get(text(duration, "code") or text(duration, "unit"))
    if end or begin is None or length is None or unit is None:
        return end or max(_events(timing), key=_first, default=None)
    return _later(begin, min(ceil(Fraction(length) * unit), _LONGEST_DAYS))


def _events(timing: Json) -> list[PartialDate]:
    events = timing.get("event")
    written = [event for event in events if isinstance(event, str)] if isinstance(events, list) else []
    return [day for event in written if (day := read_date(event))]


def _first(when: PartialDate) -> date:
    return when.first
