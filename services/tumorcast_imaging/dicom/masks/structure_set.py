"""An RT structure set → regions on a volume's voxels.

DICOM PS3.3 A.19, C.8.8.5 (Structure Set) and C.8.8.6 (ROI Contour). Closed planar contours of one plane count together
by the even-odd rule, as CLOSEDPLANAR_XOR says and as holes are drawn with CLOSED_PLANAR; points and open lines enclose
nothing. A region of interest that cannot be read rightly is left out by name; the others stand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom.geometry import FARTHEST_MM
from tumorcast_imaging.dicom.header import Header
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.masks import planes
from tumorcast_imaging.dicom.masks.coding import LEAVES as CODE_LEAVES
from tumorcast_imaging.dicom.masks.coding import coding
from tumorcast_imaging.dicom.nested import Item, Source
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.dicom.region import Region, drawn_by
from tumorcast_imaging.dicom.values import Malformed
from tumorcast_imaging.dicom.volume import Volume

Floats = NDArray[np.float64]
_SEQUENCES = (
    "StructureSetROISequence",
    "ROIContourSequence",
    "ContourSequence",
    "RTROIObservationsSequence",
    "RTROIIdentificationCodeSequence",
)
_LEAVES = (
    "ROINumber",
    "ROIName",
    "ROIGenerationAlgorithm",
    "ReferencedFrameOfReferenceUID",
    "ReferencedROINumber",
    "RTROIInterpretedType",
    "ContourGeometricType",
    "ContourData",
    "NumberOfContourPoints",
    "ContourOffsetVector",
    *CODE_LEAVES,
)
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_MOST_DIGITS = 32
"""A decimal string has 16 (PS3.5 section 6.2), and some writers use more."""
_OF_NUMBERS = b"0123456789+-.eE \\"
"""Numpy would also take nan, inf and 1_000."""
_OFF_PLANE = 0.1
"""In gaps between slices: how far a contour's points may lie off its plane."""


@dataclass(frozen=True, slots=True)
class _Interest:
    """One region of interest: how it is named, and what was drawn."""

    named: Item
    number: int
    contours: list[Item]
    observed: Item | None
    """What was observed of it: its code and its interpreted type."""


class _Work:
    """What may still be done for one file."""

    def __init__(self, limits: Limits) -> None:
        self.points, self.contours = limits.max_contour_points, limits.max_contours
        self.crossings, self.voxels = limits.max_contour_crossings, limits.max_region_voxels

    def take(self, what: str, count: int) -> None:
        left = getattr(self, what) - count
        setattr(self, what, left)
        if left < 0:
            raise Refused("SEGMENTATION_TOO_LARGE")


def read_structure_set(file: Source, volume: Volume) -> tuple[list[Region], list[Issue]]:
    """Its regions of interest on ``volume``, and what is said of those missing or in doubt; raises ``Refused``.

    Only what holds for the whole file is refused as a whole: its form, its size, another frame of reference.
    """
    root = file.read(_SEQUENCES, _LEAVES)
    work = _Work(file.limits)
    regions: list[Region] = []
    issues: list[Issue] = []
    for interest in _interests(root, volume, file.limits):
        where = f"{file.header.sop_instance_uid}#roi={interest.number}"
        try:
            region, doubts = _region(interest, file.header, volume, work)
            regions.append(region)
            issues += [issue(code, where) for code in sorted(doubts)]
        except Refused as refusal:
            if refusal.code == "SEGMENTATION_TOO_LARGE":
                raise
            issues.append(issue(refusal.code, where))
    return regions, issues


def _interests(root: Item, volume: Volume, limits: Limits) -> list[_Interest]:
    """The regions of interest as the file names them; raises ``Refused`` where numbers do not tell them apart."""
    named, drawn = root.items("StructureSetROISequence"), root.items("ROIContourSequence")
    if max(len(named), len(drawn)) > limits.max_regions:
        raise Refused("SEGMENTATION_TOO_LARGE")
    frames = {roi.uid("ReferencedFrameOfReferenceUID") for roi in named}
    if named and volume.frame_of_reference_uid not in frames:
        raise Refused("SEGMENTATION_FRAME_OF_REFERENCE_DIFFERS")
    contours = {_number(one, "ReferencedROINumber"): one.items("ContourSequence") for one in drawn}
    numbers = [_number(roi, "ROINumber") for roi in named]
    if len(set(numbers)) < len(numbers) or len(contours) < len(drawn):
        raise Refused("MALFORMED_SEGMENTATION")
    observed = {one.bytes("ReferencedROINumber").strip(): one for one in root.items("RTROIObservationsSequence")}
    return [
        _Interest(roi, number, contours.get(number, []), observed.get(roi.bytes("ROINumber").strip()))
        for number, roi in zip(numbers, named, strict=True)
    ]


def _number(item: Item, keyword: str) -> int:
    try:
        found = item.integer(keyword)
    except Malformed as e:
        raise Refused("MALFORMED_SEGMENTATION") from e
    if found is None:
        raise Refused("MALFORMED_SEGMENTATION")
    return found


def _closed(drawn: list[Item], work: _Work) -> tuple[list[Floats], frozenset[str]]:
    """The points of the closed contours of three points or more; raises ``Refused`` if there are none."""
    found: list[Floats] = []
    doubts: set[str] = set()
    work.take("contours", len(drawn))
    for contour in drawn:
        if contour.text("ContourGeometricType") not in _CLOSED:
            doubts.add("CONTOUR_NOT_CLOSED")
            continue
        points = _points(contour, work)
        if len(points) < 3:
            doubts.add("CONTOUR_TOO_SHORT")
        else:
            found.append(points)
    if not found:
        raise Refused("ROI_NOT_CLOSED" if "CONTOUR_NOT_CLOSED" in doubts else "EMPTY_REGION")
    return found, frozenset(doubts)


def _points(contour: Item, work: _Work) -> Floats:
    """The points of one contour in LPS millimeters; raises ``Refused`` unless all are places in a patient."""
    text = contour.bytes("ContourData").strip(b" \0")
    values = text.split(b"\\") if text else []
    work.take("points", len(values) // 3)
    if max(map(len, values), default=0) > _MOST_DIGITS or text.translate(None, _OF_NUMBERS):
        raise Refused("CONTOUR_MALFORMED")
    try:
        offset = contour.numbers("ContourOffsetVector")
        stated = contour.integer("NumberOfContourPoints")
        found = np.array(values, dtype=bytes).astype(float) if values else np.empty(0)
    except (Malformed, ValueError) as e:
        raise Refused("CONTOUR_MALFORMED") from e
    whole = len(found) % 3 == 0 and (stated is None or 3 * stated == len(found)) and not any(offset)
    if not whole or not np.abs(found).max(initial=0) < FARTHEST_MM:  # also not a number
        raise Refused("CONTOUR_MALFORMED")
    points = found.reshape(-1, 3)
    if len(points) > 1 and (points[0] == points[-1]).all():
        points = points[:-1]  # closed twice
    return points


def _region(interest: _Interest, h: Header, volume: Volume, work: _Work) -> tuple[Region, frozenset[str]]:
    if interest.named.uid("ReferencedFrameOfReferenceUID") != volume.frame_of_reference_uid:
        raise Refused("ROI_FRAME_OF_REFERENCE_DIFFERS")
    contours, doubts = _closed(interest.contours, work)
    stack = planes.spaced(planes.stacked(_on_slices(contours, volume)), volume.spacing_mm[0])
    shape = volume.array.shape
    stack.check_inside(shape)
    work.take("crossings", planes.crossing_count(stack))
    work.take("voxels", int(np.prod([len(part) for part in stack.extent(shape)])))
    slices, rows, columns = volume.spacing_mm
    enclosed, crossed = planes.volume_slices(stack)
    mask = planes.filled(stack, shape, (rows, columns))
    if not mask.any():
        raise Refused("REGION_BELOW_RESOLUTION")
    observed = interest.observed
    region = Region(
        mask=mask,
        number=interest.number,
        kind="roi",
        source_uid=h.sop_instance_uid,
        label=interest.named.text("ROIName"),
        volume_ml=enclosed * slices * rows * columns / 1000,
        type=coding(observed.first("RTROIIdentificationCodeSequence")) if observed else None,
        interpreted_type=observed.text("RTROIInterpretedType").upper() if observed else "",
        drawn_by=drawn_by(interest.named.text("ROIGenerationAlgorithm")),
    )
    return region, stack.doubts | doubts | ({"CONTOUR_CROSSES"} if crossed else frozenset())


def _on_slices(contours: list[Floats], volume: Volume) -> list[Floats]:
    """Contours in indices of the volume's voxels; raises ``Refused`` where one is not parallel to its slices."""
    to_index = np.linalg.inv(volume.affine_lps)
    found = [contour @ to_index[:3, :3].T + to_index[:3, 3] for contour in contours]
    for contour, index in zip(contours, found, strict=True):
        if np.ptp(index[:, 0]) > 2 * _OFF_PLANE:
            centered = contour - contour.mean(axis=0)
            off_mm = np.abs(centered @ np.linalg.svd(centered, full_matrices=False)[2][-1]).max()
            flat = len(contour) == 3 or off_mm <= _OFF_PLANE * volume.spacing_mm[0]
            raise Refused("CONTOUR_NOT_IN_SLICES" if flat else "CONTOUR_NOT_PLANAR")
    return found
