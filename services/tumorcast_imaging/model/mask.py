"""Where a mask lies in its volume: everything else about it needs only that box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice, slice]


def bounding_box(mask: NDArray[np.bool_]) -> Box:
    """The smallest box (slices, rows, columns) with every voxel of a mask that is not empty."""
    slices = _span(mask, (1, 2))
    plane = np.asarray(mask[slices].any(axis=0))[None]
    return slices, _span(plane, (0, 2)), _span(plane, (0, 1))


def centroid(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean (slice, row, column) of a mask that is not empty."""
    box = bounding_box(mask)
    inside = mask[box]
    sums = [
        inside.sum(axis=others) @ np.arange(part.start, part.stop) for part, others in zip(box, _OTHERS, strict=True)
    ]
    return np.array(sums) / np.count_nonzero(inside)


_OTHERS = ((1, 2), (0, 2), (0, 1))


def _span(mask: NDArray[np.bool_], others: tuple[int, int]) -> slice:
    indices = np.flatnonzero(mask.any(axis=others))
    return slice(int(indices[0]), int(indices[-1]) + 1)
