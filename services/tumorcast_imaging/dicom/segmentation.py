"""A segmentation (SEG) → a mask on its volume's voxels, or the reason why not.

DICOM PS3.3 A.51. Every frame is placed by its own position, so empty frames may be left out and frames may come in
any order; a frame that does not lie on the volume's voxels refuses the whole segmentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom.dataset import guarded, read_dataset
from tumorcast_imaging.dicom.header import NATIVE, Header
from tumorcast_imaging.dicom.limits import DEFAULT_LIMITS, Limits
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.dicom.region import Region, Segmentation
from tumorcast_imaging.dicom.study import Paths, list_files, referenced_series, scan
from tumorcast_imaging.dicom.volume import Volume

_TOLERANCE_VOXELS = 0.05
_KEYWORDS = [
    "SegmentationType",
    "SegmentSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "PixelData",
]
_SEG = "1.2.840.10008.5.1.4.1.1.66.4"


def read_segmentation(
    paths: Paths, volume: Volume, segmentation_uid: str = "", limits: Limits = DEFAULT_LIMITS
) -> Segmentation:
    """Read the only segmentation under ``paths``, or the one of that SOP instance UID, onto ``volume``.

    Never raises for what the files hold: where it is missing, ambiguous or unsound there is no mask, but an issue.
    """
    headers, _ = scan(list_files(paths, limits) or [], limits)
    found = {h.sop_instance_uid: h for h in headers if h.sop_class_uid == _SEG}
    try:
        header = _pick(found, segmentation_uid)
    except Refused as refusal:
        return Segmentation(issues=(issue(refusal.code, segmentation_uid or volume.series_instance_uid),))
    try:
        return _read(header, volume, limits)
    except Refused as refusal:
        return Segmentation(issues=(issue(refusal.code, header.sop_instance_uid),))


def _pick(found: dict[str, Header], segmentation_uid: str) -> Header:
    if segmentation_uid:
        if segmentation_uid not in found:
            raise Refused("SEGMENTATION_NOT_FOUND")
        return found[segmentation_uid]
    if not found:
        raise Refused("SEGMENTATION_MISSING")
    if len(found) > 1:
        raise Refused("AMBIGUOUS_SEGMENTATION")
    return next(iter(found.values()))


def _read(header: Header, volume: Volume, limits: Limits) -> Segmentation:
    doubts = _check_belongs(header, referenced_series(header, limits), volume)
    if header.transfer_syntax_uid not in NATIVE or header.big_endian:  # the order of packed bits would be a guess
        raise Refused("UNSUPPORTED_TRANSFER_SYNTAX")
    if header.rows * header.columns * header.frames > limits.max_voxels:
        raise Refused("TOO_MANY_VOXELS")
    if header.bits_allocated not in (1, 8):
        raise Refused("UNSUPPORTED_SEGMENTATION_TYPE")
    with guarded("MALFORMED_SEGMENTATION"):
        seg, frames = _parse(header, limits)
        if seg.SegmentationType != "BINARY":
            raise Refused("UNSUPPORTED_SEGMENTATION_TYPE")
        if len(seg.SegmentSequence) != 1:
            raise Refused("AMBIGUOUS_SEGMENT")
        description = seg.SegmentSequence[0]
        mask = _mask(seg, frames, volume)
        region = Region(
            mask=mask,
            number=int(description.SegmentNumber),
            source_uid=header.sop_instance_uid,
            label=str(description.get("SegmentLabel", "")),
            tracking_uid=str(description.get("TrackingUID", "")),
            volume_ml=np.count_nonzero(mask) * float(np.prod(volume.spacing_mm)) / 1000,
        )
        return Segmentation((region,), header.sop_instance_uid, header.series_instance_uid, doubts)


def _check_belongs(header: Header, drawn_on: tuple[str, ...], volume: Volume) -> tuple[Issue, ...]:
    """Refuse a segmentation of another patient, study, series or frame of reference."""
    if (header.patient_id, header.study_instance_uid) != (volume.patient_id, volume.study_instance_uid):
        raise Refused("SEGMENTATION_OF_ANOTHER_PATIENT")
    if drawn_on and volume.series_instance_uid not in drawn_on:
        raise Refused("SEGMENTATION_OF_ANOTHER_SERIES")
    if header.frame_of_reference_uid != volume.frame_of_reference_uid:
        raise Refused("SEGMENTATION_FRAME_OF_REFERENCE_DIFFERS")
    if not drawn_on:
        return (issue("SEGMENTATION_SERIES_UNSTATED", header.sop_instance_uid),)
    return ()


def _parse(header: Header, limits: Limits) -> tuple[Dataset, NDArray[np.bool_]]:
    """The object's attributes, and its frames as masks (frames × rows × columns)."""
    dataset = read_dataset(header.path, limits, _KEYWORDS, pixels=True)
    data, bits = dataset.PixelData, header.bits_allocated
    voxels = header.rows * header.columns * header.frames
    expected = -(-voxels * bits // 8)
    if len(data) < expected:
        raise Refused("TRUNCATED_PIXELS")
    if len(data) > expected + expected % 2:
        raise Refused("EXCESS_PIXELS")
    stored = np.frombuffer(data, np.uint8)
    if bits == 1:  # packed from the lowest bit on, across frames (PS3.5 8.1.1)
        stored = np.unpackbits(stored, count=voxels, bitorder="little")
    return dataset, stored[:voxels].reshape(header.frames, header.rows, header.columns) != 0


def _mask(dataset: Dataset, frames: NDArray[np.bool_], volume: Volume) -> NDArray[np.bool_]:
    shared = _groups(dataset.SharedFunctionalGroupsSequence)
    placed = dataset.PerFrameFunctionalGroupsSequence
    if len(placed) != len(frames):
        raise Refused("MALFORMED_SEGMENTATION")
    mask = np.zeros(volume.array.shape, bool)
    taken: set[tuple[int, ...]] = set()
    for frame, item in zip(frames, placed, strict=True):
        if frame.any():
            start = _place(mask, frame, shared | _groups([item]), volume)
            if start in taken:  # one segment has one frame in one place
                raise Refused("MALFORMED_SEGMENTATION")
            taken.add(start)
    if not mask.any():
        raise Refused("EMPTY_SEGMENTATION")
    return mask


def _groups(items: Sequence[Dataset]) -> dict[str, Any]:
    """The functional group macros that say where a frame lies."""
    names = ("PixelMeasuresSequence", "PlaneOrientationSequence", "PlanePositionSequence")
    return {name: item[name].value[0] for item in items for name in names if name in item}


def _place(mask: NDArray[np.bool_], frame: NDArray[np.bool_], where: dict[str, Any], volume: Volume) -> tuple[int, ...]:
    """Set one frame's voxels in ``mask``; returns the first one's index.

    Raises ``Refused`` if they do not coincide with the volume's.
    """
    down_mm, along_mm = map(float, where["PixelMeasuresSequence"].PixelSpacing)
    cosines = np.array(where["PlaneOrientationSequence"].ImageOrientationPatient, float)
    origin = np.array(where["PlanePositionSequence"].ImagePositionPatient, float)
    rows, columns = frame.shape
    corners = np.array([(0, 0), (rows - 1, 0), (0, columns - 1)], float)
    points = origin + corners[:, :1] * down_mm * cosines[3:] + corners[:, 1:] * along_mm * cosines[:3]
    to_index = np.linalg.inv(volume.affine_lps)
    index = points @ to_index[:3, :3].T + to_index[:3, 3]
    if not np.abs(index).max() < np.iinfo(np.int32).max:  # also not a number
        raise Refused("SEGMENTATION_GRID_DIFFERS")
    start = np.round(index[0]).astype(int)
    wanted = start + np.insert(corners, 0, 0, axis=1)
    inside = (start >= 0).all() and (start + np.array([1, rows, columns]) <= mask.shape).all()
    if not inside or not np.abs(index - wanted).max() <= _TOLERANCE_VOXELS:
        raise Refused("SEGMENTATION_GRID_DIFFERS")
    k, r, c = start
    mask[k, r : r + rows, c : c + columns] |= frame
    return int(k), int(r), int(c)
