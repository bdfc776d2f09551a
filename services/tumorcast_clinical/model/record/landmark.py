"""The index date that nothing used may lie after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_core.dates import PartialDate, index_day

_UTC_LENGTH = len("2026-03-01T10:00:00Z")


class Side(Enum):
    """Where a date lies against the last day that may be used."""

    NOT_AFTER = "not after"
    AFTER = "after"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Landmark:
    """The index date; where none is given (``day`` is ``None``) only the future is out of reach.

    ``last`` is the last day that anything used may have: the index date, or tomorrow, as somewhere on Earth it has
    begun.
    """

    day: date | None
    last: date

    @classmethod
    def at(cls, index_date: str) -> Landmark:
        """Read the request's index date, which must name a day; raises ``MalformedRequest``."""
        day = index_day(index_date)
        return cls(day, day or datetime.now(UTC).date() + timedelta(days=1))

    def side(self, when: PartialDate | None) -> Side:
        """Where ``when`` lies; without an index date nothing but the future is doubtful."""
        if when is None:
            return Side.NOT_AFTER if self.day is None else Side.UNSURE
        if when.last <= self.last:
            return Side.NOT_AFTER
        if when.first > self.last:
            return Side.AFTER
        return Side.NOT_AFTER if self.day is None else Side.UNSURE

    def admits(self, entry: Entry, when: PartialDate | None, report: Report, path: str = "") -> bool:
        """Whether what is dated ``when`` may be used; what is left out or doubtful is told."""
        if when is not None and when.last <= self.last:
            return True
        side = self.side(when)
        if side is Side.AFTER:
            if self.day is None:
                report.error(entry, "FUTURE_DATE", "is dated in the future; it is not used.", path)
            else:
                report.error(entry, "AFTER_INDEX_DATE", "is dated after the index date; it is not used.", path)
        elif side is Side.UNSURE:
            how = "has no date" if when is None else "is dated only roughly"
            report.warn(entry, "DATE_NOT_CERTAIN", f"{how}; it is used and may lie after the index date.", path)
        return side is not Side.AFTER


def reference_day(landmark: Landmark, seen: Iterable[PartialDate]) -> PartialDate | None:
    """Return the index date, else the latest day that the record names."""
    if landmark.day is not None:
        return PartialDate(landmark.day.isoformat(), landmark.day, landmark.day)
    return latest_day(seen)


def latest_day(seen: Iterable[PartialDate]) -> PartialDate | None:
    """Return the latest date that names a day."""
    return max((when for when in seen if when.is_day), key=lambda when: (when.first, when.text), default=None)


@lru_cache(maxsize=4096)
def instant(written: str) -> str:
    """Return a time as UTC has it, so that one moment has one name; a date without time as written.

    >>> instant("2026-03-01T11:00:00.000+01:00"), instant("2026-03-01")
    ('2026-03-01T10:00:00Z', '2026-03-01')
    """
    if "T" not in written or (len(written) == _UTC_LENGTH and written.endswith("Z")):
        return written
    try:
        moment = datetime.fromisoformat(written)
        return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z" if moment.tzinfo else written
    except (ValueError, OverflowError):  # a leap second, or the first and last hours of the calendar
        return written
