"""Dates as FHIR and ISO 8601 write them, possibly partial, compared by calendar day as written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

# FHIR R4 dateTime; a time needs seconds and a zone there, here both may be missing.
_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)


def first_day(text: str) -> date | None:
    """Find the first day that a date may mean; ``None`` if it is none.

    >>> first_day("2024-03"), first_day("soon")
    (datetime.date(2024, 3, 1), None)
    """
    match = _DATE.fullmatch(text)
    if not match:
        return None
    year, month, day = match.groups()
    try:
        return date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None


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
