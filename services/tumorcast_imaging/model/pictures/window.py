"""Which values are black and which are white."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.dicom import Volume


@dataclass(frozen=True, slots=True)
class Window:
    """Gray rises linearly over ``width`` around ``level`` (PS3.3 C.11.2.1.3.2, LINEAR_EXACT); falls if ``inverted``."""

    level: float
    width: float
    inverted: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.level) and math.isfinite(self.width) and self.width > 0):
            raise InvalidInput("A window has a finite level and a width above zero.")

    def gray(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Gray levels 0–255.

        >>> Window(40, 400).gray(np.array([-160, 40, 240, 1000], np.float32)).tolist()
        [0, 128, 255, 255]
        """
        share = np.clip((values.astype(float) - (self.level - self.width / 2)) / self.width, 0, 1)
        share = np.nan_to_num(1 - share if self.inverted else share)
        return np.floor(share * 255 + 0.5).astype(np.uint8)


CT_WINDOWS = {
    "soft-tissue": Window(40, 400),
    "lung": Window(-600, 1500),
    "bone": Window(400, 1800),
    "liver": Window(60, 160),
}
"""In HU; the levels and widths that teaching files of CT give."""
SUV = Window(5, 10, inverted=True)
"""0–10 SUVbw, hot is black."""
PERCENTILES = (1.0, 99.0)
PRESETS = (*CT_WINDOWS, "suv", "percentile")


def window_for(volume: Volume, wanted: str = "") -> Window:
    """A window by name, as ``LEVEL,WIDTH``, or the usual one: soft tissue in HU, 0–10 in SUV, else percentiles.

    Percentiles are those of the voxels above the volume's least value, which in MR is what masks leave. Raises
    ``InvalidInput`` if there is no such window or it is for another unit.
    """
    name = wanted or {"HU": "soft-tissue", "SUVbw": "suv"}.get(volume.unit, "percentile")
    if name in CT_WINDOWS:
        _only_for(volume, "HU")
        return CT_WINDOWS[name]
    if name == "suv":
        _only_for(volume, "SUVbw")
        return SUV
    return _percentiles(volume.array) if name == "percentile" else _parsed(name)


def _only_for(volume: Volume, unit: str) -> None:
    if volume.unit != unit:
        raise InvalidInput(f"That window is for images in {unit}.")


def _percentiles(array: NDArray[np.float32]) -> Window:
    values = array[np.isfinite(array)]
    shown = values[values > values.min()] if values.size else values
    if not shown.size:
        return Window(float(values[0]) if values.size else 0.0, 1.0)
    low, high = np.percentile(shown, PERCENTILES)
    return Window(float(low + high) / 2, max(float(high - low), 1e-6))


def _parsed(text: str) -> Window:
    try:
        level, width = map(float, text.split(","))
    except ValueError as e:
        raise InvalidInput(f"A window is LEVEL,WIDTH or one of {', '.join(PRESETS)}.") from e
    return Window(level, width)
