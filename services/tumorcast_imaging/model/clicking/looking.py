"""Look at a click with the network at several widths, and let them vote.

Narrow views see borders well and the ends of a large lesion not at all; wide ones the other way round. Each view is
seen four times, mirrored; a voxel's probability is the mean over the views that hold it. A lesion that meets the edge
of the widest is looked at from farther away still.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.dicom.reasons import issue
from tumorcast_imaging.model.clicking.field import SPACING_MM, Field, field_in, frame_around
from tumorcast_imaging.model.clicking.network import ClickNetwork
from tumorcast_imaging.model.clicking.segmenting import Seen
from tumorcast_imaging.model.clicking.view import VOXELS, View, network_input, tensor_of
from tumorcast_imaging.model.mask import Box, bounding_box

WIDTHS_MM = (110.0, 160.0, 230.0, 330.0)
WIDEST_MM = 430.0
_WORTH_A_LOOK = 0.1
_MARGIN_MM = 8.0
_FLIP = np.fliplr(np.eye(3))
Cube = NDArray[np.float32]


class LookingSegmenter:
    """The click network as a ``Segmenter``."""

    def __init__(self, network: ClickNetwork) -> None:
        self.network = network
        self._last: tuple[Volume, Field] | None = None

    @property
    def name(self) -> str:
        """``name@digest/precision``, as an encoder's embedding space."""
        manifest = self.network.manifest
        return f"{manifest.name}@{manifest.weights_sha256[:12]}/{self.network.precision}"

    @property
    def version(self) -> str:
        """That of the manifest."""
        return self.network.manifest.version

    def see(self, volume: Volume, seed_lps_mm: NDArray[np.float64]) -> Seen:
        """Probability on the volume's voxels around the seed."""
        field = self._field(volume, seed_lps_mm)
        seed = field.place(seed_lps_mm)
        looks = [self._look(field, seed, width) for width in WIDTHS_MM]
        issues = []
        if _meets_edge(looks[-1][1] >= 0.5, field, looks[-1][0]):
            looks.append(self._look(field, seed, WIDEST_MM))
            if _meets_edge(looks[-1][1] >= 0.5, field, looks[-1][0]):
                issues.append(issue("LESION_WIDER_THAN_VIEW", volume.series_instance_uid))
        box = _box_worth_a_look(looks, seed, field, volume)
        widths = tuple(view.width_mm for view, _ in looks)
        return Seen(_vote(looks, field, volume, box), box, widths, tuple(issues))

    def _field(self, volume: Volume, seed_lps_mm: NDArray[np.float64]) -> Field:
        """The field around a seed; the last one is kept, for a reader clicks in one series again and again."""
        origin, size = frame_around(volume, seed_lps_mm)
        if self._last is not None and self._last[0] is volume:
            field = self._last[1]
            if field.array.shape == size and np.array_equal(field.origin_lps, origin):
                return field
        field = field_in(volume, origin, size)
        self._last = volume, field
        return field

    def _look(self, field: Field, seed: NDArray[np.float64], width_mm: float) -> tuple[View, Cube]:
        """The view of that width about the seed, and the mean probability in it over its mirror images."""
        import torch

        view = View.straight(seed, seed, width_mm)
        array = tensor_of(field)
        inputs = []
        for axis in (None, 0, 1, 2):
            signs = np.ones(3)
            if axis is not None:
                signs[axis] = -1
            mirrored = View(view.center_mm, view.seed_mm, view.width_mm, np.diag(signs))
            inputs.append(network_input(array, field.dicom_modality, mirrored))
        cubes = self.network.probability(torch.stack(inputs)).numpy()
        back = [cubes[0], *(np.flip(cubes[axis + 1], axis) for axis in range(3))]
        mean: Cube = np.mean(back, axis=0, dtype=np.float32)
        return view, mean


Looks = Sequence[tuple[View, Cube]]


def _meets_edge(part: NDArray[np.bool_], field: Field, view: View) -> bool:
    """Whether a mask meets a face of its view beyond which the series goes on."""
    half = view.width_mm / 2
    size = (np.array(field.array.shape) - 1) * SPACING_MM
    for axis in range(3):
        low_goes_on = view.center_mm[axis] - half > 0
        high_goes_on = view.center_mm[axis] + half < size[axis]
        if (low_goes_on and part.take(0, axis=axis).any()) or (high_goes_on and part.take(-1, axis=axis).any()):
            return True
    return False


def _box_worth_a_look(looks: Looks, seed: NDArray[np.float64], field: Field, volume: Volume) -> Box:
    """The voxels of the volume near any place where some view is not sure that there is no lesion."""
    low, high = seed - _MARGIN_MM, seed + _MARGIN_MM
    for view, cube in looks:
        worth = cube >= _WORTH_A_LOOK
        if worth.any():
            ends = np.array([[s.start - 0.5, s.stop - 0.5] for s in bounding_box(worth)])
            places = view.center_mm[:, None] + (ends - (VOXELS - 1) / 2) * view.step_mm
            low, high = np.minimum(low, places[:, 0] - _MARGIN_MM), np.maximum(high, places[:, 1] + _MARGIN_MM)
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1)
    points = field.origin_lps[:, None] + _FLIP @ corners
    index = np.linalg.solve(volume.affine_lps[:3, :3], points - volume.affine_lps[:3, 3:])
    shape = np.array(volume.array.shape)
    first = np.clip(np.floor(index.min(axis=1)), 0, shape - 1).astype(int)
    last = np.clip(np.ceil(index.max(axis=1)) + 1, first + 1, shape).astype(int)
    a, b, c = (slice(int(x), int(y)) for x, y in zip(first, last, strict=True))
    return a, b, c


def _vote(looks: Looks, field: Field, volume: Volume, box: Box) -> NDArray[np.float32]:
    """The mean probability, on the voxels of a box, over the views that hold each; 0 where none does."""
    shape = tuple(s.stop - s.start for s in box)
    start = np.array([s.start for s in box])
    total, views = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for view, cube in looks:
        matrix = _FLIP @ volume.affine_lps[:3, :3] / view.step_mm
        first = (_FLIP @ (volume.affine_lps[:3, 3] - field.origin_lps) - view.center_mm) / view.step_mm
        offset = first + (VOXELS - 1) / 2 + matrix @ start
        inside = _inside(matrix, offset, shape)
        probability = ndimage.affine_transform(cube, matrix, offset, output_shape=shape, order=1, mode="nearest")
        total += np.where(inside, probability, 0)
        views += inside
    return np.asarray(total / np.maximum(views, 1), np.float32)


def _inside(matrix: NDArray[np.float64], offset: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which voxels a cube holds."""
    grids = np.ogrid[tuple(slice(0, n) for n in shape)]
    inside = np.ones(shape, bool)
    for axis in range(3):
        index = sum(matrix[axis, k] * grids[k] for k in range(3)) + offset[axis]
        inside &= (index >= -0.5) & (index <= VOXELS - 0.5)
    return inside
