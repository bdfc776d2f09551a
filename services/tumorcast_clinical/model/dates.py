"""FHIR dates with the precision that the record has, and the index date that nothing used may lie after."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from enum import Enum

from tumorcast_clinical.model.record import Entry, Report
from tumorcast_core.errors import MalformedRequest

_DATE_TIME = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T.*)?)?)?")


@dataclass(frozen=True, slots=True)
class PartialDate:
    """``text`` as written, and the first and last day that it can mean; a time's day is the one at its own place."""

    text: str
    first: date
    last: date

    @property
    def is_day(self) -> bool:
        """Whether it names one day."""
        return self.first == self.last


def read_date(written: str) -> PartialDate | None:
    """Read a FHIR date, dateTime or instant; ``None`` if there is none.

    >>> read_date("2024-02").last
    datetime.date(2024, 2, 29)
    """
    match = _DATE_TIME.fullmatch(written.strip())
    if not match:
        return None
    year, month, day = (int(part) if part else 0 for part in match.groups())
    try:
        first = date(year, month or 1, day or 1)
        last = date(year, month or 12, day or calendar.monthrange(year, month or 12)[1])
    except ValueError:
        return None
    return PartialDate(written.strip(), first, last)


class Side(Enum):
    """Where a date lies against the index date."""

    NOT_AFTER = "not after"
    AFTER = "after"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Landmark:
    """The index date; ``None``: no limit."""

    day: date | None

    @classmethod
    def at(cls, index_date: str) -> Landmark:
        """Read the request's index date, which must name a day; raises ``MalformedRequest``."""
        if not index_date:
            return cls(None)
        found = read_date(index_date)
        if found is None or not found.is_day:
            raise MalformedRequest("index_date must be a day, YYYY-MM-DD.")
        return cls(found.first)

    def side(self, when: PartialDate | None) -> Side:
        if self.day is None:
            return Side.NOT_AFTER
        if when is None:
            return Side.UNSURE
        if when.first > self.day:
            return Side.AFTER
        return Side.NOT_AFTER if when.last <= self.day else Side.UNSURE

    def admits(self, entry: Entry, when: PartialDate | None, report: Report) -> bool:
        """Whether the entry may be used; what is left out or doubtful is told."""
        side = self.side(when)
        if side is Side.AFTER:
            report.error(entry, "AFTER_INDEX_DATE", "is dated after the index date; it is not used.")
        elif side is Side.UNSURE:
            how = "has no date" if when is None else "is dated only roughly"
            report.warn(entry, "DATE_NOT_CERTAIN", f"{how}; it is used and may lie after the index date.")
        return side is not Side.AFTER
