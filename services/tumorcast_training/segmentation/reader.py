"""The sarcoma cohort's series with their tumors: PET, CT and MR of 40 patients, and their folds."""

from __future__ import annotations

import csv
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.dicom import Volume, read_segmentation, read_study

SERIES = ("CT", "MR_T1", "PET")
_FOLDS = "folds.csv"


@dataclass(frozen=True, slots=True, eq=False)
class DrawnSeries:
    """One series and the tumor that was drawn on it, on the series' own voxels."""

    patient_id: str = field(repr=False)
    volume: Volume
    mask: NDArray[np.bool_]


def patients_folder(data: Path) -> Path:
    """The cohort's folder, given it or the one above it; raises ``InvalidInput`` if there is none."""
    for folder in (data, data / "sarcoma_pet_ct_mr"):
        if (folder / _FOLDS).is_file():
            return folder
    raise InvalidInput("The folder holds no sarcoma cohort: folds.csv is missing.")


def folds(data: Path, repeat: int = 0) -> dict[str, int]:
    """The published fold of each patient."""
    with (patients_folder(data) / _FOLDS).open(encoding="utf-8", newline="") as file:
        return {row["patient_id"]: int(row[f"repeat_{repeat}"]) for row in csv.DictReader(file)}


def drawn_series(data: Path, patient_id: str) -> Iterator[DrawnSeries]:
    """A patient's CT, MR and PET; raises ``InvalidInput`` where a series or its contours cannot be used."""
    with _unpacked(patients_folder(data), patient_id) as folder:
        for name in SERIES:
            volumes = read_study(folder / name / "image").volumes
            if len(volumes) != 1:
                raise InvalidInput("A series of the sarcoma cohort is not one sound volume.")
            drawn = read_segmentation(sorted((folder / name / "mask").glob("*.dcm")), volumes[0])
            if len(drawn.regions) != 1:
                raise InvalidInput("A series of the sarcoma cohort does not have exactly one contoured tumor.")
            yield DrawnSeries(patient_id, volumes[0], drawn.regions[0].mask)


@contextmanager
def _unpacked(folder: Path, patient_id: str) -> Iterator[Path]:
    """The patient's folder, unpacked for as long as the context lasts where it is an archive."""
    if (folder / patient_id).is_dir():
        yield folder / patient_id
        return
    with tempfile.TemporaryDirectory() as scratch:
        try:
            with tarfile.open(folder / f"{patient_id}.tar.xz") as archive:
                archive.extractall(scratch, filter="data")
        except (OSError, tarfile.TarError) as e:
            raise InvalidInput("A patient of the sarcoma cohort cannot be unpacked.") from e
        yield Path(scratch) / patient_id
