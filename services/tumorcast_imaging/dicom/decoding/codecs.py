"""One frame's bytes → words, by imagecodecs; runs in a child only.

imagecodecs (BSD) binds libjpeg-turbo, CharLS, OpenJPEG and OpenJPH and has its own PackBits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from struct import Struct
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.dicom.decoding import codestream
from tumorcast_imaging.dicom.decoding.codestream import Codestream
from tumorcast_imaging.dicom.decoding.job import (
    HTJ2K,
    JPEG_LOSSLESS,
    JPEG_LOSSY,
    JPEG_LS,
    MAY_BE_LOSSY,
    NATIVE_FRAGMENTS,
    RLE,
    Job,
)
from tumorcast_imaging.dicom.reasons import Refused

Words = NDArray[np.unsignedinteger[Any]]
Decoded = TypeVar("Decoded")
_RLE_HEADER = Struct("<16I")
_FILLER = b"\x55" * 64
_ignored: list[object] = []


def decode(data: bytes, job: Job) -> Words:
    """Allocated words of one frame, rows × columns, as an uncompressed file would hold them; raises ``Refused``."""
    if job.transfer_syntax_uid in RLE:
        return _rle(data, job)
    if job.transfer_syntax_uid in NATIVE_FRAGMENTS:
        return _native(data, job)
    if job.transfer_syntax_uid in JPEG_LOSSY | JPEG_LOSSLESS | JPEG_LS:
        stream = codestream.jpeg(data, job)
    else:
        stream = codestream.jpeg_2000(data, job)
    values = _values(stream, job)
    if values.shape != (job.rows, job.columns):
        raise Refused("PIXEL_FORMAT_DIFFERS")
    return _words(values, stream, job)


def _values(stream: Codestream, job: Job) -> NDArray[np.integer[Any]]:
    import imagecodecs  # here, since `import imagecodecs` is a table of names and each codec loads at its first use

    if job.transfer_syntax_uid in JPEG_LS:
        return _guarded(imagecodecs.jpegls_decode, stream.data)
    if job.transfer_syntax_uid in HTJ2K:
        return _guarded(imagecodecs.htj2k_decode, stream.data)
    if job.transfer_syntax_uid not in JPEG_LOSSY | JPEG_LOSSLESS:
        return _guarded(imagecodecs.jpeg2k_decode, stream.data, numthreads=1)
    values = _guarded(imagecodecs.jpeg8_decode, stream.data)
    # libjpeg warns, where nobody hears it, when a corrupt scan runs out of bits; then bits behind its end are read
    longer = _guarded(imagecodecs.jpeg8_decode, stream.data[:-2] + _FILLER + stream.data[-2:])
    if not np.array_equal(values, longer):
        raise Refused("UNDECODABLE_PIXELS")
    return values


def _guarded(codec: Callable[..., Decoded], data: bytes, **options: int) -> Decoded:
    """What the codec gives; whatever it raises, or swallows, is a refusal."""
    _ignored.clear()
    sys.unraisablehook = _ignored.append
    try:
        values = codec(data, **options)
    except MemoryError:
        raise
    except Exception as e:
        raise Refused("UNDECODABLE_PIXELS") from e
    if _ignored:  # imagecodecs drops the errors of OpenJPH on the way and leaves the rest of the image black
        raise Refused("UNDECODABLE_PIXELS")
    return values


def _words(values: NDArray[np.integer[Any]], stream: Codestream, job: Job) -> Words:
    """Decoded values as allocated words; header and codestream may disagree on sign and precision.

    JPEG and JPEG-LS know no sign, and some JPEG 2000 writers state the wrong one: then the sign of the header counts
    and its bit is the topmost of the codestream's precision, as in pydicom (``apply_j2k_sign_correction``).
    """
    unsigned, signed = np.dtype(f"u{job.bits_allocated // 8}"), np.dtype(f"i{job.bits_allocated // 8}")
    words = values.astype(signed if stream.signed else unsigned).view(unsigned)
    unused = job.bits_allocated - stream.precision
    if unused and stream.signed != job.signed:
        words = words << unused
        words = words.view(signed) >> unused if job.signed else words >> unused
    words = words.view(unsigned)
    lossy = job.transfer_syntax_uid in MAY_BE_LOSSY
    if lossy and stream.precision > job.bits_stored and not _fits(words, job, signed):
        raise Refused("PIXEL_FORMAT_DIFFERS")  # lossy values overshoot; cut to the stored bits they would wrap
    return words


def _fits(words: Words, job: Job, signed: np.dtype[Any]) -> bool:
    """Whether all values lie within the stored bits."""
    values = words.view(signed) if job.signed else words
    half = 1 << (job.bits_stored - 1)
    low, high = (-half, half - 1) if job.signed else (0, 2 * half - 1)
    return bool(values.min() >= low and values.max() <= high)


def _rle(data: bytes, job: Job) -> Words:
    """One segment a byte plane, the most significant first (PS3.5 Annex G)."""
    import imagecodecs

    planes, pixels = job.bits_allocated // 8, job.rows * job.columns
    if len(data) < _RLE_HEADER.size:
        raise Refused("TRUNCATED_PIXELS")
    count, *offsets = _RLE_HEADER.unpack_from(data)
    if not 1 <= count <= 15:
        raise Refused("UNDECODABLE_PIXELS")
    if count != planes:
        raise Refused("PIXEL_FORMAT_DIFFERS")
    edges = [*offsets[:count], len(data)]
    if edges[0] < _RLE_HEADER.size or any(a >= b for a, b in pairwise(edges)):
        raise Refused("TRUNCATED_PIXELS" if max(edges) > len(data) else "UNDECODABLE_PIXELS")
    out = np.empty((pixels, planes), np.uint8)
    for plane, (start, end) in enumerate(pairwise(edges)):
        decoded = _guarded(imagecodecs.packbits_decode, data[start:end])
        if len(decoded) != pixels:
            raise Refused("TRUNCATED_PIXELS" if len(decoded) < pixels else "EXCESS_PIXELS")
        out[:, planes - 1 - plane] = np.frombuffer(decoded, np.uint8)
    return out.view(f"<u{planes}").reshape(job.rows, job.columns)


def _native(data: bytes, job: Job) -> Words:
    if len(data) < job.frame_bytes:
        raise Refused("TRUNCATED_PIXELS")
    if len(data) > job.frame_bytes + job.frame_bytes % 2:
        raise Refused("EXCESS_PIXELS")
    words = np.frombuffer(data[: job.frame_bytes], f"<u{job.bits_allocated // 8}")
    return words.reshape(job.rows, job.columns)
