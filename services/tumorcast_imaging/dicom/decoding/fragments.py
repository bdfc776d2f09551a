"""Encapsulated pixel data → the bytes of each frame (PS3.5 A.4).

Items are walked one by one under a bound; the Basic Offset Table is believed only where it points at
items.
"""

from __future__ import annotations

import os
from itertools import pairwise
from struct import Struct
from typing import BinaryIO, NamedTuple

from tumorcast_imaging.dicom.reasons import Refused

_ITEM, _DELIMITER = 0xFFFEE000, 0xFFFEE0DD
_HEADER = Struct("<HHI")
_MAX_ITEMS_PER_FRAME = 64
_MAX_ITEMS = 1024
"""Beyond those of its frames; they are walked for every few frames."""


class Fragment(NamedTuple):
    """One item's value: ``offset`` and ``length`` in the file, in bytes."""

    offset: int
    length: int


class Fragments:
    """The fragments of an open file, and which of them make up which frame."""

    def __init__(self, file: BinaryIO, offset: int, frames: int, *, end_of_image: bool) -> None:
        """``end_of_image``: a frame's last bytes are the marker FFD9, as in every kind of JPEG."""
        self._file, self._count = file, frames
        items = self._items(offset)
        if not items:
            raise Refused("NO_PIXELS")
        table, self._fragments = items[0], items[1:]
        if not self._fragments:
            raise Refused("NO_PIXELS")
        self._firsts = self._first_fragments(table, end_of_image=end_of_image)

    def frame(self, index: int) -> bytes:
        """The bytes of one frame, its fragments joined."""
        last = self._firsts[index + 1] if index + 1 < self._count else len(self._fragments)
        return b"".join(self._read(fragment) for fragment in self._fragments[self._firsts[index] : last])

    def _items(self, at: int) -> list[Fragment]:
        items: list[Fragment] = []
        end = os.fstat(self._file.fileno()).st_size
        while at + _HEADER.size <= end:
            self._file.seek(at)
            group, element, length = _HEADER.unpack(self._file.read(_HEADER.size))
            tag, at = group << 16 | element, at + _HEADER.size
            if tag == _DELIMITER:
                break
            if tag != _ITEM or len(items) >= _MAX_ITEMS + _MAX_ITEMS_PER_FRAME * self._count:
                raise Refused("UNDECODABLE_PIXELS")
            if length > end - at:
                raise Refused("TRUNCATED_PIXELS")
            items.append(Fragment(at, length))
            at += length
        return items  # without a delimiter too: each frame proves by itself that it is whole

    def _read(self, fragment: Fragment) -> bytes:
        self._file.seek(fragment.offset)
        data = self._file.read(fragment.length)
        if len(data) != fragment.length:
            raise Refused("TRUNCATED_PIXELS")
        return data

    def _first_fragments(self, table: Fragment, *, end_of_image: bool) -> list[int]:
        """Index of each frame's first fragment."""
        count = len(self._fragments)
        if self._count == 1:
            return [0]
        if count < self._count:
            raise Refused("TRUNCATED_PIXELS")
        if count == self._count:
            return list(range(count))
        return self._by_table(table) or self._by_marker(end_of_image=end_of_image)

    def _by_table(self, table: Fragment) -> list[int]:
        """As the Basic Offset Table says; nothing if it does not hold."""
        if table.length != 4 * self._count:
            return []
        offsets = Struct(f"<{self._count}I").unpack(self._read(table))
        start = self._fragments[0].offset
        places = {fragment.offset - start: i for i, fragment in enumerate(self._fragments)}
        firsts = [places.get(offset, -1) for offset in offsets]
        ascending = all(a < b for a, b in pairwise(firsts))
        return firsts if firsts[0] == 0 and ascending else []

    def _by_marker(self, *, end_of_image: bool) -> list[int]:
        """A new frame starts behind each end of an image."""
        if not end_of_image:
            raise Refused("EXCESS_PIXELS")
        firsts = [0]
        for i, fragment in enumerate(self._fragments[:-1]):
            tail = Fragment(fragment.offset + max(0, fragment.length - 10), min(10, fragment.length))
            if b"\xff\xd9" in self._read(tail):
                firsts.append(i + 1)
        if len(firsts) != self._count:
            raise Refused("TRUNCATED_PIXELS" if len(firsts) < self._count else "EXCESS_PIXELS")
        return firsts
