"""Dates of documents against the index date."""

from __future__ import annotations

import re
from datetime import date

from tumorcast_core.errors import MalformedRequest

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T.*)?)?)?", re.ASCII)
_HEADER = re.compile(r"\A\s*Date:[ \t]*(\d{4}-\d\d-\d\d)[ \t]*$", re.IGNORECASE | re.MULTILINE | re.ASCII)


def first_day(written: str) -> date | None:
    """The first day that an ISO 8601 date, possibly partial, can mean; ``None`` if it is not one.

    >>> first_day("2026-03")
    datetime.date(2026, 3, 1)
    """
    match = _DATE.fullmatch(written.strip())
    if not match:
        return None
    try:
        return date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return None


def is_rough(written: str) -> bool:
    """Whether a date that can be read names a month or a year only."""
    return len(written.strip()) < len("2026-03-04")


def index_day(index_date: str) -> date | None:
    """The request's index date; ``None``: no limit. Raises ``MalformedRequest`` unless it names a day."""
    if not index_date:
        return None
    day = first_day(index_date)
    if day is None or is_rough(index_date):
        raise MalformedRequest("index_date must be a day, YYYY-MM-DD.")
    return day


def header_date(text: str) -> str:
    """The date in a first line "Date: 2026-03-04"; empty if there is none."""
    match = _HEADER.search(text)
    return match[1] if match and first_day(match[1]) else ""
