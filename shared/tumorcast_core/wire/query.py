"""The query ↔ ``tumorcast.prognosis.v1.CreatePrognosisRequest``."""

from __future__ import annotations

from tumorcast.common.v1 import snapshot_pb2 as sp
from tumorcast.notes.v1 import notes_service_pb2 as notes
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core.query import Document, FhirPatient, Query
from tumorcast_core.wire.parts import each_from
from tumorcast_core.wire.snapshot import (
    feature_from,
    feature_to,
    planned_therapy_from,
    planned_therapy_to,
    timepoint_from,
    timepoint_to,
)


def query_to(query: Query) -> pb.CreatePrognosisRequest:
    """Domain query → message, without an idempotency key."""
    return pb.CreatePrognosisRequest(
        model=query.model,
        patient_id=query.patient_id,
        index_date=query.index_date,
        horizons_days=query.horizons_days,
        fhir=query.fhir,
        fhir_server=fhir_patient_to(query.fhir_server) if query.fhir_server else None,
        documents=map(document_to, query.documents),
        timepoints=map(timepoint_to, query.timepoints),
        features=map(feature_to, query.features),
        planned_therapies=map(planned_therapy_to, query.planned_therapies),
    )


def query_from(m: pb.CreatePrognosisRequest) -> Query:
    """Message → domain query; raises ``MalformedRequest``."""
    return Query(
        model=m.model,
        patient_id=m.patient_id,
        index_date=m.index_date,
        horizons_days=tuple(m.horizons_days),
        fhir=m.fhir,
        fhir_server=fhir_patient_from(m.fhir_server) if m.HasField("fhir_server") else None,
        documents=tuple(map(document_from, m.documents)),
        timepoints=tuple(map(timepoint_from, m.timepoints)),
        features=tuple(each_from("features", feature_from, m.features)),
        planned_therapies=tuple(map(planned_therapy_from, m.planned_therapies)),
    )


def fhir_patient_to(patient: FhirPatient) -> sp.FhirPatient:
    """Domain → message."""
    return sp.FhirPatient(base_url=patient.base_url, patient_id=patient.patient_id)


def fhir_patient_from(m: sp.FhirPatient) -> FhirPatient:
    """Message → domain."""
    return FhirPatient(m.base_url, m.patient_id)


def document_to(d: Document) -> notes.Document:
    """Domain → message."""
    return notes.Document(id=d.id, date=d.date, content_type=d.content_type, content=d.content, timepoint=d.timepoint)


def document_from(m: notes.Document) -> Document:
    """Message → domain."""
    return Document(m.id, m.date, m.content_type, m.content, m.timepoint)
