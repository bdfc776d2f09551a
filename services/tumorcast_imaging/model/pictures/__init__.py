"""Pictures of planes for people: window, regions, saliency, scale; never anything of the patient. PNG by Pillow."""

from tumorcast_imaging.model.pictures.canvas import Picture, png, side_by_side
from tumorcast_imaging.model.pictures.focus import across, at_slice, layer_of, middle, through
from tumorcast_imaging.model.pictures.layers import Axis, Field, RegionLayer
from tumorcast_imaging.model.pictures.palette import SHORT_AXIS, region_color
from tumorcast_imaging.model.pictures.raster import INTERPOLATION, PLANES, PlaneName, Raster, lay
from tumorcast_imaging.model.pictures.render import View, draw_plane, render_plane
from tumorcast_imaging.model.pictures.window import PRESETS, Window, window_for

__all__ = [
    "INTERPOLATION",
    "PLANES",
    "PRESETS",
    "SHORT_AXIS",
    "Axis",
    "Field",
    "Picture",
    "PlaneName",
    "Raster",
    "RegionLayer",
    "View",
    "Window",
    "across",
    "at_slice",
    "draw_plane",
    "lay",
    "layer_of",
    "middle",
    "png",
    "region_color",
    "render_plane",
    "side_by_side",
    "through",
    "window_for",
]
