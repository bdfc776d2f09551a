"""How noisy a volume is, from blocks of homogeneous tissue and from the air around the body.

In tissue: the mode over many small blocks of their standard deviation, since most blocks hold one tissue and those with
an edge only widen the tail (Christianson et al., AJR 2015;205:W93, for CT). In the air of a magnitude MR image: the
Rayleigh distribution (Gudbjartsson and Patz, Magn Reson Med 1995;34:910).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.quality import body

Floats = NDArray[np.float64]

_BLOCK_MM = 6.0
_FEWEST_PIXELS = 5
_FEWEST_BLOCKS = 30
_FEWEST_AIR = 500
_LOG_STEP, _LOG_WIDTH = 0.02, 0.08
_MEANS = {"CT": (0.0, 100.0), "PT": (0.2, 2.0)}
_VALUES = {"CT": (-250.0, 450.0), "PT": (0.0, 5.0)}
"""Every voxel of a block lies between these: no air and no bone in it."""
_RAYLEIGH_MEDIAN = math.sqrt(2 * math.log(2))
_RAYLEIGH_RATIO = (1.5, 2.4)


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Mean and standard deviation of the blocks of ``pixels`` in tissue, each of ``block_ml``."""

    means: Floats
    deviations: Floats
    pixels: int
    block_ml: float


@dataclass(frozen=True, slots=True)
class Air:
    """The noise of a magnitude image from its air; ``sd`` is ``None`` where that is not of Rayleigh's kind."""

    sd: float | None
    mean_to_sd: float


def blocks(volume: Volume) -> Blocks:
    """Cut each slice into square blocks and keep those that lie wholly in tissue."""
    rows, columns = (max(_FEWEST_PIXELS, math.ceil(_BLOCK_MM / mm)) for mm in volume.spacing_mm[1:])
    low, high = _VALUES.get(volume.dicom_modality, (body.threshold(volume), math.inf))
    means: list[Floats] = []
    deviations: list[Floats] = []
    for plane in volume.array:
        tiles = _tiles(plane, rows, columns)
        inside = (tiles.min(axis=1) > low) & (tiles.max(axis=1) < high) if len(tiles) else np.zeros(0, bool)
        kept = tiles[inside].astype(np.float64)
        means.append(kept.mean(axis=1))
        deviations.append(kept.std(axis=1, ddof=1))
    block_ml = rows * columns * float(np.prod(volume.spacing_mm)) / 1000
    return Blocks(np.concatenate(means), np.concatenate(deviations), rows * columns, block_ml)


def tissue_noise(found: Blocks, dicom_modality: str) -> tuple[float | None, float | None]:
    """Noise in soft tissue and the median of the blocks it was measured in; ``None`` with fewer than 30 blocks."""
    low, high = _MEANS.get(dicom_modality, (-math.inf, math.inf))
    soft = (found.means >= low) & (found.means <= high)
    deviations, means = found.deviations[soft], found.means[soft]
    if len(deviations) < _FEWEST_BLOCKS:
        return None, None
    freedom = found.pixels - 1
    return mode(deviations) * math.sqrt(freedom / (freedom - 1)), float(np.median(means))


def mode(deviations: Floats) -> float:
    """The most frequent of positive values, by bins of 2 % smoothed by 8 %; 0 if most of them are 0.

    Of standard deviations of normal noise with f degrees of freedom it is √((f − 1) ÷ f) times the true one.
    """
    positive = deviations[deviations > 0]
    if 2 * len(positive) < len(deviations):
        return 0.0
    logs = np.log(positive)
    start = logs.min() - 5 * _LOG_WIDTH
    bins = int((logs.max() - logs.min() + 10 * _LOG_WIDTH) / _LOG_STEP) + 1
    counts, edges = np.histogram(logs, bins=bins, range=(start, start + bins * _LOG_STEP))
    values = np.exp((edges[:-1] + edges[1:]) / 2)
    density = ndimage.gaussian_filter1d(counts.astype(float), _LOG_WIDTH / _LOG_STEP, mode="constant") / values
    return float(values[density.argmax()])


def air_noise(volume: Volume, air: body.Mask) -> Air | None:
    """The noise of an MR volume from its ``air``; ``None`` where there is little of it, or it was set to zero."""
    values = volume.array[air].astype(np.float64)
    if len(values) < _FEWEST_AIR or np.count_nonzero(values > 0) < len(values) / 2:
        return None
    deviation = float(values.std())
    if not deviation:
        return None
    ratio = float(values.mean()) / deviation
    of_rayleigh = _RAYLEIGH_RATIO[0] <= ratio <= _RAYLEIGH_RATIO[1]
    return Air(float(np.median(values)) / _RAYLEIGH_MEDIAN if of_rayleigh else None, ratio)


def _tiles(plane: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """The whole blocks of a slice: blocks × pixels."""
    down, across = plane.shape[0] // rows, plane.shape[1] // columns
    cut = plane[: down * rows, : across * columns].reshape(down, rows, across, columns)
    return cut.swapaxes(1, 2).reshape(down * across, rows * columns)
