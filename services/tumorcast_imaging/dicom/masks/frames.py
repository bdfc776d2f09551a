"""The frames of a segmentation as they are stored, one after another.

DICOM PS3.5 8.1.1 and 8.2: bits are packed from the lowest bit on, across frames; compressed and deflated frames are
unpacked as those of an image are, in child processes under limits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from pydicom import uid as uids

from tumorcast_imaging.dicom import decoding
from tumorcast_imaging.dicom.dataset import guarded
from tumorcast_imaging.dicom.header import NATIVE, Header
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.nested import Source
from tumorcast_imaging.dicom.part10 import PIXEL_DATA
from tumorcast_imaging.dicom.reasons import Refused

Words = NDArray[np.unsignedinteger]
_DEFLATED = uids.DeflatedExplicitVRLittleEndian
_FRAMES_PER_JOB = 8


def check_frames(h: Header, limits: Limits) -> None:
    """Refuse by name what could not be read rightly, before anything is."""
    if h.transfer_syntax_uid not in NATIVE and h.transfer_syntax_uid not in (_DEFLATED, *decoding.SYNTAXES):
        raise Refused("UNSUPPORTED_TRANSFER_SYNTAX")
    if h.big_endian or (h.bits_allocated == 1 and h.transfer_syntax_uid in decoding.SYNTAXES):
        raise Refused("UNSUPPORTED_TRANSFER_SYNTAX")  # the order of packed bits would be a guess
    if h.transfer_syntax_uid in (decoding.MAY_BE_LOSSY if h.lossy else decoding.ALWAYS_LOSSY):
        raise Refused("UNSUPPORTED_TRANSFER_SYNTAX")  # numbers of segments have no neighbors
    if h.bits_allocated not in (1, 8, 16) or h.samples_per_pixel != 1 or h.signed:
        raise Refused("UNSUPPORTED_SEGMENTATION_TYPE")
    if h.rows < 1 or h.columns < 1 or h.pixels is None or h.pixels.tag != PIXEL_DATA:
        raise Refused("MALFORMED_SEGMENTATION")
    if not 1 <= h.frames <= limits.max_frames:
        raise Refused("TOO_MANY_FRAMES")
    if h.rows * h.columns > limits.max_voxels or h.rows * h.columns * h.frames > limits.max_region_voxels:
        raise Refused("TOO_MANY_VOXELS")
    if (h.pixels.length is None) != (h.transfer_syntax_uid in decoding.SYNTAXES):
        raise Refused("UNDECODABLE_PIXELS")
    if h.pixels.length is not None:
        _check_length(h, h.pixels.offset, h.pixels.length)


def _check_length(h: Header, offset: int, length: int) -> None:
    expected = -(-h.rows * h.columns * h.frames * h.bits_allocated // 8)
    there = length if h.transfer_syntax_uid == _DEFLATED else min(length, h.size_bytes - offset)
    if there < expected:
        raise Refused("TRUNCATED_PIXELS")
    if length > expected + expected % 2:
        raise Refused("EXCESS_PIXELS")


def read_frames(file: Source) -> Iterator[Words]:
    """Every frame (rows × columns; uint8, or uint16 where 16 bits are allocated) in order; raises ``Refused``."""
    h = file.header
    if h.transfer_syntax_uid in decoding.SYNTAXES:
        yield from _unpacked(h, file.limits)
        return
    voxels, bits = h.rows * h.columns, h.bits_allocated
    with _bytes(file) as read:
        for frame in range(h.frames):
            first, last = frame * voxels * bits, (frame + 1) * voxels * bits
            data = np.frombuffer(read(first // 8, -(-last // 8)), np.uint8)
            if bits == 1:
                data = np.unpackbits(data, bitorder="little")[first % 8 : first % 8 + voxels]
            yield data.view("<u2" if bits == 16 else np.uint8).reshape(h.rows, h.columns)


@contextmanager
def _bytes(file: Source) -> Iterator[Callable[[int, int], bytes]]:
    """A function from a range of bytes of the pixels to these bytes."""
    h = file.header
    assert h.pixels is not None  # noqa: S101 - narrows the type; check_frames looked
    offset = h.pixels.offset
    if h.transfer_syntax_uid == _DEFLATED:
        yield lambda first, end: file.inflated[offset + first : offset + end]
        return
    with guarded("UNREADABLE"):
        handle = os.open(h.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check_stamp(h, os.fstat(handle))
        yield lambda first, end: _read(handle, offset + first, end - first)
    finally:
        os.close(handle)


def _read(handle: int, at: int, length: int) -> bytes:
    with guarded("UNREADABLE"):
        data = os.pread(handle, length, at)
    if len(data) != length:
        raise Refused("CHANGED_WHILE_READ")
    return data


def _check_stamp(h: Header, status: os.stat_result) -> None:
    if (status.st_size, status.st_mtime_ns, status.st_ino) != h.stamp:
        raise Refused("CHANGED_WHILE_READ")


def _unpacked(h: Header, limits: Limits) -> Iterator[Words]:
    assert h.pixels is not None  # noqa: S101 - narrows the type; check_frames looked
    with guarded("UNREADABLE"):
        _check_stamp(h, h.path.stat())
    starts = range(0, h.frames, _FRAMES_PER_JOB)
    jobs = (
        decoding.Job(
            path=h.path.absolute(),
            offset=h.pixels.offset,
            transfer_syntax_uid=h.transfer_syntax_uid,
            frames=tuple(range(start, min(start + _FRAMES_PER_JOB, h.frames))),
            number_of_frames=h.frames,
            rows=h.rows,
            columns=h.columns,
            bits_allocated=h.bits_allocated,
            bits_stored=h.bits_stored,
            signed=False,
        )
        for start in starts
    )
    for words in decoding.shared_pool(limits.decoder).decode(jobs):
        yield from words
