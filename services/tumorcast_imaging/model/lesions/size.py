"""Size of a lesion from its mask: longest diameter, short axis and volume.

RECIST 1.1 (Eisenhauer 2009, Eur J Cancer 45:228): both diameters lie in the plane of acquisition. The outline of a
mask is the convex hull of the midpoints between its voxels and their neighbors outside, which is where a surface at
level one half runs (IBSI, "maximum diameter" on a mesh); voxel corners would add half a voxel at every slant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from tumorcast_core import catalog
from tumorcast_core.errors import ImplausibleValue
from tumorcast_core.snapshot import Feature, Issue, Severity
from tumorcast_imaging.model.mask import bounding_box

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Size:
    """Size of one lesion."""

    longest_diameter_mm: float
    short_axis_mm: float
    volume_ml: float


def measure(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> Size:
    """Measure a mask (slices × rows × columns, not empty); both diameters on the slice where the longest one lies."""
    longest, short = 0.0, 0.0
    mask = mask[bounding_box(mask)]
    for plane in mask[mask.any(axis=(1, 2))]:
        diameter, across = _diameters(_outline(plane, spacing_mm[1], spacing_mm[2]))
        if diameter > longest:
            longest, short = diameter, across
    return Size(longest, short, np.count_nonzero(mask) * float(np.prod(spacing_mm)) / 1000)


def features(size: Size, **where: Any) -> tuple[tuple[Feature, ...], tuple[Issue, ...]]:
    """The catalogued features of a size; what lies outside the catalog's range becomes an issue instead."""
    values: Mapping[str, float] = {
        "tumor_longest_diameter": size.longest_diameter_mm,
        "tumor_short_axis": size.short_axis_mm,
        "tumor_volume": size.volume_ml,
    }
    made: list[Feature] = []
    issues: list[Issue] = []
    for name, value in values.items():
        try:
            made.append(catalog.entry(name).make(value, **where))
        except ImplausibleValue as e:
            issues.append(Issue(Severity.ERROR, e.reason, e.message))
    return tuple(made), tuple(issues)


def _outline(plane: NDArray[np.bool_], row_mm: float, column_mm: float) -> Points:
    """Convex outline of a mask in one plane, in mm, as (points, 2) in order around it."""
    rows = np.flatnonzero(plane.any(axis=1))
    first = plane[rows].argmax(axis=1)  # what lies between the first and the last voxel of a row is inside the hull
    last = plane.shape[1] - 1 - plane[rows, ::-1].argmax(axis=1)
    centers = np.concatenate([np.stack([rows, first], axis=1), np.stack([rows, last], axis=1)]).astype(float)
    steps = np.array([(0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5)])
    points: Points = (centers[:, None] + steps).reshape(-1, 2) * (row_mm, column_mm)
    around: NDArray[np.intp] = ConvexHull(points).vertices
    return points[around]


def _diameters(outline: Points) -> tuple[float, float]:
    """Longest distance across a convex outline, and the longest chord perpendicular to it."""
    distances = np.linalg.norm(outline[:, None] - outline[None], axis=2)
    a, b = np.unravel_index(distances.argmax(), distances.shape)
    longest = float(distances[a, b])
    along = (outline[b] - outline[a]) / longest
    across = np.array([-along[1], along[0]])
    x, y = (outline - outline[a]) @ along, (outline - outline[a]) @ across
    upper, lower = _chain(x, y, y >= 0), _chain(x, y, y <= 0)
    chords = np.interp(x, *upper) - np.interp(x, *lower)  # widest at a corner: both sides are piecewise linear
    return longest, float(chords.max())


def _chain(x: Points, y: Points, side: NDArray[np.bool_]) -> tuple[Points, Points]:
    """One side of the outline as a function of the distance along the longest diameter."""
    side = side | (x == x.min()) | (x == x.max())
    order = np.argsort(x[side], kind="stable")
    return x[side][order], y[side][order]
