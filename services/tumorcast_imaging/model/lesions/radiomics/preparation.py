"""From a volume and a region to the voxels that radiomics are computed on: steps and choices after IBSI, chapter 2.

=================  ==================================  ============================================================
step               choice                              why
=================  ==================================  ============================================================
crop               the region's box and a margin       nothing depends on what lies farther away, nor on the
                   of 10 mm                            volume's extent; local peaks look 6.2 mm beyond the region
interpolation      PET 4 mm, others 2 mm, isotropic,   textures need equal steps in all directions; PET is not
                   trilinear, centered on the box; HU  resolved below 4 mm; 2 mm is the IBSI configurations C to E;
                   in whole numbers                    CT has whole HU
mask               trilinear, at one half; what is     IBSI, partial volume; a lesion of one voxel is not lost
                   smaller: where it is most
re-segmentation    HU: -1000 to 400; SUV: 0 to 1000;   IBSI configuration C: bone, calcification and metal are no
                   arbitrary: mean +- 3 SD             tumor texture; SUV below 0 is reconstruction's; outliers
                                                       would decide the bins of MR (Collewet 2004, MRI 22:81)
discretization     HU: bins of 25 from -1000; SUV:     calibrated units keep their meaning with bins of fixed size
                   bins of 0.5 from 0; arbitrary:      (Leijenaar 2015, Sci Rep 5:11075); arbitrary units have
                   32 bins                             none to keep (IBSI 2.7)
=================  ==================================  ============================================================

Morphology sees the mask before re-segmentation, intensity and texture the mask after it. A region whose grid would
have more than ``MOST_POINTS`` (a cube of 32 cm at 2 mm) is no lesion and has no radiomics: a coarser grid would give
numbers under the same names that do not compare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.dicom import Region, Volume
from tumorcast_imaging.model.mask import Box, bounding_box

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
MARGIN_MM = 10.0
SPACING_MM = {"PT": 4.0}
OTHER_SPACING_MM = 2.0
HU_BOUNDS, HU_BIN = (-1000.0, 400.0), 25.0
SUV_BOUNDS, SUV_BIN = (0.0, 1000.0), 0.5
BINS = 32
OUTLIER_SD = 3.0
MOST_POINTS = 4_000_000
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """One lesion on an isotropic grid (all arrays of one shape, slices × rows × columns).

    ``mask`` is the lesion, ``segmented`` its part within the intensity bounds. ``inside`` is where the volume has
    values. ``levels`` (from 1, 0 outside ``segmented``) are the discretized intensities of ``image``.
    """

    image: Floats
    mask: Mask
    segmented: Mask
    inside: Mask
    levels: NDArray[np.int32]
    spacing_mm: float
    unit: str


def prepare(volume: Volume, region: Region) -> Prepared | None:
    """Crop, interpolate, re-segment and discretize; None for a region that is too large."""
    spacing, box = SPACING_MM.get(volume.dicom_modality, OTHER_SPACING_MM), bounding_box(region.mask)
    where = [_positions(part, old, spacing) for part, old in zip(box, volume.spacing_mm, strict=True)]
    if math.prod(map(len, where)) > MOST_POINTS:
        return None
    covered = _interpolated(region.mask if region.occupancy is None else region.occupancy, box, where, edge=False)
    mask = covered >= min(0.5, covered.max()) - ROUNDING
    image = _interpolated(volume.array, box, where, edge=True)
    if volume.unit == "HU":
        image = np.rint(image)
    segmented = mask & within_bounds(image, mask, volume.unit)
    levels = discretized(image, segmented, volume.unit)
    inside = np.isfinite(image) & _within(volume.array.shape, box, where)
    return Prepared(image, mask, segmented, inside, levels, spacing, volume.unit)


def within_bounds(image: Floats, mask: Mask, unit: str) -> Mask:
    """Where the intensities of a lesion are those of tumor, after the unit's bounds."""
    finite: Mask = np.isfinite(image)
    values = image[mask & finite]
    if not values.size:
        return finite
    if unit == "HU":
        low, high = HU_BOUNDS
    elif unit == "SUVbw":
        low, high = SUV_BOUNDS
    else:
        mean, spread = float(values.mean()), OUTLIER_SD * float(values.std())
        low, high = mean - spread, mean + spread
        if low >= high:
            return finite
    kept: Mask = finite & (image >= low) & (image <= high)
    return kept


def discretized(image: Floats, mask: Mask, unit: str) -> NDArray[np.int32]:
    """Gray levels from 1 within the mask, 0 outside."""
    levels = np.zeros(image.shape, dtype=np.int32)
    values = image[mask]
    if not values.size:
        return levels
    if unit == "HU":
        found = np.floor((values - HU_BOUNDS[0]) / HU_BIN) + 1
    elif unit == "SUVbw":
        found = np.floor((values - SUV_BOUNDS[0]) / SUV_BIN) + 1
    else:
        low, high = values.min(), values.max()
        found = np.floor(BINS * (values - low) / (high - low)) + 1 if high > low else np.ones_like(values)
        found = np.minimum(found, BINS)
    levels[mask] = found
    return levels


def _within(shape: tuple[int, ...], box: Box, where: Sequence[Floats]) -> Mask:
    """Where the grid's points lie within a volume of that shape."""
    z, y, x = (
        (part.start + position >= -0.5) & (part.start + position <= count - 0.5)
        for part, position, count in zip(box, where, shape, strict=True)
    )
    inside: Mask = z[:, None, None] & y[:, None] & x
    return inside


def _positions(box: slice, old_mm: float, new_mm: float) -> Floats:
    """The new grid's points along one axis, over the region's box and the margin, centered on the box.

    In voxels from the box's first one, so that the same region elsewhere has the same points to the bit; where the
    spacing is that of the new grid, its points are the voxels.
    """
    count = box.stop - box.start
    steps = max(round(count * old_mm / new_mm), 1) + 2 * math.ceil(MARGIN_MM / new_mm)
    positions: Floats = (count - 1) / 2 + (np.arange(steps) - (steps - 1) / 2) * (new_mm / old_mm)
    return positions


def _interpolated(array: NDArray[np.generic], box: Box, where: Sequence[Floats], *, edge: bool) -> Floats:
    """Trilinear values at the grid of three axes; beyond the array its edge goes on, or there is nothing."""
    starts = [part.start for part in box]
    low = [max(start + math.floor(w[0]), 0) for start, w in zip(starts, where, strict=True)]
    high = [start + math.ceil(w[-1]) + 2 for start, w in zip(starts, where, strict=True)]
    values = array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].astype(np.float64)
    for axis, (position, start, first) in enumerate(zip(where, starts, low, strict=True)):
        values = _along(values, axis, position, start - first, edge=edge)
    return values


def _along(values: Floats, axis: int, position: Floats, shift: int, *, edge: bool) -> Floats:
    """Linear interpolation along one axis at ``position + shift``."""
    count = values.shape[axis]
    before = np.floor(position).astype(np.intp)
    share = position - before
    shape = [1, 1, 1]
    shape[axis] = -1
    parts: list[Floats] = []
    for index, weight in ((before + shift, 1 - share), (before + shift + 1, share)):
        there = (index >= 0) & (index < count)
        weight = weight if edge else weight * there
        parts.append(np.take(values, np.clip(index, 0, count - 1), axis=axis) * weight.reshape(shape))
    return parts[0] + parts[1]
