"""What a compressed frame says of itself, compared with the header before any decoder sees it.

A codestream of 100 bytes can declare 60000 × 60000 pixels, and some decoders fill what is missing with gray: so size,
samples, precision and completeness are looked at first. ITU-T T.81 (JPEG), T.87 (JPEG-LS), T.800 (JPEG 2000).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from struct import Struct

from tumorcast_imaging.dicom.decoding.job import JPEG_LOSSLESS, JPEG_LOSSY, JPEG_LS, LOSSLESS, Job
from tumorcast_imaging.dicom.reasons import Refused

_U16, _SOF, _SIZ, _SOT = Struct(">H"), Struct(">BHHB"), Struct(">8IH3B"), Struct(">HHIBB")
_END = b"\xff\xd9"
_NO_FRAME_HEADER = frozenset({0xC4, 0xC8, 0xCC})
_IN_SCAN = re.compile(rb"\xff+([^\x00\xff])")
"""Markers in entropy-coded data; FF00 is a stuffed byte."""


@dataclass(frozen=True, slots=True)
class Codestream:
    """One frame's codestream: ``data`` up to its end, bits per sample, and whether those are signed."""

    data: bytes
    precision: int
    signed: bool


def _trimmed(data: bytes, end: int, start: bytes) -> bytes:
    """Without what follows the end; a second image there was not announced."""
    if start in data[end:]:
        raise Refused("EXCESS_PIXELS")
    return data[:end]


def _compare(job: Job, *, rows: int, columns: int, samples: int, precision: int) -> None:
    whole = (rows, columns, samples) == (job.rows, job.columns, 1) and 1 <= precision <= job.bits_allocated
    if not whole or precision <= 8 < job.bits_stored:  # the upper byte is gone
        raise Refused("PIXEL_FORMAT_DIFFERS")


def jpeg(data: bytes, job: Job) -> Codestream:
    """Check a frame of JPEG or JPEG-LS; raises ``Refused``."""
    kinds = {0xC0, 0xC1} if job.transfer_syntax_uid in JPEG_LOSSY else {0xC3}
    if job.transfer_syntax_uid in JPEG_LS:
        kinds = {0xF7}
    try:
        precision, restart, scan = _jpeg_headers(data, job, kinds)
    except (struct.error, IndexError) as e:  # it ends inside its headers
        raise Refused("TRUNCATED_PIXELS") from e
    if kinds == {0xF7}:  # CharLS itself looks whether the scan is whole
        end = data.find(_END, scan) + len(_END)
        if end < scan:
            raise Refused("TRUNCATED_PIXELS")
    else:
        end = _scan_end(data, scan, _restarts(job, restart))
    return Codestream(_trimmed(data, end, b"\xff\xd8\xff"), precision, signed=False)


def _jpeg_headers(data: bytes, job: Job, kinds: set[int]) -> tuple[int, int, int]:
    """Precision, restart interval and where the entropy-coded data starts."""
    if data[:2] != b"\xff\xd8":
        raise Refused("UNDECODABLE_PIXELS")
    at, precision, restart = 2, 0, 0
    while True:
        if data[at] != 0xFF:
            raise Refused("UNDECODABLE_PIXELS")
        while data[at] == 0xFF:
            at += 1
        marker, length = data[at], _U16.unpack_from(data, at + 1)[0]
        if marker in kinds and not precision:
            precision, rows, columns, samples = _SOF.unpack_from(data, at + 3)
            _compare(job, rows=rows, columns=columns, samples=samples, precision=precision)
        elif (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADER) or marker == 0xF7:
            raise Refused("PIXEL_FORMAT_DIFFERS")  # another process than the transfer syntax says
        elif marker == 0xDD:
            restart = int.from_bytes(data[at + 3 : at + 1 + length])
        elif marker == 0xDA:
            _check_scan(data, at, job, precision)
            return precision, restart, at + 1 + length
        at += 1 + length


def _check_scan(data: bytes, at: int, job: Job, precision: int) -> None:
    """A scan follows a frame header; JPEG-LS that says it is lossless has NEAR 0 in it (T.87 C.2.3)."""
    if not precision:
        raise Refused("UNDECODABLE_PIXELS")
    if job.transfer_syntax_uid in LOSSLESS & JPEG_LS and data[at + 4 + 2 * data[at + 3]]:
        raise Refused("PIXEL_FORMAT_DIFFERS")


def _restarts(job: Job, interval: int) -> int:
    """How many restart markers the scan must hold (T.81 B.2.4.4)."""
    if not interval:
        return 0
    unit = 1 if job.transfer_syntax_uid in JPEG_LOSSLESS else 8
    units = -(-job.rows // unit) * -(-job.columns // unit)
    return -(-units // interval) - 1


def _scan_end(data: bytes, at: int, restarts: int) -> int:
    """Where the one scan and with it the image ends; libjpeg would fill whatever lacks and only warn."""
    for found, match in enumerate(_IN_SCAN.finditer(data, at)):
        marker = match[1][0]
        if marker == 0xD9:
            if found != restarts:
                raise Refused("UNDECODABLE_PIXELS")
            return match.end()
        if marker != 0xD0 + found % 8:
            raise Refused("UNDECODABLE_PIXELS")
    raise Refused("TRUNCATED_PIXELS")


def jpeg_2000(data: bytes, job: Job) -> Codestream:
    """Check a frame of JPEG 2000 or HTJ2K; raises ``Refused``."""
    try:
        data = _unboxed(data)
        if data[:4] != b"\xff\x4f\xff\x51":
            raise Refused("UNDECODABLE_PIXELS")
        x1, y1, x0, y0, tile_x, tile_y, tile_x0, tile_y0, samples, bits, dx, dy = _SIZ.unpack_from(data, 8)
        precision, signed = (bits & 0x7F) + 1, bits >= 0x80
        _compare(job, rows=y1 - y0, columns=x1 - x0, samples=samples, precision=precision)
        if (dx, dy) != (1, 1):
            raise Refused("PIXEL_FORMAT_DIFFERS")
        if not tile_x or not tile_y:
            raise Refused("UNDECODABLE_PIXELS")
        tiles = -(-(x1 - tile_x0) // tile_x) * -(-(y1 - tile_y0) // tile_y)
        end = _tiles_end(data, tiles, lossless=job.transfer_syntax_uid in LOSSLESS)
    except (struct.error, IndexError) as e:
        raise Refused("TRUNCATED_PIXELS") from e
    return Codestream(_trimmed(data, end, b"\xff\x4f\xff\x51"), precision, signed)


def _unboxed(data: bytes) -> bytes:
    """The codestream out of a JP2 file, which does not belong into DICOM (PS3.5 A.4.4) but is met."""
    at = 0
    while data[4:8] == b"jP  " and at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if kind == b"jp2c":
            return data[at + (16 if length == 1 else 8) :]
        if length < 8:
            raise Refused("UNDECODABLE_PIXELS")
        at += length
    return data


def _tiles_end(data: bytes, tiles: int, *, lossless: bool) -> int:
    """Where the codestream ends, with every tile there and every tile-part whole (T.800 A.4.2).

    A ``lossless`` one is of the reversible transform (A.6.1).
    """
    at, seen = 2, set()
    while data[at : at + 2] != b"\xff\x90":  # main header
        if data[at] != 0xFF:
            raise Refused("UNDECODABLE_PIXELS")
        if lossless and data[at + 1] == 0x52 and data[at + 13] != 1:
            raise Refused("PIXEL_FORMAT_DIFFERS")
        at += 2 + _U16.unpack_from(data, at + 2)[0]
    while data[at : at + 2] == b"\xff\x90":
        _, tile, length, _, _ = _SOT.unpack_from(data, at + 2)
        seen.add(tile)
        if length == 0:  # the last one, up to the end
            at = data.rfind(_END)
            break
        if length < 14:
            raise Refused("UNDECODABLE_PIXELS")
        at += length
    if data[at : at + 2] != _END or len(seen) != tiles:
        whole = 0 <= at < len(data) - 1 and len(seen) >= tiles
        raise Refused("UNDECODABLE_PIXELS" if whole else "TRUNCATED_PIXELS")
    return at + 2
