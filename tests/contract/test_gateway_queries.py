"""Queries over real sockets: REST and gRPC tell the same."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.riskassessment import RiskAssessment
from google.protobuf.json_format import MessageToDict
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from support.gateway import FHIR_PATIENT, QUERY, Fakes
from support.gateway_served import Served, served
from tumorcast.common.v1 import snapshot_pb2 as sp
from tumorcast.notes.v1 import notes_service_pb2 as notes_pb
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core import wire
from tumorcast_core.errors import HorizonOutOfRange, MalformedFhir, NotFound, ResourceExhausted

FHIR = '{"resourceType": "Bundle",\n "value": 1.00, "value": 2.50 }'
BODY: dict[str, Any] = {
    "model": "simulated",
    "patient_id": "SIM-000017",
    "index_date": "2026-03-04",
    "horizons_days": [90, 180],
    "documents": [{"id": "n1", "date": "2026-03-01", "text": "No ascites."}],
    "timepoints": [
        {"role": "baseline", "date": "2026-02-04", "study_instance_uid": "1.2.3"},
        {"role": "follow_up", "date": "2026-03-04", "study_instance_uid": "1.2.4"},
    ],
    "features": [
        {"name": "hemoglobin", "number": 12.5, "unit": "g/dL"},
        {"name": "albumin", "number": 900, "unit": "g/dL"},
    ],
}
JSON = {"content-type": "application/json"}


def body(**changes: Any) -> bytes:
    text = json.dumps(BODY | changes)
    return (text[:-1] + f', "fhir": {FHIR}' + "}").encode()


def message(**changes: Any) -> pb.CreatePrognosisRequest:
    return pb.CreatePrognosisRequest(
        **{
            "model": "simulated",
            "patient_id": "SIM-000017",
            "index_date": "2026-03-04",
            "horizons_days": [90, 180],
            "fhir": FHIR.encode(),
            "documents": [
                notes_pb.Document(
                    id="n1", date="2026-03-01", content_type="text/plain; charset=utf-8", content=b"No ascites."
                )
            ],
            "timepoints": map(wire.timepoint_to, QUERY.timepoints),
            "features": [
                sp.Feature(name="hemoglobin", number=12.5, unit="g/dL"),
                sp.Feature(name="albumin", number=900, unit="g/dL"),
            ],
            **changes,
        }
    )


def with_gateway(test: Callable[[Served], Awaitable[None]], **how: Any) -> None:
    async def main() -> None:
        async with served(**how) as gateway:
            await test(gateway)

    asyncio.run(main())


def like_json(value: Any) -> Any:
    """A protobuf answer in the words of the JSON answer: enum values without prefix, infinity as null."""
    if isinstance(value, dict):
        return {k: like_json(v) for k, v in value.items()}
    if isinstance(value, list):
        return [like_json(v) for v in value]
    if value == "Infinity":
        return None
    for prefix in ("ENDPOINT_KIND_", "ENDPOINT_STATUS_", "INPUT_STATUS_", "MODALITY_", "SEVERITY_"):
        if isinstance(value, str) and value.startswith(prefix):
            return value.removeprefix(prefix).replace("_", "-").lower()
    return value


def pruned(value: Any) -> Any:
    """Without what protobuf does not write: empty and null values."""
    if isinstance(value, dict):
        return {k: pruned(v) for k, v in value.items() if v not in (None, "", [], 0, False)}
    return [pruned(v) for v in value] if isinstance(value, list) else value


def test_rest_and_grpc_give_the_same_answer() -> None:
    async def test(gateway: Served) -> None:
        answer = await gateway.http.post("/v1/prognosis", content=body(), headers=JSON)
        assert answer.status_code == 200
        rest = answer.json()
        told = await gateway.grpc.CreatePrognosis(message(), timeout=10)
        twin = like_json(MessageToDict(told.prognosis, preserving_proto_field_name=True))
        assert rest.pop("prognosis_id") == answer.headers["x-request-id"]
        assert len(twin.pop("prognosis_id")) == 32
        assert pruned(rest) == pruned(twin)
        assert rest["endpoints"][1]["survival"]["median_interval"]["upper"] is None
        assert [issue["code"] for issue in rest["issues"]] == ["IMPLAUSIBLE_VALUE"]

    with_gateway(test)


def test_both_doors_send_the_services_the_very_same() -> None:
    async def test(gateway: Served) -> None:
        await gateway.http.post("/v1/prognosis", content=body(), headers=JSON)
        await gateway.grpc.CreatePrognosis(message(), timeout=10)
        fakes = gateway.fakes
        assert fakes.clinical.calls == [(FHIR.encode(), "2026-03-04")] * 2
        (first, _), (second, _) = fakes.notes.calls
        assert [(d.id, d.date, d.content_type, d.content) for d in first] == [
            ("n1", "2026-03-01", "text/plain; charset=utf-8", b"No ascites.")
        ]
        assert first == second
        assert set(fakes.imaging.calls[:2]) == set(fakes.imaging.calls[2:]) == {(t,) for t in QUERY.timepoints}

    with_gateway(test)


SERVER = {"base_url": FHIR_PATIENT.base_url, "patient_id": FHIR_PATIENT.patient_id}


def test_both_doors_send_a_patient_on_a_server_to_the_clinical_service() -> None:
    async def test(gateway: Served) -> None:
        query = {"model": "simulated", "fhir_server": SERVER}
        answer = await gateway.http.post("/v1/prognosis", json=query)
        assert answer.status_code == 200
        await gateway.grpc.CreatePrognosis(pb.CreatePrognosisRequest(**query), timeout=10)
        assert gateway.fakes.clinical.calls == [(FHIR_PATIENT, "")] * 2

    with_gateway(test)


def test_both_doors_refuse_a_record_beside_a_server() -> None:
    async def test(gateway: Served) -> None:
        answer = await gateway.http.post("/v1/prognosis", content=body(fhir_server=SERVER), headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED_REQUEST")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gateway.grpc.CreatePrognosis(message(fhir_server=SERVER), timeout=10)
        assert reason(caught.value) == "MALFORMED_REQUEST"
        assert not gateway.fakes.clinical.calls

    with_gateway(test)


def test_why_a_server_was_not_read_reaches_the_caller() -> None:
    fakes = Fakes()
    fakes.clinical.error = NotFound("The FHIR server has no patient of that id.")

    async def test(gateway: Served) -> None:
        beside = BODY | {"fhir_server": SERVER, "features": []}
        (issue,) = (await gateway.http.post("/v1/prognosis", json=beside)).json()["issues"]
        assert (issue["code"], issue["origin"], issue["severity"]) == ("NOT_FOUND", "clinical", "error")
        alone = await gateway.http.post("/v1/prognosis", json={"model": "simulated", "fhir_server": SERVER})
        assert (alone.status_code, alone.json()["code"]) == (404, "NOT_FOUND")
        assert alone.json()["detail"] == "The FHIR server has no patient of that id."

    with_gateway(test, fakes=fakes)


def test_fhir_is_answered_as_a_risk_assessment() -> None:
    async def test(gateway: Served) -> None:
        for how in (
            {"headers": JSON | {"accept": "application/fhir+json"}},
            {"headers": JSON, "params": {"_format": "fhir"}},
        ):
            answer = await gateway.http.post("/v1/prognosis", content=body(), **how)
            assert answer.headers["content-type"] == "application/fhir+json"
            resource = RiskAssessment.model_validate_json(answer.content)
            assert float(resource.prediction[0].probabilityDecimal) == 43.75
            assert resource.id == answer.headers["x-request-id"]

    with_gateway(test)


@pytest.mark.parametrize("service", ["imaging", "clinical", "notes"])
def test_a_service_that_is_down_narrows_the_answer_at_once(service: str) -> None:
    async def test(gateway: Served) -> None:
        began = time.monotonic()
        answer = await gateway.http.post("/v1/prognosis", content=body(features=[]), headers=JSON)
        assert time.monotonic() - began < 2
        assert answer.status_code == 200
        assert {(i["code"], i["origin"]) for i in answer.json()["issues"]} == {("SERVICE_UNAVAILABLE", service)}

    with_gateway(test, down=(service,))


def test_without_fusion_there_is_no_answer_and_a_reason() -> None:
    async def test(gateway: Served) -> None:
        began = time.monotonic()
        answer = await gateway.http.post("/v1/prognosis", content=body(), headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert answer.headers["retry-after"] == "2"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gateway.grpc.CreatePrognosis(message(), timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert time.monotonic() - began < 4

    with_gateway(test, down=("fusion",))


def test_a_service_that_hangs_narrows_the_answer_within_the_deadline() -> None:
    fakes = Fakes()
    fakes.notes.delay_s = 60

    async def test(gateway: Served) -> None:
        began = time.monotonic()
        answer = await gateway.http.post(
            "/v1/prognosis", content=body(features=[]), headers=JSON | {"prefer": "wait=1"}
        )
        assert time.monotonic() - began < 1
        assert [(i["code"], i["origin"]) for i in answer.json()["issues"]] == [("DEADLINE_EXCEEDED", "notes")]

    with_gateway(test, fakes=fakes)


def test_a_deadline_that_passes_is_told_by_both_doors() -> None:
    fakes = Fakes()
    fakes.fusion.delay_s = 60

    async def test(gateway: Served) -> None:
        answer = await gateway.http.post("/v1/prognosis", content=body(), headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gateway.grpc.CreatePrognosis(message(), timeout=20)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    with_gateway(test, fakes=fakes, deadline_s=0.5)


def reason(error: grpc.aio.AioRpcError) -> str:
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    info = ErrorInfo()
    assert Status.FromString(details).details[0].Unpack(info)
    return info.reason


@pytest.mark.parametrize(
    ("changes", "setup", "status", "grpc_code", "code"),
    [
        ({"model": "nope"}, {}, 404, "NOT_FOUND", "UNKNOWN_MODEL"),
        ({"index_date": "soon"}, {}, 400, "INVALID_ARGUMENT", "MALFORMED_REQUEST"),
        ({"horizons_days": [-1]}, {}, 400, "INVALID_ARGUMENT", "MALFORMED_REQUEST"),
        ({}, {"fusion": HorizonOutOfRange()}, 422, "INVALID_ARGUMENT", "HORIZON_OUT_OF_RANGE"),
        ({}, {"fusion": ResourceExhausted()}, 429, "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"),
        ({}, {"fusion": ZeroDivisionError("SIM-000017")}, 500, "INTERNAL", "INCIDENT"),
        (
            {"documents": [], "timepoints": [], "features": []},
            {"clinical": MalformedFhir()},
            422,
            "INVALID_ARGUMENT",
            "MALFORMED_FHIR",
        ),
    ],
)
def test_an_error_has_the_same_reason_through_both_doors(
    changes: dict[str, Any], setup: dict[str, Exception], status: int, grpc_code: str, code: str
) -> None:
    fakes = Fakes()
    for service, error in setup.items():
        getattr(fakes, service).error = error

    async def test(gateway: Served) -> None:
        answer = await gateway.http.post("/v1/prognosis", content=body(**changes), headers=JSON)
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
        assert problem["request_id"] == answer.headers["x-request-id"]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gateway.grpc.CreatePrognosis(message(**changes), timeout=10)
        assert (caught.value.code().name, reason(caught.value)) == (grpc_code, code)
        if code != "INCIDENT":
            assert caught.value.details() == problem["detail"]
        assert "SIM-000017" not in answer.text
        assert "SIM-000017" not in str(caught.value)

    with_gateway(test, fakes=fakes)


def test_an_error_is_told_in_fhir_where_fhir_was_asked_for() -> None:
    async def test(gateway: Served) -> None:
        answer = await gateway.http.post(
            "/v1/prognosis", content=b'{"modle": 1}', headers=JSON | {"accept": "application/fhir+json"}
        )
        assert answer.status_code == 400
        outcome = OperationOutcome.model_validate_json(answer.content)
        assert {issue.code for issue in outcome.issue} == {"structure"}
        assert outcome.issue[0].details.text == "MALFORMED_REQUEST"

    with_gateway(test)
