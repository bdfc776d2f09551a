"""A deflated file (PS3.5 A.5): everything behind the file meta is one raw deflate stream; bounded."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

from tumorcast_imaging.dicom.decoding.job import DecoderLimits
from tumorcast_imaging.dicom.part10 import Odd, walk_meta
from tumorcast_imaging.dicom.reasons import Refused

_ALWAYS_BYTES = 16 << 20
_READ_BYTES, _PIECE_BYTES = 1 << 16, 1 << 20
_GZIP_TRAILER = Struct("<II")
"""CRC-32 and length modulo 2³² (RFC 1952)."""


def inflate(path: Path, limits: DecoderLimits | None = None, head: bytes = b"") -> bytes:
    """``head`` and the data set of a deflated Part 10 file, in explicit little endian; held in memory once.

    Raises ``Refused``: INFLATED_TOO_LARGE, MALFORMED_HEADER where the stream is broken or cut off, UNREADABLE.
    """
    limits = limits or DecoderLimits()
    try:
        data = path.read_bytes()
        _, start = walk_meta(data)
    except OSError as e:
        raise Refused("UNREADABLE") from e
    except Odd as e:
        raise Refused("MALFORMED_HEADER") from e
    stream = memoryview(data)[start:]
    most = min(limits.max_inflated_bytes, max(_ALWAYS_BYTES, limits.max_inflation * len(stream)))
    out, length = io.BytesIO(), 0
    out.write(head)
    try:
        for piece in _pieces(stream):
            length += out.write(piece)
            if length > most:
                raise Refused("INFLATED_TOO_LARGE")
    except zlib.error as e:
        raise Refused("MALFORMED_HEADER") from e
    return out.getvalue()  # no copy


def _pieces(stream: memoryview) -> Iterator[bytes]:
    engine, crc, length, at = zlib.decompressobj(-zlib.MAX_WBITS), 0, 0, 0
    while not engine.eof:
        given: bytes | memoryview = engine.unconsumed_tail
        if not given:
            given, at = stream[at : at + _READ_BYTES], at + _READ_BYTES
        piece = engine.decompress(given, _PIECE_BYTES)
        if not piece and not engine.eof and at >= len(stream) and not engine.unconsumed_tail:
            raise Refused("MALFORMED_HEADER")  # cut off
        crc, length = zlib.crc32(piece, crc), length + len(piece)
        yield piece
    tail = engine.unused_data + bytes(stream[at : at + _READ_BYTES])
    if not _is_tail(tail, crc, length):
        raise Refused("MALFORMED_HEADER")


def _is_tail(tail: bytes, crc: int, length: int) -> bool:
    """Whether that may follow the stream: gzip's trailer, which some writers leave there, and one byte of padding."""
    if len(tail) >= _GZIP_TRAILER.size:
        if _GZIP_TRAILER.unpack_from(tail) != (crc, length & 0xFFFFFFFF):
            return False
        tail = tail[_GZIP_TRAILER.size :]
    return tail in (b"", b"\0")
