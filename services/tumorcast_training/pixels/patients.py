"""A patient's study as a model of pixels reads it: measures by catalog name, and one crop per DICOM modality.

Read by ``prepare_study``, which serves, so that what a model is trained on is what it will be given.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_core.snapshot import Feature, Timepoint
from tumorcast_imaging.model import EncoderManifest, prepare_study
from tumorcast_training.cohorts.patient_folder import StudyFolder

Crop = NDArray[np.float32]
MAX_UNPACKED_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class PackedStudy:
    """A study in a tar archive, and the encoder whose crops are wanted."""

    patient_id: str
    archive: Path
    timepoint: str
    manifest: EncoderManifest


@dataclass(frozen=True, slots=True, eq=False)
class ImagedPatient:
    """Numbers by catalog name; crops (2, N, N, N) by DICOM modality; codes of what was not used."""

    patient_id: str = field(repr=False)
    values: Mapping[str, float]
    crops: Mapping[str, Crop]
    problems: tuple[str, ...] = ()


def read_packed(study: PackedStudy) -> ImagedPatient:
    """Unpack, read, measure and cut; raises ``InvalidInput`` for an archive that is none."""
    with tempfile.TemporaryDirectory() as folder:
        _unpack(study.archive, Path(folder))
        prepared = prepare_study(StudyFolder(Path(folder)), Timepoint(study.timepoint), [study.manifest])
    return ImagedPatient(
        patient_id=study.patient_id,
        values=_numbers(prepared.features),
        crops={crop.dicom_modality: crop.array for crop in prepared.crops},
        problems=tuple(issue.code for issue in prepared.issues if issue.blocks),
    )


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            if sum(member.size for member in tar) > MAX_UNPACKED_BYTES:
                raise InvalidInput("An archive of the cohort unfolds to more than 2 GiB.")
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as e:
        raise InvalidInput("An archive of the cohort cannot be unpacked.") from e


def _numbers(features: tuple[Feature, ...]) -> dict[str, float]:
    return {f.name: float(f.value) for f in features if f.value is not None and not isinstance(f.value, str)}
