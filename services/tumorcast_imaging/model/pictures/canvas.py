"""The paper around a picture: letters, scale bar and caption stand beside the image, never on it.

Nothing of the patient is ever written: no name, id, date, UID or label, only geometry, window and region numbers.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tumorcast_imaging.model.pictures import palette
from tumorcast_imaging.model.pictures.raster import Raster, letters

_SIZE = 15
_MARGIN = 40
_LINE = 22
_GAP = 8
_SWATCH = 14
_RAMP_WIDTH = 90
_NARROWEST = 460


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a legend: a swatch of a color or, without one, the ramp of the heat map; then its words."""

    words: str
    color: palette.Color | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A finished picture; pixel (0, 0) of ``raster`` stands at row ``top`` and column ``left`` of ``image``."""

    image: Image.Image
    raster: Raster
    top: int
    left: int

    def pixel(self, point_mm: Sequence[float]) -> tuple[int, int]:
        """Row and column in the image of a point in LPS millimeters."""
        row, column = self.raster.pixel(np.asarray(point_mm, float))
        return self.top + round(row), self.left + round(column)


def framed(
    pixels: np.ndarray, raster: Raster, caption: Sequence[str], legend: Sequence[Item] = (), title: str = ""
) -> Picture:
    """Set gray or colored pixels (rows, columns, 3) on paper, with everything that is needed to read them."""
    rows, columns = raster.rows, raster.columns
    width = max(columns + 2 * _MARGIN, _NARROWEST)
    left, top = (width - columns) // 2, _MARGIN + (_LINE if title else 0)
    lines = [line for text in caption for line in _broken(text, width - 2 * _GAP)]
    items = _rows_of(legend, width - 2 * _GAP)
    height = top + rows + _MARGIN + _LINE * (len(lines) + len(items)) + _LINE + 2 * _GAP
    image = Image.new("RGB", (width, height), palette.PAPER)
    image.paste(Image.fromarray(np.clip(np.floor(pixels + 0.5), 0, 255).astype(np.uint8)), (left, top))
    draw = ImageDraw.Draw(image)
    draw.rectangle((left - 1, top - 1, left + columns, top + rows), outline=(120, 120, 120))
    if title:
        draw.text((width // 2, _GAP + 6), title, palette.INK, _font(_SIZE + 3), anchor="mt")
    _orientation(draw, raster, left, top)
    below = top + rows + _MARGIN
    _scale_bar(draw, raster, left, below)
    below += _LINE + _GAP
    for line in lines:
        draw.text((_GAP, below), line, palette.INK, _font())
        below += _LINE
    for row in items:
        _legend(draw, row, below)
        below += _LINE
    return Picture(image, raster, top, left)


def png(image: Image.Image) -> bytes:
    """The same bytes for the same picture: no time, no text, no profile."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=6)
    return out.getvalue()


def side_by_side(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Pictures in rows, aligned at the top, on one sheet of paper."""
    heights = [max(image.height for image in row) for row in rows]
    width = max(sum(image.width for image in row) for row in rows)
    sheet = Image.new("RGB", (width, sum(heights)), palette.PAPER)
    down = 0
    for row, height in zip(rows, heights, strict=True):
        across = 0
        for image in row:
            sheet.paste(image, (across, down))
            across += image.width
        down += height
    return sheet


def round_length_mm(longest_mm: float) -> float:
    """The longest of 1, 2, 5, 10, … mm that is not above ``longest_mm``.

    >>> round_length_mm(83.0), round_length_mm(4.9)
    (50.0, 2.0)
    """
    power = 10.0 ** math.floor(math.log10(longest_mm))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= longest_mm)


def _font(size: int = _SIZE) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _orientation(draw: ImageDraw.ImageDraw, raster: Raster, left: int, top: int) -> None:
    """Letters at the four edges, where a viewer expects them."""
    middle_x, middle_y = left + raster.columns // 2, top + raster.rows // 2
    font = _font(_SIZE + 3)
    draw.text((left - _GAP, middle_y), letters(-raster.right), palette.INK, font, anchor="rm")
    draw.text((left + raster.columns + _GAP, middle_y), letters(raster.right), palette.INK, font, anchor="lm")
    draw.text((middle_x, top - _GAP), letters(-raster.down), palette.INK, font, anchor="md")
    draw.text((middle_x, top + raster.rows + _GAP), letters(raster.down), palette.INK, font, anchor="ma")


def _scale_bar(draw: ImageDraw.ImageDraw, raster: Raster, left: int, top: int) -> None:
    length = round_length_mm(max(raster.columns * raster.pixel_mm / 3, 1.0))
    end = left + round(length / raster.pixel_mm)
    middle = top + _LINE // 2
    draw.rectangle((left, middle - 2, end, middle + 1), fill=palette.INK)
    for x in (left, end):
        draw.line((x, middle - 6, x, middle + 5), fill=palette.INK, width=2)
    words = f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm"
    draw.text((end + _GAP, middle), words, palette.INK, _font(), anchor="lm")


def _broken(text: str, width: int) -> list[str]:
    """Lines of a text that fit in ``width`` pixels, broken between words."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if _font().getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _width(item: Item) -> int:
    mark = _SWATCH if item.color else _RAMP_WIDTH
    return mark + 6 + math.ceil(_font().getlength(item.words)) + 2 * _GAP


def _rows_of(legend: Sequence[Item], width: int) -> list[list[Item]]:
    rows: list[list[Item]] = []
    room = 0
    for item in legend:
        if _width(item) > room or not rows:
            rows.append([])
            room = width
        rows[-1].append(item)
        room -= _width(item)
    return rows


def _legend(draw: ImageDraw.ImageDraw, items: Sequence[Item], top: int) -> None:
    x = _GAP
    for item in items:
        start = x
        if item.color:
            draw.rectangle((x, top + 2, x + _SWATCH, top + 2 + _SWATCH), fill=item.color, outline=palette.INK)
            start += _SWATCH
        else:
            _ramp(draw, x, top + 2)
            start += _RAMP_WIDTH
        draw.text((start + 6, top), item.words, palette.INK, _font())
        x += _width(item)


def _ramp(draw: ImageDraw.ImageDraw, left: int, top: int) -> None:
    """The heat map's colors over mid-gray, as they look on an image."""
    colors, opacity = palette.heat(np.linspace(0, 1, _RAMP_WIDTH, dtype=np.float32))
    shades = 128 + opacity[:, None] * (colors - 128)
    for i, (red, green, blue) in enumerate(np.round(shades).astype(int).tolist()):
        draw.line((left + i, top, left + i, top + _SWATCH), fill=(red, green, blue))
