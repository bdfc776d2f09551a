"""Closed planar contours → the pixels and the area that they enclose, by the even-odd rule, exactly.

All contours of one plane count together: a point is inside if a ray from it crosses their outlines an odd number of
times, so that a contour inside another cuts a hole, and a keyhole's slit, walked there and back, cuts nothing. A pixel
is in if its center is. On an outline the upper and the left edge are in, the lower and the right edge are out, so that
two regions that share an edge share no pixel and lose none. Coordinates are (row, column) in pixels, taken to a
millionth of a pixel, in float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_DECIMALS = 6
_CROSSING_PIXELS = 0.01
"""Outlines that run past each other by less do so by rounding."""
_NOTHING = 1e-9
_TURN = np.array([[np.cos(0.7), np.sin(0.7)], [-np.sin(0.7), np.cos(0.7)]])
"""A rotation after which no edge that anyone draws is level: area and crossings do not depend on it."""
_PASSES = 16


def edges(contours: Sequence[Floats], *, turned: bool = False) -> Floats:
    """The edges (n × 4: upper row and column, lower row and column) of closed contours of n × 2 points each.

    Level edges are left out: neither rule nor area needs them. Each edge is given from its upper end, so that one
    walked there and back is twice the same to the bit. ``turned`` gives those of the rotated plane, for ``area``.
    """
    parts = [np.round(contour, _DECIMALS) for contour in contours]
    if turned:
        parts = [part @ _TURN for part in parts]
    start = parts[0] if len(parts) == 1 else np.concatenate(parts)
    following = np.arange(1, len(start) + 1)
    ends = np.cumsum([len(part) for part in parts])
    following[ends - 1] = ends - [len(part) for part in parts]
    end = start[following]
    upward, level = start[:, 0] > end[:, 0], start[:, 0] == end[:, 0]
    both = np.empty((len(start), 4))
    both[:, :2], both[:, 2:] = start, end
    both[upward, :2], both[upward, 2:] = end[upward], start[upward]
    return np.asarray(both[~level])


def crossing_count(lines: Floats) -> int:
    """How often edges cross rows of pixels and rows through their own ends: the work of ``inside`` and of ``area``."""
    own = np.unique(lines[:, [0, 2]])
    strips = np.searchsorted(own, lines[:, 2]) - np.searchsorted(own, lines[:, 0])
    return int((np.ceil(lines[:, 2]) - np.ceil(lines[:, 0])).sum()) + int(strips.sum())


def inside(lines: Floats, rows: range, columns: range) -> NDArray[np.bool_]:
    """Which pixels of those rows and columns have their center inside."""
    toggles = np.zeros((len(rows), len(columns) + 1), np.uint8)
    row, _, column = _cross(lines, np.arange(rows.start, rows.stop, dtype=float))
    first = np.clip(np.ceil(column) - columns.start, 0, len(columns)).astype(np.intp)
    np.add.at(toggles.reshape(-1), row * toggles.shape[1] + first, 1)  # parity survives the wrap at 256
    return np.asarray(np.cumsum(toggles[:, :-1], axis=1, dtype=np.uint8) & 1, dtype=bool)


def area(lines: Floats) -> tuple[float, bool]:
    """The area in square pixels that turned edges enclose, and whether outlines cross themselves or one another.

    Between two neighboring rows through points of the outlines nothing turns, so what is enclosed there is trapezoids,
    each as large as its height times its width half-way. Where two edges cross, their crossing cuts the strip in two.
    """
    if not len(lines):
        return 0.0, False
    cuts, crossed = np.unique(lines[:, [0, 2]]), False
    for _ in range(_PASSES):
        total, crossings, deep = _trapezoids(lines, cuts)
        crossed |= deep
        more = np.setdiff1d(crossings, cuts)
        if not len(more):
            break
        cuts = np.union1d(cuts, more)
    return total, crossed


def _cross(lines: Floats, rows: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Where edges cross the given rows, ends counted above and not below: index of row and edge, and the column."""
    first, last = np.searchsorted(rows, lines[:, 0]), np.searchsorted(rows, lines[:, 2])
    counts = last - first
    edge = np.repeat(np.arange(len(lines)), counts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    return row, edge, _column(lines[edge], rows[row])


def _column(lines: Floats, row: Floats) -> Floats:
    """Where each edge (or the line through it) is at its row."""
    top, left, bottom, right = lines.T
    return np.asarray(left + (row - top) * ((right - left) / (bottom - top)))


def _trapezoids(lines: Floats, cuts: Floats) -> tuple[float, Floats, bool]:
    """Area between the cuts, the rows at which neighboring edges cross, and whether any cross by more than rounding."""
    strip, edge, column = _cross(lines, (cuts[:-1] + cuts[1:]) / 2)
    order = np.lexsort((column, strip))
    strip, edge, column = strip[order], edge[order], column[order]
    total = float(((column[1::2] - column[::2]) * np.diff(cuts)[strip[::2]]).sum())
    together = np.flatnonzero(strip[1:] == strip[:-1])
    one, other = lines[edge[together]], lines[edge[together + 1]]
    top, bottom = np.maximum(one[:, 0], other[:, 0]), np.minimum(one[:, 2], other[:, 2])
    above, below = _column(other, top) - _column(one, top), _column(other, bottom) - _column(one, bottom)
    swapped = (np.minimum(above, below) < -_NOTHING) & (np.maximum(above, below) > _NOTHING)
    deep = (np.minimum(above, below) < -_CROSSING_PIXELS) & (np.maximum(above, below) > _CROSSING_PIXELS)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = top + (bottom - top) * above / (above - below)
    within = (at > cuts[strip[together]]) & (at < cuts[strip[together] + 1])
    return total, np.unique(np.round(at[swapped & within], 9)), bool(deep.any())
