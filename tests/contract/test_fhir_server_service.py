"""The clinical service fetches a record by itself: the features of the same record sent, and errors with reasons."""

import asyncio

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from starlette.responses import Response

from support.fhir_server import ServedFhir, at, searchset, served_fhir, trickling
from support.records import INDEX, bundle, condition, medication, observation, patient
from tumorcast.clinical.v1 import clinical_service_pb2 as pb
from tumorcast.clinical.v1.clinical_service_pb2_grpc import ClinicalServiceStub, add_ClinicalServiceServicer_to_server
from tumorcast.common.v1.snapshot_pb2 import FhirPatient
from tumorcast_clinical.adapters.fhir_server.walk import SEARCHED_TYPES
from tumorcast_clinical.app import servicer_of
from tumorcast_clinical.model.readers import READERS
from tumorcast_clinical.model.unread import REFERRED
from tumorcast_clinical.settings import Settings
from tumorcast_core import rpc

OWN = [observation(), observation("o2", "2160-0", 0.9, "mg/dL"), medication(), condition()]
OTHERS = [patient(id="p2"), observation("o9", subject={"reference": "Patient/p2"})]


def ask(request: pb.ExtractFeaturesRequest, timeout: float = 30, **chosen) -> pb.ExtractFeaturesResponse:
    """Serve on a free port, ask once, stop."""

    async def once() -> pb.ExtractFeaturesResponse:
        servicer, server = servicer_of(Settings(fhir_retries=0, **chosen)), grpc.aio.server()
        add_ClinicalServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", rpc.channel_options()) as channel:
                return await ClinicalServiceStub(channel).ExtractFeatures(request, timeout=timeout)
        finally:
            await server.stop(None)
            await servicer.close()

    return asyncio.run(once())


def request_for(server: ServedFhir, patient_id: str = "p1", **more) -> pb.ExtractFeaturesRequest:
    source = FhirPatient(base_url=server.base_url, patient_id=patient_id)
    return pb.ExtractFeaturesRequest(fhir_server=source, index_date=INDEX, **more)


def reason(error: grpc.aio.AioRpcError) -> str:
    info = ErrorInfo()
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert Status.FromString(details).details[0].Unpack(info)
    return info.reason


@pytest.mark.parametrize("everything", [True, False])
@pytest.mark.parametrize("page_size", [1, 2, 100])
def test_a_fetched_record_gives_the_features_of_the_same_record_sent(everything, page_size) -> None:
    sent = ask(pb.ExtractFeaturesRequest(fhir=bundle(*OWN), index_date=INDEX))
    with served_fhir([patient(), *OWN, *OTHERS], everything=everything, page_size=page_size) as server:
        fetched = ask(request_for(server), fhir_allowed_hosts=(server.host,))
    assert len(sent.features) >= 4
    assert list(fetched.features) == list(sent.features)
    assert (fetched.patient_id, fetched.date) == (sent.patient_id, sent.date)
    news = {issue.code for issue in fetched.issues} - {issue.code for issue in sent.issues}
    assert news <= {"SEARCHED_BY_TYPE", "TYPE_NOT_SERVED"}


def test_of_several_patients_in_the_answer_the_one_that_was_asked_for_is_read() -> None:
    sent = ask(pb.ExtractFeaturesRequest(fhir=bundle(*OWN), index_date=INDEX))
    with served_fhir(faults=[at("everything", searchset(*OTHERS, patient(), *OWN))]) as server:
        fetched = ask(request_for(server), fhir_allowed_hosts=(server.host,))
    assert list(fetched.features) == list(sent.features)
    assert fetched.patient_id == "p1"


def test_every_type_that_features_come_from_is_searched() -> None:
    assert set(READERS) - {"Patient"} <= set(SEARCHED_TYPES)
    assert REFERRED - set(SEARCHED_TYPES) == {"Medication", "Substance"}  # the one is included, for the other see below


def test_a_drug_whose_ingredient_no_search_fetches_is_told() -> None:
    ingredient = [{"itemReference": {"reference": "Substance/s"}}]
    drug = {"resourceType": "Medication", "id": "d", "code": {"text": "infusion bag"}, "ingredient": ingredient}
    order = medication(medicationCodeableConcept=None, medicationReference={"reference": "Medication/d"})
    with served_fhir([patient(), drug, order], everything=False) as server:
        answer = ask(request_for(server), fhir_allowed_hosts=(server.host,))
    assert "systemic_therapy" not in {feature.name for feature in answer.features}
    assert any(issue.message.startswith("MedicationRequest/m1 ") for issue in answer.issues)


def test_what_could_not_be_fetched_stands_first() -> None:
    faults = [at("Condition?", Response(status_code=500))]
    with served_fhir([patient(), *OWN, observation("x", unit="furlong")], everything=False, faults=faults) as server:
        answer = ask(request_for(server), fhir_allowed_hosts=(server.host,))
    codes = [issue.code for issue in answer.issues]
    assert codes[:2] == ["SEARCHED_BY_TYPE", "FHIR_SEARCH_FAILED"]
    assert "UNKNOWN_UNIT" in codes[2:]
    assert answer.issues[0].origin == "clinical"


@pytest.mark.parametrize(
    ("patient_id", "faults", "hosts", "code", "expected"),
    [
        ("p7", [], None, grpc.StatusCode.NOT_FOUND, "PATIENT_NOT_FOUND"),
        ("p1", [], (), grpc.StatusCode.INVALID_ARGUMENT, "FHIR_SERVER_NOT_ALLOWED"),
        ("../p1", [], None, grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST"),
        ("p1", [at("", Response(status_code=401))], None, grpc.StatusCode.UNAVAILABLE, "FHIR_ACCESS_DENIED"),
        ("p1", [at("", Response(status_code=500))], None, grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE"),
        ("p1", [at("", Response(status_code=429))], None, grpc.StatusCode.RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"),
    ],
)
def test_a_fetch_that_fails_is_told_with_its_reason(patient_id, faults, hosts, code, expected) -> None:
    with served_fhir([patient(), *OWN], faults=faults) as server, pytest.raises(grpc.aio.AioRpcError) as caught:
        ask(request_for(server, patient_id), fhir_allowed_hosts=(server.host,) if hosts is None else hosts)
    assert (caught.value.code(), reason(caught.value)) == (code, expected)
    assert "127.0.0.1" not in caught.value.details()


def test_a_record_sent_and_a_server_named_exclude_each_other() -> None:
    with served_fhir([patient()]) as server:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            ask(request_for(server, fhir=bundle()), fhir_allowed_hosts=(server.host,))
        assert server.requests == []
    assert reason(caught.value) == "MALFORMED_REQUEST"


def test_a_call_ends_at_its_deadline_however_slow_the_fhir_server() -> None:
    with served_fhir([patient()], faults=[at("", trickling)]) as server:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            ask(request_for(server), timeout=1, fhir_allowed_hosts=(server.host,))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
