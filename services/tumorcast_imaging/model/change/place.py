"""Where a lesion lies, in millimeters: distances and overlaps of masks that were drawn on different grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.model.change.overview import Points
from tumorcast_imaging.model.mask import bounding_box

REACH_MM = 30.0
"""Distances to a lesion are known up to here."""
_MOST_POINTS = 3000


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A mask as a distance map around it.

    ``distance`` (slices × rows × columns) is how far each voxel's center lies outside the mask, in mm and at most
    ``REACH_MM`` in truth; ``affine_lps`` maps its indices to mm LPS. ``points`` (n, 3) are centers of voxels inside,
    evenly chosen where they are many; ``center`` their mean over all voxels.
    """

    distance: NDArray[np.float32] = field(repr=False)
    affine_lps: NDArray[np.float64] = field(repr=False)
    points: Points = field(repr=False)
    center: Points
    volume_ml: float

    @property
    def radius_mm(self) -> float:
        """Radius of the sphere of the same volume.

        >>> float(round((3 * 4188.79 / (4 * np.pi)) ** (1 / 3), 3))
        10.0
        """
        return float((3 * 1000 * self.volume_ml / (4 * np.pi)) ** (1 / 3))

    def outside(self, points_mm: Points) -> NDArray[np.float64]:
        """How far points (n, 3) in mm LPS lie outside the mask, by the nearest voxel; infinity beyond the reach."""
        to_index = np.linalg.inv(self.affine_lps)
        index = np.rint(points_mm @ to_index[:3, :3].T + to_index[:3, 3])
        known = ((index >= 0) & (index < self.distance.shape)).all(axis=1)
        found = np.full(len(points_mm), np.inf)
        found[known] = self.distance[tuple(index[known].astype(int).T)]
        return np.where(found <= REACH_MM, found, np.inf)

    def share_inside(self, points_mm: Points, within_mm: float = 0.0) -> float:
        """Share of points (n, 3) that lie in the mask, or at most so far outside."""
        return float((self.outside(points_mm) <= within_mm + 1e-6).mean())


def place(mask: NDArray[np.bool_], affine_lps: NDArray[np.float64]) -> Place:
    """The place of a mask (not empty) on a grid."""
    spacing = np.linalg.norm(affine_lps[:3, :3], axis=0)
    box = bounding_box(mask)
    inside = mask[box]
    margin = [int(np.ceil(REACH_MM / mm)) for mm in spacing]
    padded = np.pad(inside, [(m, m) for m in margin])
    distance = ndimage.distance_transform_edt(~padded, sampling=spacing).astype(np.float32)
    first = np.array([part.start for part in box])
    moved = affine_lps.copy()
    moved[:3, 3] += affine_lps[:3, :3] @ (first - margin)
    index = np.argwhere(inside).astype(float) + first
    center = affine_lps[:3, :3] @ index.mean(axis=0) + affine_lps[:3, 3]
    chosen = index[:: max(1, len(index) // _MOST_POINTS)]
    points = chosen @ affine_lps[:3, :3].T + affine_lps[:3, 3]
    return Place(distance, moved, points, center, len(index) * float(np.prod(spacing)) / 1000)


def joined(places: Sequence[Place]) -> Place:
    """The place of one lesion in several parts, all drawn on one grid."""
    if len(places) == 1:
        return places[0]
    first = places[0].affine_lps
    to_index = np.linalg.inv(first[:3, :3])
    starts = np.array([np.rint(to_index @ (p.affine_lps[:3, 3] - first[:3, 3])) for p in places]).astype(int)
    stops = starts + [p.distance.shape for p in places]
    mask = np.zeros(stops.max(axis=0) - starts.min(axis=0), bool)
    for part, start, stop in zip(places, starts - starts.min(axis=0), stops - starts.min(axis=0), strict=True):
        mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] |= part.distance == 0
    affine = first.copy()
    affine[:3, 3] += first[:3, :3] @ starts.min(axis=0)
    return place(mask, affine)
