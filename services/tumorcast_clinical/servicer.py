"""What the clinical service answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tumorcast.clinical.v1 import clinical_service_pb2 as pb
from tumorcast.clinical.v1.clinical_service_pb2_grpc import ClinicalServiceServicer
from tumorcast_clinical.adapters.fhir_server import FhirServer
from tumorcast_clinical.model import Limits, extract_features
from tumorcast_core import rpc, wire
from tumorcast_core.errors import MalformedRequest
from tumorcast_core.snapshot import Issue


class ClinicalServicer(ClinicalServiceServicer):
    """Answers ``ClinicalService``; the reading itself happens in a thread, so that health checks go on.

    At most ``at_once`` records are read at one time: more would be no sooner done and hold their memory longer.
    """

    def __init__(self, limits: Limits, fhir_server: FhirServer, at_once: int) -> None:
        self._limits, self._fhir_server = limits, fhir_server
        self._turns = asyncio.Semaphore(at_once)

    async def close(self) -> None:
        """Close the connections to FHIR servers."""
        await self._fhir_server.close()

    @rpc.answers(pb.ExtractFeaturesResponse)
    async def ExtractFeatures(
        self,
        request: pb.ExtractFeaturesRequest,
        grpc_context: rpc.CallContext,
    ) -> pb.ExtractFeaturesResponse:
        """Extract features from one record, as sent or fetched; what could not be fetched stands first."""
        fhir, missing = await self._record(request, grpc_context)
        patient_id = request.fhir_server.patient_id
        async with self._turns:
            extraction = await asyncio.to_thread(extract_features, fhir, request.index_date, self._limits, patient_id)
        return pb.ExtractFeaturesResponse(
            features=map(wire.feature_to, extraction.features),
            issues=map(wire.issue_to, (*missing, *extraction.issues)),
            patient_id=extraction.patient_id,
            date=extraction.date,
        )

    async def _record(
        self, request: pb.ExtractFeaturesRequest, grpc_context: rpc.CallContext
    ) -> tuple[bytes | Sequence[bytes], tuple[Issue, ...]]:
        if not request.HasField("fhir_server"):
            return request.fhir, ()
        if request.fhir:
            raise MalformedRequest("fhir and fhir_server exclude each other.")
        source = request.fhir_server
        deadline = rpc.deadline_of(grpc_context)
        fetched = await self._fhir_server.fetch(source.base_url, source.patient_id, deadline)
        return fetched.pages, fetched.issues
