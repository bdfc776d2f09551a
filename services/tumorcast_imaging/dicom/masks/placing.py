"""Where the frames of a segmentation lie: on the volume's voxels, or on a grid of their own.

DICOM PS3.3 C.7.6.16.2: every frame has its own position, so empty frames may be left out and frames come in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.dicom import geometry
from tumorcast_imaging.dicom.nested import Item
from tumorcast_imaging.dicom.reasons import Refused

Floats = NDArray[np.float64]
_TOLERANCE_VOXELS = 0.05
SEQUENCES = ("PixelMeasuresSequence", "PlaneOrientationSequence", "PlanePositionSequence")
LEAVES = (
    "PixelSpacing",
    "SpacingBetweenSlices",
    "SliceThickness",
    "ImageOrientationPatient",
    "ImagePositionPatient",
)


@dataclass(frozen=True, slots=True)
class Place:
    """What a frame's functional groups say of its place."""

    position: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_spacing: tuple[float, ...]
    between_slices_mm: float | None
    thickness_mm: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """A grid (its affine in LPS millimeters), and the (slice, row, column) of each frame's first pixel on it."""

    affine_lps: Floats
    starts: NDArray[np.intp]
    slices: int


def place(own: Item, shared: Item | None) -> Place:
    """The place of one frame; its own functional groups win over those shared by all."""

    def group(name: str) -> Item:
        found = own.first(name) or (shared.first(name) if shared else None)
        if found is None:
            raise Refused("MALFORMED_SEGMENTATION")
        return found

    measures = group("PixelMeasuresSequence")
    return Place(
        group("PlanePositionSequence").numbers("ImagePositionPatient"),
        group("PlaneOrientationSequence").numbers("ImageOrientationPatient"),
        measures.numbers("PixelSpacing"),
        measures.number("SpacingBetweenSlices"),
        measures.number("SliceThickness"),
    )


def on_volume(places: Sequence[Place], rows: int, columns: int, affine_lps: Floats) -> NDArray[np.intp] | None:
    """The voxel of each frame's first pixel, outside the volume too; ``None`` unless every pixel lies on a voxel."""
    corners = np.array([(0, 0), (rows - 1, 0), (0, columns - 1)], float)
    to_index = np.linalg.inv(affine_lps)
    points = np.array([_corners(one, corners) for one in places])
    index = points @ to_index[:3, :3].T + to_index[:3, 3]
    if not np.abs(index).max() < np.iinfo(np.int32).max:  # also not a number
        raise Refused("MALFORMED_SEGMENTATION")
    starts = np.round(index[:, 0])
    wanted = starts[:, None] + np.insert(corners, 0, 0, axis=1)
    return starts.astype(np.intp) if np.abs(index - wanted).max() <= _TOLERANCE_VOXELS else None


def _corners(where: Place, corners: Floats) -> Floats:
    if (len(where.position), len(where.orientation), len(where.pixel_spacing)) != (3, 6, 2):
        raise Refused("MALFORMED_SEGMENTATION")
    down_mm, along_mm = where.pixel_spacing
    cosines = np.array(where.orientation)
    return np.asarray(
        np.array(where.position) + corners[:, :1] * down_mm * cosines[3:] + corners[:, 1:] * along_mm * cosines[:3]
    )


def lattice(places: Sequence[Place]) -> Lattice:
    """The regular grid that the frames form by themselves, gaps where frames were left out.

    Raises ``Refused`` (SEGMENTATION_FRAMES_IRREGULAR) if they do not form one.
    """
    first = places[0]
    try:
        on = geometry.plane(first.orientation, first.pixel_spacing)
    except Refused as e:
        raise Refused("MALFORMED_SEGMENTATION") from e
    for other in places:
        turned = np.abs(np.subtract(other.orientation, first.orientation)).max() > 1e-4
        if turned or not np.allclose(other.pixel_spacing, first.pixel_spacing, rtol=1e-4):
            raise Refused("SEGMENTATION_FRAMES_IRREGULAR")
    points = np.array([one.position for one in places])
    along = points @ on.normal
    step_mm = _step_mm(along, first)
    number = (along - along.min()) / step_mm
    line = points[along.argmin()] + np.outer(np.round(number) * step_mm, on.normal)
    if np.abs(points - line).max() > geometry.TOLERANCE_MM + geometry.TOLERANCE_OF_GAP * step_mm:
        raise Refused("SEGMENTATION_FRAMES_IRREGULAR")
    affine = np.eye(4)
    affine[:3, 0] = on.normal * step_mm
    affine[:3, 1] = on.down_column * on.row_spacing_mm
    affine[:3, 2] = on.along_row * on.column_spacing_mm
    affine[:3, 3] = points[along.argmin()]
    starts = np.zeros((len(places), 3), np.intp)
    starts[:, 0] = np.round(number).astype(np.intp)
    return Lattice(affine, starts, int(starts[:, 0].max()) + 1)


def _step_mm(along: Floats, first: Place) -> float:
    """The distance between neighboring frames: as stated, else the smallest gap, else the thickness of the only one."""
    gaps = np.diff(np.unique(np.round(along, 3)))
    gaps = gaps[gaps > geometry.TOLERANCE_MM]
    for stated in (first.between_slices_mm, float(gaps.min()) if len(gaps) else first.thickness_mm):
        if stated is not None and 0.01 <= abs(stated) <= 100:
            return abs(stated)
    raise Refused("SEGMENTATION_FRAMES_IRREGULAR")
