"""Contours of one region, plane by plane → its mask on a volume's slices and its exact volume.

Contours lie parallel to the slices, whatever the slices' orientation. Where they lie on slices, each fills its own.
Where they lie between slices, or on every other slice, the slices in between are interpolated by signed distance
(Raya and Udupa, IEEE TMI 1990, 9:32) and the ends reach half a gap beyond the last contour. A gap that is larger than
one and a half times the contours' own spacing stays empty: parts of a region, or a slice that was forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.dicom.masks import polygon
from tumorcast_imaging.dicom.reasons import Refused

Floats = NDArray[np.float64]
_ON_SLICE = 0.1
"""In gaps between slices: a contour lies on a slice, and two in one plane, if they are no farther apart."""
_LARGEST_GAP = 1.5
"""In multiples of the contours' own spacing."""
_LARGEST_SPACING_MM = 10.0
_MOST_COMPARED = 32
"""Contours of one plane that are compared two by two; where more cross, their edges tell."""
_OUTSIDE_PIXELS = 1.5
"""Beyond the outermost centers: a whole pixel beyond the edge of the image."""


@dataclass(frozen=True, eq=False)
class Plane:
    """Contours (n × 2: row and column) at one place between slices."""

    at: float
    contours: tuple[Floats, ...]

    @cached_property
    def lines(self) -> Floats:
        return polygon.edges(self.contours)

    @cached_property
    def reach(self) -> tuple[Floats, Floats]:
        """The lowest and highest row and column of its points."""
        low = np.min([contour.min(axis=0) for contour in self.contours], axis=0)
        return low, np.max([contour.max(axis=0) for contour in self.contours], axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """All planes of one region in order, and the spacing of its contours in gaps between slices."""

    planes: tuple[Plane, ...]
    spacing: float
    doubts: frozenset[str] = frozenset()

    @property
    def reach(self) -> tuple[Floats, Floats]:
        """The lowest and highest row and column of its points."""
        low, high = zip(*[plane.reach for plane in self.planes], strict=True)
        return np.min(low, axis=0), np.max(high, axis=0)

    def extent(self, shape: tuple[int, ...]) -> tuple[range, range, range]:
        """Slices, rows and columns that it may reach."""
        half = self.spacing / 2
        first, last = np.ceil(self.planes[0].at - half), np.floor(self.planes[-1].at + half)
        slices = range(max(0, int(first)), min(shape[0], int(last) + 1))
        return slices, *_pixels(self.reach, shape)

    def check_inside(self, shape: tuple[int, ...]) -> None:
        """Refuse a region of which more than half a slice or a whole pixel lies outside."""
        low, high = self.reach
        slack = 0.5 + _ON_SLICE
        along = self.planes[0].at < -slack or self.planes[-1].at > shape[0] - 1 + slack
        across = (low < -_OUTSIDE_PIXELS).any() or (high > np.array(shape[1:]) - 1 + _OUTSIDE_PIXELS).any()
        if along or across:
            raise Refused("SEGMENTATION_OUTSIDE_VOLUME")


def _pixels(reach: tuple[Floats, Floats], shape: tuple[int, ...]) -> tuple[range, range]:
    """Rows and columns whose centers lie between the lowest and the highest."""
    low, high = np.ceil(reach[0]), np.floor(reach[1])
    rows, columns = (range(max(0, int(low[i])), min(shape[i + 1], int(high[i]) + 1)) for i in (0, 1))
    return rows, columns


def stacked(contours: Sequence[Floats]) -> Stack:
    """Sort contours (n × 3: slice, row, column, each at one slice) into planes."""
    places = np.array([contour[:, 0].mean() for contour in contours])
    order = np.argsort(places, kind="stable")
    planes: list[Plane] = []
    doubts: set[str] = set()
    start = 0
    for end in range(1, len(order) + 1):
        if end < len(order) and places[order[end]] - places[order[start]] <= _ON_SLICE:
            continue
        together = order[start:end]
        kept = {_outline(contours[i]): contours[i][:, 1:] for i in together}
        doubts |= {"CONTOUR_DUPLICATE"} if len(kept) < len(together) else set()
        planes.append(Plane(_on_slice(float(places[together].mean())), tuple(kept.values())))
        start = end
    return Stack(tuple(planes), 1.0, frozenset(doubts))


def spaced(stack: Stack, slice_mm: float) -> Stack:
    """The same with the contours' own spacing, and what is doubtful about it."""
    places = np.array([plane.at for plane in stack.planes])
    gaps = np.diff(places)
    spacing = _spacing(gaps, slice_mm)
    doubts = set(stack.doubts)
    filled = gaps[gaps <= _LARGEST_GAP * spacing]
    if (places != np.round(places)).any():
        doubts.add("CONTOUR_OFF_GRID")
    elif (filled > 1).any():
        doubts.add("CONTOUR_SLICES_FILLED")
    if len(filled) < len(gaps):
        doubts.add("CONTOUR_GAP")
    return Stack(stack.planes, spacing, frozenset(doubts))


def _on_slice(place: float) -> float:
    return float(round(place)) if abs(place - round(place)) <= _ON_SLICE else place


def _outline(contour: Floats) -> bytes:
    """The same for two contours through the same points."""
    points = np.round(contour[:, 1:], 3) + 0.0
    return points[np.lexsort(points.T)].tobytes()


def _spacing(gaps: Floats, slice_mm: float) -> float:
    """The contours' own spacing: that of the slices unless several gaps agree on another."""
    if not len(gaps):
        return 1.0
    median = float(np.median(gaps))
    if len(gaps) == 1 or median <= _LARGEST_GAP:
        return min(median, 1.0) if len(gaps) == 1 else median
    agree = np.count_nonzero(np.abs(gaps - median) <= _ON_SLICE) >= 2
    return median if agree and median * slice_mm <= _LARGEST_SPACING_MM else 1.0


def filled(stack: Stack, shape: tuple[int, ...], pixel_mm: tuple[float, float]) -> NDArray[np.bool_]:
    """The mask on slices of ``shape``; a voxel is in if its center is."""
    slices, rows, columns = stack.extent(shape)
    mask = np.zeros(shape, bool)
    box = mask[:, rows.start : rows.stop, columns.start : columns.stop]
    places = np.array([plane.at for plane in stack.planes])

    def of(index: int) -> NDArray[np.bool_]:
        return polygon.inside(stack.planes[index].lines, rows, columns)

    for k in slices:
        above = int(np.searchsorted(places, k))
        if above < len(places) and places[above] == k:
            own_rows, own_columns = _pixels(stack.planes[above].reach, shape)
            pixels = polygon.inside(stack.planes[above].lines, own_rows, own_columns)
            mask[k, own_rows.start : own_rows.stop, own_columns.start : own_columns.stop] = pixels
        elif 0 < above < len(places) and places[above] - places[above - 1] <= _LARGEST_GAP * stack.spacing:
            share = (k - places[above - 1]) / (places[above] - places[above - 1])
            box[k] = _between(of(above - 1), of(above), float(share), pixel_mm)
        elif above > 0 and k - places[above - 1] < stack.spacing / 2:
            box[k] = of(above - 1)
        elif above < len(places) and places[above] - k <= stack.spacing / 2:
            box[k] = of(above)
    return mask


def _between(
    one: NDArray[np.bool_], other: NDArray[np.bool_], share: float, pixel_mm: tuple[float, float]
) -> NDArray[np.bool_]:
    """The outline a share of the way from one plane to the other; the nearer one if either encloses no center."""
    if not one.any() or not other.any():
        return one if share < 0.5 else other
    return np.asarray((1 - share) * _signed_mm(one, pixel_mm) + share * _signed_mm(other, pixel_mm) > 0)


def _signed_mm(mask: NDArray[np.bool_], pixel_mm: tuple[float, float]) -> Floats:
    from scipy import ndimage

    padded = np.pad(mask, 1)
    within = ndimage.distance_transform_edt(padded, sampling=pixel_mm)
    without = ndimage.distance_transform_edt(~padded, sampling=pixel_mm)
    return np.asarray((within - without)[1:-1, 1:-1])


def volume_slices(stack: Stack) -> tuple[float, bool]:
    """Exact enclosed volume in square pixels × gaps between slices, and whether any outlines cross."""
    places = np.array([plane.at for plane in stack.planes])
    gaps = np.concatenate([[np.inf], np.diff(places), [np.inf]])
    gaps[gaps > _LARGEST_GAP * stack.spacing] = stack.spacing
    areas = [polygon.area(polygon.edges(plane.contours, turned=True)) for plane in stack.planes]
    total = sum(size * thick for (size, _), thick in zip(areas, (gaps[:-1] + gaps[1:]) / 2, strict=True))
    return float(total), any(crossed for _, crossed in areas) or any(map(_overlap, stack.planes))


def _overlap(plane: Plane) -> bool:
    """Whether two contours share pixels without one lying in the other, as where they meet along an edge."""
    if not 1 < len(plane.contours) <= _MOST_COMPARED:
        return False
    for one, other in combinations(plane.contours, 2):
        low, high = np.maximum(one.min(axis=0), other.min(axis=0)), np.minimum(one.max(axis=0), other.max(axis=0))
        if (low >= high).any():
            continue
        low, high = np.minimum(one.min(axis=0), other.min(axis=0)), np.maximum(one.max(axis=0), other.max(axis=0))
        rows, columns = (range(int(np.floor(a)), int(np.ceil(b)) + 1) for a, b in zip(low, high, strict=True))
        first, second = (polygon.inside(polygon.edges([contour]), rows, columns) for contour in (one, other))
        if (first & second).any() and (first & ~second).any() and (second & ~first).any():
            return True
    return False


def crossing_count(stack: Stack) -> int:
    """The work of filling it and of its volume."""
    return sum(polygon.crossing_count(plane.lines) for plane in stack.planes)
