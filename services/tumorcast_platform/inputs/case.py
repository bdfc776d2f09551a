"""All that was given about one patient: the query, and the files of its studies."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tumorcast_core.errors import MalformedDocument, NoInput
from tumorcast_core.query import Document, FhirPatient, Query
from tumorcast_core.snapshot import Timepoint
from tumorcast_platform.inputs.features import read_features
from tumorcast_platform.inputs.records import read_record
from tumorcast_platform.inputs.studies import Study, find_studies

_DATED_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})(?!\d)")


@dataclass(frozen=True, slots=True)
class Case:
    """One query, and where its studies lie on disk."""

    query: Query
    studies: tuple[Study, ...]

    def assignment(self) -> str:
        """Which study was taken for which timepoint, as a sentence."""
        taken = [f"{study.role} = study of {study.date or 'unknown date'}" for study in self.studies]
        return f"Images: {', '.join(taken)}." if taken else ""

    def left_out(self) -> str:
        """How many files beside the images could not be read, as a sentence; empty if there is none."""
        count = len({file for study in self.studies for file in study.unreadable})
        return f"{count} files beside the images are not readable DICOM and were left out." if count else ""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the inputs of one patient lie; ``dicom`` as the command line gives it, ``DIR`` or ``ROLE=DIR``."""

    dicom: Sequence[str] = ()
    fhir: Path | FhirPatient | None = None
    notes: Sequence[Path] = ()
    features: Path | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the model, and optionally patient id, day of prediction and horizons in days."""

    model: str
    patient_id: str = ""
    index_date: str = ""
    horizons_days: tuple[float, ...] = field(default=())


def patient_folder(folder: Path) -> Sources:
    """Find the inputs in a patient's folder ``{dicom/, fhir.json, notes/*.txt, features.json}``; any may be missing."""
    dicom, fhir, features = folder / "dicom", folder / "fhir.json", folder / "features.json"
    return Sources(
        dicom=[str(dicom)] if dicom.is_dir() else [],
        fhir=fhir if fhir.is_file() else None,
        notes=sorted(path for path in (folder / "notes").glob("*") if path.is_file()),
        features=features if features.is_file() else None,
    )


def gather(question: Question, sources: Sources) -> Case:
    """Read everything but the pixels.

    Raises ``NoInput`` where nothing was given; ``NotDicom``, ``MalformedFhir``, ``MalformedDocument`` or another
    ``InvalidInput`` for files that make no sense.
    """
    if not (sources.dicom or sources.fhir or sources.notes or sources.features):
        raise NoInput("Give at least one of --dicom, --fhir, --note, --features and --patient.")
    studies = find_studies(sources.dicom)
    query = Query(
        model=question.model,
        patient_id=question.patient_id,
        index_date=question.index_date,
        horizons_days=question.horizons_days,
        fhir=read_record(sources.fhir) if isinstance(sources.fhir, Path) else b"",
        fhir_server=sources.fhir if isinstance(sources.fhir, FhirPatient) else None,
        documents=tuple(map(_document, sources.notes)),
        timepoints=tuple(Timepoint(study.role, study_instance_uid=study.uid) for study in studies),
        features=read_features(sources.features) if sources.features else (),
    )
    return Case(query, studies)


def _document(file: Path) -> Document:
    """Read a note in UTF-8; a date at the start of its name is when it was written."""
    content = file.read_bytes()
    try:
        content.decode()
    except UnicodeDecodeError as e:
        raise MalformedDocument("A note is not text in UTF-8.") from e
    dated = _DATED_NAME.match(file.name)
    content_type = mimetypes.guess_type(file.name)[0] or "text/plain"
    return Document(file.name, dated[1] if dated else "", f"{content_type}; charset=utf-8", content)
