"""The body in a PET: where it lies, and how places in it are told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import Volume

_SKIN_SUV = 0.15
_WHOLE_BODY_MM = 700.0
_HEAD_WIDTH_MM = 220.0
_TOP_MM = 120.0


@dataclass(frozen=True, slots=True)
class Body:
    """The extent of the body in LPS millimeters, and whether so much of it was scanned that anatomy can be told.

    ``with_head`` says that the series ends above in something as narrow as a head.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    whole: bool
    with_head: bool

    @property
    def middle_x(self) -> float:
        """The midline."""
        return (self.low[0] + self.high[0]) / 2

    def beside_mm(self, point_lps: NDArray[np.float64]) -> float:
        """How far a point lies to the left of the midline."""
        return float(point_lps[0]) - self.middle_x

    def below_top_mm(self, point_lps: NDArray[np.float64]) -> float:
        """How far a point lies below the upper end of the body."""
        return self.high[2] - float(point_lps[2])


def body_of(volume: Volume) -> Body:
    """The largest connected part above SUV 0.15, looked at on every second voxel."""
    coarse = volume.array[::2, ::2, ::2]
    labels, number = ndimage.label(ndimage.binary_opening(coarse > _SKIN_SUV))
    if not number:
        return Body((0.0,) * 3, (0.0,) * 3, False, False)
    largest = labels == 1 + int(np.bincount(labels.ravel())[1:].argmax())
    points = volume.affine_lps[:3, :3] @ (2.0 * np.argwhere(largest).T) + volume.affine_lps[:3, 3:]
    low, high = points.min(axis=1), points.max(axis=1)
    top = points[:, points[2] > high[2] - _TOP_MM]
    narrow = float(np.ptp(np.percentile(top[0], [1, 99]))) < _HEAD_WIDTH_MM
    whole = bool(high[2] - low[2] >= _WHOLE_BODY_MM)
    return Body(_three(low), _three(high), whole, bool(whole and narrow))


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
