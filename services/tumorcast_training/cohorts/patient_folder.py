"""One patient's folder → inputs as known at time zero, read by the very extractors that serve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tumorcast_core.catalog import checked
from tumorcast_core.errors import StudyNotFound, TumorcastError
from tumorcast_core.snapshot import Feature, PatientSnapshot, Timepoint

RECORD, IMAGES = "fhir.json", "dicom"
LATER_IMAGES, UNDATED_IMAGES = "IMAGES_AFTER_TIME_ZERO", "IMAGES_WITHOUT_A_DATE"


@dataclass(frozen=True, slots=True)
class PatientFolder:
    """Where a patient's files lie, time zero (YYYY-MM-DD), and the inputs to read: name → (feature, timepoint)."""

    patient_id: str
    folder: Path
    index_date: str
    wanted: tuple[tuple[str, tuple[str, str]], ...]


@dataclass(frozen=True, slots=True)
class PatientInputs:
    """Values by input name, and the codes of what was noticed."""

    values: dict[str, float | str]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """One study that lies in one folder; answers as a study store."""

    folder: Path

    def files(self, study_instance_uid: str) -> tuple[Path, ...]:  # noqa: ARG002 - the folder is the study
        """All files of the folder; raises ``StudyNotFound`` if there is none."""
        found = tuple(sorted(path for path in self.folder.rglob("*") if path.is_file()))
        if not found:
            raise StudyNotFound
        return found


def read_patient(patient: PatientFolder) -> PatientInputs:
    """Read record and images; what cannot be read is counted, never raised."""
    features: list[Feature] = []
    problems: list[str] = []
    for read in (_record, _images):
        try:
            read(patient, features, problems)
        except TumorcastError as e:
            problems.append(e.reason)
    snapshot = PatientSnapshot(features=tuple(features))
    values: dict[str, float | str] = {}
    for name, (feature, timepoint) in patient.wanted:
        found = snapshot.feature(feature, timepoint)
        if found is not None and found.value is not None:
            values[name] = found.value
    return PatientInputs(values, tuple(problems))


def _record(patient: PatientFolder, features: list[Feature], problems: list[str]) -> None:
    from tumorcast_clinical.model import extract_features

    file = patient.folder / RECORD
    if not file.is_file():
        return
    found = extract_features(file.read_bytes(), patient.index_date)
    features += _plausible(found.features, problems)
    problems += (issue.code for issue in found.issues if issue.blocks)


def _images(patient: PatientFolder, features: list[Feature], problems: list[str]) -> None:
    from tumorcast_imaging.model import prepare_study

    for folder in sorted(path for path in (patient.folder / IMAGES).glob("*") if path.is_dir()):
        study = prepare_study(StudyFolder(folder), Timepoint(folder.name), [])
        if study.date[:10] > patient.index_date:
            problems.append(LATER_IMAGES)
            continue
        if not study.date:
            problems.append(UNDATED_IMAGES)
        features += _plausible(study.features, problems)
        problems += (issue.code for issue in study.issues if issue.blocks)


def _plausible(features: tuple[Feature, ...], problems: list[str]) -> list[Feature]:
    kept = []
    for feature in features:
        try:
            kept.append(checked(feature))
        except TumorcastError as e:
            problems.append(e.reason)
    return kept
