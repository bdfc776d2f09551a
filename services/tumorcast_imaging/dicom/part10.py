"""A Part 10 file's top-level elements, by a strict walk over its bytes; nothing is interpreted here.

DICOM PS3.5 section 7 (elements), PS3.10 section 7 (file meta). The walk covers what almost every scanner and PACS
writes, in a tenth of pydicom's time; it knows when it does not understand a file (``Odd``), and then pydicom reads it.
Sequences are stepped over by a loop and not by recursion, so that depth costs no stack.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from tumorcast_imaging.dicom.reasons import Refused

TRANSFER_SYNTAX = 0x00020010
PIXEL_DATA = 0x7FE00010
_FIRST_PIXEL_TAG = 0x7FE00008
"""Float Pixel Data, Double Float Pixel Data and Pixel Data; whatever follows them is not looked at."""
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_MAX_DEPTH = 64
MAX_VALUE_BYTES = 1 << 16
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS"}
) | {b"ST", b"TM", b"UI", b"UL", b"US"}


class Odd(Exception):  # noqa: N818 - no fault: pydicom reads such a file
    """The bytes do not follow the standard's letter; also raised where the window ends before the header does."""


class Element(NamedTuple):
    """One value as it stands in the file; ``vr`` is empty in implicit VR."""

    vr: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class PixelElement:
    """Where pixel data begins in the (inflated) file, its length in bytes, ``None`` if encapsulated."""

    tag: int
    vr: bytes
    offset: int
    length: int | None


@dataclass(frozen=True, slots=True)
class Elements:
    """The wanted elements of one file by tag, file meta included."""

    values: dict[int, Element]
    pixels: PixelElement | None
    big_endian: bool


class Steps:
    """Reads element headers one after another."""

    def __init__(
        self, data: bytes, *, explicit: bool, big_endian: bool, max_elements: int, lenient: bool = False
    ) -> None:
        order = ">" if big_endian else "<"
        self.data, self.explicit, self._left = data, explicit, max_elements
        self._tag, self._u16, self._u32 = Struct(order + "HH"), Struct(order + "H"), Struct(order + "I")
        self.end, self._lenient = len(data), lenient

    def header(self, at: int) -> tuple[int, bytes, int, int]:
        """Tag, VR, offset of the value and its length."""
        self._left -= 1
        if self._left < 0:
            raise Refused("MALFORMED_HEADER")
        if at + 12 > self.end and at + 8 != self.end:
            raise Odd
        group, number = self._tag.unpack_from(self.data, at)
        if not self.explicit or group == 0xFFFE:
            return group << 16 | number, b"", at + 8, self._u32.unpack_from(self.data, at + 4)[0]
        vr = self.data[at + 4 : at + 6]
        if vr in _SHORT or (self._lenient and vr not in _LONG):
            return group << 16 | number, vr, at + 8, self._u16.unpack_from(self.data, at + 6)[0]
        if vr not in _LONG:
            raise Odd
        return group << 16 | number, vr, at + 12, self._u32.unpack_from(self.data, at + 8)[0]

    def skip_sequence(self, at: int) -> int:
        """Offset behind a sequence of undefined length whose first item starts at ``at``."""
        in_item = [False]  # one entry per open sequence: is an item of undefined length open in it?
        while in_item:
            tag, vr, start, length = self.header(at)
            if in_item[-1] is False:
                if tag == _SEQUENCE_END:
                    in_item.pop()
                elif tag != _ITEM:
                    raise Odd
                elif length == _UNDEFINED:
                    in_item[-1] = True
                at = start if tag == _SEQUENCE_END or length == _UNDEFINED else start + length
            elif tag == _ITEM_END:
                in_item[-1], at = False, start
            elif length != _UNDEFINED:
                at = start + length
            elif vr not in (b"", b"SQ") or len(in_item) >= _MAX_DEPTH:
                raise Odd
            else:
                in_item.append(False)
                at = start
        return at


def walk_meta(data: bytes, *, lenient: bool = False) -> tuple[dict[int, Element], int]:
    """The file meta elements (group 0002, explicit little endian, behind preamble and prefix) and where they end.

    Raises ``Odd`` unless ``data`` holds them to the letter; ``lenient`` takes value representations that are none.
    """
    steps = Steps(data, explicit=True, big_endian=False, max_elements=64, lenient=lenient)
    values: dict[int, Element] = {}
    at = 132
    while data[at : at + 2] == b"\2\0":
        tag, vr, begin, length = steps.header(at)
        at = begin + length
        values[tag] = Element(vr, data[begin:at])
    return values, at


def walk(
    data: bytes, start: int, wanted: Container[int], *, explicit: bool, big_endian: bool, max_elements: int
) -> Elements:
    """The wanted elements of ``data`` from ``start`` up to the pixels.

    ``data`` may be the beginning of a file only. Raises ``Odd`` where the header does not end inside it or is not to
    the letter, and ``Refused`` (MALFORMED_HEADER) where it has more than ``max_elements``.
    """
    steps = Steps(data, explicit=explicit, big_endian=big_endian, max_elements=max_elements)
    values: dict[int, Element] = {}
    at, before = start, 0
    while at < steps.end:
        tag, vr, begin, length = steps.header(at)
        if tag <= before or tag >> 16 == 0xFFFE:
            raise Odd
        before = tag
        if tag >= _FIRST_PIXEL_TAG:
            pixels = tag <= PIXEL_DATA
            element = PixelElement(tag, vr, begin, None if length == _UNDEFINED else length) if pixels else None
            return Elements(values, element, big_endian)
        if length == _UNDEFINED and vr not in (b"", b"SQ"):
            raise Odd
        at = steps.skip_sequence(begin) if length == _UNDEFINED else begin + length
        if tag in wanted:
            if at > steps.end or at - begin > MAX_VALUE_BYTES:
                raise Odd
            values[tag] = Element(b"SQ" if length == _UNDEFINED else vr, data[begin:at])
    if at != steps.end:
        raise Odd
    return Elements(values, None, big_endian)
