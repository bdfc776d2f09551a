"""Where everything stands in a DICOM file's bytes, so that it can be damaged on purpose.

A walk over sound files (PS3.5 section 7, A.4), independent of the gate's; of an odd file it gives what it understood.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct, error

from pydicom import uid as uids

PIXEL_DATA = 0x7FE00010
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
LONG_VRS = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
SHORT_VRS = (b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL")
SHORT_VRS += (b"SS", b"ST", b"TM", b"UI", b"UL", b"US")


@dataclass(frozen=True)
class Place:
    """One element or item: ``start`` ≤ ``length_at`` < ``value`` ≤ ``end``, offsets into the bytes that hold it."""

    tag: int
    vr: bytes
    start: int
    length_at: int
    value: int
    end: int
    depth: int
    undefined: bool

    @property
    def length_bytes(self) -> int:
        return 2 if self.vr in SHORT_VRS else 4

    @property
    def is_leaf(self) -> bool:
        return self.tag >> 16 != 0xFFFE and self.vr != b"SQ" and (self.vr != b"" or not self.undefined)


@dataclass(frozen=True)
class Edit:
    """``new`` in place of the bytes from ``start`` to ``end``."""

    start: int
    end: int
    new: bytes


@dataclass(frozen=True)
class Anatomy:
    """A file's bytes (unfolded, if it was deflated) and the places of its elements; fragments are items at depth −1."""

    data: bytes
    places: tuple[Place, ...]
    syntax: str
    body: int
    """Where the data set begins, behind the file meta."""

    @property
    def big_endian(self) -> bool:
        return self.syntax == uids.ExplicitVRBigEndian

    @property
    def explicit(self) -> bool:
        return self.syntax != uids.ImplicitVRLittleEndian

    def find(self, tag: int) -> Place | None:
        return next((p for p in self.places if p.tag == tag), None)

    def leaves(self) -> list[Place]:
        return [p for p in self.places if p.is_leaf]

    def fragments(self) -> list[Place]:
        return [p for p in self.places if p.depth == -1]

    def number(self, value: int, size: int) -> bytes:
        return (value % (1 << 8 * size)).to_bytes(size, "big" if self.big_endian else "little")

    def element(self, tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
        """An element as this file would write it."""
        length = len(value) if length is None else length
        head = self.number(tag >> 16, 2) + self.number(tag & 0xFFFF, 2)
        if not self.explicit:
            return head + self.number(length, 4) + value
        if vr in LONG_VRS:
            return head + vr + b"\0\0" + self.number(length, 4) + value
        return head + vr + self.number(length, 2) + value


def anatomy(data: bytes) -> Anatomy:
    """The places of a Part 10 file's elements."""
    meta, body = _walk(data, 132, explicit=True, order="<", only_group=2)
    syntax = next((data[p.value : p.end].strip(b"\0 ").decode("latin-1") for p in meta if p.tag == 0x00020010), "")
    if syntax == uids.DeflatedExplicitVRLittleEndian:
        try:
            data = data[:body] + zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[body:], 1 << 20)
        except zlib.error:
            return Anatomy(data, tuple(meta), "", body)
    big, implicit = syntax == uids.ExplicitVRBigEndian, syntax == uids.ImplicitVRLittleEndian
    places, _ = _walk(data, body, explicit=not implicit, order=">" if big else "<")
    return Anatomy(data, (*meta, *places), syntax, body)


def applied(data: bytes, edits: Sequence[Edit]) -> bytes:
    """The bytes after all edits; of two that overlap the first counts."""
    taken: list[Edit] = []
    for edit in edits:
        if not any(edit.start < other.end and other.start < edit.end for other in taken):
            taken.append(edit)
    for edit in sorted(taken, key=lambda e: (e.start, e.end), reverse=True):
        data = data[: edit.start] + edit.new + data[edit.end :]
    return data


def _walk(data: bytes, at: int, *, explicit: bool, order: str, only_group: int = 0) -> tuple[list[Place], int]:
    found: list[Place] = []
    walk = _Walk(data, explicit=explicit, order=order)
    try:
        while at < len(data):
            if only_group and int.from_bytes(data[at : at + 2], "little") != only_group:
                break
            at = walk.element(at, 0, found)
    except (error, RecursionError):
        pass
    return found, min(at, len(data))


class _Walk:
    def __init__(self, data: bytes, *, explicit: bool, order: str) -> None:
        self.data, self.explicit = data, explicit
        self._tag, self._u16, self._u32 = Struct(order + "HH"), Struct(order + "H"), Struct(order + "I")

    def element(self, at: int, depth: int, found: list[Place]) -> int:
        """Note the element at ``at`` and all below it; returns where it ends."""
        group, number = self._tag.unpack_from(self.data, at)
        tag, vr, length_at, value = group << 16 | number, b"", at + 4, at + 8
        if self.explicit and group != 0xFFFE:
            vr = self.data[at + 4 : at + 6]
            length_at, value = (at + 6, at + 8) if vr in SHORT_VRS else (at + 8, at + 12)
        size = self._u16 if value - length_at == 2 else self._u32
        length = size.unpack_from(self.data, length_at)[0]
        undefined = length == UNDEFINED and value - length_at == 4
        place, mine = len(found), (tag, vr, at, length_at, value)
        found.append(Place(*mine, min(value + length, len(self.data)), depth, undefined))
        nested = vr == b"SQ" or (undefined and tag != PIXEL_DATA) or tag == ITEM
        if tag == PIXEL_DATA and undefined:
            end = self._children(value, len(self.data), -1, found)
        elif nested and depth < 50:
            stop = len(self.data) if undefined else min(value + length, len(self.data))
            end = self._children(value, stop, depth + 1, found)
        else:
            end = min(value + length, len(self.data))
        found[place] = Place(*mine, end, depth, undefined)
        return end

    def _children(self, at: int, stop: int, depth: int, found: list[Place]) -> int:
        while at < stop:
            tag = self._tag.unpack_from(self.data, at)
            if tag in ((0xFFFE, 0xE0DD), (0xFFFE, 0xE00D)):
                return at + 8
            if depth == -1:
                length = self._u32.unpack_from(self.data, at + 4)[0]
                end = min(at + 8 + length, len(self.data))
                found.append(Place(tag[0] << 16 | tag[1], b"", at, at + 4, at + 8, end, -1, undefined=False))
                at = end
            else:
                at = self.element(at, depth, found)
        return at
