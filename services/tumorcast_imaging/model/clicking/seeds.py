"""Where a reader would click in a lesion that is known: for training, evaluation and pictures of the method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.model.mask import bounding_box


def depth_mm(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.float32]:
    """How far each voxel of a mask lies from the nearest one outside, in mm; beyond the array is outside."""
    depth = np.zeros(mask.shape, np.float32)
    if mask.any():
        box = bounding_box(mask)
        inner = ndimage.distance_transform_edt(np.pad(mask[box], 1), sampling=tuple(spacing_mm))
        depth[box] = inner[1:-1, 1:-1, 1:-1]
    return depth


def center_most(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> tuple[int, int, int]:
    """The (slice, row, column) deepest inside a mask that is not empty."""
    index = np.unravel_index(int(depth_mm(mask, spacing_mm).argmax()), mask.shape)
    return int(index[0]), int(index[1]), int(index[2])


def interior(
    mask: NDArray[np.bool_], spacing_mm: Sequence[float], number: int, seed: int, at_least_mm: float = 5.0
) -> list[tuple[int, int, int]]:
    """Random voxels at least ``at_least_mm`` (or half its depth) inside a mask; the same for the same seed."""
    depth = depth_mm(mask, spacing_mm)
    inside = np.argwhere(depth >= min(at_least_mm, float(depth.max()) / 2))
    chosen = np.random.default_rng(seed).choice(len(inside), size=number, replace=len(inside) < number)
    return [(int(k), int(j), int(i)) for k, j, i in inside[chosen]]
