"""Quick verdicts on single FHIR R4 primitives: each takes less than ``fhir.resources`` takes, never more.

A check answers true only for what the model's own type surely takes (the usual spelling of FHIR R4 2.24.0.1 in ASCII);
false means "ask the model", not "invalid". A check may raise ``TypeError`` on a value of another JSON type, which the
caller reads as false. Verdicts on codes, URIs and dates, which recur within a record, are kept; free text and ids are
not, so that no name outlives its call.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial
from math import isfinite
from typing import Any

Check = Callable[[Any], object]

MAX_VERDICTS = 8192
_MAX_KEPT_LENGTH = 96
_LARGEST_INTEGER = 10**18
_DAY = r"[12][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_PARTIAL = re.compile(r"[12][0-9]{3}(?:-(?:0[1-9]|1[0-2]))?").fullmatch
_FULL_DATE = re.compile(_DAY).fullmatch
_MOMENT = re.compile(f"{_DAY}T{_CLOCK}{_ZONE}").fullmatch
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}").fullmatch


class Verdicts(dict[str, bool]):
    """Verdicts on short strings, kept until there are too many; the lookup is the check.

    >>> codes = Verdicts(str.isalpha)
    >>> codes["final"], codes["final "], len(codes)
    (True, False, 2)
    """

    def __init__(self, is_valid: Callable[[str], object]) -> None:
        super().__init__()
        self._is_valid = is_valid

    def __missing__(self, value: Any) -> bool:
        if type(value) is not str:
            return False
        verdict = bool(self._is_valid(value))
        if len(value) <= _MAX_KEPT_LENGTH:
            if len(self) >= MAX_VERDICTS:
                self.clear()
            self[value] = verdict
        return verdict


def is_text(value: Any) -> bool:
    r"""Whether a string has more than blanks and no lone surrogate.

    >>> is_text("Größe"), is_text(" a"), is_text(" "), is_text(""), is_text("\ud800"), is_text(5)
    (True, True, False, False, False, False)
    """
    return (type(value) is str and value.isascii() and value >= "!") or _is_unusual_text(value)


def _is_unusual_text(value: Any) -> bool:
    if type(value) is not str or not value or value.isspace():
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_boolean(value: Any) -> bool:
    """Whether a value is true or false; 0, 1 and words for them are left to the model."""
    return value is True or value is False


def is_decimal(value: Any) -> bool:
    """Whether a value is a finite number; integers with more digits than any measurement are left to the model.

    >>> is_decimal(Decimal("1.00")), is_decimal(7), is_decimal(0.5), is_decimal(Decimal("NaN")), is_decimal(True)
    (True, True, True, False, False)
    """
    if type(value) is Decimal:
        return value.is_finite()
    if type(value) is int:
        return -_LARGEST_INTEGER < value < _LARGEST_INTEGER
    return type(value) is float and isfinite(value)


def is_base64(value: Any) -> bool:
    """Whether a string is base64 without blanks (RFC 4648, section 4).

    >>> is_base64("QUI="), is_base64("QUI"), is_base64("QU I="), is_base64("")
    (True, False, False, False)
    """
    return type(value) is str and len(value) % 4 == 0 and _BASE64(value) is not None


def is_date(value: str) -> bool:
    """Whether a string is a year, a month or a day of the calendar.

    >>> [is_date(text) for text in ("2026", "2026-02", "2026-02-28", "2026-02-29", "2026-13", "0000", "2026-2-1")]
    [True, True, True, False, False, False, False]
    """
    return _PARTIAL(value) is not None or (_FULL_DATE(value) is not None and _is_in_calendar(value))


def is_instant(value: str) -> bool:
    """Whether a string is a moment with seconds and zone; leap seconds are left to the model.

    >>> [is_instant(f"2026-02-28T{text}") for text in ("10:00:00Z", "10:00:00", "10:00Z", "24:00:00Z", "23:59:60Z")]
    [True, False, False, False, False]
    """
    return _MOMENT(value) is not None and _is_in_calendar(value[:10])


def _is_in_calendar(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def _is_date_time(value: str) -> bool:
    return is_date(value) or is_instant(value)


def _is_between(least: int, most: int, value: Any) -> bool:
    return type(value) is int and least <= value <= most


_is_uri = Verdicts(re.compile(r"[!-~]+").fullmatch).__getitem__

CHECKS: dict[str, Check] = {
    "base64Binary": is_base64,
    "canonical": _is_uri,
    "code": Verdicts(re.compile(r"[!-~]+(?: [!-~]+)*").fullmatch).__getitem__,
    "date": Verdicts(is_date).__getitem__,
    "dateTime": Verdicts(_is_date_time).__getitem__,
    "decimal": is_decimal,
    "id": re.compile(r"[A-Za-z0-9.-]{1,64}").fullmatch,
    "instant": Verdicts(is_instant).__getitem__,
    "integer": partial(_is_between, -(2**31), 2**31 - 1),
    "markdown": is_text,
    "oid": re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+").fullmatch,
    "positiveInt": partial(_is_between, 1, 2**31 - 1),
    "string": is_text,
    "time": Verdicts(re.compile(_CLOCK).fullmatch).__getitem__,
    "unsignedInt": partial(_is_between, 0, 2**31 - 1),
    "uri": _is_uri,
    "url": _is_uri,
    "xhtml": is_text,
}
"""The check of each primitive type by its FHIR name; a type without one is always left to the model."""
