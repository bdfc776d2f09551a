"""What is laid over a gray picture: outlines of regions, a heat map, lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.model.pictures import palette
from tumorcast_imaging.model.pictures.raster import Points, Raster

Style = Literal["outline", "fill", "both"]
Pixels = NDArray[np.float64]
_FINER = 2
_LINE, _CASING = 2, 3
"""Radii of an outline's color and of the dark casing around it, in fine pixels."""
_FILL = 0.35
_TOP_PERCENTILE = 99.5
"""Of saliency: what is higher looks the same, so that a single voxel does not hide the rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """Numbers in space: a mask, an occupancy or a saliency, on voxels of its own."""

    array: NDArray[np.float32]
    affine_lps: Points

    @classmethod
    def of(cls, array: NDArray[np.generic], affine_lps: Points) -> Field:
        """From any kind of numbers."""
        return cls(np.ascontiguousarray(array, np.float32), affine_lps)


@dataclass(frozen=True, slots=True, eq=False)
class RegionLayer:
    """A region to draw; its number chooses the color and is all that is written of it."""

    field: Field
    number: int = 1
    style: Style = "outline"

    @property
    def color(self) -> palette.Color:
        return palette.region_color(self.number)


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """A measured line between two points in LPS millimeters."""

    start_mm: Sequence[float]
    end_mm: Sequence[float]
    words: str = "longest diameter"
    color: palette.Color = palette.LONG_AXIS

    @property
    def length_mm(self) -> float:
        return float(np.linalg.norm(np.subtract(self.end_mm, self.start_mm)))


def paint_heat(pixels: Pixels, raster: Raster, heat: Field) -> None:
    """Lay |values| over ``pixels`` (rows, columns, 3), as shares of the highest in the volume but its top 0.5 %."""
    size: NDArray[np.float32] = np.abs(heat.array)
    if size.any():
        highest = np.percentile(size[size > 0], _TOP_PERCENTILE)
        values = raster.sample(size, heat.affine_lps)
        colors, opacity = palette.heat(values / np.float32(highest))
        pixels += opacity[..., None] * (colors - pixels)


def paint_region(pixels: Pixels, raster: Raster, layer: RegionLayer) -> None:
    """Outline the region where its occupancy passes one half, fill it, or both."""
    fine = raster.finer(_FINER)
    inside = fine.sample(layer.field.array, layer.field.affine_lps) >= 0.5  # NaN is not
    if layer.style != "outline":
        _blend(pixels, _coarse(inside) * _FILL, layer.color)
    if layer.style != "fill":
        edge = inside ^ ndimage.binary_erosion(inside)
        _stroke(pixels, edge, layer.color)


def paint_axis(pixels: Pixels, raster: Raster, axis: Axis) -> None:
    """Draw a line where it is, projected onto the plane."""
    fine = raster.finer(_FINER)
    (r0, c0), (r1, c1) = fine.pixel(axis.start_mm), fine.pixel(axis.end_mm)
    count = int(max(abs(r1 - r0), abs(c1 - c0), 1)) + 1
    rows = np.round(np.linspace(r0, r1, count)).astype(int)
    columns = np.round(np.linspace(c0, c1, count)).astype(int)
    line = np.zeros((fine.rows, fine.columns), bool)
    seen = (rows >= 0) & (rows < fine.rows) & (columns >= 0) & (columns < fine.columns)
    line[rows[seen], columns[seen]] = True
    _stroke(pixels, line, axis.color)


def shown(axes: Sequence[Axis], raster: Raster, within_mm: float) -> tuple[Axis, ...]:
    """The lines that lie in the plane of the picture."""
    return tuple(a for a in axes if max(map(raster.distance_mm, (a.start_mm, a.end_mm))) <= within_mm)


def _stroke(pixels: Pixels, line: NDArray[np.bool_], color: palette.Color) -> None:
    """A colored line in a dark casing, smooth at its edges."""
    if not line.any():
        return
    part = tuple(slice(_floor(int(i.min()) - _CASING), int(i.max()) + _CASING + 2) for i in np.nonzero(line))
    cut = line[part][: len(line[part]) // _FINER * _FINER, : line[part].shape[1] // _FINER * _FINER]
    away = ndimage.distance_transform_edt(~cut)
    start = [p.start // _FINER for p in part]
    there = pixels[start[0] : start[0] + cut.shape[0] // _FINER, start[1] : start[1] + cut.shape[1] // _FINER]
    _blend(there, _coarse(away <= _CASING), palette.INK)
    _blend(there, _coarse(away <= _LINE), color)


def _floor(index: int) -> int:
    """The next multiple of the fine grid's factor at or below, not below zero."""
    return max(index, 0) // _FINER * _FINER


def _coarse(fine: NDArray[np.bool_]) -> Pixels:
    """Share of fine pixels that are set in each pixel."""
    rows, columns = fine.shape[0] // _FINER, fine.shape[1] // _FINER
    return np.asarray(fine.reshape(rows, _FINER, columns, _FINER).mean(axis=(1, 3)))


def _blend(pixels: Pixels, opacity: Pixels, color: palette.Color) -> None:
    pixels += opacity[..., None] * (np.array(color, float) - pixels)
