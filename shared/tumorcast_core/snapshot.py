"""The patient snapshot: everything known of one patient at one index date.

The domain twin of ``tumorcast/common/v1/snapshot.proto``; ``wire`` converts between the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.dates import moment


class Modality(StrEnum):
    """The kind of evidence an input belongs to (the DICOM tag is ``dicom_modality``)."""

    IMAGING = "imaging"
    LABS = "labs"
    NOTES = "notes"
    GENOMICS = "genomics"
    CLINICAL = "clinical"
    THERAPY = "therapy"


class Severity(StrEnum):
    """FHIR ``issue-severity``: with ``error`` and ``fatal`` something was not used."""

    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class Coding:
    """A concept of a code system, as FHIR Coding."""

    system: str
    code: str
    display: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """One catalogued fact: a finite number in ``unit`` (UCUM), a category, or ``None`` (known to be unknown)."""

    name: str
    value: float | str | None
    unit: str = ""
    coding: Coding | None = None
    effective: str = ""
    source: str = ""
    timepoint: str = ""
    comparator: str = ""
    status: str = ""
    sources: tuple[str, ...] = ()
    formula: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A vector that an encoder made; ``vector`` has any shape and dtype float32 or float16."""

    embedding_space: str
    vector: NDArray[np.floating[Any]]
    modality: Modality
    timepoint: str = ""
    dicom_modality: str = ""
    source: str = ""
    effective: str = ""
    preparation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Issue:
    """Something that a reader of the answer should know about the input; ``message`` holds no patient data."""

    severity: Severity
    code: str
    message: str
    location: str = ""
    origin: str = ""
    timepoint: str = ""

    @property
    def blocks(self) -> bool:
        """Whether something was not used because of it."""
        return self.severity in (Severity.ERROR, Severity.FATAL)


@dataclass(frozen=True, slots=True)
class Timepoint:
    """One visit or scan: its role in the model's manifest, its date (ISO 8601) and the study to read."""

    role: str
    date: str = ""
    study_instance_uid: str = ""
    segmentation_uid: str = ""


@dataclass(frozen=True, slots=True)
class PlannedTherapy:
    """A treatment that is being considered and has not begun."""

    coding: Coding | None = None
    therapy_class: str = ""
    start_date: str = ""


@dataclass(frozen=True, slots=True)
class MeasuredLesion:
    """One lesion in one series; ``source`` is where it was drawn, ``measurements`` are catalogued features.

    ``site`` is what the drawing codes, ``organ`` and ``lymph_node`` what its codes and words say, for RECIST.
    """

    tracking_uid: str
    label: str = field(repr=False)
    series_instance_uid: str
    dicom_modality: str
    source: str
    date: str = field(default="", repr=False)
    measurements: tuple[Feature, ...] = ()
    timepoint: str = ""
    site: Coding | None = None
    organ: str = ""
    lymph_node: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PatientSnapshot:
    """Everything known of one patient at the index date (time zero, ISO 8601); nothing dated later is in it."""

    patient_id: str = ""
    index_date: str = ""
    features: tuple[Feature, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    issues: tuple[Issue, ...] = ()
    timepoints: tuple[Timepoint, ...] = ()
    planned_therapies: tuple[PlannedTherapy, ...] = ()
    lesions: tuple[MeasuredLesion, ...] = ()

    def feature(self, name: str, timepoint: str = "") -> Feature | None:
        """The latest feature of that name at that timepoint (``""``: at none); ``None`` if there is none.

        Moments with a zone are compared as moments, others by what is written; an undated feature counts as the
        oldest; the later in order wins a tie.
        """
        found = [f for f in self.features if f.name == name and f.timepoint == timepoint]
        return max(enumerate(found), key=lambda pair: (moment(pair[1].effective), pair[0]))[1] if found else None

    def embedding(self, spaces: Iterable[str], timepoint: str = "", dicom_modality: str = "") -> Embedding | None:
        """The first embedding of any of ``spaces`` at that timepoint, of that DICOM modality (``""``: of any)."""
        wanted = set(spaces)
        return next(
            (
                e
                for e in self.embeddings
                if e.embedding_space in wanted and e.timepoint == timepoint and dicom_modality in ("", e.dicom_modality)
            ),
            None,
        )


@dataclass(frozen=True, slots=True)
class WantedOfImages:
    """What will be read of a study: names of catalog features, and of encoders; the rest need not be computed."""

    features: frozenset[str] = frozenset()
    encoders: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Extraction:
    """What one extractor found; the gateway merges several into a snapshot.

    ``patient_id`` and ``date`` are what the source says of itself, empty where it says nothing. ``lesions`` are all
    that were measured; what models read of them stands in ``features``.
    """

    features: tuple[Feature, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    issues: tuple[Issue, ...] = ()
    patient_id: str = field(default="", repr=False)
    date: str = ""
    lesions: tuple[MeasuredLesion, ...] = ()
