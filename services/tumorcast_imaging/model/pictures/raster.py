"""Where the pixels of a picture lie in the patient: square pixels on an anatomical plane, whatever the scanner's grid.

Radiological convention: the patient's left is on the right of axial and coronal pictures, anterior is above on axial
and on the left of sagittal ones, superior is above on coronal and sagittal ones (LPS, PS3.3 C.7.6.2.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.dicom import Volume

Points = NDArray[np.float64]
PlaneName = Literal["axial", "coronal", "sagittal", "acquired"]
PLANES: tuple[PlaneName, ...] = get_args(PlaneName)
INTERPOLATION = "linear"
"""Of the image and of masks, between voxel centers; the value of a mask is its occupancy, shown from one half on."""
LONGEST_PIXELS = 4096
_TOWARD = {
    "axial": ((1.0, 0, 0), (0, 1.0, 0)),
    "coronal": ((1.0, 0, 0), (0, 0, -1.0)),
    "sagittal": ((0, 1.0, 0), (0, 0, -1.0)),
}
_LETTERS = ("RL", "AP", "IS")
_LEAST_COSINE = 0.17
"""A letter is told from 10° on."""


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """Rows × columns of square pixels in space; ``origin_mm`` is the center of the first one, in LPS."""

    plane: PlaneName
    origin_mm: Points
    right: Points
    down: Points
    pixel_mm: float
    rows: int
    columns: int

    @property
    def normal(self) -> Points:
        """Unit vector out of the picture, toward increasing S for axial, P for coronal, L for sagittal planes."""
        return facing(np.cross(self.right, self.down))

    @property
    def position_mm(self) -> float:
        """Where the plane crosses its normal, in LPS."""
        return float(self.origin_mm @ self.normal)

    def points(self, rows: Points, columns: Points) -> Points:
        """LPS millimeters of pixels: (…,) and (…,) → (…, 3)."""
        return np.asarray(
            self.origin_mm + self.pixel_mm * (rows[..., None] * self.down + columns[..., None] * self.right)
        )

    def pixel(self, point_mm: Sequence[float] | Points) -> tuple[float, float]:
        """Row and column of a point, projected onto the plane."""
        away = (np.asarray(point_mm, float) - self.origin_mm) / self.pixel_mm
        return float(away @ self.down), float(away @ self.right)

    def distance_mm(self, point_mm: Sequence[float] | Points) -> float:
        """How far a point lies off the plane."""
        return abs(float((np.asarray(point_mm, float) - self.origin_mm) @ self.normal))

    def finer(self, factor: int) -> Raster:
        """The same area with ``factor`` times as many pixels each way."""
        step = self.pixel_mm / factor
        origin = self.origin_mm - (self.pixel_mm - step) / 2 * (self.right + self.down)
        return Raster(self.plane, origin, self.right, self.down, step, self.rows * factor, self.columns * factor)

    def sample(self, array: NDArray[np.float32], affine_lps: Points) -> NDArray[np.float32]:
        """Values of a volume at the pixels by linear interpolation; NaN outside its voxels."""
        to_index = np.linalg.inv(affine_lps)
        start = to_index[:3, :3] @ self.origin_mm + to_index[:3, 3]
        steps = to_index[:3, :3] @ np.stack([self.down, self.right], axis=1) * self.pixel_mm
        grid = np.indices((self.rows, self.columns), dtype=float)
        index = np.tensordot(steps, grid, axes=1) + start[:, None, None]
        last = np.array(array.shape)[:, None, None] - 1
        outside = ((index < -0.5 - _EDGE) | (index > last + 0.5 + _EDGE)).any(axis=0)
        values = ndimage.map_coordinates(array, index, np.float32, order=1, mode="nearest")
        out: NDArray[np.float32] = np.where(outside, np.float32(np.nan), values)
        return out


_EDGE = 1e-6


def directions(volume: Volume, plane: PlaneName) -> tuple[Points, Points]:
    """Unit vectors to the right and down in LPS; ``acquired`` is the plane of the scanner's slices as stored."""
    if plane in _TOWARD:
        toward_right, toward_down = _TOWARD[plane]
        return np.array(toward_right), np.array(toward_down)
    if plane != "acquired":
        raise InvalidInput(f"A plane is one of {', '.join(PLANES)}.")
    along_row, down_column = volume.affine_lps[:3, 2], volume.affine_lps[:3, 1]
    right: Points = along_row / np.linalg.norm(along_row)
    down: Points = down_column - (down_column @ right) * right
    return right, down / np.linalg.norm(down)


def letters(direction: Points) -> str:
    """Where a direction points in the patient, strongest first, as PS3.3 C.7.6.1.1.1 writes it.

    >>> letters(np.array([1.0, 0, 0])), letters(np.array([0.6, 0, -0.8]))
    ('L', 'IL')
    """
    order = np.argsort(-np.abs(direction), kind="stable")
    return "".join(_LETTERS[i][int(direction[i] > 0)] for i in order if abs(direction[i]) > _LEAST_COSINE)


def facing(normal: Points) -> Points:
    """The normal or its opposite, whichever has its strongest component toward L, P or S."""
    strongest = int(np.abs(normal).argmax())
    return normal if normal[strongest] > 0 else -normal


def axis_across(volume: Volume, normal: Points) -> int:
    """The axis of the volume (slice, row, column) that runs nearest to ``normal``."""
    axes = volume.affine_lps[:3, :3]
    return int(np.abs(normal @ (axes / np.linalg.norm(axes, axis=0))).argmax())


def lay(
    volume: Volume,
    plane: PlaneName,
    through_mm: Points,
    *,
    field_mm: float = 0.0,
    pixel_mm: float = 0.0,
    pixels: int = 768,
) -> Raster:
    """Pixels on ``plane`` through a point: over the whole volume, or a square of ``field_mm`` around the point.

    The longer side has ``pixels`` pixels unless ``pixel_mm`` is given.
    """
    right, down = directions(volume, plane)
    normal = facing(np.cross(right, down))
    low, high = _extent(volume, right, down)
    if field_mm > 0:
        middle = np.array([through_mm @ right, through_mm @ down])
        low, high = middle - field_mm / 2, middle + field_mm / 2
    step = pixel_mm or float((high - low).max()) / pixels
    columns, rows = np.maximum(np.round((high - low) / step).astype(int), 1)
    if max(rows, columns) > LONGEST_PIXELS:
        raise InvalidInput(f"A picture has at most {LONGEST_PIXELS} pixels a side.")
    first = (low + high) / 2 - np.array([columns - 1, rows - 1]) / 2 * step
    origin = first[0] * right + first[1] * down + (through_mm @ normal) * normal
    return Raster(plane, origin, right, down, step, int(rows), int(columns))


def _extent(volume: Volume, right: Points, down: Points) -> tuple[Points, Points]:
    """Least and greatest coordinate of the volume's voxels, to their edges, along both directions."""
    edges = np.array([(-0.5, n - 0.5) for n in volume.array.shape])
    corners = np.array(np.meshgrid(*edges)).reshape(3, -1)
    points = volume.affine_lps[:3, :3] @ corners + volume.affine_lps[:3, 3:]
    along = np.stack([right, down]) @ points
    return along.min(axis=1), along.max(axis=1)
