"""How well two masks agree: Dice, and the distance of their surfaces in millimeters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from tumorcast_imaging.model.mask import bounding_box

_MOST_POINTS = 6000


@dataclass(frozen=True, slots=True)
class Agreement:
    """``dice`` in [0, 1]; mean and 95th percentile of the symmetric surface distance in mm, NaN without a surface."""

    dice: float
    surface_mm: float
    surface_95_mm: float


def agreement(found: NDArray[np.bool_], truth: NDArray[np.bool_], spacing_mm: Sequence[float]) -> Agreement:
    """Compare two masks on one grid; a mask that is empty beside one that is not has Dice 0 and no distance.

    Surfaces are the voxels of a mask with a face outside it. Distances go from each surface to the other and are pooled
    (Nikolov 2021 without tolerance, Taha and Hanbury 2015); of very large surfaces 6,000 evenly drawn voxels each ask.
    """
    total = np.count_nonzero(found) + np.count_nonzero(truth)
    dice = 2 * np.count_nonzero(found & truth) / total if total else 1.0
    a, b = _surface(found, spacing_mm), _surface(truth, spacing_mm)
    if not len(a) or not len(b):
        return Agreement(float(dice), np.nan, np.nan)
    distances = [cKDTree(b).query(_thinned(a))[0], cKDTree(a).query(_thinned(b))[0]]
    mean = sum(float(d.mean()) for d in distances) / 2
    return Agreement(float(dice), mean, max(float(np.percentile(d, 95)) for d in distances))


def _surface(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    """(n, 3): where the voxels of a mask with a face outside lie, in mm."""
    if not mask.any():
        return np.zeros((0, 3))
    box = bounding_box(mask)
    edge = mask[box] & ~ndimage.binary_erosion(mask[box])
    first = np.array([s.start for s in box])
    points: NDArray[np.float64] = (np.argwhere(edge) + first) * np.asarray(spacing_mm, float)
    return points


def _thinned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(points) <= _MOST_POINTS:
        return points
    thinned: NDArray[np.float64] = points[np.linspace(0, len(points) - 1, _MOST_POINTS).round().astype(int)]
    return thinned
