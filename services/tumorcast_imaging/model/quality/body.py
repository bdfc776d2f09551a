"""Where the patient is in a volume, as far as its values tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import Volume

Mask = NDArray[np.bool_]

BODY_ABOVE = {"CT": -300.0, "PT": 0.15}
"""HU and SUV above which a voxel is the patient; in MR a threshold is sought."""
_BINS = 256
_COARSE_MM = 2.0
_THIN_MM = 6.0
"""What is thinner than this (a table top, a blanket) is not the body."""
_LIMB_SHARE = 0.1
"""A part that is not connected is body too (the other leg) if it is this share of the largest one."""
_AIR_MARGIN_VOXELS = 3
_AIR_TO_TISSUE = 0.25
"""Air is darker on average than this share of tissue; what is brighter is muscle beside fat."""
_FLOOR = 0.005


def otsu_threshold(values: NDArray[np.floating]) -> float:
    """The threshold that parts values into two classes of the least variance (Otsu 1979, IEEE Trans SMC 9:62).

    >>> float(otsu_threshold(np.array([0.0, 1, 2, 98, 99, 100]))) // 1 in range(2, 98)
    True
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0
    counts, edges = np.histogram(finite, bins=_BINS)
    centers = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1].astype(float)
    above = finite.size - below
    total = np.cumsum(counts * centers)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (total[:-1] / below - (total[-1] - total[:-1]) / above) ** 2
    between = np.nan_to_num(between)
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))  # an empty gap has many thresholds: its middle
    return float((edges[best[0] + 1] + edges[best[-1] + 1]) / 2)


def threshold(volume: Volume) -> float:
    """The value above which a voxel is tissue."""
    return BODY_ABOVE[volume.dicom_modality] if volume.dicom_modality in BODY_ABOVE else signal_threshold(volume.array)


def signal_threshold(array: NDArray[np.float32]) -> float:
    """The value that parts signal from air in an image without a unit (Otsu on a logarithmic scale); 0 without air.

    On a linear scale the bright fat of a T1 image would stand against all else. What is 0 or less was not measured.
    """
    positive = array[array > 0].astype(np.float64)
    if not positive.size:
        return 0.0
    logs = np.log(np.maximum(positive, _FLOOR * np.percentile(positive, 99)))
    found = float(np.exp(otsu_threshold(logs)))
    above = positive > found
    if above.all() or not above.any():
        return 0.0
    return found if positive[~above].mean() < _AIR_TO_TISSUE * positive[above].mean() else 0.0


def coarse_steps(volume: Volume) -> tuple[int, int, int]:
    """Every how many slices, rows and columns a grid of about 2 mm takes."""
    slices, rows, columns = (max(1, int(_COARSE_MM / mm)) for mm in volume.spacing_mm)
    return slices, rows, columns


def coarse_body(volume: Volume, steps: tuple[int, int, int]) -> Mask:
    """The body and its larger parts, holes in their slices filled, on every ``steps``-th voxel."""
    coarse = volume.array[:: steps[0], :: steps[1], :: steps[2]]
    tissue = coarse > threshold(volume)
    pixel_mm = max(volume.spacing_mm[1] * steps[1], volume.spacing_mm[2] * steps[2])
    thin = int(_THIN_MM / 2 / pixel_mm)
    disk = np.ones((1, 2 * thin + 1, 2 * thin + 1), bool)
    padded = np.pad(tissue, ((0, 0), (thin, thin), (thin, thin)), mode="edge")  # a cut body goes on beyond the edge
    opened = ndimage.binary_opening(padded, disk)[:, thin : thin + tissue.shape[1], thin : thin + tissue.shape[2]]
    labels, count = ndimage.label(opened if opened.any() else tissue)
    if not count:
        return np.zeros(coarse.shape, bool)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return _filled((sizes >= _LIMB_SHARE * sizes.max())[labels])


def air(volume: Volume) -> Mask:
    """What is three voxels away from any tissue and not enclosed by it; single bright voxels are noise of the air.

    Areas of nothing but zeros are no air: there the scanner, or whoever moved the image to another grid, filled up.
    """
    limit = threshold(volume)
    if limit <= 0:
        return np.zeros(volume.array.shape, bool)
    reach = np.ones((1, 2 * _AIR_MARGIN_VOXELS + 1, 2 * _AIR_MARGIN_VOXELS + 1), bool)
    zeros = ndimage.binary_erosion(volume.array == 0, reach, border_value=1)
    filled_up = ndimage.binary_dilation(zeros, reach, iterations=2)
    tissue = _filled(ndimage.binary_opening(volume.array > limit, np.ones((1, 3, 3))))
    found: Mask = ~ndimage.binary_dilation(tissue, reach) & ~filled_up
    return found


def _filled(mask: Mask) -> Mask:
    return np.stack([ndimage.binary_fill_holes(plane) for plane in mask])


def fine(coarse: Mask, steps: tuple[int, int, int], shape: tuple[int, ...]) -> Mask:
    """A mask of ``coarse_body`` on every voxel of the volume."""
    for axis, step in enumerate(steps):
        coarse = np.repeat(coarse, step, axis=axis) if step > 1 else coarse
    return coarse[: shape[0], : shape[1], : shape[2]]
