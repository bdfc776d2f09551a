"""The clinical service as a port."""

from __future__ import annotations

from tumorcast.clinical.v1 import clinical_service_pb2 as pb
from tumorcast.clinical.v1 import clinical_service_pb2_grpc as pb_grpc
from tumorcast_core import wire
from tumorcast_core.deadline import Deadline
from tumorcast_core.query import Record
from tumorcast_core.snapshot import Extraction
from tumorcast_gateway.adapters.backend import Backend


class ClinicalClient:
    """Hands the record on as the bytes that came, or as the place that the clinical service fetches it from."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def extract_features(self, record: Record, index_date: str, deadline: Deadline) -> Extraction:
        """Call ``ExtractFeatures``."""
        request = _request(record, index_date)
        answer = await self._backend.call(
            lambda channel: pb_grpc.ClinicalServiceStub(channel).ExtractFeatures, request, deadline
        )
        with self._backend.reading_answer():
            return Extraction(
                features=tuple(map(wire.feature_from, answer.features)),
                issues=tuple(map(wire.issue_from, answer.issues)),
                patient_id=answer.patient_id,
                date=answer.date,
            )


def _request(record: Record, index_date: str) -> pb.ExtractFeaturesRequest:
    if isinstance(record, bytes):
        return pb.ExtractFeaturesRequest(fhir=record, index_date=index_date)
    return pb.ExtractFeaturesRequest(fhir_server=wire.fhir_patient_to(record), index_date=index_date)
