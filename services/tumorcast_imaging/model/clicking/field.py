"""The part of a volume around a seed, on axes and spacing that do not depend on the scanner.

Index (k, j, i) of a field grows toward superior, posterior and left (LPS), 2 mm a step, whatever the series' own grid
was. Intensities are brought to a scale on which air is 0, so that beyond the series' edge there is air.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.sampling import touched

SPACING_MM = 2.0
REACH_MM = 220.0
"""How far a field goes from its seed along each axis; a lesion of 40 cm fits."""
_FWHM = 2.3548
_CT_WINDOW_HU = (-200.0, 300.0)
_PET_UNIT_SUV = 2.5
_AIR = {"CT": -1024.0}
_ROBUST_PERCENTILE = 99.0
_BACKGROUND_SHARE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """``array`` is float32 (k, j, i), scaled; ``origin_lps`` is where the center of voxel (0, 0, 0) lies, in mm."""

    array: NDArray[np.float32]
    origin_lps: NDArray[np.float64]
    dicom_modality: str

    def place(self, point_lps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Millimeters along (k, j, i) from the center of the first voxel to a point."""
        return np.ascontiguousarray((np.asarray(point_lps, float) - self.origin_lps)[::-1])

    def point(self, place_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """The point in LPS millimeters of a place."""
        point: NDArray[np.float64] = self.origin_lps + np.asarray(place_mm, float)[::-1]
        return point


def field_around(volume: Volume, seed_lps: NDArray[np.float64], reach_mm: float = REACH_MM) -> Field:
    """The field of a volume within ``reach_mm`` of a point along each axis, as far as the volume goes."""
    return field_in(volume, *frame_around(volume, seed_lps, reach_mm))


def frame_around(
    volume: Volume, seed_lps: NDArray[np.float64], reach_mm: float = REACH_MM
) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """Where the field of a point begins (LPS mm) and its shape; the same for all points in a series of that size."""
    low, high = _extent(volume)
    first = np.maximum(low, np.asarray(seed_lps, float) - reach_mm)
    last = np.minimum(high, np.asarray(seed_lps, float) + reach_mm)
    size = np.maximum(np.floor((last - first) / SPACING_MM).astype(int) + 1, 1)[::-1]
    return first, tuple(int(n) for n in size)


def field_in(volume: Volume, origin_lps: NDArray[np.float64], size: tuple[int, ...]) -> Field:
    """The field of that origin and shape."""
    resampled = resample(volume, volume.array, origin_lps, size, _AIR.get(volume.dicom_modality, 0.0))
    return Field(scaled(resampled, volume), origin_lps, volume.dicom_modality)


def resample(
    volume: Volume, array: NDArray[np.float32], origin_lps: NDArray[np.float64], size: tuple[int, ...], outside: float
) -> NDArray[np.float32]:
    """An array on the volume's voxels, trilinearly on a field's; smoothed where the volume is finer."""
    axes = volume.affine_lps[:3, :3]
    to_index = np.linalg.inv(axes)
    matrix = to_index @ (np.fliplr(np.eye(3)) * SPACING_MM)
    offset = to_index @ (origin_lps - volume.affine_lps[:3, 3])
    sigma = np.sqrt(np.maximum((SPACING_MM / np.array(volume.spacing_mm)) ** 2 - 1, 0)) / _FWHM
    part, start = touched(array.shape, matrix, offset, size, sigma)
    smooth = ndimage.gaussian_filter(array[part], sigma, mode="nearest") if sigma.any() else array[part]
    out: NDArray[np.float32] = ndimage.affine_transform(
        smooth, matrix, offset - start, output_shape=size, order=1, mode="nearest", output=np.float32
    )
    return _with_outside(out, matrix, offset, array.shape, outside)


def scaled(array: NDArray[np.float32], volume: Volume) -> NDArray[np.float32]:
    """Intensities on the network's scale: 0 is air, about 1 a bright tissue.

    PET: asinh(SUV / 2.5), so that a ratio of uptakes is a difference. CT: −200 … 300 HU to 0 … 1. MR: parts of the 99th
    percentile of the volume's tissue, at most 2.
    """
    if volume.dicom_modality == "PT":
        return np.asarray(np.arcsinh(np.maximum(array, 0) / _PET_UNIT_SUV), np.float32)
    if volume.dicom_modality == "CT":
        low, high = _CT_WINDOW_HU
        return np.asarray((np.clip(array, low, high) - low) / (high - low), np.float32)
    return np.asarray(np.clip(array / _bright(volume.array), 0, 2), np.float32)


def _bright(array: NDArray[np.float32]) -> float:
    """The 99th percentile of what is not background: a tissue that is bright, not the one brightest voxel."""
    top = float(np.percentile(array, 99.9))
    tissue = array[array > _BACKGROUND_SHARE * top] if top > 0 else array
    return max(float(np.percentile(tissue, _ROBUST_PERCENTILE)), 1e-6) if tissue.size else 1.0


def _extent(volume: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and greatest LPS coordinates of voxel centers."""
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in volume.array.shape])).reshape(3, -1)
    points = volume.affine_lps[:3, :3] @ ends + volume.affine_lps[:3, 3:]
    return points.min(axis=1), points.max(axis=1)


def _with_outside(
    array: NDArray[np.float32],
    matrix: NDArray[np.float64],
    offset: NDArray[np.float64],
    shape: tuple[int, ...],
    outside: float,
) -> NDArray[np.float32]:
    """``outside`` wherever a voxel's center lies beyond the voxels of the source: only on oblique or edge grids."""
    known = np.ones(array.shape, bool)
    grids = np.ogrid[tuple(slice(0, n) for n in array.shape)]
    for axis in range(3):
        index = sum(matrix[axis, k] * grids[k] for k in range(3)) + offset[axis]
        known &= (index >= -0.5 - 1e-6) & (index <= shape[axis] - 0.5 + 1e-6)
    array[~known] = outside
    return array
