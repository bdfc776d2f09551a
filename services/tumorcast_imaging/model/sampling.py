"""Which part of an array a resampled grid reads, so that the rest need not be touched."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def touched(
    shape: tuple[int, ...], matrix: Floats, offset: Floats, size: tuple[int, ...], sigma: Floats
) -> tuple[tuple[slice, ...], Floats]:
    """The box of an array of ``shape`` that a grid of ``size`` reads, and its first index.

    ``matrix`` and ``offset`` lead from the grid's index to the array's; ``sigma`` is the smoothing before, in voxels.
    """
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in size])).reshape(3, -1)
    index = matrix @ corners + offset[:, None]
    margin = 2 + np.ceil(4 * sigma)
    start = np.clip(np.floor(index.min(axis=1) - margin), 0, np.array(shape) - 1)
    stop = np.clip(np.ceil(index.max(axis=1) + margin) + 1, 1, np.array(shape))
    return tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True)), start
