"""Patients: found by the caller's id, erased by ours."""

from __future__ import annotations

from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core import rpc
from tumorcast_core.errors import MalformedRequest, PatientNotFound
from tumorcast_gateway.servicer.base import Methods, caller, opaque
from tumorcast_gateway.wire import patient_ref_to


class PatientMethods(Methods):
    """Methods about patients."""

    @rpc.answers(pb.FindPatientResponse)
    async def FindPatient(
        self, request: pb.FindPatientRequest, grpc_context: rpc.CallContext
    ) -> pb.FindPatientResponse:
        """Find the opaque id of a patient."""
        if not request.patient_id:
            raise MalformedRequest.at("patient_id", "patient_id is required.")
        found = await self.desk.patients.find(caller(), request.patient_id)
        return pb.FindPatientResponse(patient=patient_ref_to(found))

    @rpc.answers(pb.ErasePatientResponse)
    async def ErasePatient(
        self, request: pb.ErasePatientRequest, grpc_context: rpc.CallContext
    ) -> pb.ErasePatientResponse:
        """Make every record of a patient unreadable for good."""
        patient = opaque(request.patient, PatientNotFound)
        return pb.ErasePatientResponse(prognoses=await self.desk.patients.erase(caller(), patient))
