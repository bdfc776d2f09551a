"""Occlusion: how the score changes when a cube of tissue is replaced by the mean of its surroundings.

Zeiler and Fergus 2014 (ECCV, "Visualizing and Understanding Convolutional Networks"), in three dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tumorcast_imaging.model.saliency.replacing import (
    IMAGE,
    Array,
    Score,
    checked,
    patch_size,
    scored,
    without_tissue,
)

Box = tuple[slice, slice, slice]


def occlusion(score: Score, crop: Array, *, size: int = 0, stride: int = 0, channels: Sequence[int] = IMAGE) -> Array:
    """How much each voxel's cubes carry, (N, N, N): score of the crop minus score without the cube, on average.

    ``size`` is the side of a cube in voxels (an eighth of the crop if 0), ``stride`` the step between cubes (``size``
    if 0). Positive: the tissue there raises the score.
    """
    crop = checked(crop)
    size = size or patch_size(crop.shape[1])
    boxes = list(_boxes(crop.shape[1], size, stride or size))
    blank = without_tissue(crop, size, channels)
    whole = scored(score, [crop])[0]
    changes = whole - scored(score, (_occluded(crop, blank, box, channels) for box in boxes))
    total, count = np.zeros(crop.shape[1:]), np.zeros(crop.shape[1:])
    for box, change in zip(boxes, changes, strict=True):
        total[box] += change
        count[box] += 1
    return np.asarray(total / count, np.float32)


def _boxes(voxels: int, size: int, stride: int) -> Iterator[Box]:
    """Cubes that together cover the crop; those that would stand out are moved in."""
    last = max(voxels - size, 0)
    starts = sorted({*range(0, last, min(stride, size)), last})
    for k in starts:
        for j in starts:
            for i in starts:
                yield slice(k, k + size), slice(j, j + size), slice(i, i + size)


def _occluded(crop: Array, blank: Array, box: Box, channels: Sequence[int]) -> Array:
    changed = crop.copy()
    for channel in channels:
        changed[channel][box] = blank[channel][box]
    return changed
