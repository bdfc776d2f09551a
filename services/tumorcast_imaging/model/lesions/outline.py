"""Diameters of a mask from its outline: across one plane, and across the whole.

The surface of a mask runs through the midpoints between its voxels and their neighbors outside, which is where level
one half lies (IBSI, "maximum 3D diameter", L0JK, on a mesh); voxel corners would add half a voxel at every slant. Only
the convex hull of these midpoints matters for a diameter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

Points = NDArray[np.float64]

_TIE_MM = 1e-6
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, eq=False)
class PlaneDiameters:
    """Longest diameter in a plane and the longest chord across it; both axes are (2, 2), end points in mm."""

    longest_mm: float
    short_mm: float
    long_axis: Points
    short_axis: Points


def plane_diameters(plane: NDArray[np.bool_], row_mm: float, column_mm: float) -> PlaneDiameters:
    """Diameters of a mask in one plane that is not empty; of equally long ones, the one that is widest across."""
    outline = _hull_of_plane(plane, row_mm, column_mm)
    distances = cdist(outline, outline)
    longest = distances.max()
    pairs = np.argwhere(np.triu(distances >= longest - _TIE_MM))
    across = [_across(outline, a, b) for a, b in pairs]
    return max(across, key=lambda found: found.short_mm)


def greatest_diameter(mask: NDArray[np.bool_], spacing_mm: Points) -> float:
    """The longest distance between two points on the surface of a mask that is not empty, in any direction (mm)."""
    depth, row_mm, column_mm = map(float, spacing_mm)
    points = []
    for k in np.flatnonzero(mask.any(axis=(1, 2))):
        flat = _hull_of_plane(mask[k], row_mm, column_mm)
        ends = _row_ends(mask[k]) * (row_mm, column_mm)
        points += [_at_depth(flat, k * depth), _at_depth(ends, (k - 0.5) * depth), _at_depth(ends, (k + 0.5) * depth)]
    surface = np.concatenate(points)
    corners = surface[ConvexHull(surface).vertices]
    parts = range(0, len(corners), _ROWS_AT_ONCE)
    return max(float(cdist(corners[i : i + _ROWS_AT_ONCE], corners).max()) for i in parts)


def _hull_of_plane(plane: NDArray[np.bool_], row_mm: float, column_mm: float) -> Points:
    """Convex outline of a mask in one plane, in mm, as (points, 2) in order around it."""
    steps = np.array([(0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5)])
    points: Points = (_row_ends(plane)[:, None] + steps).reshape(-1, 2) * (row_mm, column_mm)
    around: NDArray[np.intp] = ConvexHull(points).vertices
    return points[around]


def _row_ends(plane: NDArray[np.bool_]) -> Points:
    """First and last voxel of each row, as (points, 2); what lies between them is inside the hull."""
    rows = np.flatnonzero(plane.any(axis=1))
    first = plane[rows].argmax(axis=1)
    last = plane.shape[1] - 1 - plane[rows, ::-1].argmax(axis=1)
    return np.concatenate([np.stack([rows, first], axis=1), np.stack([rows, last], axis=1)]).astype(float)


def _at_depth(points: Points, depth_mm: float) -> Points:
    return np.column_stack([np.full(len(points), depth_mm), points])


def _across(outline: Points, a: int, b: int) -> PlaneDiameters:
    """The diameter between two corners of a convex outline, and the longest chord perpendicular to it."""
    longest = float(np.linalg.norm(outline[b] - outline[a]))
    along = (outline[b] - outline[a]) / longest
    across = np.array([-along[1], along[0]])
    x, y = (outline - outline[a]) @ along, (outline - outline[a]) @ across
    upper, lower = np.interp(x, *_chain(x, y, y >= 0)), np.interp(x, *_chain(x, y, y <= 0))
    at = int((upper - lower).argmax())  # widest at a corner: both sides are piecewise linear
    foot = outline[a] + along * x[at]
    short_axis = np.stack([foot + across * lower[at], foot + across * upper[at]])
    return PlaneDiameters(longest, float(upper[at] - lower[at]), outline[[a, b]], short_axis)


def _chain(x: Points, y: Points, side: NDArray[np.bool_]) -> tuple[Points, Points]:
    """One side of the outline as a function of the distance along the longest diameter."""
    side = side | (x == x.min()) | (x == x.max())
    order = np.argsort(x[side], kind="stable")
    return x[side][order], y[side][order]
