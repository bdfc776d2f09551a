"""Where slices lie: one regular grid, or a refusal.

All in LPS millimeters (DICOM PS3.3 C.7.6.2). Nothing here knows files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.dicom.reasons import Refused

TOLERANCE_MM = 0.05
TOLERANCE_OF_GAP = 0.01
"""A slice may lie this far from the fitted grid: 0.05 mm + 1 % of the gap. Scanners jitter by ± 0.02 mm."""
_COSINE_TOLERANCE = 2e-3
"""Cosines written with three decimals are off by this much."""
_LARGEST_SLANT = np.tan(np.radians(0.2))
"""A stack may lean this far from its normal, since cosines are rounded; more is gantry tilt."""
FARTHEST_MM = 1e6
"""A position farther off is no place in a patient, and would drown the spacing in rounding."""
_SPACING_MM = (0.01, 100.0)
"""Pixels finer or coarser than this are not of a patient's CT or MR; resampling them would take forever."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plane:
    """Orientation and spacing that all slices share: unit vectors along a row and down a column, and their normal."""

    along_row: Floats
    down_column: Floats
    normal: Floats
    row_spacing_mm: float
    column_spacing_mm: float


@dataclass(frozen=True, slots=True)
class Grid:
    """A regular stack: ``order`` sorts the slices along the normal, ``affine_lps`` maps (slice, row, column) to mm.

    Where rounded cosines lean away from the positions by a hair, the positions are believed.
    """

    order: NDArray[np.intp]
    affine_lps: Floats
    spacing_mm: tuple[float, float, float]


def plane(orientation: Sequence[float], pixel_spacing: Sequence[float]) -> Plane:
    """Check Image Orientation (Patient) and Pixel Spacing [between rows, between columns]; raises ``Refused``."""
    if len(pixel_spacing) != 2 or not all(map(_plausible, pixel_spacing)):
        raise Refused("BAD_SPACING")
    if len(orientation) != 6:
        raise Refused("BAD_ORIENTATION")
    along_row, down_column = np.array(orientation, float).reshape(2, 3)
    if not np.isfinite(orientation).all():
        raise Refused("BAD_ORIENTATION")
    lengths = np.linalg.norm(along_row), np.linalg.norm(down_column)
    if np.abs(np.subtract(lengths, 1)).max() > _COSINE_TOLERANCE or abs(along_row @ down_column) > _COSINE_TOLERANCE:
        raise Refused("BAD_ORIENTATION")
    along_row, down_column = along_row / lengths[0], down_column / lengths[1]
    normal = np.cross(along_row, down_column)
    return Plane(
        along_row, down_column, normal / np.linalg.norm(normal), float(pixel_spacing[0]), float(pixel_spacing[1])
    )


def stack(positions: Sequence[Sequence[float]], on: Plane, thickness_mm: float | None) -> Grid:
    """Fit a regular grid through the slices' first-pixel positions; raises ``Refused`` where they do not form one.

    ``thickness_mm`` stands for the gap of a single slice.
    """
    points = np.array(positions, float)
    if not np.isfinite(points).all():
        raise Refused("BAD_POSITION")
    along = points @ on.normal
    order = np.argsort(along, kind="stable")
    if len(points) == 1:
        if thickness_mm is None or not _plausible(thickness_mm):
            raise Refused("SPACING_UNKNOWN")
        step, origin = on.normal * thickness_mm, points[0]
    else:
        step, origin = _fit(points[order], along[order], on.normal)
    return Grid(
        order, _affine(step, origin, on), (float(np.linalg.norm(step)), on.row_spacing_mm, on.column_spacing_mm)
    )


def _plausible(spacing_mm: float) -> bool:
    return _SPACING_MM[0] <= spacing_mm <= _SPACING_MM[1]


def _fit(points: Floats, along: Floats, normal: Floats) -> tuple[Floats, Floats]:
    """Step from slice to slice and position of the first, by least squares over all (sorted) slices."""
    gaps = np.diff(along)
    if gaps.min() <= TOLERANCE_MM:
        raise Refused("DUPLICATE_SLICE")
    number = np.arange(len(points), dtype=float)
    centered = number - number.mean()
    step = centered @ points / (centered @ centered)
    origin = points.mean(axis=0) - number.mean() * step
    residual = points - origin - number[:, None] * step
    tolerance = TOLERANCE_MM + TOLERANCE_OF_GAP * float(step @ normal)
    if np.abs(residual @ normal).max() > tolerance or gaps.max() > 1.5 * gaps.min():
        raise Refused(_why_uneven(gaps, tolerance))
    if np.linalg.norm(residual, axis=1).max() > 2 * tolerance:
        raise Refused("IRREGULAR_SPACING")
    sideways = step - (step @ normal) * normal
    if np.linalg.norm(sideways) * (len(points) - 1) <= tolerance:
        return (step @ normal) * normal, origin
    if np.linalg.norm(sideways) > _LARGEST_SLANT * float(step @ normal):
        raise Refused("GANTRY_TILT")
    return step, origin


def _why_uneven(gaps: Floats, tolerance: float) -> str:
    """A slice is missing where every gap is a whole multiple of the smallest; otherwise the spacing itself changes."""
    multiples = gaps / np.median(gaps[gaps < 1.5 * gaps.min()])
    off_mm = np.abs(multiples - np.round(multiples)) * gaps.min()
    return "MISSING_SLICE" if multiples.max() > 1.5 and off_mm.max() <= 2 * tolerance else "IRREGULAR_SPACING"


def _affine(step: Floats, origin: Floats, on: Plane) -> Floats:
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = on.down_column * on.row_spacing_mm
    affine[:3, 2] = on.along_row * on.column_spacing_mm
    affine[:3, 3] = origin
    return affine
