"""The gRPC door: ``PrognosisService``, in parts as the desk has them."""

from __future__ import annotations

from tumorcast.prognosis.v1 import prognosis_service_pb2_grpc as pb_grpc
from tumorcast_gateway.servicer.jobs import JobMethods
from tumorcast_gateway.servicer.models import ModelMethods
from tumorcast_gateway.servicer.patients import PatientMethods
from tumorcast_gateway.servicer.prognoses import PrognosisMethods
from tumorcast_gateway.servicer.remarks import RemarkMethods
from tumorcast_gateway.servicer.studies import StudyMethods

__all__ = ["PrognosisServicer"]


class PrognosisServicer(
    PrognosisMethods,
    RemarkMethods,
    ModelMethods,
    StudyMethods,
    JobMethods,
    PatientMethods,
    pb_grpc.PrognosisServiceServicer,
):
    """Every method: message → domain → desk → message, within the caller's deadline or the gateway's, if sooner."""
