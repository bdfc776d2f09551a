"""Local and global intensity peak: mean intensity in a sphere of 1 cm3 (IBSI 3.2, local intensity)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RADIUS_MM = (3000 / (4 * np.pi)) ** (1 / 3)
"""Of a sphere of 1 cm3: 6.2 mm."""
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def peaks(image: Floats, mask: Mask, inside: Mask, spacing_mm: float) -> dict[str, float]:
    """Mean around the voxel of highest intensity, and the highest of all means around voxels of a mask, not empty.

    The spheres reach beyond the mask but not beyond the volume (``inside``). Of several highest voxels the one with
    the highest mean counts.
    """
    totals = _over_spheres(np.where(inside, image, 0.0), spacing_mm)[mask]
    counts = _over_spheres(inside.astype(np.float64), spacing_mm)[mask]
    means = totals / np.maximum(counts, 1)
    values = image[mask]
    return {
        "intensity_local_peak": float(means[values == values.max()].max()),
        "intensity_global_peak": float(means.max()),
    }


def _over_spheres(values: Floats, spacing_mm: float) -> Floats:
    """Sum over the sphere around each voxel, nothing beyond the array: columns of the sphere by running sums."""
    reach = int(RADIUS_MM // spacing_mm)
    sums = np.zeros((*values.shape[:2], values.shape[2] + 2 * reach + 1))
    sums[:, :, reach + 1 : reach + 1 + values.shape[2]] = values.cumsum(axis=2)
    sums[:, :, reach + 1 + values.shape[2] :] = sums[:, :, [reach + values.shape[2]]]
    padded = np.pad(sums, ((reach, reach), (reach, reach), (0, 0)))
    slices, rows, columns = values.shape
    total = np.zeros(values.shape)
    for z in range(-reach, reach + 1):
        for y in range(-reach, reach + 1):
            left = RADIUS_MM**2 - (z * z + y * y) * spacing_mm**2
            if left >= 0:
                half = int(np.sqrt(left) // spacing_mm)
                column = padded[reach + z : reach + z + slices, reach + y : reach + y + rows]
                upper, lower = reach + half + 1, reach - half
                total += column[:, :, upper : upper + columns] - column[:, :, lower : lower + columns]
    return total
