"""The gateway's ports served in this process: the same model code as the services run, no Ray, no sockets.

The ports take a deadline, which these ignore: there is none, and nobody else waits.
"""
# ruff: noqa: ARG002

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import Incident, InvalidInput, StudyNotFound, TumorcastError
from tumorcast_core.prognosis import ModelCard, ModelSummary, Prognosis
from tumorcast_core.query import Document, FhirPatient, Record
from tumorcast_core.snapshot import Extraction, PatientSnapshot, Timepoint, WantedOfImages
from tumorcast_gateway.model import Ports, answer_query
from tumorcast_platform.inputs import Case, FhirCredentials, Study
from tumorcast_platform.weights import Weights

if TYPE_CHECKING:
    from tumorcast_clinical.adapters.fhir_server import FetchedRecord, FhirAccess
    from tumorcast_fusion.model import ModelStore
    from tumorcast_imaging.model import Encoder

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


def predict(case: Case, weights: Weights, credentials: FhirCredentials | None = None) -> Prognosis:
    """Answer one query in this process; raises what ``answer_query`` raises."""
    clinical = LocalClinical(credentials or FhirCredentials())
    ports = Ports(LocalImaging(case.studies, weights), clinical, LocalNotes(), LocalFusion(weights))
    return asyncio.run(answer_query(case.query, ports, Deadline())).prognosis


async def _in_thread(work: Callable[..., _Result], *args: Any) -> _Result:
    """Run CPU work in a thread; raises as ``_told``."""
    return await _told(asyncio.to_thread(work, *args))


async def _told(work: Awaitable[_Result]) -> _Result:
    """Await work; what is not a Tumorcast error becomes an ``Incident``, as a service would tell it."""
    try:
        return await work
    except TumorcastError:
        raise
    except Exception as e:
        log.debug("unexpected", exc_info=e)
        raise Incident(f"An unexpected error happened ({type(e).__name__}).") from e


class GivenStudies:
    """A ``StudyReader`` over folders named on the command line, wherever they lie."""

    def __init__(self, studies: Iterable[Study]) -> None:
        self._files = {study.uid: (*study.files, *study.unreadable) for study in studies}

    def files(self, study_instance_uid: str) -> tuple[Path, ...]:
        """All files of the study; raises ``StudyNotFound``."""
        try:
            return self._files[study_instance_uid]
        except KeyError as e:
            raise StudyNotFound from e


class LocalImaging:
    """Imaging without a service; the encoders are loaded once, when the first study needs them."""

    def __init__(self, studies: Iterable[Study], weights: Weights) -> None:
        self._studies = GivenStudies(studies)
        self._weights = weights
        self._loading = Lock()
        self._encoders: list[Encoder] | None = None

    async def encode_study(
        self, timepoint: Timepoint, deadline: Deadline, wanted: WantedOfImages | None = None
    ) -> Extraction:
        return await _in_thread(self._encode, timepoint, wanted)

    def _encode(self, timepoint: Timepoint, wanted: WantedOfImages | None) -> Extraction:
        from tumorcast_imaging.model import encode_study

        encoders = [e for e in self._loaded() if wanted is None or e.manifest.name in wanted.encoders]
        return encode_study(self._studies, timepoint, encoders, wanted)

    def _loaded(self) -> list[Encoder]:
        from tumorcast_imaging.model import Encoder

        with self._loading:
            if self._encoders is None:
                self._encoders = [Encoder.load(folder) for folder in self._weights.encoder_folders()]
            return self._encoders


class LocalClinical:
    """The record, read without a service; one on a FHIR server is fetched, as whoever names a server allows it."""

    def __init__(self, credentials: FhirCredentials) -> None:
        self._credentials = credentials

    async def extract_features(self, record: Record, index_date: str, deadline: Deadline) -> Extraction:
        from tumorcast_clinical.model import extract_features

        if isinstance(record, bytes):
            return await _in_thread(extract_features, record, index_date)
        fetched = await _told(_fetched(record, self._credentials, deadline))
        found = await _in_thread(lambda: extract_features(fetched.pages, index_date, patient_id=record.patient_id))
        return replace(found, issues=(*fetched.issues, *found.issues))


async def _fetched(patient: FhirPatient, credentials: FhirCredentials, deadline: Deadline) -> FetchedRecord:
    from tumorcast_clinical.adapters.fhir_server import FhirServer

    try:
        server = FhirServer(_access(patient.base_url, credentials))
    except (ValueError, OSError) as e:
        raise InvalidInput("The credentials for the FHIR server cannot be used: one kind, and readable files.") from e
    try:
        return await server.fetch(patient.base_url, patient.patient_id, deadline)
    finally:
        await server.close()


def _access(base_url: str, credentials: FhirCredentials) -> FhirAccess:
    """Allow the hosts that were named; raises ``ValueError`` where the credentials do not fit together."""
    from tumorcast_clinical.adapters.fhir_server import FhirAccess

    hosts = {urlsplit(url).netloc for url in (base_url, credentials.smart_token_url) if url}
    return FhirAccess(
        allowed_hosts=tuple(sorted(hosts)),
        bearer_token_file=credentials.token_file,
        smart_client_id=credentials.smart_client_id,
        smart_key=credentials.smart_key,
        smart_token_url=credentials.smart_token_url,
    )


class LocalNotes:
    """Documents, read without a service."""

    async def encode_notes(self, documents: tuple[Document, ...], index_date: str, deadline: Deadline) -> Extraction:
        from tumorcast_notes import model as notes

        own = [notes.Document(d.id, d.date, d.content_type, d.content, d.timepoint) for d in documents]
        found: notes.NotesExtraction = await _in_thread(notes.encode_notes, own, index_date)
        return found.extraction


class LocalFusion:
    """The prognosis models, asked without a service; torch is imported when the first one is."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._loading = Lock()
        self._store: ModelStore | None = None

    async def predict_prognosis(
        self, model: str, snapshot: PatientSnapshot, horizons_days: tuple[float, ...], deadline: Deadline
    ) -> Prognosis:
        return await _in_thread(lambda: self._models().get(model).predict(snapshot, horizons_days))

    async def list_models(self, deadline: Deadline) -> tuple[ModelSummary, ...]:
        return await _in_thread(lambda: tuple(model.summary() for model in self._models().list()))

    async def get_model(self, name: str, deadline: Deadline) -> ModelSummary:
        return await _in_thread(lambda: self._models().get(name).summary())

    async def get_model_card(self, name: str, deadline: Deadline) -> ModelCard:
        return await _in_thread(lambda: self._models().card(name))

    def _models(self) -> ModelStore:
        from tumorcast_fusion.model import ModelStore

        with self._loading:
            if self._store is None:
                self._store = ModelStore(self._weights.models)
            return self._store
