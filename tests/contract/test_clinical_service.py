"""The clinical service over real gRPC: the model layer's features, and errors that say nothing of the patient."""

import asyncio

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from support.records import bundle, medication, observation
from tumorcast.clinical.v1 import clinical_service_pb2 as pb
from tumorcast.clinical.v1.clinical_service_pb2_grpc import ClinicalServiceStub, add_ClinicalServiceServicer_to_server
from tumorcast_clinical.app import SERVICE_NAME, servicer_of
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.settings import Settings
from tumorcast_core import rpc, wire
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, MalformedFhir, PayloadTooLarge, TumorcastError

RECORD = bundle(observation(), observation("bad", unit="furlong"), medication())
INDEX = "2026-03-28"


def ask(
    request: pb.ExtractFeaturesRequest, settings: Settings | None = None, client=None
) -> pb.ExtractFeaturesResponse:
    """Serve on a free port, ask once, stop."""

    async def once() -> pb.ExtractFeaturesResponse:
        server = grpc.aio.server()
        add_ClinicalServiceServicer_to_server(servicer_of(settings or Settings()), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", rpc.channel_options()) as channel:
                method = ClinicalServiceStub(channel).ExtractFeatures
                return await (client(method, request) if client else method(request, timeout=30))
        finally:
            await server.stop(None)

    return asyncio.run(once())


def test_features_arrive_as_the_model_layer_makes_them():
    answer, extraction = ask(pb.ExtractFeaturesRequest(fhir=RECORD, index_date=INDEX)), extract_features(RECORD, INDEX)
    assert tuple(map(wire.feature_from, answer.features)) == extraction.features
    assert tuple(map(wire.issue_from, answer.issues)) == extraction.issues
    assert answer.patient_id == "p1"
    assert {f.name for f in answer.features} == {
        *("hemoglobin", "age", "sex", "therapy_class"),
        *("systemic_therapy", "systemic_therapy_start", "line_of_therapy"),
    }
    assert [issue.code for issue in answer.issues] == ["UNKNOWN_UNIT"]


@pytest.mark.parametrize(
    ("fhir", "index_date", "reason"),
    [
        (b'{"resourceType": "Bundle", "secret": "Jane Doe', "", "MALFORMED_FHIR"),
        (b"", "", "MALFORMED_FHIR"),
        (RECORD, "Jane Doe", "MALFORMED_REQUEST"),
        (b" " * (1 << 20) + b" ", "", "PAYLOAD_TOO_LARGE"),
    ],
)
def test_what_cannot_be_read_is_an_invalid_argument_with_a_reason_and_no_echo(fhir, index_date, reason):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        ask(pb.ExtractFeaturesRequest(fhir=fhir, index_date=index_date), Settings(max_fhir_mib=1))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    details = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    info = ErrorInfo()
    detail: AnyMessage = Status.FromString(details).details[0]
    assert detail.Unpack(info)
    assert (info.reason, info.domain) == (reason, "tumorcast")
    assert "Jane" not in caught.value.details()
    assert b"Jane" not in details


@pytest.mark.parametrize(("fhir", "error"), [(b"{", MalformedFhir), (b" " * (1 << 20) + b" ", PayloadTooLarge)])
def test_the_client_raises_the_error_that_the_service_told(fhir, error):
    def client(method, request):
        return rpc.call(method, request, Deadline.after(30), service="clinical")

    with pytest.raises(error):
        ask(pb.ExtractFeaturesRequest(fhir=fhir), Settings(max_fhir_mib=1), client)


def test_a_deadline_that_has_passed_ends_the_call():
    def client(method, request):
        return rpc.call(method, request, Deadline.after(0.001), service="clinical")

    with pytest.raises(DeadlineExceeded) as caught:
        ask(pb.ExtractFeaturesRequest(fhir=bundle(*(observation(f"o{i}") for i in range(500)))), client=client)
    assert isinstance(caught.value, TumorcastError)


def test_the_service_is_known_by_the_name_of_its_proto():
    assert pb.DESCRIPTOR.services_by_name["ClinicalService"].full_name == SERVICE_NAME


def test_settings_are_read_from_the_environment_and_frozen(monkeypatch):
    monkeypatch.setenv("TUMORCAST_CLINICAL_MAX_FHIR_MIB", "7")
    settings = Settings()
    assert settings.max_fhir_mib == 7
    with pytest.raises(ValueError, match="frozen"):
        settings.max_fhir_mib = 8
