"""Dates as FHIR and ISO 8601 write them, possibly partial, compared by calendar day as written."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

from tumorcast_core.errors import MalformedRequest

# FHIR R4 dateTime (datatypes.html#dateTime); a time needs seconds and a zone there, here both may be missing.
_DATE_TIME = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)


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


@lru_cache(maxsize=4096)
def read_date(written: str) -> PartialDate | None:
    """Read a FHIR date, dateTime or instant; ``None`` if there is none.

    >>> read_date("2024-02").last, read_date("soon")
    (datetime.date(2024, 2, 29), None)
    """
    text = written.strip()
    match = _DATE_TIME.fullmatch(text)
    if not match:
        return None
    year, month, day = (int(part) if part else 0 for part in match.groups())
    try:
        first = date(year, month or 1, day or 1)
        last = date(year, month or 12, day or calendar.monthrange(year, month or 12)[1])
    except ValueError:
        return None
    return PartialDate(text, first, last)


def first_day(written: str) -> date | None:
    """The first day that a date can mean; ``None`` if it is none.

    >>> first_day("2026-03")
    datetime.date(2026, 3, 1)
    """
    found = read_date(written)
    return found.first if found else None


def index_day(index_date: str) -> date | None:
    """A request's index date; ``None``: no limit. Raises ``MalformedRequest`` unless it names a day."""
    if not index_date:
        return None
    found = read_date(index_date)
    if found is None or not found.is_day:
        raise MalformedRequest("index_date must be a day, YYYY-MM-DD.")
    return found.first


def moment(written: str) -> str:
    """A key that orders dates and times by when they were: with a zone in UTC, without one as written; "" for none.

    >>> moment("2026-03-01T23:30:00-05:00") > moment("2026-03-02T02:00:00+00:00")
    True
    """
    text = written.strip()
    if "T" not in text:
        return text
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (found.astimezone(UTC) if found.tzinfo else found).isoformat()


def is_fhir_date(text: str) -> bool:
    """Whether it is a date or dateTime, possibly partial."""
    return first_day(text) is not None


def is_day(text: str) -> bool:
    """Whether it is one calendar day, ``YYYY-MM-DD``."""
    return len(text) == 10 and is_fhir_date(text)


def is_after(text: str, day: str) -> bool:
    """Whether a date certainly lies after a day; a partial date that may not, an undated or an unreadable one does not.

    >>> is_after("2024-03-02T00:10:00Z", "2024-03-01"), is_after("2024-03", "2024-03-15"), is_after("", "2024-03-15")
    (True, False, False)
    """
    first, limit = first_day(text), first_day(day)
    return first is not None and limit is not None and first > limit


def same_day(one: str, other: str) -> bool:
    """Whether two dates may mean the same day.

    >>> same_day("2024-03-02T09:00:00Z", "2024-03-02"), same_day("2023", "2024-03-02")
    (True, False)
    """
    a, b = one[:10], other[:10]
    return a.startswith(b) or b.startswith(a)


def latest_day(texts: Iterable[str]) -> str:
    """Find the latest of some dates as ``YYYY-MM-DD``, a partial one counting as its first day; empty if there is none.

    >>> latest_day(["2024-03-02", "2024", ""])
    '2024-03-02'
    """
    days = [day for day in map(first_day, texts) if day is not None]
    return max(days).isoformat() if days else ""
