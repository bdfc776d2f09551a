"""Fixed rules that need no training: a threshold, and region growing. What the network is measured against.

They grow from the seed through the whole series and know nothing of anatomy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.clicking.segmenting import Seen, component_at, index_of, values_near
from tumorcast_imaging.model.mask import Box

_REACH_MM = 220.0
_SMOOTH_MM = 2.0
_NEAR_MM = 10.0
_AT_SEED_MM = 5.0


@dataclass(frozen=True, slots=True)
class Threshold:
    """PET: at least 41 % of the maximum within 10 mm of the seed (41 % isocontour: EANM 2.0, Boellaard 2015).

    CT and MR have no zero of uptake, so the same fraction is taken of a window's half width about the seed: CT within
    ± ``ct_hu`` of the mean at the seed, MR within ± ``mr_share`` of it, both smoothed by 2 mm.
    """

    fraction: float = 0.41
    ct_hu: float = 25.0
    mr_share: float = 0.2

    @property
    def name(self) -> str:
        """The rule and its numbers."""
        return f"threshold-{self.fraction:g}"

    @property
    def version(self) -> str:
        """None: the numbers are in the name."""
        return ""

    def see(self, volume: Volume, seed_lps_mm: NDArray[np.float64]) -> Seen:
        """1 where the rule holds and it connects to the seed."""
        part, box, index = _part(volume, seed_lps_mm)
        if volume.dicom_modality == "PT":
            near = values_near(volume, index_of(volume, list(seed_lps_mm)), _NEAR_MM)
            held = part >= self.fraction * float(near.max())
        else:
            smooth = _smoothed(part, volume)
            at_seed = float(_near(smooth, index, volume, _AT_SEED_MM).mean())
            half = self.ct_hu if volume.dicom_modality == "CT" else self.mr_share * abs(at_seed)
            held = np.abs(smooth - at_seed) <= half
        return _seen(held, box, index, volume)


@dataclass(frozen=True, slots=True)
class RegionGrowing:
    """Grow while voxels lie within ``width`` standard deviations of the region's mean; ``rounds`` of re-estimation.

    The confidence-connected rule: it starts with the voxels within 5 mm of the seed.
    """

    width: float = 2.0
    rounds: int = 4

    @property
    def name(self) -> str:
        """The rule and its numbers."""
        return f"region-growing-{self.width:g}sd"

    @property
    def version(self) -> str:
        """None: the numbers are in the name."""
        return ""

    def see(self, volume: Volume, seed_lps_mm: NDArray[np.float64]) -> Seen:
        """1 in the region that was grown."""
        part, box, index = _part(volume, seed_lps_mm)
        smooth = _smoothed(part, volume)
        values = _near(smooth, index, volume, _AT_SEED_MM)
        region = np.zeros(part.shape, bool)
        for _ in range(1 + self.rounds):
            mean, deviation = float(values.mean()), float(values.std())
            grown = component_at(np.abs(smooth - mean) <= self.width * deviation, index, volume.spacing_mm)
            if grown is None or np.array_equal(grown, region):
                break
            region, values = grown, smooth[grown]
        return _seen(region, box, index, volume)


def _part(volume: Volume, seed_lps_mm: NDArray[np.float64]) -> tuple[NDArray[np.float32], Box, NDArray[np.float64]]:
    """The voxels within reach of the seed, their box, and the seed's index among them."""
    index = index_of(volume, list(seed_lps_mm))
    reach = _REACH_MM / np.array(volume.spacing_mm)
    shape = np.array(volume.array.shape)
    first = np.clip(np.floor(index - reach), 0, shape - 1).astype(int)
    last = np.clip(np.ceil(index + reach) + 1, first + 1, shape).astype(int)
    a, b, c = (slice(int(x), int(y)) for x, y in zip(first, last, strict=True))
    return volume.array[a, b, c], (a, b, c), index - first


def _smoothed(part: NDArray[np.float32], volume: Volume) -> NDArray[np.float32]:
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(part, _SMOOTH_MM / np.array(volume.spacing_mm))
    return smooth


def _near(
    part: NDArray[np.float32], index: NDArray[np.float64], volume: Volume, radius_mm: float
) -> NDArray[np.float32]:
    grids = np.ogrid[tuple(slice(0, n) for n in part.shape)]
    squared = sum(((g - c) * s) ** 2 for g, c, s in zip(grids, index, volume.spacing_mm, strict=True))
    values: NDArray[np.float32] = part[squared <= max(radius_mm**2, float(np.min(squared)))]
    return values


def _seen(held: NDArray[np.bool_], box: Box, index: NDArray[np.float64], volume: Volume) -> Seen:
    grown = component_at(held, index, volume.spacing_mm)
    return Seen((held & False if grown is None else grown).astype(np.float32), box)
