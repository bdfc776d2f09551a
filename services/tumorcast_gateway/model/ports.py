"""What the gateway needs of the other services. gRPC clients serve it, in-process calls do, and fakes in tests.

Every method raises a Tumorcast error and nothing else, and does not outlast its deadline by much.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from tumorcast_core.deadline import Deadline
from tumorcast_core.prognosis import ModelCard, ModelSummary, Prognosis
from tumorcast_core.query import Document, Record
from tumorcast_core.snapshot import Extraction, PatientSnapshot, Timepoint, WantedOfImages
from tumorcast_gateway.model.records import PredictionRecord, WrittenResource
from tumorcast_gateway.model.upload import Piece, Upload


class ImagingPort(Protocol):
    """Reads the images of one timepoint, for those who want so much of them; ``None``: for whoever wants everything."""

    async def encode_study(
        self, timepoint: Timepoint, deadline: Deadline, wanted: WantedOfImages | None = None
    ) -> Extraction: ...


class ClinicalPort(Protocol):
    """Reads a structured record, fetched first where only its place is given."""

    async def extract_features(self, record: Record, index_date: str, deadline: Deadline) -> Extraction: ...


class NotesPort(Protocol):
    """Reads documents."""

    async def encode_notes(
        self, documents: tuple[Document, ...], index_date: str, deadline: Deadline
    ) -> Extraction: ...


class FusionPort(Protocol):
    """Holds the prognosis models."""

    async def predict_prognosis(
        self, model: str, snapshot: PatientSnapshot, horizons_days: tuple[float, ...], deadline: Deadline
    ) -> Prognosis: ...

    async def list_models(self, deadline: Deadline) -> tuple[ModelSummary, ...]: ...

    async def get_model(self, name: str, deadline: Deadline) -> ModelSummary: ...

    async def get_model_card(self, name: str, deadline: Deadline) -> ModelCard: ...


class UploadPort(Protocol):
    """Stores DICOM files."""

    async def upload_study(self, pieces: AsyncIterator[Piece], deadline: Deadline) -> Upload: ...


class EhrPort(Protocol):
    """Keeps prognoses beside the patient's record."""

    async def write(self, record: PredictionRecord, deadline: Deadline) -> tuple[WrittenResource, ...]:
        """Create what is not there yet; raises as ``WriteBacks.create`` does."""


class HealthPort(Protocol):
    """Asks every service how it is: service name → ``SERVING``, ``NOT_SERVING`` and the like."""

    async def health(self, deadline: Deadline) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """The four services that a query needs."""

    imaging: ImagingPort
    clinical: ClinicalPort
    notes: NotesPort
    fusion: FusionPort
