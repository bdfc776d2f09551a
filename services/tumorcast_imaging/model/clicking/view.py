"""What the network sees of a field: a cube of fixed voxels and any width, with the seed marked in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.model.clicking.field import SPACING_MM, Field

if TYPE_CHECKING:
    import torch

VOXELS = 48
MODALITIES: tuple[Literal["PT", "CT", "MR"], ...] = ("PT", "CT", "MR")
CHANNELS = 5 + len(MODALITIES)
"""Intensity; the same less that at the seed, and less the maximum near it; seed; distance; which modality."""
_SEED_SIGMA_MM = 10.0
_DISTANCE_UNIT_MM = 100.0
_AT_SEED_MM = 5.0
_NEAR_SEED_MM = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A cube of ``width_mm`` about ``center_mm``, with a click at ``seed_mm`` (both places of a field, in mm).

    ``axes`` (3, 3) turns and mirrors it: column a is the direction of the cube's axis a along the field's (k, j, i).
    """

    center_mm: NDArray[np.float64]
    seed_mm: NDArray[np.float64]
    width_mm: float
    axes: NDArray[np.float64]

    @classmethod
    def straight(cls, center_mm: NDArray[np.float64], seed_mm: NDArray[np.float64], width_mm: float) -> View:
        """A cube along the field's own axes."""
        return cls(np.asarray(center_mm, float), np.asarray(seed_mm, float), float(width_mm), np.eye(3))

    @property
    def step_mm(self) -> float:
        """From voxel to voxel."""
        return self.width_mm / VOXELS

    def places(self) -> torch.Tensor:
        """(N, N, N, 3): where the voxels lie in the field, in mm."""
        import torch

        line = torch.arange(VOXELS, dtype=torch.float32) - (VOXELS - 1) / 2
        cube = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), dim=-1) * self.step_mm
        axes = torch.as_tensor(self.axes.T.copy(), dtype=torch.float32)
        return cube @ axes + torch.as_tensor(self.center_mm, dtype=torch.float32)

    def of(self, array: torch.Tensor) -> torch.Tensor:
        """An array on a field's voxels, (..., K, J, I) → (..., N, N, N), trilinearly; 0 beyond it.

        Cubes of coarse steps see means of 2³ voxels.
        """
        import torch
        from torch.nn import functional

        places, spacing_mm = self.places(), SPACING_MM
        source = array.reshape(1, -1, *array.shape[-3:]).float()
        if self.step_mm >= 2 * spacing_mm and min(array.shape[-3:]) >= 2:
            source = functional.avg_pool3d(source, 2)
            places, spacing_mm = places - spacing_mm / 2, 2 * spacing_mm
        size = torch.tensor(source.shape[2:], dtype=torch.float32)
        grid = (2 * places / spacing_mm + 1) / size - 1
        sampled = functional.grid_sample(source, grid.flip(-1)[None], padding_mode="zeros", align_corners=False)
        return sampled.reshape(*array.shape[:-3], *sampled.shape[-3:])


def network_input(array: torch.Tensor, dicom_modality: str, view: View) -> torch.Tensor:
    """(CHANNELS, N, N, N) float32: everything that the network is told about one click."""
    return channels(view.of(array), references(array, view.seed_mm), dicom_modality, view)


def channels(image: torch.Tensor, at_and_near: tuple[float, float], dicom_modality: str, view: View) -> torch.Tensor:
    """The input of an image (N, N, N) that a view gave, and of its field's ``references``."""
    import torch

    squared = ((view.places() - torch.as_tensor(view.seed_mm, dtype=torch.float32)) ** 2).sum(-1)
    kinds = [torch.full_like(image, float(dicom_modality == name)) for name in MODALITIES]
    seed = torch.exp(-squared / (2 * _SEED_SIGMA_MM**2))
    at, near = at_and_near
    return torch.stack([image, image - at, image - near, seed, squared.sqrt() / _DISTANCE_UNIT_MM, *kinds])


def references(array: torch.Tensor, seed_mm: NDArray[np.float64]) -> tuple[float, float]:
    """The mean intensity at the seed (5 mm), and the greatest near it (30 mm); 0 where there is nothing."""
    near = _ball(array, seed_mm, _NEAR_SEED_MM)
    at = _ball(array, seed_mm, _AT_SEED_MM)
    return float(at.mean()) if at.numel() else 0.0, float(near.max()) if near.numel() else 0.0


def _ball(array: torch.Tensor, seed_mm: NDArray[np.float64], radius_mm: float) -> torch.Tensor:
    import torch

    first = np.clip(np.floor((seed_mm - radius_mm) / SPACING_MM), 0, np.array(array.shape) - 1).astype(int)
    last = np.clip(np.ceil((seed_mm + radius_mm) / SPACING_MM) + 1, 1, np.array(array.shape)).astype(int)
    part = array[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    lines = [
        (torch.arange(a, b, dtype=torch.float32) * SPACING_MM - float(c)) ** 2
        for a, b, c in zip(first, last, seed_mm, strict=True)
    ]
    squared = lines[0][:, None, None] + lines[1][:, None] + lines[2]
    return part[squared <= radius_mm**2].float()


def tensor_of(field: Field) -> torch.Tensor:
    """The field's array for the network."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(field.array))
