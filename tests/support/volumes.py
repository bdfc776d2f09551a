"""Volumes made in memory, whose values are known functions of the place in the patient."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.dicom import Volume

Places = NDArray[np.float64]
ORIENTATIONS = {
    "axial": (1.0, 0, 0, 0, 1, 0),
    "axial from the feet": (-1.0, 0, 0, 0, 1, 0),
    "coronal": (1.0, 0, 0, 0, 0, -1),
    "sagittal": (0.0, 1, 0, 0, 0, -1),
    "oblique": (0.8, 0.6, 0, -0.36, 0.48, 0.8),
}


def affine_of(
    orientation: Sequence[float], spacing_mm: Sequence[float], shape: Sequence[int], center_mm: Sequence[float]
) -> Places:
    """(slice, row, column) → LPS millimeters, with ``center_mm`` in the middle of the volume."""
    row, column = np.array(orientation, float).reshape(2, 3)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([np.cross(row, column), column, row], axis=1) * np.array(spacing_mm)
    affine[:3, 3] = np.array(center_mm) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def places(affine: Places, shape: Sequence[int]) -> Places:
    """LPS millimeters of every voxel's center, (*shape, 3)."""
    return np.moveaxis(np.tensordot(affine[:3, :3], np.indices(shape), axes=1), 0, -1) + affine[:3, 3]


def volume_of(
    value: Callable[[Places], Places],
    *,
    orientation: Sequence[float] = ORIENTATIONS["axial"],
    spacing_mm: tuple[float, float, float] = (3.0, 1.5, 1.0),
    shape: tuple[int, int, int] = (20, 30, 40),
    center_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    unit: str = "HU",
    dicom_modality: str = "CT",
    patient_id: str = "PATIENT",
    date: str = "2026-01-01",
) -> Volume:
    """A volume whose voxels are ``value`` of their places, (…, 3) → (…,)."""
    affine = affine_of(orientation, spacing_mm, shape, center_mm)
    return Volume(
        array=value(places(affine, shape)).astype(np.float32),
        affine_lps=affine,
        spacing_mm=spacing_mm,
        unit=unit,
        dicom_modality=dicom_modality,
        series_instance_uid=f"1.2.{len(patient_id)}",
        study_instance_uid="1.2.3",
        frame_of_reference_uid="1.2.4",
        patient_id=patient_id,
        date=date,
        sop_instance_uids=(),
    )
