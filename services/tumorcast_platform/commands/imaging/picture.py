"""``tumorcast imaging picture``: one plane of every series of a folder as a PNG, with what is drawn on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.imaging.app import Folder, Seg, imaging_app
from tumorcast_platform.commands.imaging.folder import Drawn, read_drawn
from tumorcast_platform.commands.imaging.output import write_whole
from tumorcast_platform.console import AsJson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from tumorcast_imaging.dicom import Volume
    from tumorcast_imaging.model.pictures import RegionLayer, Window

    Point = NDArray[np.float64]

PlaneOption = Literal["axial", "coronal", "sagittal", "acquired"]
Plane = Annotated[PlaneOption, typer.Option("--plane", help="acquired: the scanner's slices as they are.")]
Through = Annotated[
    str, typer.Option("--through", metavar="LABEL", help="Lesion to go through, by label or number; else the largest.")
]
Slice = Annotated[int | None, typer.Option("--slice", metavar="N", help="Layer of the first series, from 0.")]
WindowOption = Annotated[
    str,
    typer.Option(
        "--window",
        metavar="LEVEL,WIDTH|NAME",
        help="soft-tissue, lung, bone, liver (CT), suv (PET), percentile; else the usual one.",
    ),
]
Series = Annotated[list[str] | None, typer.Option("--series", metavar="UID", help="Only this series; repeat for more.")]
Prior = Annotated[Path | None, typer.Option("--prior", metavar="DIR", help="An earlier study, drawn beside or below.")]
Out = Annotated[Path, typer.Option("--out", metavar="OUT.png", help="File to write; it is replaced.", dir_okay=False)]
FieldMm = Annotated[float, typer.Option("--field", metavar="MM", help="Side of a square around the lesion.", min=0)]
Style = Annotated[Literal["outline", "fill", "both"], typer.Option("--style", help="How regions are drawn.")]
_MOST_PANELS = 4
_PIXELS, _PIXELS_OF_SEVERAL = 640, 420


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the user asked for."""

    plane: PlaneOption
    through: str
    slice_index: int | None
    window: str
    field_mm: float
    style: Literal["outline", "fill", "both"]


@dataclass(frozen=True, slots=True, eq=False)
class _Panel:
    """One picture to make: a volume, where its plane lies, and what is drawn."""

    drawn: Drawn
    when: str
    through_mm: Point
    lesion: int
    """Number of the region that the plane goes through; 0 if none."""
    layers: tuple[RegionLayer, ...]
    window: Window


@imaging_app.command("picture")
def picture(
    folder: Folder,
    seg: Seg = None,
    plane: Plane = "axial",
    through: Through = "",
    slice_index: Slice = None,
    window: WindowOption = "",
    series: Series = None,
    prior: Prior = None,
    field_mm: FieldMm = 0.0,
    style: Style = "outline",
    out: Out = Path("picture.png"),
    as_json: AsJson = False,
) -> None:
    """Draw one plane of each series, through a lesion or a slice, with outlines, scale and orientation.

    Series of one frame of reference are cut at the same place, and all pictures have the same scale. Nothing of the
    patient is written on them, not even labels: regions have numbers. Exit status: 0 if the picture was written.
    """
    from tumorcast_imaging.model.pictures import png, side_by_side
    from tumorcast_platform.render.pictures import picture_page

    if through and slice_index is not None:
        raise typer.BadParameter("Give --through or --slice, not both.")
    wish = _Wish(plane, through, slice_index, window, field_mm, style)
    rows = [_panels(read_drawn(folder, seg, series or ()), wish, "current" if prior else "")]
    if prior is not None:
        before = _panels(read_drawn(prior, None), wish, "prior")
        rows = [before + rows[0]] if len(before) == len(rows[0]) == 1 else [*rows, before]
    images, entries = _drawn_rows(rows, wish)
    sheet = side_by_side(images)
    write_whole(out, png(sheet))
    document = {"path": str(out), "width": sheet.width, "height": sheet.height, "plane": plane, "panels": entries}
    console.answer(document, picture_page(document), as_json=as_json)


def _panels(found: Sequence[Drawn], wish: _Wish, when: str) -> list[_Panel]:
    """One panel per volume, all through the same place where they share a frame of reference."""
    from tumorcast_core.errors import InvalidInput

    if len(found) > _MOST_PANELS:
        raise InvalidInput(f"There are {len(found)} series; choose up to {_MOST_PANELS} with --series.")
    windows = _windows([one.volume for one in found], wish.window)
    leader = next((one for one in found if one.region(wish.through)), found[0])
    if wish.slice_index is not None:
        leader = found[0]
    point, lesion = _place(leader, wish)
    panels = []
    for one, window in zip(found, windows, strict=True):
        shared = one is leader or _shared(one.volume, leader.volume)
        there, number = (point, lesion if one is leader else _number(one, wish)) if shared else _place(one, wish)
        layers = _layers(one, wish) or (_layers(leader, wish) if shared else ())
        panels.append(_Panel(one, when, there, number, layers, window))
    return panels


def _shared(a: Volume, b: Volume) -> bool:
    return bool(a.frame_of_reference_uid) and a.frame_of_reference_uid == b.frame_of_reference_uid


def _number(one: Drawn, wish: _Wish) -> int:
    found = one.region(wish.through) if wish.slice_index is None else None
    return found[0] if found else 0


def _place(one: Drawn, wish: _Wish) -> tuple[Point, int]:
    """A point of the plane that was asked for, and the number of the region it goes through."""
    from tumorcast_core.errors import InvalidInput
    from tumorcast_imaging.model.pictures import at_slice, middle

    if wish.slice_index is not None:
        return at_slice(one.volume, wish.plane, wish.slice_index), 0
    region = one.region(wish.through)
    if region is None:
        if wish.through:
            raise InvalidInput(f"No region has that label or number; {len(one.regions)} are drawn, numbered from 1.")
        return middle(one.volume), 0
    return lesion_point(one.volume, region[1].mask, wish.plane), region[0]


def lesion_point(volume: Volume, mask: NDArray[np.bool_], plane: PlaneOption) -> Point:
    """Where to look at a lesion: the slice of its longest diameter on the plane of acquisition, else where most is."""
    import numpy as np

    from tumorcast_imaging.model.lesions.size import measure
    from tumorcast_imaging.model.pictures import across, through

    if across(volume, plane) != 0:
        return through(volume, mask, plane)
    only = np.zeros_like(mask)
    k = measure(mask, volume.affine_lps).slice_index
    only[k] = mask[k]
    return through(volume, only, plane)


def _layers(one: Drawn, wish: _Wish) -> tuple[RegionLayer, ...]:
    from tumorcast_imaging.model.pictures import Field, RegionLayer

    return tuple(
        RegionLayer(Field.of(r.mask if r.occupancy is None else r.occupancy, one.volume.affine_lps), n, wish.style)
        for n, r in enumerate(one.regions, start=1)
    )


def _windows(volumes: Sequence[Volume], wanted: str) -> list[Window]:
    """The window of each volume; one for a unit goes to the volumes in that unit, and the rest have the usual one."""
    from tumorcast_core.errors import InvalidInput
    from tumorcast_imaging.model.pictures import PRESETS, window_for

    if wanted not in PRESETS and wanted and len({volume.unit for volume in volumes}) > 1:
        raise InvalidInput("The series have different units; choose one with --series, or a window by name.")
    found: list[Window | None] = []
    for volume in volumes:
        try:
            found.append(window_for(volume, wanted))
        except InvalidInput:
            found.append(None)
    if not any(found):
        return [window_for(volume, wanted) for volume in volumes]  # raises what is wrong
    return [one or window_for(volume) for one, volume in zip(found, volumes, strict=True)]


def _drawn_rows(rows: Sequence[Sequence[_Panel]], wish: _Wish) -> tuple[list[list[Image.Image]], list[dict[str, Any]]]:
    """The pictures at one scale, and what each of them shows."""
    from tumorcast_imaging.model.pictures import lay

    panels = [panel for row in rows for panel in row]
    pixels = _PIXELS if len(panels) == 1 else _PIXELS_OF_SEVERAL
    pixel_mm = max(
        lay(p.drawn.volume, wish.plane, p.through_mm, field_mm=wish.field_mm, pixels=pixels).pixel_mm for p in panels
    )
    images = [[_image(panel, wish, pixel_mm) for panel in row] for row in rows]
    return images, [_entry(panel, wish) for panel in panels]


def _image(panel: _Panel, wish: _Wish, pixel_mm: float) -> Image.Image:
    from tumorcast_imaging.model.pictures import View, draw_plane

    view = View(
        through_mm=panel.through_mm,
        window=panel.window,
        regions=panel.layers,
        axes=_axes(panel),
        field_mm=wish.field_mm,
        pixel_mm=pixel_mm,
        title=panel.when,
    )
    return draw_plane(panel.drawn.volume, wish.plane, view).image


def _axes(panel: _Panel) -> tuple[Any, ...]:
    """Longest diameter and short axis of the region that the plane goes through; drawn only where they lie in it."""
    from tumorcast_imaging.model.lesions.size import measure
    from tumorcast_imaging.model.pictures import SHORT_AXIS, Axis

    if not panel.lesion:
        return ()
    size = measure(panel.drawn.regions[panel.lesion - 1].mask, panel.drawn.volume.affine_lps)
    return Axis(*size.long_axis), Axis(*size.short_axis, "short axis", SHORT_AXIS)


def _entry(panel: _Panel, wish: _Wish) -> dict[str, Any]:
    from tumorcast_imaging.model.pictures import layer_of
    from tumorcast_platform.commands.imaging.entries import problem_entry

    volume, window = panel.drawn.volume, panel.window
    return {
        "when": panel.when or "current",
        "series_instance_uid": volume.series_instance_uid,
        "dicom_modality": volume.dicom_modality,
        "through_lps_mm": [round(float(x), 3) for x in panel.through_mm],
        "layer": layer_of(volume, wish.plane, panel.through_mm),
        "region": panel.lesion or None,
        "regions": [{"number": n, "source": region.source} for n, region in enumerate(panel.drawn.regions, start=1)],
        "window": {"level": window.level, "width": window.width, "inverted": window.inverted, "unit": volume.unit},
        "problems": [problem_entry(issue) for issue in (*volume.problems, *panel.drawn.issues)],
    }
