"""The cube around a lesion that an encoder reads.

Always the same extent and spacing in LPS axes, whatever the scanner's grid was: index (k, j, i) of a crop grows toward
superior, posterior and left. Outside the volume is air.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.manifest import EncoderManifest, Window
from tumorcast_imaging.model.mask import centroid
from tumorcast_imaging.model.sampling import touched

_AIR_HU = -1024.0
_FWHM = 2.3548
_PARALLEL_VOXELS = 1e-4
"""Axes that part by less than this over the whole cube are parallel."""


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """Input of one encoder for one lesion: ``array`` is float32 (2, N, N, N) in [0, 1], intensity and mask.

    ``preparation`` is what was done to the volume before it was cut.
    """

    encoder: str
    array: NDArray[np.float32]
    dicom_modality: str
    source: str = field(default="", repr=False)
    preparation: tuple[str, ...] = ()


def cut(
    volume: Volume,
    mask: NDArray[np.bool_],
    *,
    voxels: int,
    spacing_mm: float,
    window: tuple[float, float],
) -> NDArray[np.float32]:
    """Resample ``voxels``³ voxels of ``spacing_mm`` around the centroid of ``mask`` by trilinear interpolation.

    ``window`` is the (low, high) intensity, in the volume's unit, that maps to 0 and 1. Where the volume is finer than
    the crop it is smoothed first, so that noise and edges do not alias.
    """
    grid = affine_of(volume, mask, voxels=voxels, spacing_mm=spacing_mm)
    step, first = grid[:3, :3], grid[:3, 3]
    to_index = np.linalg.inv(volume.affine_lps[:3, :3])
    matrix, offset = to_index @ step, to_index @ (first - volume.affine_lps[:3, 3])
    sigma = np.sqrt(np.maximum((spacing_mm / np.array(volume.spacing_mm)) ** 2 - 1, 0)) / _FWHM
    part, start = touched(volume.array.shape, matrix, offset, (voxels,) * 3, sigma)
    low, high = window
    image = _resample(
        volume.array[part], matrix, offset - start, voxels, sigma, _AIR_HU if volume.unit == "HU" else 0.0
    )
    inside = _resample(mask[part].astype(np.float32), matrix, offset - start, voxels, sigma, 0.0)
    return np.stack([np.clip((image - low) / (high - low), 0, 1), np.clip(inside, 0, 1)]).astype(np.float32)


def affine_of(volume: Volume, mask: NDArray[np.bool_], *, voxels: int, spacing_mm: float) -> NDArray[np.float64]:
    """Where the crop lies: (4, 4), from its index (k, j, i) to millimeters in LPS."""
    grid = np.eye(4)
    grid[:3, :3] = np.fliplr(np.eye(3)) * spacing_mm  # columns: crop axes k, j, i
    center = volume.affine_lps[:3, :3] @ centroid(mask) + volume.affine_lps[:3, 3]
    grid[:3, 3] = center - grid[:3, :3] @ np.full(3, (voxels - 1) / 2)
    return grid


def crop_of(volume: Volume, mask: NDArray[np.bool_], manifest: EncoderManifest) -> Crop:
    """What an encoder reads of a lesion in a volume of a DICOM modality that it takes.

    Raises ``InvalidInput`` or ``UnsoundSeries`` where a correction that the encoder wants cannot be done.
    """
    spec = manifest.crop
    window = spec.windows[volume.dicom_modality]  # type: ignore[index]
    source, account = _corrected(volume, window.corrections)
    bounds = bounds_of(window, source)
    array = cut(source, mask, voxels=spec.voxels, spacing_mm=spec.spacing_mm, window=bounds)
    return Crop(manifest.name, array, volume.dicom_modality, volume.series_instance_uid, account)


def _corrected(volume: Volume, names: Sequence[str]) -> tuple[Volume, tuple[str, ...]]:
    if not names:
        return volume, ()
    from tumorcast_imaging.model.correction import apply  # slow to import

    corrected = apply(volume, names)
    return corrected.volume, corrected.preparation


def bounds_of(window: Window, volume: Volume) -> tuple[float, float]:
    """The intensities in the volume's unit that map to 0 and 1."""
    if window.of == "values":
        return window.low, window.high
    above = volume.array[volume.array > volume.array.min()]
    if not above.size:
        return float(volume.array.min()), float(volume.array.min()) + 1.0
    low, high = (float(x) for x in np.percentile(above, (window.low, window.high)))
    return low, max(high, np.nextafter(low, np.inf))


def _resample(
    array: NDArray[np.float32],
    matrix: NDArray[np.float64],
    offset: NDArray[np.float64],
    voxels: int,
    sigma: NDArray[np.float64],
    outside: float,
) -> NDArray[np.float32]:
    along = np.abs(matrix).argmax(axis=1)
    across = matrix.copy()
    across[np.arange(3), along] = 0
    if len(set(along)) == 3 and np.abs(across).sum(axis=1).max() * voxels < _PARALLEL_VOXELS:
        positions = [matrix[axis, along[axis]] * np.arange(voxels) + offset[axis] for axis in range(3)]
        cube = _by_axis(array - np.float32(outside), positions, sigma)
        return np.transpose(cube + np.float32(outside), np.argsort(along))
    smooth = ndimage.gaussian_filter(array, sigma, mode="nearest") if sigma.any() else array
    out: NDArray[np.float32] = ndimage.affine_transform(
        smooth, matrix, offset, output_shape=(voxels,) * 3, order=1, mode="grid-constant", cval=outside
    )
    return out


def _by_axis(
    array: NDArray[np.float32], positions: Sequence[NDArray[np.float64]], sigma: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Smooth and interpolate at ``positions`` along each axis, ten times faster than for any matrix; zero is outside.

    By sparse products: those of a BLAS differ in the last bits with the number of its threads.
    """
    cube = array
    for axis, position in enumerate(positions):
        first = np.moveaxis(cube, axis, 0)
        flat = np.ascontiguousarray(first).reshape(len(first), -1)
        product = _weights(position, len(first), sigma[axis]) @ flat
        cube = np.moveaxis(product.reshape(len(position), *first.shape[1:]), 0, axis)
    return cube


def _weights(position: NDArray[np.float64], size: int, sigma: float) -> sparse.csr_array:
    """(positions, size): smoothing, then linear interpolation along one axis; nothing comes from outside."""
    lower = np.floor(position).astype(int)
    smooth = ndimage.gaussian_filter1d(np.eye(size), sigma, axis=0, mode="nearest") if sigma > 0 else np.eye(size)
    weights = np.zeros((len(position), size))
    for index, weight in ((lower, lower + 1 - position), (lower + 1, position - lower)):
        known = (index >= 0) & (index < size)
        weights[known] += weight[known, None] * smooth[index[known]]
    return sparse.csr_array(weights.astype(np.float32))
