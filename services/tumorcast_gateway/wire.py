"""Query ↔ protobuf; the answer's messages are those of ``tumorcast_core.wire``."""

from __future__ import annotations

from tumorcast.common.v1 import snapshot_pb2
from tumorcast.notes.v1 import notes_service_pb2
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core import wire
from tumorcast_core.query import Document, FhirPatient, Query


def query_from(m: pb.CreatePrognosisRequest) -> Query:
    """Message → domain query; raises ``MalformedRequest``."""
    return Query(
        model=m.model,
        patient_id=m.patient_id,
        index_date=m.index_date,
        horizons_days=tuple(m.horizons_days),
        fhir=m.fhir,
        fhir_server=fhir_patient_from(m.fhir_server) if m.HasField("fhir_server") else None,
        documents=tuple(map(_document_from, m.documents)),
        timepoints=tuple(map(wire.timepoint_from, m.timepoints)),
        features=tuple(map(wire.feature_from, m.features)),
        planned_therapies=tuple(map(wire.planned_therapy_from, m.planned_therapies)),
    )


def fhir_patient_from(m: snapshot_pb2.FhirPatient) -> FhirPatient:
    """Message → domain."""
    return FhirPatient(m.base_url, m.patient_id)


def _document_from(m: notes_service_pb2.Document) -> Document:
    return Document(m.id, m.date, m.content_type, m.content, m.timepoint)
