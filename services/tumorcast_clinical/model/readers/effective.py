"""When an Observation's result was true, whether it was out by the index date, and in which sample it was measured."""

from __future__ import annotations

from tumorcast_clinical.model.readers.context import Context
from tumorcast_clinical.model.record.entry import Entry
from tumorcast_clinical.model.record.landmark import Side, instant
from tumorcast_clinical.model.record.tree import Json, child, text
from tumorcast_core.dates import PartialDate, read_date


def effective(entry: Entry, context: Context) -> PartialDate | None:
    """When it was true: a moment, the end (else the start) of a period, the last of several moments, or its issue."""
    resource = entry.resource
    moment = text(resource, "effectiveDateTime") or text(resource, "effectiveInstant")
    if moment:
        return read_date(moment)
    found = None
    if "effectivePeriod" in resource:
        found = _of_period(child(resource, "effectivePeriod"), "effectivePeriod", entry, context)
    elif "effectiveTiming" in resource:
        found = _of_timing(child(resource, "effectiveTiming"), entry, context)
    if found is None and (found := read_date(text(resource, "issued"))):
        context.report.inform(entry, "DATE_FROM_ISSUED", "is dated by the day it was issued.", "issued")
    return found


def was_known(entry: Entry, context: Context) -> bool:
    """Whether the result was out by the index date; a sample's result that came later could not be used on it."""
    issued, landmark = text(entry.resource, "issued"), context.landmark
    if not issued or landmark.side(read_date(issued)) is not Side.AFTER:
        return True
    if landmark.day is None:
        context.report.error(entry, "FUTURE_DATE", "was issued in the future; it is not used.", "issued")
    else:
        context.report.error(entry, "AFTER_INDEX_DATE", "was issued after the index date; it is not used.", "issued")
    return False


def sample(entry: Entry, when: PartialDate | None) -> str:
    """Name what readings of one sample have in common: the specimen on its day, else the moment; empty: not known.

    A contained specimen (``#…``) is named in one observation only, and tells less than a moment with a time.
    """
    moment = when.text if when and when.is_day else ""
    specimen = text(child(entry.resource, "specimen"), "reference") if "specimen" in entry.resource else ""
    if specimen and not specimen.startswith("#"):
        return f"{specimen} {moment[:10]}"
    return specimen if specimen and "T" not in moment else instant(moment)


def _of_period(period: Json, path: str, entry: Entry, context: Context) -> PartialDate | None:
    start, end = read_date(text(period, "start")), read_date(text(period, "end"))
    if start and end and start.first > end.last:
        message = "is of a period that ends before it starts; its later date counts."
        context.report.warn(entry, "DATE_NOT_CERTAIN", message, path)
        return start
    return end or start


def _of_timing(timing: Json, entry: Entry, context: Context) -> PartialDate | None:
    """The last moment of the Timing, else its bounds; a schedule alone says no date."""
    events = timing.get("event")
    moments = [read_date(event) for event in events if isinstance(event, str)] if isinstance(events, list) else []
    known = [moment for moment in moments if moment]
    if known:
        return max(known, key=lambda moment: (moment.last, instant(moment.text)))
    found = _of_period(child(timing, "repeat", "boundsPeriod"), "effectiveTiming.repeat.boundsPeriod", entry, context)
    if found is None:
        context.report.warn(entry, "DATE_NOT_READ", "is dated by a schedule, which names no day.", "effectiveTiming")
    return found
