"""Size of a lesion from its mask: RECIST diameters with their end points, greatest 3-D diameter, volume.

RECIST 1.1 (Eisenhauer 2009, Eur J Cancer 45:228): both diameters lie in the plane of acquisition, the short axis is
perpendicular to the longest diameter and lies in the same slice. Both are taken across one connected part of the mask
(voxels that touch, corners included), so that a stray voxel far away lengthens nothing; ``parts`` tells of it. The 3-D
diameter is that of all voxels together (IBSI, L0JK). How outlines run: ``outline.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_core import catalog
from tumorcast_core.errors import ImplausibleValue, UnsoundSegmentation
from tumorcast_core.snapshot import Feature, Issue, Severity
from tumorcast_imaging.model.lesions.outline import PlaneDiameters, greatest_diameter, plane_diameters
from tumorcast_imaging.model.mask import bounding_box

Affine = NDArray[np.float64]
Grid = Affine | tuple[float, float, float]
"""The affine of a volume (``affine_lps``), or only the spacing between slices, rows and columns in mm."""
Point = tuple[float, float, float]
Axis = tuple[Point, Point]
"""Two end points in mm, LPS; where only a spacing was given, mm along slices, rows and columns."""

_TOUCHING = np.ones((3, 3, 3), dtype=bool)
_TIE_MM = 1e-6


@dataclass(frozen=True, slots=True)
class Size:
    """Size of one lesion; ``slice_index`` is the slice of the volume that both diameters lie in."""

    longest_diameter_mm: float
    short_axis_mm: float
    volume_ml: float
    maximum_3d_diameter_mm: float
    slice_index: int
    long_axis: Axis
    short_axis: Axis
    parts: int = 1


def measure(mask: NDArray[np.bool_], grid: Grid) -> Size:
    """Measure a mask (slices × rows × columns); raises ``UnsoundSegmentation`` if it is empty."""
    if not mask.any():
        raise UnsoundSegmentation("The mask of the lesion is empty.")
    affine = _affine(grid)
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    box = bounding_box(mask)
    inside = mask[box]
    k, row, column, found, parts = _longest(inside, spacing_mm)
    start = np.array([k + box[0].start, row + box[1].start, column + box[2].start])
    long_axis, short_axis = (_in_space(ends, start, spacing_mm, affine) for ends in (found.long_axis, found.short_axis))
    return Size(
        longest_diameter_mm=found.longest_mm,
        short_axis_mm=found.short_mm,
        volume_ml=float(np.count_nonzero(inside) * np.prod(spacing_mm) / 1000),
        maximum_3d_diameter_mm=greatest_diameter(inside, spacing_mm),
        slice_index=int(start[0]),
        long_axis=long_axis,
        short_axis=short_axis,
        parts=parts,
    )


def features(size: Size, **where: Any) -> tuple[tuple[Feature, ...], tuple[Issue, ...]]:
    """The catalogued RECIST diameters and volume; what lies outside the catalog's range becomes an issue instead."""
    values = {
        "tumor_longest_diameter": size.longest_diameter_mm,
        "tumor_short_axis": size.short_axis_mm,
        "tumor_volume": size.volume_ml,
    }
    return catalogued(values, **where)


def catalogued(values: Mapping[str, float], **where: Any) -> tuple[tuple[Feature, ...], tuple[Issue, ...]]:
    """Features of that name and value; what lies outside the catalog's range becomes an issue instead."""
    made: list[Feature] = []
    issues: list[Issue] = []
    for name, value in values.items():
        try:
            made.append(catalog.entry(name).make(value, **where))
        except ImplausibleValue as e:
            issues.append(Issue(Severity.ERROR, e.reason, e.message))
    return tuple(made), tuple(issues)


def _affine(grid: Grid) -> Affine:
    return np.diag([*grid, 1.0]) if isinstance(grid, tuple) else np.asarray(grid, dtype=np.float64)


def _longest(inside: NDArray[np.bool_], spacing_mm: Affine) -> tuple[int, int, int, PlaneDiameters, int]:
    """Slice, first row and first column of the plane with the longest diameter, its diameters, and how many parts."""
    labels, count = ndimage.label(inside, _TOUCHING)
    best = 0, 0, 0, PlaneDiameters(0.0, 0.0, np.zeros((2, 2)), np.zeros((2, 2)))
    for k, row, column, plane in _planes(labels):
        reach = float(np.hypot(*(np.array(plane.shape) * spacing_mm[1:])))
        if reach > best[3].longest_mm - _TIE_MM:
            found = plane_diameters(plane, float(spacing_mm[1]), float(spacing_mm[2]))
            if _longer(found, best[3]):
                best = k, row, column, found
    return *best, count


def _planes(labels: NDArray[np.int32]) -> Iterator[tuple[int, int, int, NDArray[np.bool_]]]:
    """Each part's mask in each slice, with its slice, first row and first column; the largest parts first."""
    boxes = [(i + 1, box) for i, box in enumerate(ndimage.find_objects(labels))]
    boxes.sort(key=lambda part: -max(s.stop - s.start for s in part[1][1:]))
    for number, (slices, rows, columns) in boxes:
        part = labels[slices, rows, columns] == number
        for k in np.flatnonzero(part.any(axis=(1, 2))):
            yield slices.start + int(k), rows.start, columns.start, part[k]


def _longer(found: PlaneDiameters, best: PlaneDiameters) -> bool:
    """Whether it is longer, or as long and wider across."""
    more = found.longest_mm - best.longest_mm
    return more > _TIE_MM or (more > -_TIE_MM and found.short_mm > best.short_mm + _TIE_MM)


def _in_space(ends: Affine, start: Affine, spacing_mm: Affine, affine: Affine) -> Axis:
    """End points in mm within a plane → mm in the grid's space; ``start`` is the plane's first voxel."""
    a, b = ((affine @ (start[0], *(start[1:] + end / spacing_mm[1:]), 1.0))[:3] for end in ends)
    return (float(a[0]), float(a[1]), float(a[2])), (float(b[0]), float(b[1]), float(b[2]))
