"""How far an alignment is off, by looking for blocks of one volume around where the alignment puts them in the other.

The distance at which a block of some three centimeters is found again (highest correlation within the reach) holds
what a rigid map leaves: its own error, breathing, bent joints. Blocks without structure say nothing and are not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.model.change.overview import Overview, Points

REACH_MM = 16.0
_STEP_MM = 4.0
_HALF_BLOCK_MM = 16.0
_MOST_BLOCKS = 40
_LEAST_BODY = 0.95
_LEAST_CORRELATION = 0.5
_LEAST_SEARCHED = 0.25
"""Share of the places within reach that the field of view must hold."""
_PERCENTILE = 75.0


def block_residual(earlier: Overview, later: Overview, forward: Callable[[Points], Points]) -> tuple[float, float]:
    """75th percentile of the distances in mm at which blocks were found again, and the share of blocks that was.

    (``REACH_MM``, 0.0) where there is no block with structure in the field of view that both share.
    """
    cube = np.arange(-_HALF_BLOCK_MM, _HALF_BLOCK_MM + 1, _STEP_MM)
    around: Points = np.array(list(product(cube, cube, cube)))
    blocks = _blocks(earlier, later, forward, around)
    distances = [_found(later, forward, center, around, values) for center, values in blocks]
    found = [distance for distance in distances if distance is not None]
    if not found:
        return REACH_MM, 0.0
    return float(np.percentile(found, _PERCENTILE)), len(found) / len(distances)


def _blocks(
    earlier: Overview, later: Overview, forward: Callable[[Points], Points], around: Points
) -> list[tuple[Points, NDArray[np.float32]]]:
    """Centers and values of the blocks with most structure, well spread: one per cell of a grid."""
    index = np.argwhere(earlier.body)
    points = earlier.points(index.astype(float))
    cells = np.unique(np.round(points / (2 * _HALF_BLOCK_MM)).astype(int), axis=0) * 2.0 * _HALF_BLOCK_MM
    corners = np.array(list(product((-1, 1), repeat=3))) * _HALF_BLOCK_MM
    found: list[tuple[float, int, Points, NDArray[np.float32]]] = []
    for number, center in enumerate(cells):
        if not (earlier.covers(center + corners).all() and later.covers(forward(center + corners)).all()):
            continue
        if earlier.is_body(center + around).mean() < _LEAST_BODY:  # along a skin that is smooth a block may slide
            continue
        values = earlier.sample(center + around)
        if np.isfinite(values).all() and values.std() > 0:
            found.append((-float(values.std()), number, center, values))
    found.sort(key=lambda block: block[:2])
    return [(center, values) for _, _, center, values in found[:_MOST_BLOCKS]]


def _found(
    later: Overview, forward: Callable[[Points], Points], center: Points, around: Points, values: NDArray[np.float32]
) -> float | None:
    """Distance at which the block correlates best; ``None`` where it is nowhere found."""
    steps = round((_HALF_BLOCK_MM + REACH_MM) / _STEP_MM)
    grid = np.arange(-steps, steps + 1) * _STEP_MM
    wide = later.sample(forward(center + np.array(list(product(grid, grid, grid)))))
    wide = wide.reshape((2 * steps + 1,) * 3)
    size = round(len(around) ** (1 / 3))
    windows = np.lib.stride_tricks.sliding_window_view(wide, (size, size, size))
    wanted = (values - values.mean()).reshape(size, size, size).astype(np.float64)  # so the windows' means fall out
    spread = windows.std(axis=(3, 4, 5), dtype=np.float64) * np.sqrt(wanted.size)
    products = np.einsum("abcijk,ijk->abc", windows, wanted)
    correlation = products / np.maximum(spread * np.linalg.norm(wanted), 1e-9)
    known = np.isfinite(correlation)
    if known.mean() < _LEAST_SEARCHED:
        return None
    correlation = np.where(known, correlation, -1.0)
    best = np.unravel_index(int(correlation.argmax()), correlation.shape)
    if correlation[best] < _LEAST_CORRELATION:
        return None
    middle = (np.array(correlation.shape) - 1) / 2
    return float(np.linalg.norm(np.array(best) - middle) * _STEP_MM)
