"""Stored pixels of one slice → float32 in the series' unit.

Uncompressed pixels only, so that nothing unfolds; the length is checked before anything is interpreted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom import uid as uids

from tumorcast_imaging.dicom.header import NATIVE, Header, guarded, read_dataset
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.reasons import Refused

AIR_HU = -1024.0
"""Value of padding outside the scanned field of a CT; 0 in an MR."""
_TAGS = ["SOPInstanceUID", "PixelData"]


def check_format(h: Header) -> None:
    """Refuse by name what could not be decoded rightly."""
    if h.transfer_syntax_uid not in NATIVE:
        raise Refused("UNSUPPORTED_TRANSFER_SYNTAX")
    if h.photometric == "MONOCHROME1":
        raise Refused("MONOCHROME1")
    whole_bits = (
        h.bits_allocated in (8, 16) and 1 <= h.bits_stored <= h.bits_allocated and h.high_bit == h.bits_stored - 1
    )
    swapped = h.bits_allocated == 8 and h.transfer_syntax_uid == uids.ExplicitVRBigEndian  # or not; nobody can tell
    if h.photometric != "MONOCHROME2" or h.samples_per_pixel != 1 or not whole_bits or swapped:
        raise Refused("UNSUPPORTED_PIXEL_FORMAT")
    if h.rows < 1 or h.columns < 1 or h.signed is None:
        raise Refused("HEADER_INCOMPLETE")
    if h.size_bytes < _pixel_bytes(h):  # known before any memory is asked for
        raise Refused("TRUNCATED_PIXELS")


def rescale(h: Header) -> tuple[float, float]:
    """Slope and intercept of this slice: required and in HU for CT, taken if present for MR."""
    if h.dicom_modality == "CT":
        if h.rescale_type not in ("", "HU"):
            raise Refused("UNSUPPORTED_UNIT")
        if h.slope is None or h.intercept is None:
            raise Refused("RESCALE_MISSING")
    slope, intercept = h.slope if h.slope is not None else 1.0, h.intercept or 0.0
    single = np.finfo(np.float32)
    largest = abs(slope) * (1 << h.bits_allocated) + abs(intercept)
    if abs(slope) < float(single.tiny) or not largest < float(single.max):  # also zero and not a number
        raise Refused("RESCALE_MISSING")
    return slope, intercept


def read_into(out: NDArray[np.float32], h: Header, limits: Limits) -> bool:
    """Decode the slice of ``h`` into ``out`` (rows × columns) and say whether it had padding; raises ``Refused``."""
    dataset = read_dataset(h.path, limits, _TAGS, pixels=True)
    with guarded("NO_PIXELS"):
        if str(dataset.SOPInstanceUID).strip(" \0") != h.sop_instance_uid:
            raise Refused("CHANGED_WHILE_READ")
        data = dataset.PixelData
    if not isinstance(data, bytes):  # empty, or under a value representation that is none of pixels
        raise Refused("NO_PIXELS")
    expected = _pixel_bytes(h)
    if len(data) < expected:
        raise Refused("TRUNCATED_PIXELS")
    if len(data) > expected + expected % 2:
        raise Refused("EXCESS_PIXELS")
    raw = _raw(data[:expected], h)
    stored = _stored(raw, h)
    slope, intercept = rescale(h)
    np.multiply(stored, np.float32(slope), out=out, casting="unsafe")
    out += np.float32(intercept)
    padded = _padded(raw, stored, h)
    if padded is None:
        return False
    out[padded] = AIR_HU if h.dicom_modality == "CT" else 0.0
    return True


def _pixel_bytes(h: Header) -> int:
    return h.rows * h.columns * h.bits_allocated // 8


def _raw(data: bytes, h: Header) -> NDArray[np.integer]:
    """Allocated words as they stand in the file, rows × columns."""
    order = ">" if h.transfer_syntax_uid == uids.ExplicitVRBigEndian else "<"
    kind = "i" if h.signed else "u"
    values = np.frombuffer(data, f"{order}{kind}{h.bits_allocated // 8}").reshape(h.rows, h.columns)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _stored(raw: NDArray[np.integer], h: Header) -> NDArray[np.integer]:
    """Stored values, rows × columns; bits above the high bit (old overlays) are dropped, the sign is extended."""
    unused = h.bits_allocated - h.bits_stored
    return raw if unused == 0 else (raw << unused) >> unused


def _padded(raw: NDArray[np.integer], stored: NDArray[np.integer], h: Header) -> NDArray[np.bool_] | None:
    """Where padding lies, or ``None`` if there is none; judged before rescale, as PS3.3 C.7.5.1.1.2 asks.

    A padding value too large for the stored bits (63536 in 12 bits) can only stand in the allocated ones.
    """
    if h.padding is None:
        return None
    modulus = 1 << h.bits_allocated
    ends = [end % modulus for end in h.padding]
    if h.signed:
        ends = [end - modulus if end >= modulus // 2 else end for end in ends]
    half = 1 << (h.bits_stored - 1)
    lowest = -half if h.signed else 0
    highest = lowest + 2 * half - 1
    values = stored if lowest <= min(ends) and max(ends) <= highest else raw
    padded = (values >= min(ends)) & (values <= max(ends))
    return padded if padded.any() else None
