"""Dates compared by calendar day as written; a partial one counts as its first day."""

from __future__ import annotations

from collections.abc import Iterable

from tumorcast_core.dates import first_day


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
