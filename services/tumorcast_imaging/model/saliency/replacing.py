"""What takes the place of tissue that is taken away: the mean of its surroundings.

Zero would be air or no uptake, an image that no network has seen, and its shock would pass for evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_core.errors import InvalidInput

Array = NDArray[np.float32]
Score = Callable[[Array], NDArray[np.floating]]
"""Crops (B, channels, N, N, N) → one number each (B,)."""
IMAGE = (0,)
"""The channels of a crop that are images; the mask (channel 1) is what the reader drew and stays."""
_BATCH = 16


def local_mean(image: Array, size: int) -> Array:
    """The mean of the cube of three times ``size`` voxels around each voxel; edges are continued."""
    out: Array = ndimage.uniform_filter(image.astype(np.float32), 3 * size, mode="nearest")
    return out


def without_tissue(crop: Array, size: int, channels: Sequence[int] = IMAGE) -> Array:
    """The crop with every image channel replaced by its local mean."""
    blank = crop.copy()
    for channel in channels:
        blank[channel] = local_mean(crop[channel], size)
    return blank


def patch_size(voxels: int) -> int:
    """The divisor of a crop's side that is nearest to an eighth of it, so that all patches are equal.

    >>> patch_size(48), patch_size(32), patch_size(36)
    (6, 4, 4)
    """
    divisors = [d for d in range(1, voxels // 2 + 1) if voxels % d == 0]
    return min(divisors, key=lambda d: (abs(d - voxels / 8), d))


def scored(score: Score, crops: Iterable[Array]) -> NDArray[np.float64]:
    """Scores of crops that are made one by one and held a batch at a time."""
    values = [np.asarray(score(np.stack(batch)), float).reshape(-1) for batch in _batches(crops)]
    found = np.concatenate(values) if values else np.zeros(0)
    if not np.isfinite(found).all():
        raise InvalidInput("A score is not a number.")
    return found


def checked(crop: Array) -> Array:
    """The crop as float32; raises ``InvalidInput`` unless it is channels of one cube of numbers."""
    crop = np.asarray(crop, np.float32)
    if crop.ndim != 4 or len(set(crop.shape[1:])) != 1 or crop.shape[1] < 2 or not np.isfinite(crop).all():
        raise InvalidInput("A crop is (channels, N, N, N) of finite numbers.")
    return crop


def _batches(crops: Iterable[Array]) -> Iterator[list[Array]]:
    batch: list[Array] = []
    for crop in crops:
        batch.append(crop)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
