"""What the clinical service answers."""

from __future__ import annotations

import asyncio

from tumorcast.clinical.v1 import clinical_service_pb2 as pb
from tumorcast.clinical.v1.clinical_service_pb2_grpc import ClinicalServiceServicer
from tumorcast_clinical.model import Limits, extract_features
from tumorcast_core import rpc, wire


class ClinicalServicer(ClinicalServiceServicer):
    """Answers ``ClinicalService``; the reading itself happens in a thread, so that health checks go on."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    @rpc.answers(pb.ExtractFeaturesResponse)
    async def ExtractFeatures(
        self,
        request: pb.ExtractFeaturesRequest,
        grpc_context: rpc.CallContext,
    ) -> pb.ExtractFeaturesResponse:
        """Extract features from one record."""
        extraction = await asyncio.to_thread(extract_features, request.fhir, request.index_date, self._limits)
        return pb.ExtractFeaturesResponse(
            features=map(wire.feature_to, extraction.features),
            issues=map(wire.issue_to, extraction.issues),
            patient_id=extraction.patient_id,
            date=extraction.date,
        )
