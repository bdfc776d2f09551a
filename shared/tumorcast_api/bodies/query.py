"""The body of one query; ``domain`` makes of each part what the services share."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, FiniteFloat, model_validator

from tumorcast_api.bodies.examples import EXAMPLE, SERVER_EXAMPLE
from tumorcast_api.bodies.strict import Strict
from tumorcast_core import snapshot as s
from tumorcast_core.query import Document, FhirPatient, Query

# What OpenAPI says beyond the types; ``Query.check`` enforces it for every door, and says more than a pattern can.
_DAY: dict[str, Any] = {"anyOf": [{"const": ""}, {"format": "date"}]}
_DATE: dict[str, Any] = {"pattern": r"^([0-9]{4}(-[0-9]{2}(-[0-9]{2}(T.*)?)?)?)?$"}
_UID: dict[str, Any] = {"pattern": r"^([0-9]+(\.[0-9]+)*)?$", "maxLength": 64}
_NOT_EMPTY: dict[str, Any] = {"minLength": 1}
_Horizon = Annotated[FiniteFloat, Field(json_schema_extra={"exclusiveMinimum": 0})]


class CodingBody(Strict):
    """A concept of a code system, as FHIR Coding."""

    system: str = Field(default="", description="URI of the code system, e.g. `http://loinc.org`")
    code: str = ""
    display: str = ""

    def domain(self) -> s.Coding:
        return s.Coding(self.system, self.code, self.display)


class FhirPatientBody(Strict):
    """A patient on a FHIR R4 server, whose record the clinical service fetches."""

    base_url: str = Field(
        description="base URL of the server's FHIR API; its host must be allowed by the operator of Tumorcast",
        examples=["https://ehr.example.org/fhir"],
        json_schema_extra={"pattern": r"^https?://[A-Za-z0-9][A-Za-z0-9./:_-]*$"},
    )
    patient_id: str = Field(
        description="FHIR id of the patient there: `<base_url>/Patient/<patient_id>`",
        json_schema_extra={"pattern": "^[A-Za-z0-9.-]{1,64}$"},
    )

    def domain(self) -> FhirPatient:
        return FhirPatient(self.base_url, self.patient_id)


class DocumentBody(Strict):
    """A clinical document."""

    id: str = Field(default="", description="your id of it, quoted in sources; empty: its position, from 0")
    date: str = Field(default="", description="when it was written, ISO 8601; empty: undated", json_schema_extra=_DATE)
    content_type: str = Field(default="text/plain", description="MIME type of `text`; a charset is not needed")
    text: str = Field(description="the document")
    timepoint: str = Field(default="", description="role of the timepoint it belongs to; empty: none")

    def domain(self) -> Document:
        mime_type = self.content_type.split(";")[0].strip() or "text/plain"  # JSON has decoded any charset already
        return Document(self.id, self.date, f"{mime_type}; charset=utf-8", self.text.encode(), self.timepoint)


class TimepointBody(Strict):
    """A visit or scan."""

    role: str = Field(description="role in the model, e.g. `baseline`; each role once", json_schema_extra=_NOT_EMPTY)
    date: str = Field(default="", description="YYYY-MM-DD; empty: taken from the images", json_schema_extra=_DAY)
    study_instance_uid: str = Field(
        default="", description="study to read (0020,000D); empty: no images", json_schema_extra=_UID
    )
    segmentation_uid: str = Field(
        default="",
        description="SOP instance UID of the segmentation; empty: the study's only one",
        json_schema_extra=_UID,
    )

    def domain(self) -> s.Timepoint:
        return s.Timepoint(self.role, self.date, self.study_instance_uid, self.segmentation_uid)


class FeatureBody(Strict):
    """A fact that you already have. Give `number` or `category`; neither: it is known to be unknown."""

    name: str = Field(description="name in the feature catalog")
    number: FiniteFloat | None = Field(default=None, description="in the catalog's unit")
    category: str | None = Field(default=None, description="one of the catalog's categories")
    unit: str = Field(default="", description="UCUM unit of `number`; must be the catalog's")
    coding: CodingBody | None = None
    effective: str = Field(
        default="",
        description="when it was true, FHIR dateTime, possibly partial; empty: undated",
        json_schema_extra=_DATE,
    )
    source: str = Field(default="", description="where you have it from; empty: `caller`")
    timepoint: str = Field(default="", description="role of the timepoint it belongs to; empty: none")
    comparator: str = Field(
        default="",
        description="`<`, `<=`, `>=` or `>` where `number` is only a bound",
        json_schema_extra={"enum": ["", "<", "<=", ">=", ">"]},
    )
    status: str = Field(default="", description="FHIR Observation.status where it is not final")

    @model_validator(mode="after")
    def _has_one_value(self) -> Self:
        if self.number is not None and self.category is not None:
            raise ValueError("number and category exclude each other")
        return self

    def domain(self) -> s.Feature:
        return s.Feature(
            name=self.name,
            value=self.category if self.number is None else self.number,
            unit=self.unit,
            coding=self.coding.domain() if self.coding else None,
            effective=self.effective,
            source=self.source,
            timepoint=self.timepoint,
            comparator=self.comparator,
            status=self.status,
        )


class PlannedTherapyBody(Strict):
    """A treatment that is being considered and has not begun."""

    coding: CodingBody | None = None
    therapy_class: str = Field(
        default="", description="category of the catalog's `therapy_class`; empty: derived from `coding`"
    )
    start_date: str = Field(default="", description="ISO 8601; empty: not decided", json_schema_extra=_DATE)

    def domain(self) -> s.PlannedTherapy:
        return s.PlannedTherapy(self.coding.domain() if self.coding else None, self.therapy_class, self.start_date)


class PrognosisBody(Strict):
    """One query. Give any subset of `fhir` or `fhir_server`, `documents`, `timepoints`, `features`; at least one."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE, SERVER_EXAMPLE]})

    model: str = Field(description="model to ask, one of GET /v1/models", json_schema_extra=_NOT_EMPTY)
    patient_id: str = Field(default="", description="your opaque id of the patient; never logged; empty: anonymous")
    index_date: str = Field(
        default="",
        description="day of prediction, YYYY-MM-DD; nothing later is used; empty: the latest seen",
        json_schema_extra=_DAY,
    )
    horizons_days: tuple[_Horizon, ...] = Field(default=(), description="days since the index date; empty: the model's")
    fhir: dict[str, Any] | str | None = Field(
        default=None, description="FHIR R4 Bundle or resource, read as it came, byte for byte; or NDJSON as one string"
    )
    fhir_server: FhirPatientBody | None = Field(
        default=None, description="where to fetch the record, instead of `fhir`"
    )
    documents: tuple[DocumentBody, ...] = ()
    timepoints: tuple[TimepointBody, ...] = ()
    features: tuple[FeatureBody, ...] = Field(
        default=(), description="they win over extracted ones of the same name and timepoint"
    )
    planned_therapies: tuple[PlannedTherapyBody, ...] = ()

    def domain(self, fhir: bytes) -> Query:
        """Make the query, with the record as it came."""
        return Query(
            model=self.model,
            patient_id=self.patient_id,
            index_date=self.index_date,
            horizons_days=self.horizons_days,
            fhir=fhir,
            fhir_server=self.fhir_server.domain() if self.fhir_server else None,
            documents=tuple(d.domain() for d in self.documents),
            timepoints=tuple(t.domain() for t in self.timepoints),
            features=tuple(f.domain() for f in self.features),
            planned_therapies=tuple(t.domain() for t in self.planned_therapies),
        )
