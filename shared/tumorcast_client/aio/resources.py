"""What can be asked of a server, by what it is about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel

from tumorcast_api.answers import (
    ExplanationAnswer,
    FeedbackAnswer,
    ModelAnswer,
    ModelCardAnswer,
    OutcomeAnswer,
    PatientAnswer,
    PrognosisAnswer,
    PrognosisSummaryAnswer,
    ReplayAnswer,
    StudyAnswer,
    UploadAnswer,
)
from tumorcast_api.answers.write_backs import WriteBackAnswer
from tumorcast_api.bodies import (
    Decision,
    DocumentBody,
    FeatureBody,
    FhirPatientBody,
    PlannedTherapyBody,
    TimepointBody,
)
from tumorcast_client import requests
from tumorcast_client.inquiry import Fhir, Inquiry, inquiry
from tumorcast_client.requests import Progress, Request

_Answer = TypeVar("_Answer", bound=BaseModel)
PAGE_SIZE = 50


class Sender(Protocol):
    """The client."""

    async def send(self, request: Request[_Answer]) -> _Answer:
        """Send a request."""


class AsyncPrognoses:
    """Prognoses: made, read again, listed, replayed, explained."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def create(
        self,
        model: str,
        *,
        patient_id: str = "",
        index_date: str = "",
        horizons_days: Sequence[float] = (),
        fhir: Fhir = b"",
        fhir_server: FhirPatientBody | None = None,
        documents: Sequence[DocumentBody] = (),
        timepoints: Sequence[TimepointBody] = (),
        features: Sequence[FeatureBody] = (),
        planned_therapies: Sequence[PlannedTherapyBody] = (),
        wait_s: float | None = None,
        idempotency_key: str = "",
    ) -> PrognosisAnswer:
        """Ask for a prognosis, from any subset of the inputs; ``fhir`` as bytes or text reaches the server as it is.

        ``wait_s`` bounds the answer's time. The key is made here where none is given.
        """
        asked = inquiry(
            model,
            patient_id=patient_id,
            index_date=index_date,
            horizons_days=horizons_days,
            fhir=fhir,
            fhir_server=fhir_server,
            documents=documents,
            timepoints=timepoints,
            features=features,
            planned_therapies=planned_therapies,
        )
        return await self.ask(asked, wait_s=wait_s, idempotency_key=idempotency_key)

    async def ask(self, inquiry: Inquiry, *, wait_s: float | None = None, idempotency_key: str = "") -> PrognosisAnswer:
        """The same with an inquiry that is made already."""
        return await self._sender.send(requests.prognosis(inquiry, idempotency_key, wait_s))

    async def get(self, prognosis_id: str) -> PrognosisAnswer:
        """A stored prognosis."""
        return await self._sender.send(requests.stored_prognosis(prognosis_id))

    async def list(
        self, *, patient: str = "", model: str = "", page_size: int = PAGE_SIZE
    ) -> AsyncIterator[PrognosisSummaryAnswer]:
        """Stored prognoses, the newest first, page by page as they are asked for; ``patient`` is the opaque id."""
        token = ""
        while True:
            page = await self._sender.send(requests.prognoses(patient, model, page_size, token))
            for item in page.prognoses:
                yield item
            if not (token := page.next_page_token):
                return

    async def replay(self, prognosis_id: str) -> ReplayAnswer:
        """Ask the model again with the stored snapshot, and compare the numbers."""
        return await self._sender.send(requests.replay(prognosis_id))

    async def explain(self, prognosis_id: str) -> ExplanationAnswer:
        """Why a prognosis is as it is."""
        return await self._sender.send(requests.explanation(prognosis_id))

    async def write_back(self, prognosis_id: str) -> WriteBackAnswer:
        """Have a prognosis written to the EHR as FHIR; what is there already stays as it is."""
        return await self._sender.send(requests.write_back(prognosis_id))


class AsyncFeedback:
    """What readers decided on prognoses."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def create(
        self,
        prognosis_id: str,
        decision: Decision,
        *,
        reason_code: str = "",
        comment: str = "",
        idempotency_key: str = "",
    ) -> FeedbackAnswer:
        """Say what was decided."""
        request = requests.feedback(prognosis_id, decision, reason_code, comment, idempotency_key)
        return await self._sender.send(request)

    async def list(self, prognosis_id: str) -> list[FeedbackAnswer]:
        """All feedback on a prognosis, the oldest first."""
        return (await self._sender.send(requests.feedback_list(prognosis_id))).feedback


class AsyncOutcomes:
    """What became of patients."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def create(
        self,
        prognosis_id: str,
        endpoint_id: str,
        *,
        occurred: bool | None = None,
        category: str = "",
        time_days: float | None = None,
        value: float | None = None,
        idempotency_key: str = "",
    ) -> OutcomeAnswer:
        """Say what became of the patient, as the kind of the endpoint wants it."""
        request = requests.outcome(
            prognosis_id,
            idempotency_key,
            endpoint_id=endpoint_id,
            occurred=occurred,
            category=category,
            time_days=time_days,
            value=value,
        )
        return await self._sender.send(request)

    async def list(self, prognosis_id: str) -> list[OutcomeAnswer]:
        """All outcomes of a prognosis, the oldest first."""
        return (await self._sender.send(requests.outcomes(prognosis_id))).outcomes


class AsyncModels:
    """Models that can be asked."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def list(self) -> list[ModelAnswer]:
        """All models, by name."""
        return (await self._sender.send(requests.models())).models

    async def get(self, name: str) -> ModelAnswer:
        """One model: what it reads and what it answers."""
        return await self._sender.send(requests.model(name))

    async def card(self, name: str) -> ModelCardAnswer:
        """What a model learned from, how good it is, and for whom it is not."""
        return await self._sender.send(requests.model_card(name))


class AsyncStudies:
    """DICOM studies."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def upload(self, files: Sequence[Path], *, progress: Progress | None = None) -> UploadAnswer:
        """Store DICOM files, streamed from disk; files that were refused stand in ``refusals``."""
        return await self._sender.send(requests.upload(files, progress))

    async def get(self, study_id: str) -> StudyAnswer:
        """What imaging reads of a study: lesions, measurements, doubts."""
        return await self._sender.send(requests.study(study_id))


class AsyncPatients:
    """Patients by the id that the server makes."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def find(self, patient_id: str) -> PatientAnswer:
        """The opaque id of the patient whom you call so."""
        return await self._sender.send(requests.patient_search(patient_id))

    async def erase(self, patient: str) -> int:
        """Make every record of the patient unreadable for good; returns how many prognoses that were."""
        return (await self._sender.send(requests.erasure(patient))).prognoses
