"""Nested sequences of one file, walked under a bound on elements: segments, frames, contours.

DICOM PS3.5 section 7.5. Only sequences that are asked for are entered; everything else is stepped over. pydicom would
read a hostile sequence of millions of empty elements for minutes, and a large structure set for many seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from pydicom import uid as uids
from pydicom.datadict import dictionary_VR, tag_for_keyword

from tumorcast_imaging.dicom import values
from tumorcast_imaging.dicom.dataset import guarded, inflated
from tumorcast_imaging.dicom.header import Header
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.part10 import Element, Elements, Odd, Steps, walk_meta
from tumorcast_imaging.dicom.reasons import Refused

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_FIRST_PIXEL_TAG = 0x7FE00008
_CHARSET = 0x00080005
_MARGIN = bytes(4)
"""Behind the last element, so that the header of a short one can be unpacked at one go."""


@lru_cache(maxsize=256)
def tag_of(keyword: str) -> int:
    """The tag of an attribute's keyword (PS3.6)."""
    found = tag_for_keyword(keyword)
    if found is None:
        raise KeyError(keyword)
    return int(found)


@dataclass(slots=True, eq=False)
class Item:
    """A data set: plain values by tag, and the items of the sequences that were entered."""

    elements: Elements
    sequences: dict[int, list[Item]] = field(default_factory=dict)

    def items(self, keyword: str) -> list[Item]:
        """The items of a sequence; none if it is absent."""
        return self.sequences.get(tag_of(keyword), [])

    def first(self, keyword: str) -> Item | None:
        """The only or first item of a sequence."""
        return next(iter(self.items(keyword)), None)

    def bytes(self, keyword: str) -> bytes:
        """A value as it stands in the file; empty if there is none."""
        element = self.elements.values.get(tag_of(keyword))
        return b"" if element is None else element.value

    def text(self, keyword: str) -> str:
        """As ``values.private_text``: it may name a patient, so it is not remembered."""
        return values.private_text(self.elements, tag_of(keyword))

    def uid(self, keyword: str) -> str:
        """A UID; whatever follows it as padding is gone."""
        return self.bytes(keyword).decode("ascii", "replace").strip(" \0")

    def integer(self, keyword: str) -> int | None:
        """As ``values.integer``; raises ``Malformed``."""
        return values.integer(self.elements, tag_of(keyword))

    def number(self, keyword: str) -> float | None:
        """As ``values.number``."""
        return values.number(self.elements, tag_of(keyword))

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """As ``values.numbers``."""
        return values.numbers(self.elements, tag_of(keyword))


@dataclass(frozen=True, eq=False)
class Source:
    """A file whose nested sequences are read, perhaps several times; what stands before its pixels is held once.

    ``most_bytes`` may stand there, else reading it raises ``Refused`` (MALFORMED_SEGMENTATION).
    """

    header: Header
    limits: Limits
    most_bytes: int

    @cached_property
    def inflated(self) -> bytes:
        """A deflated file as the one that it unfolds to."""
        return inflated(self.header.path, self.limits)

    @cached_property
    def head(self) -> bytes:
        """The bytes up to the pixels, and a margin."""
        h = self.header
        deflated = h.transfer_syntax_uid == uids.DeflatedExplicitVRLittleEndian
        whole = len(self.inflated) if deflated else h.size_bytes
        end = whole if h.pixels is None else h.pixels.offset
        if end > self.most_bytes:
            raise Refused("MALFORMED_SEGMENTATION")
        if deflated:
            return self.inflated[:end] + _MARGIN
        with guarded("UNREADABLE"), h.path.open("rb", buffering=0) as file:
            return file.read(end) + _MARGIN

    def read(self, sequences: Iterable[str], leaves: Iterable[str]) -> Item:
        """The wanted ``leaves`` of the file, and those of the wanted ``sequences`` at any depth; raises ``Refused``."""
        with guarded("MALFORMED_SEGMENTATION"):
            _, start = walk_meta(self.head)
            wanted = frozenset(map(tag_of, sequences)), {tag_of(k): dictionary_VR(k)[:2].encode() for k in leaves}
            explicit = self.header.transfer_syntax_uid != uids.ImplicitVRLittleEndian
            big_endian = self.header.big_endian
            reader = _Reader(self.head, *wanted, self.limits.max_elements, explicit=explicit, big_endian=big_endian)
            return reader.whole(start)


class _Reader:
    """Reads items by recursion into wanted sequences only, so that depth is bounded by what is wanted."""

    def __init__(
        self,
        data: bytes,
        sequences: frozenset[int],
        leaves: dict[int, bytes],
        most: int,
        *,
        explicit: bool,
        big_endian: bool,
    ) -> None:
        self._data, self._sequences, self._big_endian = data, sequences, big_endian
        self._vrs = leaves | {_CHARSET: b"CS"}
        self._left = most
        self._steps = {
            form: Steps(data, explicit=form, big_endian=big_endian, max_elements=most) for form in (True, False)
        }
        self._explicit, self._charset = explicit, Element(b"", b"")

    def whole(self, start: int) -> Item:
        return self._item(start, len(self._data) - len(_MARGIN), self._explicit, 0)[0]

    def _header(self, at: int, explicit: bool) -> tuple[int, bytes, int, int]:
        self._left -= 1
        if self._left < 0:
            raise Refused("MALFORMED_SEGMENTATION")
        return self._steps[explicit].header(at)

    def _item(self, at: int, end: int, explicit: bool, depth: int) -> tuple[Item, int]:
        """The item whose elements start at ``at``, and where it ends; ``end`` is its end or the enclosing one's."""
        found = Item(Elements({_CHARSET: self._charset}, None, self._big_endian))
        while at < end:
            tag, vr, begin, length = self._header(at, explicit)
            if tag == _ITEM_END or (tag >= _FIRST_PIXEL_TAG and tag >> 16 == 0x7FE0):
                return found, begin
            undefined = length == _UNDEFINED
            if tag in self._sequences and vr in (b"", b"SQ", b"UN"):
                nested, stop = explicit and vr != b"UN", end if undefined else begin + length
                found.sequences[tag], at = self._items(begin, min(stop, end), nested, depth + 1)
                at = at if undefined else begin + length
                continue
            at = self._steps[explicit].skip_sequence(begin) if undefined else begin + length
            if at > end:
                raise Odd
            if tag in self._vrs and not undefined:
                known = vr if vr not in (b"", b"UN") else self._vrs[tag]
                found.elements.values[tag] = Element(known, self._data[begin:at])
                if tag == _CHARSET and depth == 0:
                    self._charset = found.elements.values[tag]
        return found, at

    def _items(self, at: int, end: int, explicit: bool, depth: int) -> tuple[list[Item], int]:
        """The items of a sequence, and where it ends."""
        found: list[Item] = []
        if depth > 8:
            raise Odd
        while at < end:
            tag, _, begin, length = self._header(at, explicit)
            if tag == _SEQUENCE_END:
                return found, begin
            if tag != _ITEM:
                raise Odd
            stop = end if length == _UNDEFINED else begin + length
            if stop > end:
                raise Odd
            item, at = self._item(begin, stop, explicit, depth)
            found.append(item)
        return found, at
