"""The gate: headers of one series → volumes that are right, or the reason why there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import uid as uids

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import enhanced, geometry, pixels, suv
from tumorcast_imaging.dicom.dataset import guarded, read_dataset
from tumorcast_imaging.dicom.geometry import Grid
from tumorcast_imaging.dicom.header import Header
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.dicom.split import Stack, stacks
from tumorcast_imaging.dicom.volume import RefusedSeries, Volume

SINGLE_FRAME = {
    uids.CTImageStorage: "CT",
    uids.MRImageStorage: "MR",
    uids.PositronEmissionTomographyImageStorage: "PT",
}
READ = SINGLE_FRAME | enhanced.SOP_CLASSES
"""SOP classes that are read, and the DICOM modality each must state."""
_UNITS = {"CT": "HU", "MR": "arbitrary", "PT": "SUVbw"}
_OUTSIDE = {"CT": pixels.AIR_HU, "MR": 0.0, "PT": 0.0}
_LOSSY = {uids.JPEGBaseline8Bit, uids.JPEGExtended12Bit, uids.JPEGLSNearLossless}
"""Always lossy; JPEG 2000 may be either, and Lossy Image Compression says which."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """The slices that form the series, and what was left out of it."""

    slices: list[Header]
    left_out: tuple[str, ...]


def read_series(
    headers: Sequence[Header], limits: Limits, *, repair: bool = False
) -> tuple[Volume | RefusedSeries, ...]:
    """Read one series (all headers share one series instance UID): one volume, its parts, or one refusal.

    ``repair`` straightens gantry tilt and evens gaps by interpolation, which is said.
    """
    try:
        choice = _choose(headers, limits)
        check_together(choice.slices)
        factors, doubts = _factors(choice.slices, limits)
        parts = stacks(choice.slices, repair=repair)
        doubts = (*choice.left_out, *doubts, *(["SPLIT_SERIES"] if len(parts) > 1 else []))
    except Refused as refusal:
        return (_refused(headers, refusal),)
    numbers = range(1, len(parts) + 1) if len(parts) > 1 else (0,)
    read: list[Volume | RefusedSeries] = []
    for part, stack in zip(numbers, sorted(parts, key=_first_slice), strict=True):
        try:
            read.append(_volume(stack, part, [factors[id(h)] for h in stack.slices], doubts, limits))
        except Refused as refusal:
            read.append(_refused(headers, refusal, part))
    return tuple(read)


def _refused(headers: Sequence[Header], refusal: Refused, part: int = 0) -> RefusedSeries:
    first = headers[0]
    problem = issue(refusal.code, first.series_instance_uid)
    return RefusedSeries(first.series_instance_uid, first.dicom_modality, (problem,), part)


def _first_slice(stack: Stack) -> tuple[object, ...]:
    """Parts are numbered by time, then by what tells them apart."""
    first = stack.slices[0]
    when = min((h.date, h.time_s or 0.0) for h in stack.slices)
    return when, str(first.technique), str(first.phase), first.position


def _choose(headers: Sequence[Header], limits: Limits) -> _Choice:
    """Leave out copies, localizers, and derived images inside an otherwise original series.

    Where the derived ones are more, nobody can tell which of the two the series is.
    """
    unique, copies = _without_copies(headers)
    images = [image for h in unique for image in _images(h, limits)]
    slices = [h for h in images if "LOCALIZER" not in h.image_type]
    left_out = ["DUPLICATE_FILE"] * copies + ["LOCALIZER"] * (len(images) - len(slices))
    if not slices:
        raise Refused("ONLY_LOCALIZERS")
    original = [h for h in slices if h.image_type[:2] == ("ORIGINAL", "PRIMARY")]
    if 0 < len(original) < len(slices) / 2:
        raise Refused("MIXED_IMAGE_TYPES")
    if original and len(original) < len(slices):
        left_out += ["DERIVED_IMAGE"] * (len(slices) - len(original))
        slices = original
    return _Choice(slices, tuple(dict.fromkeys(left_out)))


def _images(h: Header, limits: Limits) -> list[Header]:
    """The file itself, or its frames."""
    return enhanced.frames(h, limits) if h.sop_class_uid in enhanced.SOP_CLASSES else [h]


def _without_copies(headers: Sequence[Header]) -> tuple[list[Header], int]:
    """One header per SOP instance; two different files under one UID are two slices that exclude each other."""
    by_uid: dict[str, Header] = {}
    for h in headers:
        known = by_uid.setdefault(h.sop_instance_uid, h)
        if known is not h and _digest(known) != _digest(h):
            raise Refused("DUPLICATE_SLICE")
    return list(by_uid.values()), len(headers) - len(by_uid)


def _digest(h: Header) -> bytes:
    with guarded("UNREADABLE"), h.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def check_together(slices: Sequence[Header]) -> None:
    """Refuse unless all slices are sound, and of one patient, study, kind and frame of reference."""
    rules: tuple[tuple[str, Callable[[Header], Hashable]], ...] = (
        ("MIXED_PATIENTS", lambda h: h.patient),
        ("MIXED_STUDIES", lambda h: h.study_instance_uid),
        ("MIXED_MODALITIES", lambda h: (h.dicom_modality, h.sop_class_uid)),
        ("MIXED_FRAMES_OF_REFERENCE", lambda h: h.frame_of_reference_uid),
    )
    for code, same in rules:
        if len({same(h) for h in slices}) > 1:
            raise Refused(code)
    for h in slices:
        _check_kind(h)
        pixels.check_format(h)
        pixels.rescale(h)
    if len({(h.slope is None, h.intercept is None) for h in slices}) > 1:
        raise Refused("RESCALE_MISSING")
    for h in slices:
        if len(h.position) != 3 or max(map(abs, h.position)) > geometry.FARTHEST_MM:
            raise Refused("BAD_POSITION")
    for orientation, spacing in {(h.orientation, h.pixel_spacing) for h in slices}:
        geometry.plane(orientation, spacing)
    if any(h.damaged for h in slices):
        raise Refused("MALFORMED_HEADER")


def _check_kind(h: Header) -> None:
    if h.sop_class_uid not in READ:
        raise Refused("MULTI_FRAME_NOT_SUPPORTED" if h.frames != 1 else "UNSUPPORTED_SOP_CLASS")
    if READ[uids.UID(h.sop_class_uid)] != h.dicom_modality:
        raise Refused("UNSUPPORTED_SOP_CLASS")
    if h.frames != 1 and h.sop_class_uid in SINGLE_FRAME:
        raise Refused("MULTI_FRAME_NOT_SUPPORTED")


def _factors(slices: Sequence[Header], limits: Limits) -> tuple[dict[int, float], tuple[str, ...]]:
    """What rescaled values are multiplied with, by the identity of the slice: SUV factors of a PET, else 1."""
    if slices[0].dicom_modality != "PT":
        return dict.fromkeys(map(id, slices), 1.0), ()
    images = []
    for h in slices:
        dataset = read_dataset(h.path, limits, suv.TAGS, pixels=False)
        with guarded("MALFORMED_HEADER"):
            images.append(suv.read_pet(dataset))
    found = suv.suv_factors(images)
    return {id(h): float(factor) for h, factor in zip(slices, found.factors, strict=True)}, found.doubts


def _volume(stack: Stack, part: int, factors: Sequence[float], doubts: tuple[str, ...], limits: Limits) -> Volume:
    slices, first = stack.slices, stack.slices[0]
    shape = (len(slices), first.rows, first.columns)
    if shape[0] * shape[1] * shape[2] > limits.max_voxels:
        raise Refused("TOO_MANY_VOXELS")
    array = np.empty(shape, np.float32)
    padded = pixels.read_into(array, slices, factors, limits)
    array, grid = _on_grid(array, stack, limits)
    doubts = (
        *doubts,
        *(["PADDING_AS_AIR"] if padded else []),
        *(["FRAME_OF_REFERENCE_MISSING"] if not first.frame_of_reference_uid else []),
        *(["SINGLE_SLICE"] if len(slices) == 1 else []),
        *(["MONOCHROME1"] if any(h.photometric == "MONOCHROME1" for h in slices) else []),
        *(["LOSSY_COMPRESSION"] if any(map(_is_lossy, slices)) else []),
        *(["TILT_CORRECTED" if stack.uneven == "GANTRY_TILT" else "RESAMPLED"] if stack.uneven else []),
    )
    return Volume(
        array=array,
        affine_lps=grid.affine_lps,
        spacing_mm=grid.spacing_mm,
        unit=_UNITS[first.dicom_modality],
        dicom_modality=first.dicom_modality,
        series_instance_uid=first.series_instance_uid,
        study_instance_uid=first.study_instance_uid,
        frame_of_reference_uid=first.frame_of_reference_uid,
        patient_id=first.patient_id,
        date=min((h.date for h in slices if h.date), default=""),
        sop_instance_uids=tuple(h.sop_instance_uid for h in slices),
        problems=tuple[Issue, ...](issue(code, first.series_instance_uid) for code in doubts),
        part=part,
    )


def _is_lossy(h: Header) -> bool:
    return h.lossy or h.transfer_syntax_uid in _LOSSY


def _on_grid(array: NDArray[np.float32], stack: Stack, limits: Limits) -> tuple[NDArray[np.float32], Grid]:
    if stack.grid is not None:
        return array, stack.grid
    from tumorcast_imaging.dicom import repair  # brings scipy, which is needed only here

    first = stack.slices[0]
    on = geometry.plane(first.orientation, first.pixel_spacing)
    positions = np.array([h.position for h in stack.slices])
    if stack.uneven == "GANTRY_TILT":
        return repair.straighten(array, positions, on, _OUTSIDE[first.dicom_modality], limits)
    return repair.even(array, positions, on, limits)
