"""Dates that documents carry themselves."""

from __future__ import annotations

import re

from tumorcast_core.dates import first_day, read_date

_HEADER = re.compile(r"\A\s*Date:[ \t]*(\d{4}-\d\d-\d\d)[ \t]*$", re.IGNORECASE | re.MULTILINE | re.ASCII)


def is_rough(written: str) -> bool:
    """Whether a date that can be read names a month or a year only."""
    found = read_date(written)
    return found is not None and not found.is_day


def header_date(text: str) -> str:
    """The date in a first line "Date: 2026-03-04"; empty if there is none."""
    match = _HEADER.search(text)
    return match[1] if match and first_day(match[1]) else ""
