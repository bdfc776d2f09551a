"""The gate: headers of one series → volumes that are right, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom import uid as uids

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import decoding, geometry, pixels, suv
from tumorcast_imaging.dicom.choice import READ, SINGLE_FRAME, choose
from tumorcast_imaging.dicom.dataset import guarded, read_dataset
from tumorcast_imaging.dicom.geometry import Grid
from tumorcast_imaging.dicom.header import Header, raw_values
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.dicom.split import Stack, stacks
from tumorcast_imaging.dicom.volume import RefusedSeries, Volume

_UNITS = {"CT": "HU", "MR": "arbitrary", "PT": "SUVbw"}
_OUTSIDE = {"CT": pixels.AIR_HU, "MR": 0.0, "PT": 0.0}


def read_series(
    headers: Sequence[Header], limits: Limits, *, repair: bool = False
) -> tuple[Volume | RefusedSeries, ...]:
    """Read one series (all headers share one series instance UID): one volume, its parts, or one refusal.

    ``repair`` straightens gantry tilt and evens gaps by interpolation, which is said.
    """
    try:
        choice = choose(headers, limits)
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


def slices_of(headers: Sequence[Header], part: int, limits: Limits) -> tuple[Header, ...]:
    """Headers of the slices of the volume that ``read_series`` gives as that part, in order; raises ``Refused``."""
    parts = sorted(stacks(choose(headers, limits).slices, repair=False), key=_first_slice)
    return parts[max(part, 1) - 1].slices


def _refused(headers: Sequence[Header], refusal: Refused, part: int = 0) -> RefusedSeries:
    first = headers[0]
    problem = issue(refusal.code, first.series_instance_uid)
    return RefusedSeries(first.series_instance_uid, first.dicom_modality, (problem,), part)


def _first_slice(stack: Stack) -> tuple[object, ...]:
    """Parts are numbered by time, then by what tells them apart."""
    first = stack.slices[0]
    when = min((h.date, h.acquired_s or h.written_s or 0.0) for h in stack.slices)
    return when, str(first.technique), str(first.phase), first.position


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
        if len(h.position) != 3 or not max(map(abs, h.position)) <= geometry.FARTHEST_MM:
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
    known: dict[object, suv.PetImage] = {}  # slices of one bed state the same
    images = []
    for h in slices:
        key = raw_values(h.path, limits, suv.TAG_NUMBERS) or h.path
        if key not in known:
            dataset = read_dataset(h.path, limits, suv.TAGS, pixels=False)
            with guarded("MALFORMED_HEADER"):
                known[key] = suv.read_pet(dataset)
        images.append(known[key])
    found = suv.suv_factors(images)
    return {id(h): float(factor) for h, factor in zip(slices, found.factors, strict=True)}, found.doubts


def _volume(stack: Stack, part: int, factors: Sequence[float], doubts: tuple[str, ...], limits: Limits) -> Volume:
    slices, first = stack.slices, stack.slices[0]
    shape = (len(slices), first.rows, first.columns)
    if shape[0] * shape[1] * shape[2] > limits.max_voxels:
        raise Refused("TOO_MANY_VOXELS")
    array = np.empty(shape, np.float32)
    seen = pixels.read_into(array, slices, factors, limits)
    array, grid = _on_grid(array, stack, limits)
    doubts = (
        *doubts,
        *sorted(seen),
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
    doubtful = decoding.MAY_BE_LOSSY if h.lossy is None else decoding.ALWAYS_LOSSY
    return bool(h.lossy) or h.transfer_syntax_uid in doubtful


def _on_grid(array: NDArray[np.float32], stack: Stack, limits: Limits) -> tuple[NDArray[np.float32], Grid]:
    if stack.grid is not None:
        return array, stack.grid
    from tumorcast_imaging.dicom import repair  # brings scipy, which is needed only here

    first = stack.slices[0]
    on = geometry.plane(first.orientation, first.pixel_spacing)
    positions = np.array([h.position for h in stack.slices])
    return repair.straighten(array, positions, on, _OUTSIDE[first.dicom_modality], limits)
