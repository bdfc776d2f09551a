"""Colors that people with any common color blindness tell apart, on gray images and on paper.

Regions and axes: the palette of Okabe and Ito (Color Universal Design, 2008), cool ones first. Saliency: one ramp
whose lightness only rises, dark red to light yellow, transparent where there is little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]

INK: Color = (20, 20, 20)
PAPER: Color = (255, 255, 255)
BEYOND: Color = (214, 214, 222)
"""Outside the volume: nothing was scanned there."""
REGIONS: tuple[Color, ...] = (
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (0, 114, 178),
    (213, 94, 0),
)
LONG_AXIS: Color = (240, 228, 66)
SHORT_AXIS: Color = (213, 94, 0)
_RAMP = np.array([(120, 10, 40), (213, 60, 0), (250, 150, 20), (255, 235, 120)], float)
_FAINT, _STRONG = 0.15, 0.6
"""Shares of the highest saliency at which the overlay begins and from which on it is at its most opaque."""
OPACITY = 0.62


def region_color(number: int) -> Color:
    """The color of the region of that number, from 1; the palette repeats."""
    return REGIONS[(number - 1) % len(REGIONS)]


def heat(share: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Colors (…, 3) and opacity (…,) of saliency as shares of its highest value."""
    known = np.nan_to_num(np.clip(share.astype(float), 0, 1))
    place = known * (len(_RAMP) - 1)
    colors = np.stack([np.interp(place, range(len(_RAMP)), _RAMP[:, c]) for c in range(3)], axis=-1)
    return colors, OPACITY * np.clip((known - _FAINT) / (_STRONG - _FAINT), 0, 1)
