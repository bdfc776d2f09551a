"""A picture of one plane of a volume, as a tumor board wants to see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.pictures import palette
from tumorcast_imaging.model.pictures.canvas import Item, Picture, framed, png
from tumorcast_imaging.model.pictures.focus import layer_of, middle
from tumorcast_imaging.model.pictures.layers import (
    Axis,
    Field,
    RegionLayer,
    paint_axis,
    paint_heat,
    paint_region,
    shown,
)
from tumorcast_imaging.model.pictures.raster import INTERPOLATION, PlaneName, Points, Raster, axis_across, lay
from tumorcast_imaging.model.pictures.window import Window, window_for

_COORDINATE = {"axial": ("I", "S"), "coronal": ("A", "P"), "sagittal": ("R", "L")}
_KINDS = {"PT": "PET"}


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What to draw over a volume, and how; every field has a usual value."""

    through_mm: Points | None = None
    """A point of the plane in LPS; the middle of the volume if none."""
    window: Window | None = None
    regions: Sequence[RegionLayer] = ()
    heat: Field | None = None
    heat_words: str = "saliency, lowest to highest"
    axes: Sequence[Axis] = ()
    field_mm: float = 0.0
    """Side of a square around the point; the whole volume if 0."""
    pixel_mm: float = 0.0
    pixels: int = 640
    """Of the longer side, unless ``pixel_mm`` is given."""
    title: str = ""


def render_plane(volume: Volume, plane: PlaneName = "axial", view: View | None = None) -> bytes:
    """A PNG of one plane: gray image, regions, saliency, axes; letters, scale bar and caption beside it.

    Values between voxel centers are linear interpolations; pixels are square in the patient, whatever the voxels are.
    The same input gives the same bytes. Raises ``InvalidInput`` for a plane, window or size that cannot be.
    """
    return png(draw_plane(volume, plane, view).image)


def draw_plane(volume: Volume, plane: PlaneName = "axial", view: View | None = None) -> Picture:
    """The picture of ``render_plane`` before it is written, which knows where its pixels lie in the patient."""
    view = view or View()
    point = middle(volume) if view.through_mm is None else np.asarray(view.through_mm, float)
    raster = lay(volume, plane, point, field_mm=view.field_mm, pixel_mm=view.pixel_mm, pixels=view.pixels)
    window = view.window or window_for(volume)
    pixels = _gray(volume, raster, window)
    if view.heat is not None:
        paint_heat(pixels, raster, view.heat)
    for region in view.regions:
        paint_region(pixels, raster, region)
    axes = shown(view.axes, raster, within_mm=_thickness_mm(volume, raster) / 2)
    for axis in axes:
        paint_axis(pixels, raster, axis)
    caption = (_where(volume, raster, point), _how(volume, window))
    return framed(pixels, raster, caption, _legend(view, axes), view.title)


def _gray(volume: Volume, raster: Raster, window: Window) -> np.ndarray:
    values = raster.sample(volume.array, volume.affine_lps)
    pixels = np.repeat(window.gray(values)[..., None].astype(float), 3, axis=2)
    pixels[np.isnan(values)] = palette.BEYOND
    return pixels


def _thickness_mm(volume: Volume, raster: Raster) -> float:
    """Distance between the volume's layers along the normal of a plane."""
    axis = axis_across(volume, raster.normal)
    return abs(float(raster.normal @ volume.affine_lps[:3, axis]))


def _where(volume: Volume, raster: Raster, point: Points) -> str:
    kind = _KINDS.get(volume.dicom_modality, volume.dicom_modality)
    words = [f"{kind}, {raster.plane if raster.plane != 'acquired' else 'plane of acquisition'}"]
    if raster.plane in _COORDINATE:
        toward = _COORDINATE[raster.plane][raster.position_mm > 0]
        words.append(f"{toward} {abs(raster.position_mm):.1f} mm")
    words.append(f"layer {layer_of(volume, raster.plane, point):.4g}")
    return ", ".join(words)


def _how(volume: Volume, window: Window) -> str:
    low, high = window.level - window.width / 2, window.level + window.width / 2
    unit = "" if volume.unit == "arbitrary" else f" {volume.unit}"
    shades = "white to black" if window.inverted else "black to white"
    spacing = " x ".join(f"{mm:.3g}" for mm in volume.spacing_mm)
    return f"{shades} {low:.4g} to {high:.4g}{unit}; voxels {spacing} mm, {INTERPOLATION} interpolation"


def _legend(view: View, axes: Sequence[Axis]) -> list[Item]:
    items = [Item(f"region {region.number}", region.color) for region in view.regions]
    items += [Item(f"{axis.words} {axis.length_mm:.1f} mm", axis.color) for axis in axes]
    return [*items, Item(view.heat_words)] if view.heat is not None else items
