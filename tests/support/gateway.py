"""The gateway's surroundings in memory: a model, an answer, and ports that do as they are told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import UnknownModel
from tumorcast_core.prognosis import (
    Contribution,
    Endpoint,
    EndpointDescription,
    EndpointKind,
    EndpointStatus,
    InputGroup,
    InputStatus,
    InputUse,
    Interval,
    ModelCard,
    ModelRef,
    ModelSummary,
    ProbabilityEstimate,
    Prognosis,
    Reason,
    SurvivalEstimate,
    SurvivalPoint,
)
from tumorcast_core.query import Document, FhirPatient, Query, Record
from tumorcast_core.snapshot import Embedding, Extraction, Feature, Modality, PatientSnapshot, Timepoint
from tumorcast_gateway.model import Ports, answer_query

SUMMARY = ModelSummary(
    ref=ModelRef("simulated", "1.2.3", "ab" * 32),
    indication="tumors that exist in a simulator only",
    intended_use="tests",
    simulated=True,
    groups=(
        InputGroup("ct_baseline", Modality.IMAGING, "baseline", ("tumor_volume",), ("resnet@1/bf16",)),
        InputGroup("ct_follow_up", Modality.IMAGING, "follow_up", ("tumor_volume",), ("resnet@1/bf16",)),
        InputGroup("labs", Modality.LABS, "", ("albumin",)),
        InputGroup("notes", Modality.NOTES, "", ("ascites",)),
    ),
    endpoints=(
        EndpointDescription("objective_response", EndpointKind.BINARY, "CR or PR"),
        EndpointDescription("progression_free_survival", EndpointKind.TIME_TO_EVENT, "PFS", (90.0, 180.0)),
    ),
)

PROGNOSIS = Prognosis(
    prognosis_id="",
    model=SUMMARY.ref,
    index_date="2026-03-04",
    endpoints=(
        Endpoint(
            "objective_response",
            EndpointKind.BINARY,
            EndpointStatus.PREDICTED,
            estimate=ProbabilityEstimate(0.4375, Interval(0.25, 0.625, 0.95), ("response", "no response"), 0.9, 0.375),
        ),
        Endpoint(
            "progression_free_survival",
            EndpointKind.TIME_TO_EVENT,
            EndpointStatus.PREDICTED,
            estimate=SurvivalEstimate(
                (
                    SurvivalPoint(90.0, 0.75, Interval(0.5, 0.875, 0.95)),
                    SurvivalPoint(180.0, 0.5, Interval(0.25, 0.75, 0.95)),
                ),
                180.0,
                Interval(90.0, float("inf"), 0.95),
            ),
        ),
        Endpoint(
            "overall_survival",
            EndpointKind.TIME_TO_EVENT,
            EndpointStatus.ABSTAINED,
            (Reason("TOO_FEW_INPUTS", "Too few <inputs> & reasons."),),
        ),
    ),
    inputs=(
        InputUse(Modality.LABS, "labs", InputStatus.USED, contributions=(Contribution("objective_response", -0.0625),)),
        InputUse(Modality.NOTES, "notes", InputStatus.ABSENT, Reason("NOT_GIVEN", "No document was given.")),
    ),
    issues=(),
    disclaimer="Not a medical device.",
    simulated=True,
)

BASELINE = Timepoint("baseline", "2026-02-04", "1.2.3")
FOLLOW_UP = Timepoint("follow_up", "2026-03-04", "1.2.4")
NOTE = Document("n1", "2026-03-01", "text/plain; charset=utf-8", b"No ascites.")
FHIR_PATIENT = FhirPatient("https://ehr.example.org/fhir", "SIM-000017")
ALBUMIN = Feature("albumin", 3.9, "g/dL", effective="2026-03-01", source="Observation/1")
ASCITES = Feature("ascites", "absent", effective="2026-03-01", source="n1#char=3,10")
QUERY = Query(
    "simulated",
    patient_id="SIM-000017",
    index_date="2026-03-04",
    horizons_days=(90.0, 180.0),
    fhir=b'{"resourceType": "Bundle", "id": 1.00}',
    documents=(NOTE,),
    timepoints=(BASELINE, FOLLOW_UP),
)


def study(timepoint: Timepoint, patient_id: str = "SIM-000017") -> Extraction:
    """What imaging finds in a study of that day."""
    return Extraction(
        features=(
            Feature("tumor_volume", 12.5, "mL", effective=timepoint.date, source="1.2.9", timepoint=timepoint.role),
        ),
        embeddings=(
            Embedding(
                "resnet@1/bf16",
                np.arange(4, dtype=np.float32),
                Modality.IMAGING,
                timepoint.role,
                "CT",
                "1.2.9",
                timepoint.date,
            ),
        ),
        patient_id=patient_id,
        date=timepoint.date,
    )


@dataclass
class Port:
    """A port that answers, fails or dawdles as told, and remembers its calls."""

    answer: Any = None
    error: BaseException | None = None
    delay_s: float = 0.0
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    async def _do(self, *call: Any) -> Any:
        self.calls.append(call)
        await asyncio.sleep(self.delay_s)
        if self.error:
            raise self.error
        return self.answer


class Imaging(Port):
    """Answers a study of the timepoint's day unless told otherwise."""

    async def encode_study(self, timepoint: Timepoint, deadline: Deadline, wanted=None) -> Extraction:
        answer = await self._do(timepoint)
        return answer if isinstance(answer, Extraction) else answer(timepoint)


class Clinical(Port):
    async def extract_features(self, record: Record, index_date: str, deadline: Deadline) -> Extraction:
        return await self._do(record, index_date)


class Notes(Port):
    async def encode_notes(self, documents: tuple[Document, ...], index_date: str, deadline: Deadline) -> Extraction:
        return await self._do(documents, index_date)


@dataclass
class Fusion(Port):
    """Knows one model; answers ``prognosis`` with the snapshot's issues and index date."""

    snapshot: PatientSnapshot | None = None
    prognosis: Prognosis = PROGNOSIS
    summary: ModelSummary = SUMMARY

    async def predict_prognosis(
        self, model: str, snapshot: PatientSnapshot, horizons_days: tuple[float, ...], deadline: Deadline
    ) -> Prognosis:
        self.snapshot = snapshot
        await self._do(model, horizons_days)
        return replace(self.prognosis, index_date=snapshot.index_date, issues=snapshot.issues)

    async def list_models(self, deadline: Deadline) -> tuple[ModelSummary, ...]:
        return (self.summary,)

    async def get_model(self, name: str, deadline: Deadline) -> ModelSummary:
        if name != self.summary.ref.name:
            raise UnknownModel
        return self.summary

    async def get_model_card(self, name: str, deadline: Deadline) -> ModelCard:
        return ModelCard((await self.get_model(name, deadline)).ref, "# simulated\n\nFor tests.\n")


@dataclass
class Fakes:
    """Four ports of services that are all well."""

    imaging: Imaging = field(default_factory=lambda: Imaging(study))
    clinical: Clinical = field(default_factory=lambda: Clinical(Extraction((ALBUMIN,), patient_id="SIM-000017")))
    notes: Notes = field(default_factory=lambda: Notes(Extraction((ASCITES,))))
    fusion: Fusion = field(default_factory=Fusion)

    @property
    def ports(self) -> Ports:
        return Ports(self.imaging, self.clinical, self.notes, self.fusion)


def ask(query: Query, fakes: Fakes, seconds: float = 30.0) -> Prognosis:
    """Answer a query with services in memory."""
    return asyncio.run(answer_query(query, fakes.ports, Deadline.after(seconds))).prognosis


def codes(prognosis: Prognosis) -> set[tuple[str, str, str]]:
    """Code, origin and timepoint of each issue."""
    return {(issue.code, issue.origin, issue.timepoint) for issue in prognosis.issues}
