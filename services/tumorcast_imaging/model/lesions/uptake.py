"""Uptake of a lesion in PET: SUVmax, SUVmean, SUVpeak, metabolic tumor volume and total lesion glycolysis.

Everything is measured on the voxels of the mask, in SUV by body weight (g/mL):

- SUVmax is the highest voxel and SUVmean the mean of all voxels.
- SUVpeak is the highest mean over a sphere of 1 cm³ (radius 6.2 mm) among the spheres around every voxel of the mask
  (PERCIST, Wahl 2009, J Nucl Med 50:122S; IBSI "global intensity peak", 0F91), so it need not lie around SUVmax. As
  there, the sphere may reach beyond the mask, and beside hotter tissue SUVpeak may exceed SUVmax. A voxel counts by the
  share of it that lies in the sphere: at 4 to 5 mm, counting whole voxels by their centers makes spheres of .7 to
  1.3 cm³. Where the sphere leaves the image, the mean is over what is inside.
- MTV is the volume of the mask; MTV at 41 % that of its voxels of at least 41 % of SUVmax (EANM guideline 2.0,
  Boellaard 2015, Eur J Nucl Med Mol Imaging 42:328).
- TLG is SUVmean × MTV, each of the same voxels (Larson 1999, Clin Positron Imaging 2:159); in g.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_core.errors import InvalidInput, UnsoundSegmentation
from tumorcast_imaging.model.mask import Box, bounding_box

if TYPE_CHECKING:
    from tumorcast_imaging.dicom import Volume

PEAK_RADIUS_MM = 10 * (3 / (4 * math.pi)) ** (1 / 3)
"""Of a sphere of 1 cm³."""
MTV_SHARE = 0.41
_POINT_MM = 0.5
_LEAST_POINTS = 4
"""By points at most so far apart, and at least so many along each axis, the share of a voxel in a sphere is told."""

Array = NDArray[np.float64]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Uptake:
    """Uptake of one lesion in SUVbw; places are centers of voxels in mm LPS, volumes mL, glycolysis g."""

    suv_max: float
    suv_max_at: Point
    suv_mean: float
    suv_peak: float
    suv_peak_at: Point
    mtv_ml: float
    tlg_g: float
    mtv_41_ml: float
    suv_mean_41: float
    tlg_41_g: float


def measure_uptake(volume: Volume, mask: NDArray[np.bool_]) -> Uptake:
    """Measure the uptake of a mask on a PET volume.

    Raises ``InvalidInput`` unless the volume is in SUVbw and finite under the mask, ``UnsoundSegmentation`` if the mask
    is empty.
    """
    if volume.unit != "SUVbw":
        raise InvalidInput("Uptake is measured only on PET in SUV by body weight.")
    if not mask.any():
        raise UnsoundSegmentation("The mask of the lesion is empty.")
    box = bounding_box(mask)
    values, inside = volume.array[box].astype(np.float64), mask[box]
    within = values[inside]
    if not np.isfinite(within).all():
        raise InvalidInput("The PET has values that are not finite within the lesion.")
    means = sphere_means(volume.array, box, volume.spacing_mm)
    hottest, peak = _highest(values, inside), _highest(means, inside)
    voxel_ml = math.prod(volume.spacing_mm) / 1000
    hot = within[within >= MTV_SHARE * values[hottest]]
    mtv_ml, mtv_41_ml = within.size * voxel_ml, hot.size * voxel_ml
    return Uptake(
        suv_max=float(values[hottest]),
        suv_max_at=_place(volume.affine_lps, box, hottest),
        suv_mean=float(within.mean()),
        suv_peak=float(means[peak]),
        suv_peak_at=_place(volume.affine_lps, box, peak),
        mtv_ml=mtv_ml,
        tlg_g=float(within.mean()) * mtv_ml,
        mtv_41_ml=mtv_41_ml,
        suv_mean_41=float(hot.mean()),
        tlg_41_g=float(hot.mean()) * mtv_41_ml,
    )


def sphere_means(
    values: NDArray[np.float32], box: Box, spacing_mm: tuple[float, float, float], *, whole_voxels: bool = False
) -> Array:
    """Mean over the sphere of 1 cm³ around every voxel of a box; values that are not finite count as outside.

    ``whole_voxels`` counts a voxel wholly or not at all, by its center, as IBSI's reference values do.
    """
    share = sphere(spacing_mm, whole_voxels=whole_voxels)
    reach = [n // 2 for n in share.shape]
    grown = tuple(
        slice(max(s.start - r, 0), min(s.stop + r, n)) for s, r, n in zip(box, reach, values.shape, strict=True)
    )
    known = np.isfinite(values[grown])
    sums = ndimage.correlate(np.where(known, values[grown], 0.0).astype(np.float64), share, mode="constant")
    weights = ndimage.correlate(known.astype(np.float64), share, mode="constant")
    back = tuple(slice(s.start - g.start, s.stop - g.start) for s, g in zip(box, grown, strict=True))
    mean: Array = sums[back] / np.maximum(weights[back], share.max() * 1e-9)
    return mean


def sphere(spacing_mm: tuple[float, float, float], *, whole_voxels: bool = False) -> Array:
    """The share of each voxel around a center that lies within the sphere of 1 cm³; odd numbers along each axis."""
    points = [1 if whole_voxels else max(_LEAST_POINTS, math.ceil(step / _POINT_MM)) for step in spacing_mm]
    counts = [2 * math.ceil(PEAK_RADIUS_MM / step) + 1 for step in spacing_mm]
    squares = [
        (((np.arange(count * n) + 0.5) / n - count / 2) * step) ** 2
        for count, n, step in zip(counts, points, spacing_mm, strict=True)
    ]
    x, y, z = np.ix_(*squares)
    blocks = (x + y + z <= PEAK_RADIUS_MM**2).reshape(*(n for pair in zip(counts, points, strict=True) for n in pair))
    share: Array = blocks.mean(axis=(1, 3, 5))
    return share


def _highest(values: Array, inside: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Where the highest value inside lies; the first of several."""
    at = np.unravel_index(int(np.where(inside, values, -np.inf).argmax()), values.shape)
    return int(at[0]), int(at[1]), int(at[2])


def _place(affine_lps: Array, box: Box, index: tuple[int, int, int]) -> Point:
    voxel = [s.start + i for s, i in zip(box, index, strict=True)]
    x, y, z = (affine_lps @ (*voxel, 1.0))[:3]
    return float(x), float(y), float(z)
