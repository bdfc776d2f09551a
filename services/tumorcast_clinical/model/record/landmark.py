"""The index date that nothing used may lie after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_core.dates import PartialDate, index_day


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
        return cls(index_day(index_date))

    def side(self, when: PartialDate | None) -> Side:
        if self.day is None:
            return Side.NOT_AFTER
        if when is None:
            return Side.UNSURE
        if when.first > self.day:
            return Side.AFTER
        return Side.NOT_AFTER if when.last <= self.day else Side.UNSURE

    def admits(self, entry: Entry, when: PartialDate | None, report: Report, path: str = "") -> bool:
        """Whether the entry may be used; what is left out or doubtful is told."""
        side = self.side(when)
        if side is Side.AFTER:
            report.error(entry, "AFTER_INDEX_DATE", "is dated after the index date; it is not used.", path)
        elif side is Side.UNSURE:
            how = "has no date" if when is None else "is dated only roughly"
            report.warn(entry, "DATE_NOT_CERTAIN", f"{how}; it is used and may lie after the index date.", path)
        return side is not Side.AFTER


def reference_day(landmark: Landmark, seen: list[PartialDate]) -> PartialDate | None:
    """Return the index date, else the latest day that the record names."""
    if landmark.day is not None:
        return PartialDate(landmark.day.isoformat(), landmark.day, landmark.day)
    return max((when for when in seen if when.is_day), key=lambda when: (when.first, when.text), default=None)
