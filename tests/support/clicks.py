"""Volumes of balls whose place and size are known, and networks whose answer is known, for the tests of clicks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.clicking.network import SegmenterManifest

UNITS = {"PT": "SUVbw", "CT": "HU", "MR": "arbitrary"}
TISSUE = {"PT": (1.0, 8.0), "CT": (-80.0, 90.0), "MR": (200.0, 900.0)}
"""What lies around the ball, and in it."""
OBLIQUE = np.array([[0.8, -0.36, 0.48], [0.6, 0.48, -0.64], [0.0, 0.8, 0.6]])
"""A rotation; its columns are the directions of slices, rows and columns."""


def affine(spacing: tuple[float, float, float], axes: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    turned = np.fliplr(np.eye(3)) if axes is None else axes
    matrix = np.eye(4)
    matrix[:3, :3] = turned * np.array(spacing)
    matrix[:3, 3] = [-31.0, 17.0, -204.0]
    return matrix


def ball(
    kind: str = "PT",
    shape: tuple[int, int, int] = (40, 44, 48),
    spacing: tuple[float, float, float] = (3.0, 3.0, 3.0),
    radius_mm: float = 20.0,
    index: tuple[float, float, float] | None = None,
    axes: NDArray[np.float64] | None = None,
) -> tuple[Volume, NDArray[np.bool_], NDArray[np.float64]]:
    """A volume with a ball in even tissue, the ball's mask, and its center in LPS mm."""
    at = np.array(index if index is not None else [(n - 1) / 2 for n in shape])
    offset = (np.indices(shape).T - at) * np.array(spacing)
    mask = radius_mm**2 >= (offset**2).sum(axis=-1).T
    outside, inside = TISSUE[kind]
    matrix = affine(spacing, axes)
    array = np.where(mask, inside, outside).astype(np.float32)
    volume = Volume(array, matrix, spacing, UNITS[kind], kind, "1.2.3", "1.2", "1.9", "", "2026-03-04", ())
    return volume, mask, (matrix @ [*at, 1])[:3]


_HALF_WAY = (float(np.arcsinh(8 / 2.5) - np.arcsinh(4.5 / 2.5)), 85 / 500, 350 / 900)
"""Half of the step from tissue to ball on the network's scale, for PET, CT and MR."""


class Bright:
    """In place of a trained network: lesion is what is nearer to the voxel at the click than to the tissue around."""

    manifest = SegmenterManifest(name="bright", version="0", training_data="none", weights_sha256="ab" * 32)
    precision = "float32"

    def probability(self, inputs: torch.Tensor) -> torch.Tensor:
        half = (inputs[:, 5:] * torch.tensor(_HALF_WAY).reshape(1, 3, 1, 1, 1)).sum(1)
        return torch.sigmoid(20 / half * (inputs[:, 1] + half))


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))
