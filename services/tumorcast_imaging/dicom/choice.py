"""Which images of a series belong to it, and which are left out and said."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import uid as uids

from tumorcast_imaging.dicom import enhanced, geometry, pixels
from tumorcast_imaging.dicom.dataset import guarded
from tumorcast_imaging.dicom.header import Header
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.part10 import Odd, walk_meta
from tumorcast_imaging.dicom.reasons import Refused

SINGLE_FRAME = {
    uids.CTImageStorage: "CT",
    uids.MRImageStorage: "MR",
    uids.PositronEmissionTomographyImageStorage: "PT",
}
READ = SINGLE_FRAME | enhanced.SOP_CLASSES
"""SOP classes that are read, and the DICOM modality each must state."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The slices that form the series, and codes of what was left out of it."""

    slices: list[Header]
    left_out: tuple[str, ...]


def choose(headers: Sequence[Header], limits: Limits) -> Choice:
    """Leave out copies, other objects, localizers, and derived images inside an otherwise original series.

    Raises ``Refused`` where nobody can tell which images the series is.
    """
    unique, copies = _without_copies(headers)
    readable = [h for h in unique if h.sop_class_uid in READ] or unique
    if sum(h.frames for h in readable if h.sop_class_uid in enhanced.SOP_CLASSES) > limits.max_frames:
        raise Refused("TOO_MANY_FRAMES")
    images = [image for h in readable for image in _images(h, limits)]
    slices = [h for h in images if "LOCALIZER" not in h.image_type]
    if not slices:
        raise Refused("ONLY_LOCALIZERS")
    original = _originals(slices)
    left_out = {
        "DUPLICATE_FILE": copies,
        "OTHER_IMAGE": len(unique) - len(readable),
        "LOCALIZER": len(images) - len(slices),
        "DERIVED_IMAGE": len(slices) - len(original),
    }
    return Choice(original, tuple(code for code, count in left_out.items() if count))


def _originals(slices: list[Header]) -> list[Header]:
    """The slices without the derived among them; all, if all are derived. One that does not say counts as original."""
    derived = [h for h in slices if h.image_type[:1] == ("DERIVED",) or h.image_type[1:2] == ("SECONDARY",)]
    if not derived or len(derived) == len(slices):
        return slices
    known = set(map(id, derived))
    original = [h for h in slices if id(h) not in known]
    if len(derived) > len(original) or _go_on(derived, original):
        raise Refused("MIXED_IMAGE_TYPES")
    return original


def _go_on(derived: Sequence[Header], original: Sequence[Header]) -> bool:
    """True if several derived images go on where the originals end, so that leaving them out would cut the volume."""
    like = original[0]
    places = np.array([h.position for h in original if len(h.position) == 3])
    alike = [
        h
        for h in derived
        if (h.rows, h.columns, h.pixel_spacing, h.orientation)
        == (like.rows, like.columns, like.pixel_spacing, like.orientation)
        and len(h.position) == 3
        and len(places)
    ]
    free = [h for h in alike if np.linalg.norm(places - h.position, axis=1).min() > geometry.TOLERANCE_MM]
    return len(free) > 1


def _images(h: Header, limits: Limits) -> list[Header]:
    """The file itself, or its frames."""
    if h.sop_class_uid not in enhanced.SOP_CLASSES:
        return [h]
    pixels.check_format(h)
    return enhanced.frames(h, limits)


def _without_copies(headers: Sequence[Header]) -> tuple[list[Header], int]:
    """One header per SOP instance; two different files under one UID are two slices that exclude each other."""
    by_uid: dict[str, Header] = {}
    for h in headers:
        known = by_uid.setdefault(h.sop_instance_uid, h)
        if known is not h and _digest(known) != _digest(h):
            raise Refused("DUPLICATE_SLICE")
    return list(by_uid.values()), len(headers) - len(by_uid)


def _digest(h: Header) -> tuple[str, bytes]:
    """What the file holds behind its file meta, which says who sent it."""
    with guarded("UNREADABLE"), h.path.open("rb") as file:
        try:
            _, start = walk_meta(file.read(1 << 16))
        except Odd:
            start = 0
        file.seek(start)
        return h.transfer_syntax_uid, hashlib.file_digest(file, "sha256").digest()
