"""Functional tumor volume (FTV) of breast DCE-MRI: what enhances early and strongly, and how it goes on.

Hylton 2012 (Radiology 263:663, ACRIN 6657 / I-SPY 1) and 2016 (Radiology 279:44): with S0 before contrast, S1 early
and S2 late after it, percent enhancement PE = 100 (S1 − S0) / S0 and signal enhancement ratio SER = (S1 − S0) /
(S2 − S0). FTV is the volume of the voxels of a volume of interest with PE ≥ 70 % and SER > 0. A SER of 0 means that the
voxel was masked as background or never enhances.

By SER, FTV falls into persistent (late enhancement goes on), plateau and washout parts. .9 is the bound that UCSF
writes into its maps ("FTVser"); 1.1 is its counterpart where the late signal is a tenth below the early one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_core.errors import InvalidInput, UnsoundSegmentation
from tumorcast_core.snapshot import Feature, Issue
from tumorcast_imaging.model.lesions.size import catalogued

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts; defaults are those of I-SPY.

    ``background_share`` of the 95th percentile of S0 in the volume of interest is the least signal of tissue, and a
    voxel needs ``neighbors`` of its 26 neighbors to enhance as well; both serve only where maps are made from phases.
    """

    enhancement_percent: float = 70.0
    plateau_ser: float = 0.9
    washout_ser: float = 1.1
    background_share: float = 0.6
    neighbors: int = 4


DEFAULT = Thresholds()


@dataclass(frozen=True, slots=True)
class FunctionalVolume:
    """Functional tumor volume in mL, and its parts by how the signal goes on; the parts sum to it."""

    volume_ml: float
    persistent_ml: float
    plateau_ml: float
    washout_ml: float
    voxels: int


@dataclass(frozen=True, slots=True, eq=False)
class EnhancementMaps:
    """Percent enhancement and signal enhancement ratio, slices × rows × columns; 0 where there is no tissue."""

    enhancement_percent: Array
    ser: Array


def functional_volume(
    maps: EnhancementMaps,
    interest: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    thresholds: Thresholds = DEFAULT,
) -> FunctionalVolume:
    """Measure FTV within a volume of interest; raises ``UnsoundSegmentation`` unless it lies on the maps' voxels."""
    if not maps.enhancement_percent.shape == maps.ser.shape == interest.shape:
        raise UnsoundSegmentation("The maps and the volume of interest have different numbers of voxels.")
    tumor = interest & (maps.enhancement_percent >= thresholds.enhancement_percent) & (maps.ser > 0)
    ser = maps.ser[tumor]
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    plateau, washout = ser > thresholds.plateau_ser, ser > thresholds.washout_ser
    return FunctionalVolume(
        volume_ml=ser.size * voxel_ml,
        persistent_ml=np.count_nonzero(~plateau) * voxel_ml,
        plateau_ml=np.count_nonzero(plateau & ~washout) * voxel_ml,
        washout_ml=np.count_nonzero(washout) * voxel_ml,
        voxels=int(ser.size),
    )


def maps_from_phases(
    before: NDArray[np.floating],
    early: NDArray[np.floating],
    late: NDArray[np.floating],
    interest: NDArray[np.bool_],
    thresholds: Thresholds = DEFAULT,
) -> EnhancementMaps:
    """PE and SER of three phases on one grid, 0 where the signal before contrast is background.

    Where the late signal is back at the start, SER is infinite: complete washout. Lone voxels, with fewer enhancing
    neighbors than ``thresholds.neighbors``, count as background.
    """
    s0, s1, s2 = (np.asarray(phase, dtype=np.float64) for phase in (before, early, late))
    if not s0.shape == s1.shape == s2.shape == interest.shape:
        raise InvalidInput("The phases and the volume of interest have different numbers of voxels.")
    if not interest.any():
        raise UnsoundSegmentation("The volume of interest is empty.")
    tissue = (s0 > 0) & (s0 >= thresholds.background_share * np.percentile(s0[interest], 95))
    percent = np.divide(100 * (s1 - s0), s0, out=np.zeros_like(s0), where=tissue)
    enhancing = percent >= thresholds.enhancement_percent
    around = ndimage.correlate(enhancing.astype(np.int64), _NEIGHBORS, mode="constant")
    tissue &= ~(enhancing & (around < thresholds.neighbors))
    gain = s2 - s0
    ser = np.where(s1 > s0, np.inf, 0.0)
    np.divide(s1 - s0, gain, out=ser, where=gain != 0)
    return EnhancementMaps(np.where(tissue, percent, 0.0), np.where(tissue, ser, 0.0))


_NEIGHBORS = np.ones((3, 3, 3), dtype=np.int64)
_NEIGHBORS[1, 1, 1] = 0


def features(found: FunctionalVolume, **where: Any) -> tuple[tuple[Feature, ...], tuple[Issue, ...]]:
    """The catalogued features; what lies outside the catalog's range becomes an issue instead."""
    values = {
        "functional_tumor_volume": found.volume_ml,
        "functional_persistent_volume": found.persistent_ml,
        "functional_plateau_volume": found.plateau_ml,
        "functional_washout_volume": found.washout_ml,
    }
    return catalogued(values, **where)
