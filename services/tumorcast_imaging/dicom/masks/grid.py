"""Voxels of one grid → voxels of another, in physical space.

What a voxel of the new grid holds is the mean of the old grid's occupancy, interpolated linearly, over points spread
through it as densely as the old voxels lie; it belongs to the region where that is at least one half. A face of the
old grid that falls on centers of the new one belongs to one side only, so a shift by half a voxel keeps the volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.dicom.reasons import Refused

Floats = NDArray[np.float64]
Occupancy = NDArray[np.float32]
Values = NDArray[Any]
"""float32 occupancy in [0, 1], or a mask (bool)."""
_TIE_VOXELS = 1e-4
"""Masks are sampled this far off, along every axis, which settles all that would be one half exactly."""
_MOST_SAMPLES = 8
"""Points along one edge of a new voxel."""
_SLAB_SAMPLES = 16_000_000
_OUTSIDE_VOXELS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Values (slices × rows × columns, in [0, 1]) and the affine that places their voxels in LPS millimeters."""

    values: Values
    affine_lps: Floats


def resample(source: Placed, shape: tuple[int, ...], affine_lps: Floats) -> Values:
    """Carry ``source`` onto the grid of ``shape`` and ``affine_lps``: a mask if it is one, else occupancy.

    Raises ``Refused``: EMPTY_SEGMENTATION, or SEGMENTATION_OUTSIDE_VOLUME if part of it lies more than a voxel outside.
    """
    box = _nonzero(source.values)
    to_index = np.linalg.inv(affine_lps) @ source.affine_lps
    _check_inside(source.values[box], [part.start for part in box], to_index, shape)
    padded = np.pad(source.values[box].astype(np.float32), 1)
    origin = np.array([part.start - 1 for part in box], float)
    target = _reach(padded.shape, origin, to_index, shape)
    matrix = np.asarray(np.linalg.inv(to_index), np.float64)
    matrix[:3, 3] -= origin
    is_mask = source.values.dtype == bool
    if is_mask:
        matrix[:3, 3] += _TIE_VOXELS
    found = _sampled(padded, matrix, target)
    if not is_mask:
        out = np.zeros(shape, np.float32)
        out[target] = found
        return out
    mask = np.zeros(shape, bool)
    mask[target] = found >= 0.5 - _TIE_VOXELS / 2
    return mask


def halved(values: Values) -> tuple[NDArray[np.bool_], Occupancy | None]:
    """The mask of at least one half, and the occupancy where there is any; raises ``Refused`` if no voxel is left.

    Slices without a mark are not written, so that they cost no memory.
    """
    if values.dtype == bool:
        mask, occupancy = np.asarray(values, bool), None
    else:
        mask, occupancy = np.zeros(values.shape, bool), np.asarray(values, np.float32)
        for k in np.flatnonzero(values.any(axis=(1, 2))):
            mask[k] = values[k] >= 0.5
    if not mask.any():
        raise Refused("REGION_BELOW_RESOLUTION")
    return mask, occupancy


def _nonzero(values: Values) -> tuple[slice, slice, slice]:
    slices = np.flatnonzero(values.any(axis=(1, 2)))
    if not len(slices):
        raise Refused("EMPTY_SEGMENTATION")
    plane = np.asarray(values[slices[0] : slices[-1] + 1].any(axis=0), dtype=bool)
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    found = [slice(int(i[0]), int(i[-1]) + 1) for i in (slices, rows, columns)]
    return found[0], found[1], found[2]


def _check_inside(values: Values, start: list[int], to_index: Floats, shape: tuple[int, ...]) -> None:
    """The ends of every run of voxels lie inside, so all of it does."""
    marked: NDArray[np.bool_] = values > 0
    lines = np.argwhere(marked.any(axis=2))
    rows = marked[lines[:, 0], lines[:, 1]]
    ends = rows.argmax(axis=1), rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    points = np.concatenate([np.column_stack([lines, end]) for end in ends]) + start
    index = points @ to_index[:3, :3].T + to_index[:3, 3]
    if (index < -_OUTSIDE_VOXELS).any() or (index > np.array(shape) - 1 + _OUTSIDE_VOXELS).any():
        raise Refused("SEGMENTATION_OUTSIDE_VOLUME")


def _reach(
    source: tuple[int, ...], origin: Floats, to_index: Floats, shape: tuple[int, ...]
) -> tuple[slice, slice, slice]:
    """The box of target voxels that may hold anything."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in source])).reshape(3, -1).T + origin
    index = corners @ to_index[:3, :3].T + to_index[:3, 3]
    low = np.clip(np.floor(index.min(axis=0)), 0, np.array(shape) - 1).astype(int)
    high = np.clip(np.ceil(index.max(axis=0)), 0, np.array(shape) - 1).astype(int) + 1
    return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])


def _sampled(source: Occupancy, matrix: Floats, target: tuple[slice, slice, slice]) -> Occupancy:
    """Mean occupancy of each target voxel; ``matrix`` leads from target to source indices."""
    from scipy import ndimage

    dense = np.clip(np.ceil(np.abs(matrix[:3, :3]).max(axis=0) - 1e-6), 1, _MOST_SAMPLES).astype(int)
    sizes = [part.stop - part.start for part in target]
    out = np.empty(sizes, np.float32)
    slab = max(1, _SLAB_SAMPLES // int(sizes[1] * sizes[2] * dense.prod()))
    for start in range(0, sizes[0], slab):
        count = min(slab, sizes[0] - start)
        first = np.array([target[0].start + start, target[1].start, target[2].start]) - 0.5 + 0.5 / dense
        samples = ndimage.affine_transform(
            source,
            matrix[:3, :3] / dense,
            offset=matrix[:3, :3] @ first + matrix[:3, 3],
            output_shape=(count * dense[0], sizes[1] * dense[1], sizes[2] * dense[2]),
            output=np.float32,
            order=1,
            mode="constant",
        )
        blocks = samples.reshape(count, dense[0], sizes[1], dense[1], sizes[2], dense[2])
        out[start : start + count] = blocks.mean(axis=(1, 3, 5))
    return out
