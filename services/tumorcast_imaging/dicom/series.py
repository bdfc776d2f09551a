"""The gate: headers of one series → a volume that is right, or the reason why there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from pydicom import uid as uids

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import geometry, pixels
from tumorcast_imaging.dicom.header import Header, guarded
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.dicom.volume import RefusedSeries, Volume

READ = {uids.CTImageStorage: "CT", uids.MRImageStorage: "MR"}
_PET = {
    uids.PositronEmissionTomographyImageStorage,
    uids.EnhancedPETImageStorage,
    uids.LegacyConvertedEnhancedPETImageStorage,
}
_MULTI_FRAME = {
    uids.EnhancedCTImageStorage,
    uids.LegacyConvertedEnhancedCTImageStorage,
    uids.EnhancedMRImageStorage,
    uids.EnhancedMRColorImageStorage,
    uids.LegacyConvertedEnhancedMRImageStorage,
}
_UNITS = {"CT": "HU", "MR": "arbitrary"}
_COSINE_TOLERANCE = 1e-4
_SPACING_TOLERANCE_MM = 1e-4


@dataclass(frozen=True, slots=True)
class _Choice:
    """The slices that form the series, and what was left out of it."""

    slices: list[Header]
    left_out: tuple[str, ...]


def read_series(headers: Sequence[Header], limits: Limits) -> Volume | RefusedSeries:
    """Read one series (all headers share one series instance UID)."""
    uid = headers[0].series_instance_uid
    try:
        choice = _choose(headers)
        check_together(choice.slices)
        return _volume(choice, limits)
    except Refused as refusal:
        modality = headers[0].dicom_modality
        return RefusedSeries(uid, modality, (issue(refusal.code, uid),))


def _choose(headers: Sequence[Header]) -> _Choice:
    """Leave out copies, localizers, and derived images inside an otherwise original series.

    Where the derived ones are more, nobody can tell which of the two the series is.
    """
    unique, copies = _without_copies(headers)
    slices = [h for h in unique if "LOCALIZER" not in h.image_type]
    left_out = ["DUPLICATE_FILE"] * copies + ["LOCALIZER"] * (len(unique) - len(slices))
    if not slices:
        raise Refused("ONLY_LOCALIZERS")
    original = [h for h in slices if h.image_type[:2] == ("ORIGINAL", "PRIMARY")]
    if 0 < len(original) < len(slices) / 2:
        raise Refused("MIXED_IMAGE_TYPES")
    if original and len(original) < len(slices):
        left_out += ["DERIVED_IMAGE"] * (len(slices) - len(original))
        slices = original
    return _Choice(slices, tuple(dict.fromkeys(left_out)))


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
    """Refuse unless all slices are of one patient, study, kind, size, spacing, orientation and frame of reference."""
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
    if len({(h.rows, h.columns) for h in slices}) > 1:
        raise Refused("MIXED_SIZES")
    _check_planes(slices)


def _check_kind(h: Header) -> None:
    if h.sop_class_uid in _PET or h.dicom_modality == "PT":
        raise Refused("PET_NOT_SUPPORTED")
    if h.sop_class_uid in _MULTI_FRAME or h.frames != 1:
        raise Refused("MULTI_FRAME_NOT_SUPPORTED")
    if READ.get(uids.UID(h.sop_class_uid)) != h.dicom_modality:
        raise Refused("UNSUPPORTED_SOP_CLASS")


def _check_planes(slices: Sequence[Header]) -> None:
    for h in slices:
        geometry.plane(h.orientation, h.pixel_spacing)
        if len(h.position) != 3 or max(map(abs, h.position)) > geometry.FARTHEST_MM:
            raise Refused("BAD_POSITION")
    if np.ptp([h.pixel_spacing for h in slices], axis=0).max() > _SPACING_TOLERANCE_MM:
        raise Refused("MIXED_SPACING")
    if np.ptp([h.orientation for h in slices], axis=0).max() > _COSINE_TOLERANCE:
        raise Refused("MIXED_ORIENTATION")


def _check_acquisitions(slices: Sequence[Header]) -> None:
    """Refuse two acquisitions whose slices interleave; they would halve the spacing without a trace.

    Sorted along the normal, each acquisition, kernel, kVp and echo is one run. So is each time of a CT, which goes
    through the patient once; an MR may well take the even slices after the odd ones.
    """
    keys: list[list[Hashable]] = [[h.acquisition_number for h in slices]]
    keys += [list(values) for values in zip(*(h.technique for h in slices), strict=True)]
    if slices[0].dicom_modality == "CT":
        keys.append([h.acquisition_time for h in slices])
    for values in keys:
        runs = 1 + sum(a != b for a, b in pairwise(values))
        if runs > len(set(values)):
            raise Refused("MIXED_ACQUISITIONS")


def _volume(choice: _Choice, limits: Limits) -> Volume:
    first = choice.slices[0]
    shape = (len(choice.slices), first.rows, first.columns)
    if shape[0] * shape[1] * shape[2] > limits.max_voxels:
        raise Refused("TOO_MANY_VOXELS")
    on = geometry.plane(first.orientation, first.pixel_spacing)
    grid = geometry.stack([h.position for h in choice.slices], on, first.slice_thickness)
    slices = [choice.slices[i] for i in grid.order]
    _check_acquisitions(slices)
    array = np.empty(shape, np.float32)
    padded = [pixels.read_into(out, h, limits) for out, h in zip(array, slices, strict=True)]
    doubts = (
        *choice.left_out,
        *(["PADDING_AS_AIR"] if any(padded) else []),
        *(["FRAME_OF_REFERENCE_MISSING"] if not first.frame_of_reference_uid else []),
        *(["SINGLE_SLICE"] if len(slices) == 1 else []),
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
    )
