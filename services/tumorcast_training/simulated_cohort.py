"""A cohort folder, read through the very extractors that serve: files → snapshots, with crops still to be encoded.

``DIR/outcomes.csv`` and per patient ``DIR/<patient>/{dicom/<role>, fhir.json, notes/*.txt}``, any of them missing.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from tumorcast_clinical.model import extract_features
from tumorcast_core.errors import MalformedRequest
from tumorcast_core.snapshot import Extraction, PatientSnapshot, Timepoint
from tumorcast_imaging.model import Encoded, Encoder, EncoderManifest, PreparedStudy, finish, prepare_study
from tumorcast_notes.model import Document, encode_notes
from tumorcast_training.cohorts.patient_folder import StudyFolder

Progress = Callable[[int, int], None]
OUTCOME_COLUMNS = ("patient", "index_date", "response", "pfs_days", "pfs_event")


@dataclass(frozen=True, slots=True, eq=False)
class PatientInputs:
    """One patient as read: a snapshot without embeddings, and the studies whose crops they will come from."""

    snapshot: PatientSnapshot
    studies: tuple[PreparedStudy, ...]


def read_outcomes(data: Path) -> pd.DataFrame:
    """Read ``outcomes.csv``; raises ``MalformedRequest`` where a column is missing."""
    try:
        table = pd.read_csv(data / "outcomes.csv", dtype={"patient": str})
    except (OSError, ValueError) as e:
        raise MalformedRequest("The cohort folder has no readable outcomes.csv.") from e
    missing = set(OUTCOME_COLUMNS) - set(table.columns)
    if missing:
        raise MalformedRequest(f"outcomes.csv lacks the columns {', '.join(sorted(missing))}.")
    return table


def read_cohort(
    data: Path, outcomes: pd.DataFrame, encoder: EncoderManifest, progress: Progress | None = None, workers: int = 2
) -> list[PatientInputs]:
    """Read every patient of ``outcomes`` in its order, in ``workers`` processes."""
    read = partial(read_patient, encoder=encoder)
    folders = [data / patient for patient in outcomes["patient"]]
    inputs: list[PatientInputs] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for one in pool.map(read, folders, outcomes["index_date"], chunksize=4):
            inputs.append(one)
            if progress:
                progress(len(inputs), len(folders))
    return inputs


def read_patient(folder: Path, index_date: str, encoder: EncoderManifest) -> PatientInputs:
    """Read one patient's folder as it was known on the index date."""
    images = sorted(path for path in (folder / "dicom").glob("*") if path.is_dir())
    studies = tuple(prepare_study(StudyFolder(path), Timepoint(path.name), [encoder]) for path in images)
    texts: list[Extraction] = []
    record = folder / "fhir.json"
    if record.exists():
        texts.append(extract_features(record.read_bytes(), index_date))
    notes = sorted((folder / "notes").glob("*.txt"))
    if notes:
        documents = [Document(id=path.stem, date=path.stem[:10], content=path.read_bytes()) for path in notes]
        texts.append(encode_notes(documents, index_date).extraction)
    sources: list[PreparedStudy | Extraction] = [*studies, *texts]
    snapshot = PatientSnapshot(
        patient_id=folder.name,
        index_date=index_date,
        features=tuple(f for source in sources for f in source.features),
        issues=tuple(i for source in sources for i in source.issues),
    )
    return PatientInputs(snapshot, studies)


def embedded(one: PatientInputs, encoder: Encoder) -> PatientSnapshot:
    """Complete a patient's snapshot with the embeddings of an encoder."""
    finished = [
        finish(study, [Encoded(encoder.embedding_space, vector) for vector in encoder.encode(study.crops)])
        for study in one.studies
    ]
    return replace(one.snapshot, embeddings=tuple(e for extraction in finished for e in extraction.embeddings))
