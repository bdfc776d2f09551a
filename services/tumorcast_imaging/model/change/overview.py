"""A volume at the few millimeters that an alignment needs, small enough to keep one of every study in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import Volume

COARSEST_MM = 3.5
"""Blocks of voxels are averaged up to this size."""
_MOST_VOXELS = 6_000_000
_BODY_ABOVE = {"HU": -300.0, "SUVbw": 0.25}
_MR_SHARE = 0.1
"""An MR has no scale: the body is what is brighter than this share of its 99th percentile."""

Array = NDArray[np.float32]
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """A reduced volume: ``array`` (slices × rows × columns), ``affine_lps`` of its voxel centers, and its body.

    Values are the volume's own, but HU are stretched around soft tissue.

    ``inside`` tells whether points of the original volume's field of view (mm LPS) are covered.
    """

    array: Array
    affine_lps: NDArray[np.float64]
    body: NDArray[np.bool_]
    dicom_modality: str

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Distance between slices, rows and columns."""
        return np.asarray(np.linalg.norm(self.affine_lps[:3, :3], axis=0))

    @property
    def body_ml(self) -> float:
        """Volume of the body in the field of view."""
        return float(np.count_nonzero(self.body) * np.prod(self.spacing_mm) / 1000)

    def index(self, points_mm: Points) -> Points:
        """Where points (n, 3) in mm LPS lie, as fractional (slice, row, column)."""
        to_index = np.linalg.inv(self.affine_lps)
        return np.asarray(points_mm @ to_index[:3, :3].T + to_index[:3, 3])

    def points(self, index: Points) -> Points:
        """Millimeters LPS of fractional indices (n, 3)."""
        return np.asarray(index @ self.affine_lps[:3, :3].T + self.affine_lps[:3, 3])

    def covers(self, points_mm: Points) -> NDArray[np.bool_]:
        """Which points (n, 3) in mm LPS lie in the field of view."""
        index = self.index(points_mm)
        return np.asarray(((index >= -0.5) & (index <= np.array(self.array.shape) - 0.5)).all(axis=1))

    def is_body(self, points_mm: Points) -> NDArray[np.bool_]:
        """Which points (n, 3) in mm LPS lie in the body, by the nearest voxel."""
        index = np.clip(np.rint(self.index(points_mm)).astype(int), 0, np.array(self.body.shape) - 1)
        return np.asarray(self.body[tuple(index.T)] & self.covers(points_mm))

    def sample(self, points_mm: Points) -> Array:
        """Linearly interpolated values at points (n, 3) in mm LPS; NaN outside the field of view."""
        values = ndimage.map_coordinates(self.array, self.index(points_mm).T, order=1, mode="nearest")
        return np.where(self.covers(points_mm), values, np.nan).astype(np.float32)


def overview(volume: Volume) -> Overview:
    """Reduce a volume by whole blocks of voxels, and find the body in it."""
    steps = _steps(volume.array.shape, volume.spacing_mm)
    array = _blocks(volume.array, steps)
    affine = volume.affine_lps.copy()
    affine[:3, :3] *= steps
    affine[:3, 3] += volume.affine_lps[:3, :3] @ ((np.array(steps) - 1) / 2)
    return Overview(_stretched(array, volume.unit), affine, _body(array, volume.unit), volume.dicom_modality)


def _stretched(array: Array, unit: str) -> Array:
    """HU so that soft tissue takes more of the scale than air and bone; other units as they are."""
    return np.arcsinh((np.clip(array, -1024, 1500) - 20) / 100).astype(np.float32) if unit == "HU" else array


def _steps(shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    coarsest = COARSEST_MM
    while True:
        slices, rows, columns = (
            int(min(max(1, coarsest // mm), count)) for count, mm in zip(shape, spacing_mm, strict=True)
        )
        if np.prod(np.array(shape) // (slices, rows, columns)) <= _MOST_VOXELS:
            return slices, rows, columns
        coarsest *= 1.25


def _blocks(array: Array, steps: tuple[int, int, int]) -> Array:
    """Means of blocks; what does not fill a block at the far end is left out."""
    counts = [n // step for n, step in zip(array.shape, steps, strict=True)]
    whole = array[tuple(slice(0, count * step) for count, step in zip(counts, steps, strict=True))]
    split = whole.reshape(counts[0], steps[0], counts[1], steps[1], counts[2], steps[2])
    return np.asarray(np.nan_to_num(split).mean(axis=(1, 3, 5), dtype=np.float64), np.float32)


def _body(array: Array, unit: str) -> NDArray[np.bool_]:
    """The largest connected piece of tissue, with what it encloses in each slice."""
    level = _BODY_ABOVE.get(unit, _MR_SHARE * float(np.percentile(array, 99)))
    tissue = ndimage.binary_opening(array > level, iterations=1) if min(array.shape) > 2 else array > level
    labels, count = ndimage.label(tissue)
    if not count:
        return np.ones(array.shape, bool)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    body = labels == sizes.argmax()
    return np.stack([ndimage.binary_fill_holes(plane) for plane in body])
