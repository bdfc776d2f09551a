"""Stored pixels → float32 in the series' unit.

Uncompressed pixels are read straight into place by two threads; compressed ones come from child processes
(``decoding``). The length is checked before anything is interpreted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from pydicom import uid as uids

from tumorcast_imaging.dicom import decoding
from tumorcast_imaging.dicom.dataset import guarded, inflated
from tumorcast_imaging.dicom.header import NATIVE, Header
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.part10 import PIXEL_DATA
from tumorcast_imaging.dicom.reasons import Refused

AIR_HU = -1024.0
"""Value of padding outside the scanned field of a CT; 0 in an MR or PET."""
_PADDING, _BELOW_AIR, _NOTHING = frozenset({"PADDING_AS_AIR"}), frozenset({"BELOW_AIR"}), frozenset[str]()
_LOWEST_HU = -1500.0
"""Noise in air goes down to some −1100 HU; what lies so far below is padding that nobody states, or an artifact."""
_TISSUE_HU = (-900.0, 3100.0)
"""Padding that says so of tissue would blot it out."""
_PIXEL_VRS = frozenset({b"", b"OB", b"OW", b"OF", b"OD", b"UN"})
_DEFLATED = uids.DeflatedExplicitVRLittleEndian
_THREADS = 2
_WORTH_THREADS_BYTES = 8 << 20
"""A smaller volume is read before a thread has started."""
_FRAMES_PER_JOB = 8
Words = NDArray[np.unsignedinteger]


def check_format(h: Header) -> None:
    """Refuse by name what could not be decoded rightly."""
    if h.transfer_syntax_uid not in NATIVE and h.transfer_syntax_uid not in (_DEFLATED, *decoding.SYNTAXES):
        raise Refused("UNSUPPORTED_TRANSFER_SYNTAX")
    whole_bits = (
        h.bits_allocated in (8, 16) and 1 <= h.bits_stored <= h.bits_allocated and h.high_bit == h.bits_stored - 1
    )
    swapped = h.bits_allocated == 8 and h.big_endian  # or not; nobody can tell
    if h.photometric not in ("MONOCHROME1", "MONOCHROME2") or h.samples_per_pixel != 1 or not whole_bits or swapped:
        raise Refused("UNSUPPORTED_PIXEL_FORMAT")
    if h.rows < 1 or h.columns < 1 or h.signed is None:
        raise Refused("HEADER_INCOMPLETE")
    if h.pixels is None or h.pixels.length == 0 or h.pixels.vr not in _PIXEL_VRS:
        raise Refused("NO_PIXELS")
    if h.pixels.tag != PIXEL_DATA:  # floating point
        raise Refused("UNSUPPORTED_PIXEL_FORMAT")
    if (h.pixels.length is None) != (h.transfer_syntax_uid in decoding.SYNTAXES):
        raise Refused("UNDECODABLE_PIXELS")  # encapsulated pixels, and only they, have an undefined length (PS3.5 A.4)
    if h.pixels.length is not None:
        _check_length(h, h.pixels.offset, h.pixels.length)


def _check_length(h: Header, offset: int, length: int) -> None:
    """Native pixels: known before any memory is asked for."""
    expected = frame_bytes(h) * h.frames
    there = length if h.transfer_syntax_uid == _DEFLATED else min(length, h.size_bytes - offset)
    if there < expected:
        raise Refused("TRUNCATED_PIXELS")
    if length > expected + expected % 2:
        raise Refused("EXCESS_PIXELS")


def rescale(h: Header) -> tuple[float, float]:
    """Slope and intercept of this slice: required and in HU for CT, required for PET, both or neither for MR."""
    if h.has_modality_lut:
        raise Refused("MODALITY_LUT")
    if h.dicom_modality == "CT" and h.rescale_type not in ("", "HU"):
        raise Refused("UNSUPPORTED_UNIT")
    neither = h.slope is None and h.intercept is None
    if (h.slope is None or h.intercept is None) and not (neither and h.dicom_modality == "MR"):
        raise Refused("RESCALE_MISSING")
    slope, intercept = h.slope if h.slope is not None else 1.0, h.intercept or 0.0
    single = np.finfo(np.float32)
    largest = abs(slope) * (1 << h.bits_allocated) + abs(intercept)
    if abs(slope) < float(single.tiny) or not largest < float(single.max):  # also zero and not a number
        raise Refused("RESCALE_MISSING")
    return slope, intercept


def read_into(
    array: NDArray[np.float32], slices: Sequence[Header], factors: Sequence[float], limits: Limits
) -> frozenset[str]:
    """Decode ``slices`` into ``array`` (slices × rows × columns), each times its factor; returns warning codes.

    Raises ``Refused`` if any slice cannot be read rightly.
    """
    places = list(zip(array, slices, factors, strict=True))
    native = [place for place in places if place[1].transfer_syntax_uid in NATIVE]
    seen: frozenset[str] = frozenset()
    if array.nbytes < _WORTH_THREADS_BYTES:
        seen = _read_native(native)
    else:
        with ThreadPoolExecutor(_THREADS) as threads:
            for found in threads.map(_read_native, [native[i::_THREADS] for i in range(_THREADS)]):
                seen |= found
    rest = [place for place in places if place[1].transfer_syntax_uid not in NATIVE]
    for (out, h, factor), words in zip(rest, _unpacked([h for _, h, _ in rest], limits), strict=True):
        seen |= convert(words, out, h, factor)
    return seen


def frame_bytes(h: Header) -> int:
    """Bytes of one uncompressed frame."""
    return h.rows * h.columns * h.bits_allocated // 8


def _read_native(places: Sequence[tuple[NDArray[np.float32], Header, float]]) -> frozenset[str]:
    seen: frozenset[str] = frozenset()
    buffer = bytearray()
    for out, h, factor in places:
        if len(buffer) != frame_bytes(h):
            buffer = bytearray(frame_bytes(h))
        _fill(buffer, h)
        seen |= convert(_words(buffer, h), out, h, factor)
    return seen


def _fill(buffer: bytearray, h: Header) -> None:
    """Read the frame's bytes from the very file whose header was read."""
    assert h.pixels is not None  # noqa: S101 - narrows the type; check_format looked
    with guarded("UNREADABLE"):
        handle = os.open(h.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check_stamp(h, os.fstat(handle))
            done = os.preadv(handle, [buffer], h.pixels.offset + h.frame * len(buffer))
        finally:
            os.close(handle)
    if done != len(buffer):
        raise Refused("CHANGED_WHILE_READ")


def _check_stamp(h: Header, status: os.stat_result) -> None:
    """Refuse a file that is another one than when its header was read."""
    if (status.st_size, status.st_mtime_ns, status.st_ino) != h.stamp:
        raise Refused("CHANGED_WHILE_READ")


def _unpacked(slices: Sequence[Header], limits: Limits) -> Iterator[Words]:
    """The words of compressed and deflated slices, in order; consecutive frames of one file go together."""
    jobs: list[list[Header]] = []
    for _, of_file in groupby(slices, key=lambda h: h.path):
        frames = list(of_file)
        jobs += [frames[i : i + _FRAMES_PER_JOB] for i in range(0, len(frames), _FRAMES_PER_JOB)]
    if not jobs:
        return
    for job in jobs:
        with guarded("UNREADABLE"):
            _check_stamp(job[0], job[0].path.stat())
    packed = decoding.shared_pool(limits.decoder).decode(_job(job) for job in jobs if not _is_deflated(job))
    data, of = b"", None
    for job in jobs:
        if _is_deflated(job):
            if job[0].path != of:
                data, of = inflated(job[0].path, limits), job[0].path
            yield from (_of_inflated(data, h) for h in job)
        else:
            yield from next(packed)


def _is_deflated(frames: Sequence[Header]) -> bool:
    return frames[0].transfer_syntax_uid == _DEFLATED


def _of_inflated(data: bytes, h: Header) -> Words:
    assert h.pixels is not None  # noqa: S101 - narrows the type; check_format looked
    start = h.pixels.offset + h.frame * frame_bytes(h)
    part = data[start : start + frame_bytes(h)]
    if len(part) != frame_bytes(h):
        raise Refused("TRUNCATED_PIXELS")
    return _words(part, h)


def _job(frames: Sequence[Header]) -> decoding.Job:
    h = frames[0]
    assert h.pixels is not None and h.signed is not None  # noqa: S101, PT018 - narrows types; check_format looked
    return decoding.Job(
        path=h.path.absolute(),  # a child has a working folder of its own
        offset=h.pixels.offset,
        transfer_syntax_uid=h.transfer_syntax_uid,
        frames=tuple(frame.frame for frame in frames),
        number_of_frames=h.frames,
        rows=h.rows,
        columns=h.columns,
        bits_allocated=h.bits_allocated,
        bits_stored=h.bits_stored,
        signed=h.signed,
    )


def _words(data: bytes | bytearray, h: Header) -> Words:
    """Allocated words as they stand in the file, rows × columns."""
    words = np.frombuffer(data, f"{'>' if h.big_endian else '<'}u{h.bits_allocated // 8}").reshape(h.rows, h.columns)
    return words.astype(words.dtype.newbyteorder("="), copy=False)


def convert(words: Words, out: NDArray[np.float32], h: Header, factor: float) -> frozenset[str]:
    """Allocated words → values in ``out``, rows × columns; returns warning codes."""
    raw = words.view(f"i{words.itemsize}") if h.signed else words
    stored = _stored(raw, h)
    slope, intercept = rescale(h)
    slope, intercept = slope * factor, intercept * factor
    if slope == 1:
        np.add(stored, np.float32(intercept), out=out, casting="unsafe")
    else:
        np.multiply(stored, np.float32(slope), out=out, casting="unsafe")
        if intercept:
            out += np.float32(intercept)
    padded = _padded(raw, stored, h)
    if padded is None:
        return _BELOW_AIR if h.dicom_modality == "CT" and out.min() < _LOWEST_HU else _NOTHING
    out[padded] = AIR_HU if h.dicom_modality == "CT" else 0.0
    return _PADDING


def _stored(raw: NDArray[np.integer], h: Header) -> NDArray[np.integer]:
    """Stored values, rows × columns; bits above the high bit (old overlays) are dropped, the sign is extended."""
    unused = h.bits_allocated - h.bits_stored
    return raw if unused == 0 else (raw << unused) >> unused


def _padded(raw: NDArray[np.integer], stored: NDArray[np.integer], h: Header) -> NDArray[np.bool_] | None:
    """Where padding lies, or ``None`` if there is none; judged before rescale, as PS3.3 C.7.5.1.1.2 asks.

    A padding value too large for the stored bits (63536 in 12 bits) can only stand in the allocated ones.
    """
    modulus = 1 << h.bits_allocated
    if h.padding is None or not all(-modulus // 2 <= end < modulus for end in h.padding):
        return None
    ends = [end % modulus for end in h.padding]
    if h.signed:
        ends = [end - modulus if end >= modulus // 2 else end for end in ends]
    half = 1 << (h.bits_stored - 1)
    lowest = -half if h.signed else 0
    highest = lowest + 2 * half - 1
    values = stored if lowest <= min(ends) and max(ends) <= highest else raw
    low, high = min(ends), max(ends)
    padded = values == low if low == high else (values >= low) & (values <= high)
    if not padded.any():
        return None
    if values is stored and h.dicom_modality == "CT" and _is_tissue(low, high, h):
        raise Refused("PADDING_AMBIGUOUS")
    return padded


def _is_tissue(low: int, high: int, h: Header) -> bool:
    slope, intercept = rescale(h)
    ends = sorted((low * slope + intercept, high * slope + intercept))
    return ends[1] > _TISSUE_HU[0] and ends[0] < _TISSUE_HU[1]
