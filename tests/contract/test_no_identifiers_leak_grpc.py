"""Identifiers are sent into every field of every message and into metadata; then looked for, in the database too."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass

from support.gateway_served import Served
from support.leaks import ALL, DATE, EMAIL, MRN, NAME, PLAIN, TEXT, UID, choices, filled, found_in
from support.leaks_watched import Seen, watched, with_gateway
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb

SERVICES = pb.DESCRIPTOR.services_by_name["PrognosisService"]


@pytest.fixture
def seen(capfd: pytest.CaptureFixture[str]) -> Iterator[Seen]:
    with watched(capfd) as found:
        yield found


@pytest.fixture(params=["oidc", "none"])
def auth(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def messages(method: Any) -> Iterator[Any]:
    """Requests of a method with markers in every field, of each alternative in turn."""
    kind = GetMessageClass(method.input_type)
    yield kind()
    for choice in range(choices(method.input_type)):
        whole = filled(kind(), choice)
        yield whole
        for one, _ in whole.ListFields():
            part = kind()
            part.CopyFrom(whole)
            part.ClearField(one.name)
            yield part
            if one.name != "model" and "model" in method.input_type.fields_by_name:
                known = kind()
                known.CopyFrom(whole)
                known.model = "simulated"
                known.ClearField(one.name)
                yield known


TRACE = f"00-{MRN.encode().hex():0<32}-{MRN.encode().hex()[:16]}-01"
METADATA = [
    ("tumorcast-request-id", MRN), ("tumorcast-budget-ms", MRN), ("traceparent", TRACE),
    ("tracestate", f"ehr={MRN}"), ("baggage", f"patient={MRN}"), ("x-patient", ALL), ("x-patient-bin", ALL.encode()),
    ("user-agent", NAME), ("idempotency-key", PLAIN), ("prefer", f"wait={MRN}"),
]  # fmt: skip


def test_no_field_or_metadata_of_a_call_is_told(seen: Seen, auth: str, tmp_path: Path) -> None:
    async def test(gateway: Served, caller: dict[str, str]) -> None:
        metadata = [*METADATA, ("authorization", caller["Authorization"])]
        codes = set()
        for method in SERVICES.methods:
            call = getattr(gateway.grpc, method.name)
            for message in messages(method):
                asked = call(iter([message]) if method.client_streaming else message, metadata=metadata, timeout=20)
                try:
                    _ = [a async for a in asked] if method.server_streaming else await asked
                    seen.answers += 1
                    seen.see(method.name, f"{await asked.initial_metadata()} {await asked.trailing_metadata()}")
                except grpc.aio.AioRpcError as e:
                    seen.call(method.name, e)
                    codes.add(e.code())
        assert not codes & {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
        assert codes & {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}

    with_gateway(test, tmp_path, auth)


def test_bytes_that_are_no_message_are_not_told(seen: Seen, tmp_path: Path) -> None:
    async def test(gateway: Served, caller: dict[str, str]) -> None:
        metadata = [("authorization", caller["Authorization"])]
        for method in SERVICES.methods:
            raw = copy.copy(getattr(gateway.grpc, method.name))
            raw._request_serializer = None
            for data in (ALL.encode(), b"\x0a\xff" + ALL.encode(), b"\x0a\x0c" + MRN.encode("utf-16")):
                asked = raw(iter([data]) if method.client_streaming else data, metadata=metadata, timeout=20)
                try:
                    _ = [a async for a in asked] if method.server_streaming else await asked
                except grpc.aio.AioRpcError as e:
                    seen.call(method.name, e)

    with_gateway(test, tmp_path)


# The database


def test_the_database_holds_nothing_of_a_patient_that_can_be_read(seen: Seen, tmp_path: Path) -> None:
    async def test(gateway: Served, caller: dict[str, str]) -> None:
        query = {
            "model": "simulated", "patient_id": MRN, "index_date": "2026-03-04",
            "fhir": {"resourceType": "Bundle", "id": NAME},
            "documents": [{"id": EMAIL, "date": DATE, "text": TEXT}],
            "timepoints": [{"role": "baseline", "study_instance_uid": UID, "date": DATE}],
            "features": [{"name": "albumin", "number": 3.9, "unit": "g/dL", "effective": DATE, "source": ALL}],
        }  # fmt: skip
        headers = caller | {"idempotency-key": PLAIN}
        made = await gateway.http.post("/v1/prognoses", json=query, headers=headers)
        assert made.status_code == 201, made.text
        for _ in range(10):
            answer = await gateway.http.get(f"/v1/prognoses/{'b' * 32}", headers=caller)
            seen.answer("unknown", answer)

    with_gateway(test, tmp_path)
    caller_is_named = {EMAIL, "Quorblatt"}  # who asked stands in the audit log, and is no patient
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert not set(found_in(file.read_bytes().decode("latin-1"))) - caller_is_named - {MRN, DATE}, file.name
