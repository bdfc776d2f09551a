"""Random views of the training cases: other clicks, turns, widths, edges and scanners each time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tumorcast_imaging.model.clicking.field import SPACING_MM
from tumorcast_imaging.model.clicking.view import MODALITIES, VOXELS, View, channels, references
from tumorcast_training.segmentation.cases import TrainingCase

_EACH = 2
_TURN_DEGREES = 12.0
_WIDTHS_MM = (90.0, 360.0)
_LEAST_OF_LESION, _MOST_OF_LESION = 0.6, 5.0
_RECENTERED = 0.5
_EDGE_SHARE = 0.7
_EDGE_MM = (4.0, 60.0)


def batch(cases: Sequence[TrainingCase], rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """(6, CHANNELS, N, N, N) inputs and (6, 1, N, N, N) occupancies: two series of each modality."""
    drawn = []
    for name in MODALITIES:
        of_kind = [case for case in cases if case.dicom_modality == name]
        drawn += [sample(of_kind[int(rng.integers(len(of_kind)))], rng) for _ in range(_EACH)]
    inputs = torch.stack([x for x, _ in drawn]).contiguous(memory_format=torch.channels_last_3d)
    return inputs, torch.stack([y for _, y in drawn])[:, None]


def sample(case: TrainingCase, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One view of one case, its scanner and position changed at random."""
    array, occupancy, shift = _cut_edges(case, rng)
    seed = case.seeds[int(rng.integers(len(case.seeds)))] + rng.uniform(-2, 2, 3) - shift
    view = _view(case.box - shift, seed, rng)
    image, truth = view.of(torch.stack([array, occupancy]))
    at, near = references(array, view.seed_mm)
    image, (at, near) = _other_scanner(image, (at, near), case.dicom_modality, rng)
    inputs = channels(image, (at, near), case.dicom_modality, view)
    inputs[4] *= float(np.exp(rng.uniform(np.log(0.7), np.log(1.4))))  # tumors of other sizes
    return inputs, truth.clamp(0, 1)


def _cut_edges(case: TrainingCase, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, NDArray[np.float64]]:
    """Cut the series at random distances from the lesion, so that its own edge (5 cm off) tells nothing."""
    if rng.random() > _EDGE_SHARE:
        return case.array, case.occupancy, np.zeros(3)
    size = np.array(case.array.shape)
    first = np.maximum(np.floor((case.box[0] - rng.uniform(*_EDGE_MM, 3)) / SPACING_MM), 0).astype(int)
    last = np.minimum(np.ceil((case.box[1] + rng.uniform(*_EDGE_MM, 3)) / SPACING_MM) + 1, size).astype(int)
    part = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    return case.array[part], case.occupancy[part], first * SPACING_MM


def _view(box: NDArray[np.float64], seed: NDArray[np.float64], rng: np.random.Generator) -> View:
    """Any width about the click or on the way to the lesion's middle, turned and mirrored.

    The width hardly depends on the lesion's size: a view that always fits it would tell its size.
    """
    longest = float((box[1] - box[0]).max()) + SPACING_MM
    width = float(np.exp(rng.uniform(*np.log(_WIDTHS_MM))))
    width = float(np.clip(width, _LEAST_OF_LESION * longest, max(_MOST_OF_LESION * longest, _WIDTHS_MM[0])))
    toward = rng.uniform(0, 1) if rng.random() < _RECENTERED else 0.0
    center = seed + toward * (box.mean(axis=0) - seed) + rng.uniform(-0.08, 0.08, 3) * width
    turn = Rotation.from_euler("xyz", rng.normal(0, _TURN_DEGREES, 3), degrees=True).as_matrix()
    mirror = np.diag(rng.choice([-1.0, 1.0], 3) * np.exp(rng.uniform(-0.12, 0.12, 3)))
    return View(center, seed, width, turn @ mirror)


def _other_scanner(
    image: torch.Tensor, at_and_near: tuple[float, float], dicom_modality: str, rng: np.random.Generator
) -> tuple[torch.Tensor, tuple[float, float]]:
    """Another gain, contrast and offset, and noise; PET and MR vary more than CT."""
    spread = 0.08 if dicom_modality == "CT" else 0.22
    gain = float(np.exp(rng.normal(0, spread)))
    power = float(np.exp(rng.normal(0, spread)))
    offset = float(rng.normal(0, 0.03)) if dicom_modality == "CT" else 0.0

    def changed(value: torch.Tensor) -> torch.Tensor:
        return gain * value.clamp(min=0) ** power + offset * (value > 0)

    at, near = (float(changed(torch.tensor(value))) for value in at_and_near)
    noise = _noise(rng) * float(rng.uniform(0, 0.08))
    return changed(image) + noise * (image > 0), (at, near)


def _noise(rng: np.random.Generator) -> torch.Tensor:
    """Standard normal noise of a random grain."""
    coarse = int(rng.choice([VOXELS, VOXELS // 2]))
    noise = torch.from_numpy(rng.standard_normal((1, 1, coarse, coarse, coarse), dtype=np.float32))
    return torch.nn.functional.interpolate(noise, size=(VOXELS,) * 3, mode="nearest")[0, 0]
