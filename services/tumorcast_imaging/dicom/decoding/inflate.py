"""A deflated file (PS3.5 A.5): everything behind the file meta is one raw deflate stream; bounded."""

from __future__ import annotations

import zlib
from pathlib import Path

from tumorcast_imaging.dicom.decoding.job import DecoderLimits
from tumorcast_imaging.dicom.part10 import Odd, walk_meta
from tumorcast_imaging.dicom.reasons import Refused

_ALWAYS_BYTES = 16 << 20
_PIECE_BYTES = 1 << 20


def inflate(path: Path, limits: DecoderLimits | None = None) -> bytes:
    """The data set of a deflated Part 10 file, in explicit little endian.

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
    engine, out = zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    rest: bytes | memoryview = stream
    try:
        while rest and not engine.eof:
            out += engine.decompress(rest, _PIECE_BYTES)
            rest = engine.unconsumed_tail
            if len(out) > most:
                raise Refused("INFLATED_TOO_LARGE")
        while not engine.eof and (piece := engine.decompress(b"", _PIECE_BYTES)):  # what it still holds back
            out += piece
            if len(out) > most:
                raise Refused("INFLATED_TOO_LARGE")
    except zlib.error as e:
        raise Refused("MALFORMED_HEADER") from e
    if not engine.eof or engine.unused_data not in (b"", b"\0"):  # one byte may pad it to even length
        raise Refused("MALFORMED_HEADER")
    return bytes(out)
