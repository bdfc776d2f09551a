"""pydicom on untrusted bytes: guarded, metered, and only as much as is needed.

pydicom raises anything at all on malformed bytes, so every touch of it in this package stands inside ``guarded``.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import Any

import pydicom
from pydicom import uid as uids
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tumorcast_imaging.dicom.decoding import inflate
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.part10 import (
    MAX_VALUE_BYTES,
    PIXEL_DATA,
    TRANSFER_SYNTAX,
    Element,
    Elements,
    PixelElement,
    walk_meta,
)
from tumorcast_imaging.dicom.reasons import Refused

# pydicom warns about odd values by quoting them, into logs that must not hold patient data; what matters is an issue.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\.")


_META_BYTES = 64 << 10


@contextmanager
def guarded(code: str) -> Iterator[None]:
    """Turn whatever a foreign parser raises on malformed bytes into a refusal with ``code``."""
    try:
        yield
    except Refused:
        raise
    except OSError as e:
        raise Refused("UNREADABLE" if e.errno else code) from e
    except Exception as e:  # pydicom raises anything; deep nesting is a RecursionError
        raise Refused(code) from e


class _Metered(io.BufferedReader):
    """A file that refuses to be read in more than ``reads`` pieces."""

    def __init__(self, raw: io.RawIOBase, reads: int) -> None:
        super().__init__(raw)
        self._left = reads

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise OSError("too many reads")  # pydicom turns other errors into this one anyway
        return super().read(size)


class _Bytes(io.BytesIO):
    """A file in memory, with the name that pydicom asks of every file."""

    name = ""


def read_dataset(path: Path, limits: Limits, tags: Sequence[int | str], *, pixels: bool) -> Dataset:
    """Read the named attributes (all, if none is named) of a Part 10 file; raises ``Refused``."""
    with guarded("MALFORMED_HEADER"), _open(path, limits) as file:
        return pydicom.dcmread(file, specific_tags=[Tag(tag) for tag in tags], stop_before_pixels=not pixels)


def read_elements(path: Path, limits: Limits, wanted: Iterable[int]) -> Elements:
    """The wanted elements of a file that does not follow the standard's letter, as pydicom understands it."""
    with guarded("MALFORMED_HEADER"), _open(path, limits) as file:
        dataset = pydicom.dcmread(file, specific_tags=[Tag(tag) for tag in wanted], stop_before_pixels=True)
        big_endian = not dataset.original_encoding[1]
        explicit = not dataset.original_encoding[0]
        values = {int(tag): _element(dataset.get_item(tag)) for tag in dataset.keys()}  # noqa: SIM118 - values convert
        values |= {tag: Element(b"UI", element.value) for tag, element in _meta(path).items()}
        return Elements(values, _pixels(file, explicit=explicit, big_endian=big_endian), big_endian)


@contextmanager
def _open(path: Path, limits: Limits) -> Iterator[_Metered]:
    """Open a file for pydicom; a deflated one is inflated under limits and renamed to what it then is."""
    syntax = _meta(path).get(TRANSFER_SYNTAX)
    if syntax is None or syntax.value.rstrip(b"\0 ") != uids.DeflatedExplicitVRLittleEndian.encode():
        with _Metered(io.FileIO(path), limits.max_elements) as file:
            yield file
        return
    with _Metered(_Bytes(inflated(path, limits)), limits.max_elements) as memory:  # type: ignore[arg-type]
        yield memory


def inflated(path: Path, limits: Limits) -> bytes:
    """A deflated file as the explicit little endian file that it unfolds to, file meta rewritten; bounded."""
    uid = uids.ExplicitVRLittleEndian.encode() + b"\0"
    meta = b"\2\0\x10\0UI" + len(uid).to_bytes(2, "little") + uid
    return inflate(path, limits.decoder, bytes(128) + b"DICM" + meta)


def _meta(path: Path) -> dict[int, Element]:
    """File meta, of which pydicom would read any amount."""
    with path.open("rb") as file:
        return walk_meta(file.read(_META_BYTES), lenient=True)[0]


def _element(element: Any) -> Element:
    """A raw element's bytes; a sequence has none."""
    value, vr = element.value, (element.VR or "").encode()
    if vr == b"SQ" or value is None:
        return Element(vr, b"")
    if len(value) > MAX_VALUE_BYTES:
        raise Refused("MALFORMED_HEADER")
    if isinstance(value, bytes):
        return Element(vr, value)
    return Element(vr, (value if isinstance(value, str) else "\\".join(map(str, value))).encode())  # the character set


def _pixels(file: _Metered, *, explicit: bool, big_endian: bool) -> PixelElement | None:
    """The pixel element at which pydicom stopped."""
    order = ">" if big_endian else "<"
    start = file.tell()
    head = file.read(12)
    if len(head) < 8:
        return None
    group, number = Struct(order + "HH").unpack_from(head)
    tag = group << 16 | number
    if not 0x7FE00008 <= tag <= PIXEL_DATA:
        return None
    explicit = explicit and head[4:6].isalpha()  # some writers switch to implicit on the way
    vr = head[4:6] if explicit else b""
    length = Struct(order + "I").unpack_from(head, 8 if explicit else 4)[0]
    return PixelElement(tag, vr, start + (12 if explicit else 8), None if length == 0xFFFFFFFF else length)
