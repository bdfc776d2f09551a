"""One series with its lesion, as training and evaluation need it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.clicking.field import SPACING_MM, field_around, resample
from tumorcast_imaging.model.clicking.seeds import depth_mm

_EVERYWHERE_MM = 10_000.0
_SEED_DEPTH_MM = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class TrainingCase:
    """The whole series on a field's grid: intensities (half precision), the lesion's occupancy, and possible seeds.

    ``box`` is (2, 3), the lesion's least and greatest place in mm; ``seeds`` (n, 3) are places inside it.
    """

    patient_id: str = field(repr=False)
    dicom_modality: str
    array: torch.Tensor
    occupancy: torch.Tensor
    box: NDArray[np.float64]
    seeds: NDArray[np.float32]


def training_case(patient_id: str, volume: Volume, mask: NDArray[np.bool_]) -> TrainingCase:
    """Bring a series and its mask to the grid that the network learns on."""
    center = volume.affine_lps @ [*((np.array(volume.array.shape) - 1) / 2), 1]
    whole = field_around(volume, center[:3], _EVERYWHERE_MM)
    occupancy = resample(volume, mask.astype(np.float32), whole.origin_lps, whole.array.shape, 0.0)
    steps = np.asarray(np.round(np.clip(occupancy, 0, 1) * 255) / 255, np.float32)
    return case_of(patient_id, volume.dicom_modality, whole.array.astype(np.float16).astype(np.float32), steps)


def case_of(
    patient_id: str, dicom_modality: str, array: NDArray[np.float32], occupancy: NDArray[np.float32]
) -> TrainingCase:
    """A case of arrays that stand on a field's grid."""
    inside = occupancy >= 0.5
    if not inside.any():
        inside = occupancy >= occupancy.max()
    depth = depth_mm(inside, (SPACING_MM,) * 3)
    seeds = np.argwhere(depth >= min(_SEED_DEPTH_MM, float(depth.max()) / 2)) * SPACING_MM
    found = ndimage.find_objects(inside.astype(np.int8))[0]
    box = np.array([[s.start for s in found], [s.stop - 1 for s in found]], float) * SPACING_MM
    return TrainingCase(
        patient_id,
        dicom_modality,
        torch.from_numpy(array.astype(np.float16)),
        torch.from_numpy(occupancy.astype(np.float16)),
        box,
        seeds.astype(np.float32),
    )
