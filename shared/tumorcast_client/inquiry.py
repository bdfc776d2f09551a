"""One query as the client sends it: checked, with the FHIR record byte for byte as it was given."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tumorcast_api.bodies import (
    CodingBody,
    DocumentBody,
    FeatureBody,
    FhirPatientBody,
    PlannedTherapyBody,
    PrognosisBody,
    TimepointBody,
)
from tumorcast_client.telling import malformed
from tumorcast_core import snapshot as s
from tumorcast_core.errors import MalformedDocument, MalformedFhir
from tumorcast_core.query import Document, Query

Fhir = bytes | str | Mapping[str, Any]
"""A record: R4 JSON or NDJSON as it lies on disk, which is passed through unparsed, or a resource as a dictionary."""


@dataclass(frozen=True, slots=True, repr=False)
class Inquiry:
    """What to ask, for ``prognoses.ask`` and ``jobs.create``; make it by ``inquiry``."""

    body: PrognosisBody
    fhir: bytes = b""

    def json(self) -> bytes:
        """The body. A JSON object is spliced in as it stands: parsed and written again, it would lose ``1.00``.

        What is none, as NDJSON or an object with NaN in it, goes as a string.
        """
        text = self.body.model_dump_json(exclude={"fhir"}, exclude_defaults=True).encode()
        return text[:-1] + b', "fhir": ' + _record(self.fhir) + b"}" if self.fhir else text

    @classmethod
    def of(cls, query: Query) -> Inquiry:
        """The inquiry of a domain query; raises ``MalformedRequest``, ``MalformedDocument``, ``MalformedFhir``."""
        server = query.fhir_server
        return inquiry(
            query.model,
            patient_id=query.patient_id,
            index_date=query.index_date,
            horizons_days=query.horizons_days,
            fhir=query.fhir,
            fhir_server=FhirPatientBody(base_url=server.base_url, patient_id=server.patient_id) if server else None,
            documents=tuple(map(_document, query.documents)),
            timepoints=tuple(map(_timepoint, query.timepoints)),
            features=tuple(map(_feature, query.features)),
            planned_therapies=tuple(map(_therapy, query.planned_therapies)),
        )


def inquiry(
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
) -> Inquiry:
    """Make an inquiry; raises ``MalformedRequest`` or ``MalformedFhir`` before anything is sent."""
    try:
        body = PrognosisBody(
            model=model,
            patient_id=patient_id,
            index_date=index_date,
            horizons_days=tuple(horizons_days),
            fhir_server=fhir_server,
            documents=tuple(documents),
            timepoints=tuple(timepoints),
            features=tuple(features),
            planned_therapies=tuple(planned_therapies),
        )
    except ValidationError as e:
        raise malformed(e) from e
    return Inquiry(body, _bytes(fhir))


def _bytes(fhir: Fhir) -> bytes:
    """The record as bytes of UTF-8; raises ``MalformedFhir``."""
    try:
        if isinstance(fhir, Mapping):
            return json.dumps(fhir, allow_nan=False, ensure_ascii=False).encode()
        content = fhir.encode() if isinstance(fhir, str) else bytes(fhir).removeprefix(codecs.BOM_UTF8)
        content.decode()
    except (TypeError, ValueError, RecursionError) as e:
        raise MalformedFhir("The record is not JSON in UTF-8.") from e
    return content


def _record(fhir: bytes) -> bytes:
    return fhir if _is_json_object(fhir) else json.dumps(fhir.decode()).encode()


def _is_json_object(content: bytes) -> bool:
    """Whether it is one JSON object of RFC 8259 and nothing else, so that it cannot end the body that it stands in."""
    try:
        return isinstance(json.loads(content, parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON.")


def _document(document: Document) -> DocumentBody:
    try:
        text = document.content.decode()
    except UnicodeDecodeError as e:
        raise MalformedDocument("A document is not text in UTF-8.") from e
    return DocumentBody(
        id=document.id,
        date=document.date,
        content_type=document.content_type,
        text=text,
        timepoint=document.timepoint,
    )


def _timepoint(t: s.Timepoint) -> TimepointBody:
    return TimepointBody(
        role=t.role, date=t.date, study_instance_uid=t.study_instance_uid, segmentation_uid=t.segmentation_uid
    )


def _feature(feature: s.Feature) -> FeatureBody:
    is_category = isinstance(feature.value, str)
    try:
        return FeatureBody(
            name=feature.name,
            number=None if is_category else feature.value,  # type: ignore[arg-type]
            category=feature.value if is_category else None,  # type: ignore[arg-type]
            unit=feature.unit,
            coding=_coding(feature.coding),
            effective=feature.effective,
            source=feature.source,
            timepoint=feature.timepoint,
            comparator=feature.comparator,
            status=feature.status,
        )
    except ValidationError as e:
        raise malformed(e) from e


def _therapy(therapy: s.PlannedTherapy) -> PlannedTherapyBody:
    return PlannedTherapyBody(
        coding=_coding(therapy.coding), therapy_class=therapy.therapy_class, start_date=therapy.start_date
    )


def _coding(coding: s.Coding | None) -> CodingBody | None:
    return CodingBody(system=coding.system, code=coding.code, display=coding.display) if coding else None
