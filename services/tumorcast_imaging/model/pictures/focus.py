"""Which plane to look at: a slice by its number, or where most of a lesion is seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.pictures.raster import PlaneName, Points, axis_across, directions, facing


def middle(volume: Volume) -> Points:
    """The point in the middle of the middle voxel, in LPS millimeters."""
    return _point(volume, [(n - 1) // 2 for n in volume.array.shape])


def at_slice(volume: Volume, plane: PlaneName, index: int) -> Points:
    """The point with that index (from 0) on the volume's axis across the plane, in the middle of the other two.

    Where the scanner's axes are the patient's, the plane through it is that very layer of voxels. Raises
    ``InvalidInput`` if there is no such layer.
    """
    axis = across(volume, plane)
    if not 0 <= index < volume.array.shape[axis]:
        raise InvalidInput(f"Slices of that plane are numbered 0 to {volume.array.shape[axis] - 1}.")
    where = [(n - 1) / 2 for n in volume.array.shape]
    where[axis] = index
    return _point(volume, where)


def through(volume: Volume, mask: NDArray[np.bool_], plane: PlaneName) -> Points:
    """The middle of a mask in that one of the layers along the plane which holds most of it.

    The mask (on the volume's voxels) must not be empty; of equal layers the first along the normal counts.
    """
    index = np.argwhere(mask)
    if not len(index):
        raise InvalidInput("A plane through an empty mask was asked for.")
    normal = _normal(volume, plane)
    points = index @ volume.affine_lps[:3, :3].T + volume.affine_lps[:3, 3]
    axis = axis_across(volume, normal)
    step = abs(float(normal @ volume.affine_lps[:3, axis]))
    base = float(normal @ _point(volume, _start(volume, axis)))
    layers = np.round((points @ normal - base) / step).astype(int)
    numbers, counts = np.unique(layers, return_counts=True)
    layer = int(numbers[counts.argmax()])
    center = points[layers == layer].mean(axis=0)
    return np.asarray(center + (base + layer * step - center @ normal) * normal)


def across(volume: Volume, plane: PlaneName) -> int:
    """The axis of the volume (slice 0, row 1, column 2) that runs nearest to the plane's normal."""
    return axis_across(volume, _normal(volume, plane))


def layer_of(volume: Volume, plane: PlaneName, point_mm: Points) -> float:
    """The index of a point on the volume's axis across the plane; whole where a layer of voxels is met exactly."""
    to_index = np.linalg.inv(volume.affine_lps)
    index = to_index[:3, :3] @ point_mm + to_index[:3, 3]
    return round(float(index[across(volume, plane)]), 3)


def _start(volume: Volume, axis: int) -> list[float]:
    """Index of the middle of the first layer along an axis."""
    where = [(n - 1) / 2 for n in volume.array.shape]
    where[axis] = 0.0
    return where


def _normal(volume: Volume, plane: PlaneName) -> Points:
    return facing(np.cross(*directions(volume, plane)))


def _point(volume: Volume, index: list[float] | list[int]) -> Points:
    return np.asarray(volume.affine_lps[:3, :3] @ np.array(index, float) + volume.affine_lps[:3, 3])
