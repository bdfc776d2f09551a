"""Stacks that are tilted or uneven, resampled to a regular grid; only when asked.

Linear interpolation, in the plane for gantry tilt and between neighbors for uneven gaps; outside is air.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import geometry
from tumorcast_imaging.dicom.geometry import Grid, Plane
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.reasons import Refused

_STRAIGHT_PIXELS = 0.05
_LARGEST_GAP = 3.5
"""A gap this many times the smallest is not filled: nothing was seen there."""

Volumes = NDArray[np.float32]


def straighten(
    array: Volumes, positions: NDArray[np.float64], on: Plane, outside: float, limits: Limits
) -> tuple[Volumes, Grid]:
    """Shift every slice within its plane onto the normal of the first, as gantry tilt and other offsets need.

    The grid grows so that no voxel is lost. Then gaps are evened, should they differ.
    """
    along = positions @ on.normal
    sideways = positions - positions[0] - np.outer(along - along[0], on.normal)
    down = sideways @ on.down_column / on.row_spacing_mm
    right = sideways @ on.along_row / on.column_spacing_mm
    if max(np.abs(down).max(), np.abs(right).max()) < _STRAIGHT_PIXELS:
        return even(array, positions, on, limits)
    top, left = math.floor(down.min()), math.floor(right.min())
    rows = array.shape[1] + math.ceil(down.max()) - top
    columns = array.shape[2] + math.ceil(right.max()) - left
    if len(array) * rows * columns > limits.max_voxels:
        raise Refused("TOO_MANY_VOXELS")
    out = np.empty((len(array), rows, columns), np.float32)
    for plane, slice_, d, r in zip(array, out, down - top, right - left, strict=True):
        ndimage.affine_transform(plane, np.eye(2), (-d, -r), slice_.shape, slice_, 1, "grid-constant", outside)
    start = positions[0] + on.down_column * top * on.row_spacing_mm + on.along_row * left * on.column_spacing_mm
    straight = start + np.outer(along - along[0], on.normal)
    try:
        return out, geometry.stack(list(straight), on, None)
    except Refused:
        return even(out, straight, on, limits)


def even(array: Volumes, positions: NDArray[np.float64], on: Plane, limits: Limits) -> tuple[Volumes, Grid]:
    """Resample a straight stack of uneven gaps to the smallest of them; raises ``Refused`` where a gap is too large."""
    along = positions @ on.normal
    gaps = np.diff(along)
    step = float(gaps.min())
    if gaps.max() > _LARGEST_GAP * step:
        raise Refused("MISSING_SLICE")
    wanted = along[0] + step * np.arange(math.floor((along[-1] - along[0]) / step + 1e-3) + 1)
    if len(wanted) * array[0].size > limits.max_voxels:
        raise Refused("TOO_MANY_VOXELS")
    at = np.interp(wanted, along, np.arange(len(along)))
    below = np.minimum(np.floor(at).astype(int), len(along) - 2)
    share = (at - below).astype(np.float32)
    out = np.empty((len(wanted), *array.shape[1:]), np.float32)
    for slice_, k, part in zip(out, below, share, strict=True):
        np.multiply(array[k + 1], part, out=slice_)
        slice_ += array[k] * (1 - part)
    grid = geometry.stack([positions[0] + (z - along[0]) * on.normal for z in wanted], on, None)
    return out, grid
