"""What of the patient and of the lesion lies in the volume, and how finely it is sampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.quality.body import Mask

_UPRIGHT = 0.7
"""Cosine to the patient's long axis above which a face is an upper or lower end, which always cuts the body."""
_SAME = 1e-6


@dataclass(frozen=True, slots=True)
class Plateau:
    """Voxels at the greatest value: how many of them hang together, and that value."""

    voxels: int
    value: float


def cut_share(volume: Volume, body: Mask) -> float | None:
    """Percent of the sides of the field of view that ``body`` (any grid over the volume) reaches."""
    circle = _circle(volume.array, body.shape)
    if circle is not None:
        return 100 * float(body[circle].mean())
    touched = total = 0.0
    normals = np.abs(volume.affine_lps[2, :3]) / np.array(volume.spacing_mm)
    step_mm = [n * mm / count for n, mm, count in zip(volume.array.shape, volume.spacing_mm, body.shape, strict=True)]
    for axis in range(3):
        if normals[axis] > _UPRIGHT or body.shape[axis] < 2:
            continue
        area = float(np.prod([mm for other, mm in enumerate(step_mm) if other != axis]))
        for face in (np.take(body, 0, axis), np.take(body, -1, axis)):
            touched += area * np.count_nonzero(face)
            total += area * face.size
    return float(100 * touched / total) if total else None


def _circle(array: NDArray[np.float32], shape: tuple[int, ...]) -> Mask | None:
    """The rim of a circular field of view, on a grid of ``shape``; ``None`` where the corners are not filled up."""
    rows, columns = array.shape[1:]
    if min(rows, columns) < 16:
        return None
    radius = _radius(rows, columns)
    filled = array[:, radius > 1.02]
    if not filled.size or filled.max() - filled.min() > _SAME or array.min() < filled.min() - _SAME:
        return None
    rim = _radius(*shape[1:])
    width = 2 / min(shape[1:])
    found: Mask = np.broadcast_to((rim < 1 - width / 2) & (rim > 1 - 1.5 * width), shape)
    return found


def _radius(rows: int, columns: int) -> NDArray[np.float64]:
    """Distance from the center of a slice, 1 at the middle of its shorter sides."""
    down, across = np.indices((rows, columns)) + 0.5
    radius: NDArray[np.float64] = np.hypot(down - rows / 2, across - columns / 2) * 2 / min(rows, columns)
    return radius


def plateau(array: NDArray[np.float32]) -> Plateau:
    """The largest connected set of voxels at the greatest value; none in a constant volume."""
    greatest = float(array.max())
    if greatest == float(array.min()):
        return Plateau(0, greatest)
    top = array >= greatest - _SAME * abs(greatest)
    labels, count = ndimage.label(top, np.ones((3, 3, 3)))
    return Plateau(int(np.bincount(labels.ravel())[1:].max()) if count else 0, greatest)


def margin_mm(mask: Mask, spacing_mm: tuple[float, float, float]) -> float:
    """Smallest distance of a mask (not empty) to a face of its volume; an axis of one voxel has no faces to reach."""
    margins = []
    for axis, (size, mm) in enumerate(zip(mask.shape, spacing_mm, strict=True)):
        if size > 1:
            occupied = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
            margins.append(min(int(occupied[0]), size - 1 - int(occupied[-1])) * mm)
    return min(margins, default=0.0)
