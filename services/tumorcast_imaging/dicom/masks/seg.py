"""A DICOM segmentation (SEG) → regions on a volume's voxels: BINARY, FRACTIONAL and LABELMAP.

DICOM PS3.3 A.51 (Segmentation), C.8.20. Frames that lie on the volume's voxels are taken as they are; frames of another
grid in the same frame of reference are resampled, which is said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom.masks import placing
from tumorcast_imaging.dicom.masks.coding import LEAVES as CODE_LEAVES
from tumorcast_imaging.dicom.masks.coding import coding
from tumorcast_imaging.dicom.masks.frames import Words, check_frames, read_frames
from tumorcast_imaging.dicom.masks.grid import Placed, Values, halved, resample
from tumorcast_imaging.dicom.masks.placing import Lattice
from tumorcast_imaging.dicom.nested import Item, Source
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.dicom.references import LABELMAP
from tumorcast_imaging.dicom.region import Region, drawn_by
from tumorcast_imaging.dicom.volume import Volume

_SEQUENCES = (
    *placing.SEQUENCES,
    "SegmentSequence",
    "SegmentedPropertyCategoryCodeSequence",
    "SegmentedPropertyTypeCodeSequence",
    "AnatomicRegionSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "SegmentIdentificationSequence",
)
_LEAVES = (
    *placing.LEAVES,
    "SegmentationType",
    "SegmentationFractionalType",
    "MaximumFractionalValue",
    "PixelPaddingValue",
    "SegmentNumber",
    "SegmentLabel",
    "TrackingID",
    "TrackingUID",
    "SegmentAlgorithmType",
    "SegmentAlgorithmName",
    "ReferencedSegmentNumber",
    *CODE_LEAVES,
)
_BITS = {"BINARY": (1, 8), "FRACTIONAL": (8,), "LABELMAP": (8, 16)}


@dataclass(frozen=True, slots=True, eq=False)
class _Seg:
    """What the attributes say: segments by number, and of each frame its segment (0: a label map) and its place."""

    kind: str
    segments: dict[int, Item]
    of_frame: list[int]
    places: list[placing.Place]
    maximum: float = 1.0
    is_probability: bool = False
    background: frozenset[int] = frozenset({0})


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """The marked part of one frame for one segment; ``start`` is the (slice, row, column) of its first pixel."""

    start: tuple[int, int, int]
    values: Values


def read_seg(file: Source, volume: Volume) -> tuple[list[Region], list[Issue]]:
    """Its segments on ``volume``, and what is said of those that are missing or in doubt; raises ``Refused``."""
    h, limits = file.header, file.limits
    check_frames(h, limits)
    seg = _described(file)
    shape = volume.array.shape
    starts = placing.on_volume(seg.places, h.rows, h.columns, volume.affine_lps)
    lattice = Lattice(volume.affine_lps, starts, shape[0]) if starts is not None else placing.lattice(seg.places)
    own = (lattice.slices, h.rows, h.columns)
    if starts is None and (not volume.frame_of_reference_uid or np.prod(own, dtype=float) > limits.max_voxels):
        raise Refused("SEGMENTATION_GRID_DIFFERS")
    pieces = _pieces(file, seg, lattice)
    regions: list[Region] = []
    issues = [] if starts is not None else [issue("SEGMENTATION_RESAMPLED", h.sop_instance_uid)]
    if seg.is_probability:
        issues.append(issue("SEGMENTATION_PROBABILITY", h.sop_instance_uid))
    for number in sorted(seg.segments.keys() - (seg.background if seg.kind == "LABELMAP" else frozenset())):
        region = replace(_named(seg.segments[number], number), source_uid=h.sop_instance_uid)
        try:
            if not pieces[number]:
                raise Refused("EMPTY_REGION")
            grid = Placed(_assembled(pieces.pop(number), shape if starts is not None else own), lattice.affine_lps)
            regions.append(_on(volume, region, grid, direct=starts is not None, probability=seg.is_probability))
        except Refused as refusal:
            issues.append(issue(refusal.code, region.source))
    return regions, issues


def _described(file: Source) -> _Seg:
    h, limits = file.header, file.limits
    root = file.read(_SEQUENCES, _LEAVES)
    kind = root.text("SegmentationType")
    is_labelmap = h.sop_class_uid == LABELMAP
    if kind not in _BITS or (kind == "LABELMAP") != is_labelmap or h.bits_allocated not in _BITS[kind]:
        raise Refused("UNSUPPORTED_SEGMENTATION_TYPE")
    described = [(item.integer("SegmentNumber"), item) for item in root.items("SegmentSequence")]
    segments = {number: item for number, item in described if number is not None}
    frames = root.items("PerFrameFunctionalGroupsSequence")
    if not segments or len(segments) != len(described) or len(frames) != h.frames:
        raise Refused("MALFORMED_SEGMENTATION")
    if len(segments) > limits.max_regions:
        raise Refused("SEGMENTATION_TOO_LARGE")
    shared = root.first("SharedFunctionalGroupsSequence")
    seg = _Seg(
        kind=kind,
        segments=segments,
        of_frame=[0 if kind == "LABELMAP" else _segment_of(frame, shared, segments) for frame in frames],
        places=[placing.place(frame, shared) for frame in frames],
    )
    return _fractional(seg, root) if kind == "FRACTIONAL" else replace(seg, background=_background(root))


def _segment_of(frame: Item, shared: Item | None, segments: dict[int, Item]) -> int:
    """The segment of a frame; it need not be named where there is one only."""
    named = frame.first("SegmentIdentificationSequence") or (
        shared.first("SegmentIdentificationSequence") if shared else None
    )
    number = named.integer("ReferencedSegmentNumber") if named else None
    if number is None and len(segments) == 1:
        return next(iter(segments))
    if number is None or number not in segments:
        raise Refused("MALFORMED_SEGMENTATION")
    return number


def _fractional(seg: _Seg, root: Item) -> _Seg:
    kind, maximum = root.text("SegmentationFractionalType"), root.integer("MaximumFractionalValue")
    if kind not in ("OCCUPANCY", "PROBABILITY") or maximum is None or not 1 <= maximum <= 255:
        raise Refused("MALFORMED_SEGMENTATION")
    return replace(seg, maximum=float(maximum), is_probability=kind == "PROBABILITY")


def _background(root: Item) -> frozenset[int]:
    """Numbers that mark nothing in a label map: its padding value, 0 where it has none (PS3.3 C.8.20.2)."""
    padding = root.integer("PixelPaddingValue")
    return frozenset({0 if padding is None else padding})


def _named(description: Item, number: int) -> Region:
    """A region of that segment, still without voxels."""
    return Region(
        mask=np.zeros((0, 0, 0), bool),
        number=number,
        label=description.text("SegmentLabel"),
        tracking_uid=description.uid("TrackingUID"),
        tracking_id=description.text("TrackingID"),
        category=coding(description.first("SegmentedPropertyCategoryCodeSequence")),
        type=coding(description.first("SegmentedPropertyTypeCodeSequence")),
        site=coding(description.first("AnatomicRegionSequence")),
        drawn_by=drawn_by(description.text("SegmentAlgorithmType")),
        algorithm_name=description.text("SegmentAlgorithmName"),
    )


def _pieces(file: Source, seg: _Seg, lattice: Lattice) -> dict[int, list[_Piece]]:
    """What every frame marks, by segment."""
    found: dict[int, list[_Piece]] = defaultdict(list)
    taken: set[tuple[int, ...]] = set()
    left = file.limits.max_region_voxels
    for number, start, frame in zip(seg.of_frame, lattice.starts, read_frames(file), strict=True):
        for segment, values in _marked(seg, number, frame):
            rows, columns = np.flatnonzero(values.any(axis=1)), np.flatnonzero(values.any(axis=0))
            if not len(rows):
                continue
            where = (segment, *(int(i) for i in start))
            if where in taken:  # one segment has one frame in one place
                raise Refused("MALFORMED_SEGMENTATION")
            taken.add(where)
            part = values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            left -= part.nbytes
            if left < 0:
                raise Refused("SEGMENTATION_TOO_LARGE")
            found[segment].append(
                _Piece((where[1], where[2] + int(rows[0]), where[3] + int(columns[0])), np.ascontiguousarray(part))
            )
    if not found:
        raise Refused("EMPTY_SEGMENTATION")
    return found


def _marked(seg: _Seg, number: int, frame: Words) -> Iterator[tuple[int, Values]]:
    """The segments of one frame with their values."""
    if seg.kind == "BINARY":
        yield number, frame != 0
    elif seg.kind == "FRACTIONAL":
        if frame.max() > seg.maximum:
            raise Refused("MALFORMED_SEGMENTATION")
        yield number, (frame / np.float32(seg.maximum)).astype(np.float32)
    else:
        for label in (int(value) for value in np.unique(frame)):
            if label in seg.background:
                continue
            if label not in seg.segments:
                raise Refused("MALFORMED_SEGMENTATION")
            yield label, frame == label


def _assembled(pieces: list[_Piece], shape: tuple[int, ...]) -> Values:
    """One array of the whole grid; raises ``Refused`` where anything marked lies outside it."""
    whole = np.zeros(shape, pieces[0].values.dtype)
    for piece in pieces:
        k, r, c = piece.start
        rows, columns = piece.values.shape
        if min(piece.start) < 0 or k >= shape[0] or r + rows > shape[1] or c + columns > shape[2]:
            raise Refused("SEGMENTATION_OUTSIDE_VOLUME")
        whole[k, r : r + rows, c : c + columns] = piece.values
    return whole


def _on(volume: Volume, region: Region, grid: Placed, *, direct: bool, probability: bool) -> Region:
    """The region with its voxels; its volume is that of its own grid, of occupancy where it is said."""
    voxel_ml = abs(float(np.linalg.det(grid.affine_lps[:3, :3]))) / 1000
    values = grid.values if direct else resample(grid, volume.array.shape, volume.affine_lps)
    mask, occupancy = halved(values)
    enclosed = np.count_nonzero(halved(grid.values)[0]) if probability else float(grid.values.sum(dtype=float))
    return replace(region, mask=mask, occupancy=occupancy, volume_ml=enclosed * voxel_ml)
