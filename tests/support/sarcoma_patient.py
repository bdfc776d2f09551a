"""A made-up patient as the sarcoma model reads one: PET, CT and T1 MR of one study, a folder each, with contours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from support.dicom_factory import SERIES, Phantom
from support.objects import as_pet
from support.structure_sets import StructureSet, ellipse, on_slice

FOLDERS = {"PET": "pet", "CT": "ct", "MR_T1": "mr"}
"""Folders of the patient, and the group of the model's inputs that each feeds."""


def as_mr(k: int, d: Dataset) -> None:
    """The phantom's slice as T1-weighted MR in arbitrary units."""
    d.Modality, d.SOPClassUID = "MR", MRImageStorage
    d.file_meta.MediaStorageSOPClassUID = d.SOPClassUID
    d.SeriesDescription, d.RescaleSlope, d.RescaleIntercept = "T1", 1, 0
    del d.RescaleType


EDITS = {"PET": as_pet, "CT": None, "MR_T1": as_mr}


def sarcoma_patient(folder: Path) -> Path:
    """Write the three folders; each holds ``image/`` and ``mask/``."""
    for number, (name, edit) in enumerate(EDITS.items(), 1):
        phantom = Phantom(
            shape=(30, 60, 60),
            spacing_mm=(4.0, 3.0, 3.0),
            semi_axes_mm=(45.0, 40.0, 30.0),
            series=f"{SERIES}.{number}",
            pixel_seed=number,
        )
        phantom.write(folder / name / "image", edit)
        contours = []
        for k in range(phantom.shape[0]):
            along = (k - phantom.center[0]) * phantom.spacing_mm[0] / phantom.semi_axes_mm[0]
            if abs(along) < 0.99:
                share = float(np.sqrt(1 - along**2))
                axes = share * np.array(phantom.semi_axes_mm[1:]) / phantom.spacing_mm[1:]
                contours.append(on_slice(phantom, k, ellipse(phantom.center[1:], (axes[0], axes[1]))))
        StructureSet({1: contours}, phantom, uid=f"{SERIES}.{number}.903").write(folder / name / "mask")
    return folder
