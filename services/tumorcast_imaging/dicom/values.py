"""The bytes of a DICOM value → plain Python values.

Slices of one series repeat nearly all of their header, so every conversion is remembered by its bytes. ``Malformed``
says that an attribute is there but is not what it must be; an empty or absent one is simply none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable
from functools import lru_cache
from struct import Struct
from typing import TypeVar

from pydicom.charset import convert_encodings, decode_bytes

from tumorcast_imaging.dicom.part10 import Element, Elements

_BINARY = {b"US": "H", b"SS": "h", b"UL": "I", b"SL": "i", b"FL": "f", b"FD": "d"}
_TEXT = frozenset({b"AE", b"AS", b"CS", b"DA", b"DS", b"DT", b"IS", b"LO", b"LT", b"PN", b"SH", b"ST", b"TM"}) | {
    b"UC",
    b"UI",
    b"UR",
    b"UT",
    b"",
    b"UN",
}
_PADDING = " \0"
_SHORT_BYTES = 256
_MAX_NUMBERS = 64
_T = TypeVar("_T")
_K = TypeVar("_K", bound=Hashable)
_NUMBER = re.compile(r" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *", re.ASCII)
"""DS and IS (PS3.5 section 6.2); Python's own float would also take 1_000 and infinity."""


class Malformed(Exception):  # noqa: N818 - caught by the header, which remembers that it is damaged
    """An attribute holds something else than its value representation allows."""


def text(elements: Elements, tag: int) -> str:
    """The text of an attribute without padding; empty if there is none."""
    element = elements.values.get(tag)
    return "" if element is None else _text(element, _charset(elements))


def private_text(elements: Elements, tag: int) -> str:
    """As ``text``, for what names a patient: it is not remembered."""
    element = elements.values.get(tag)
    return "" if element is None else _decoded(element, _charset(elements))


def texts(elements: Elements, tag: int) -> tuple[str, ...]:
    """The values of a multi-valued text attribute."""
    whole = text(elements, tag)
    return tuple(part.strip(_PADDING) for part in whole.split("\\")) if whole else ()


def numbers(elements: Elements, tag: int) -> tuple[float, ...]:
    """The values of a decimal or integer string (DS, IS); raises ``Malformed`` unless all are finite numbers."""
    element = elements.values.get(tag)
    return () if element is None else _numbers(element, elements.big_endian)


def number(elements: Elements, tag: int) -> float | None:
    """The value of such an attribute, ``None`` if there is none; raises ``Malformed`` if there are several."""
    return _only(numbers(elements, tag))


def integers(elements: Elements, tag: int) -> tuple[int, ...]:
    """The values of a whole-number attribute (US, SS, IS); raises ``Malformed`` for a fraction."""
    return _whole(elements.values[tag], elements.big_endian) if tag in elements.values else ()


def integer(elements: Elements, tag: int) -> int | None:
    """The value of such an attribute, ``None`` if there is none; raises ``Malformed`` if there are several."""
    return _only(integers(elements, tag))


def decimals(text: str) -> tuple[float, ...]:
    r"""The numbers of a decimal string; raises ``Malformed`` unless all are finite.

    >>> decimals("1.5\\-2e1")
    (1.5, -20.0)
    """
    parts = text.split("\\") if text else []
    if len(parts) > _MAX_NUMBERS or not all(map(_NUMBER.fullmatch, parts)):
        raise Malformed
    values = tuple(map(float, parts))
    if not all(map(math.isfinite, values)):
        raise Malformed
    return values


def _only(values: tuple[_T, ...]) -> _T | None:
    if len(values) > 1:
        raise Malformed
    return values[0] if values else None


def _charset(elements: Elements) -> bytes:
    charset = elements.values.get(0x00080005)
    return b"" if charset is None else charset.value


def _remembered(convert: Callable[[Element, _K], _T]) -> Callable[[Element, _K], _T]:
    """Remember what short values convert to; long ones are no repeated header, and would fill the memory."""
    short = lru_cache(maxsize=4096)(convert)

    def remembered(element: Element, key: _K) -> _T:
        return short(element, key) if len(element.value) <= _SHORT_BYTES else convert(element, key)

    return remembered


def _decoded(element: Element, charset: bytes) -> str:
    if element.vr not in _TEXT:
        raise Malformed
    if element.value.isascii() and b"\x1b" not in element.value:
        return element.value.decode("ascii").strip(_PADDING)
    try:
        names = charset.decode("ascii").strip(_PADDING).split("\\")
        decoded: str = decode_bytes(element.value, convert_encodings(names), set(map(ord, "\\^=")))
    except Exception:  # pydicom meets odd character sets in many ways; the bytes still tell one patient from another
        decoded = element.value.decode("latin-1")
    return decoded.strip(_PADDING)


_text = _remembered(_decoded)


@_remembered
def _numbers(element: Element, big_endian: bool) -> tuple[float, ...]:
    if element.vr not in _BINARY:
        return decimals(_decoded(element, b""))
    values = _unpacked(element, big_endian)
    if not all(map(math.isfinite, values)):
        raise Malformed
    return values


@_remembered
def _whole(element: Element, big_endian: bool) -> tuple[int, ...]:
    values: tuple[float, ...]
    if element.vr in (b"", b"UN", b"OW"):  # implicit: the dictionary says US (or SS, which the caller sorts out)
        values = _unpacked(Element(b"US", element.value), big_endian)
    else:
        values = _numbers(element, big_endian)
    if any(value != int(value) for value in values):
        raise Malformed
    return tuple(map(int, values))


def _unpacked(element: Element, big_endian: bool) -> tuple[float, ...]:
    kind = Struct((">" if big_endian else "<") + _BINARY[element.vr])
    if len(element.value) % kind.size or len(element.value) > _MAX_NUMBERS * kind.size:
        raise Malformed
    return tuple(value for (value,) in kind.iter_unpack(element.value))
