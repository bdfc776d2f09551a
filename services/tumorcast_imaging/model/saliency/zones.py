"""Saliency on a crop's grid, back in the patient: its place, its voxels in the volume, and how much lies where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.dicom import Volume

RIM_MM = 5.0


def on_volume(saliency: NDArray[np.float32], affine_lps: NDArray[np.float64], volume: Volume) -> NDArray[np.float32]:
    """The saliency of a crop (its affine: ``crop.affine_of``) at the volume's voxels, linear; 0 outside the crop."""
    to_crop = np.linalg.inv(affine_lps) @ volume.affine_lps
    out: NDArray[np.float32] = ndimage.affine_transform(
        saliency.astype(np.float32),
        to_crop[:3, :3],
        to_crop[:3, 3],
        output_shape=volume.array.shape,
        order=1,
        mode="constant",
    )
    return out


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of the absolute saliency of a crop, and of its voxels: in the lesion, in the rim around it, elsewhere."""

    inside: float
    rim: float
    outside: float
    voxels_inside: float
    voxels_rim: float
    voxels_outside: float


def rim_mm(spacing_mm: float) -> float:
    """How far the rim reaches: 5 mm, or one voxel where these are coarser.

    >>> rim_mm(2.5), rim_mm(6.0)
    (5.0, 6.0)
    """
    return max(RIM_MM, spacing_mm)


def shares(saliency: NDArray[np.float32], mask: NDArray[np.bool_], spacing_mm: float) -> Shares:
    """Where a crop's saliency lies; the rim is what is outside the mask within ``rim_mm``."""
    if saliency.shape != mask.shape:
        raise InvalidInput("Saliency and mask are not on one grid.")
    away_mm = ndimage.distance_transform_edt(~mask) * spacing_mm if mask.any() else np.full(mask.shape, np.inf)
    near = away_mm <= rim_mm(spacing_mm)
    size = np.abs(saliency.astype(float))
    total = float(size.sum())
    zones = (mask, near & ~mask, ~near & ~mask)
    amounts = [float(size[zone].sum()) / total if total else 0.0 for zone in zones]
    return Shares(*amounts, *(float(zone.mean()) for zone in zones))
