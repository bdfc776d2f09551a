"""What a hospital's security reviewer tried against the running gateway: each finding as a test that once failed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from support.gateway_served import Served, served
from support.issuer import AUDIENCE, Issuer, served_issuer
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core.rpc import serving
from tumorcast_gateway.rest import protocol
from tumorcast_gateway.settings import Settings

QUERY = {"model": "simulated", "patient_id": "p1", "fhir": {"resourceType": "Bundle"}}
CHUNKED = b"POST /v1/prognoses HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
NOBODY = "a" * 32
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # RFC 9113 section 3.4


def with_gateway(test: Callable[[Served, Issuer], Awaitable[None]], **settings: Any) -> None:
    async def main(issuer: Issuer) -> None:
        chosen = {"auth": "oidc", "oidc_issuers": (issuer.url,), "oidc_audiences": (AUDIENCE,)}
        async with served(**(chosen | settings)) as gateway:
            await test(gateway, issuer)

    with served_issuer() as issuer:
        asyncio.run(main(issuer))


# Connections of strangers


async def bytes_taken(port: int, first: bytes, piece: bytes, most: int) -> int:
    """How much of an endless message is taken before the connection is closed."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)
    sent = 0
    try:
        while sent < most:
            writer.write(piece * 50)
            sent += len(piece) * 50
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()
    return sent


@pytest.mark.parametrize(
    ("first", "piece"),
    [(b"0\r\n", b"a: " + b"x" * 1000 + b"\r\n"), (b"0\r\na: ", b"x" * 1000), (b"1;", b"x" * 1000)],
    ids=["trailers", "one trailer", "the extension of a chunk"],
)
def test_what_stands_beside_the_content_of_a_body_is_bounded(first: bytes, piece: bytes) -> None:
    """Trailers are kept in memory until the end of the message, also of a stranger's."""

    async def test(gateway: Served, issuer: Issuer) -> None:
        most = 400 * protocol.MAX_HEAD_BYTES
        assert await bytes_taken(gateway.rest_port, CHUNKED + first, piece, most) < most

    with_gateway(test)


def test_small_chunks_and_a_trailer_of_usual_length_pass() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        async def body() -> Any:
            for _ in range(1000):
                yield b" " * 200
            yield b'{"model": "simulated", "features": [{"name": "age", "number": 61, "unit": "a"}]}'

        headers = issuer.bearer() | {"content-type": "application/json"}
        answer = await gateway.http.post("/v1/prognoses", content=body(), headers=headers)
        assert answer.status_code == 201, answer.text

    with_gateway(test)


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"POST /v1/prognoses HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n", b"x"),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n"),
        (b"POST /v1/prognoses HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n", b"x"),
    ],
    ids=["a body that nobody reads", "empty lines", "a body that ends after its answer"],
)
def test_a_connection_of_which_nothing_is_expected_any_more_is_closed(
    first: bytes, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 1.0)

    async def test(gateway: Served, issuer: Issuer) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.rest_port)
        writer.write(first)
        ended = asyncio.create_task(reader.read())
        for _ in range(3 if first.endswith(b"length: 2\r\n\r\n") else 40):
            await asyncio.sleep(0.2)
            if ended.done():
                break
            writer.write(piece)
        async with asyncio.timeout(4):
            assert (await ended).startswith(b"HTTP/1.1 ")
        writer.close()

    with_gateway(test)


def test_a_slow_answer_is_not_cut_off_by_the_wait_for_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 0.2)

    async def test(gateway: Served, issuer: Issuer) -> None:
        gateway.fakes.fusion.delay_s = 0.8
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.rest_port)
        token = issuer.bearer()["Authorization"].encode()
        body = b'{"model": "simulated", "features": [{"name": "age", "number": 61, "unit": "a"}]}'
        head = b"POST /v1/prognoses HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: " + token
        writer.write(head + b"\r\ncontent-length: " + str(len(body)).encode() + b"\r\n\r\n" + body + b"\r\nGET /heal")
        assert b" 201 " in await reader.readline()
        writer.close()

    with_gateway(test)


def test_idle_connections_make_room_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_CONNECTIONS", 20)

    async def test(gateway: Served, issuer: Issuer) -> None:
        idle = [await asyncio.open_connection("127.0.0.1", gateway.rest_port) for _ in range(50)]
        assert (await gateway.http.get("/healthz")).status_code == 200
        for _ in range(50):
            closed = sum(reader.at_eof() or reader.exception() is not None for reader, _ in idle)
            if closed >= 30:
                break
            await asyncio.sleep(0.05)
        assert closed >= 30
        for _, writer in idle:
            writer.close()

    with_gateway(test)


@pytest.mark.parametrize("first", [b"", PREFACE], ids=["silent", "without calls"])
def test_idle_grpc_connections_are_few_and_do_not_last(first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HANDSHAKE_S", 1.0), ("IDLE_S", 1.0), ("MAX_CONNECTIONS", 20)):
        monkeypatch.setattr(serving, name, value)

    async def left(reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while await reader.read(1024):
                pass

    async def test(gateway: Served, issuer: Issuer) -> None:
        idle = [await asyncio.open_connection("127.0.0.1", gateway.grpc_port) for _ in range(50)]
        for _, writer in idle:
            writer.write(first)
        ends = [asyncio.create_task(left(reader)) for reader, _ in idle]
        await asyncio.sleep(0.5)
        assert sum(end.done() for end in ends) >= 30
        async with asyncio.timeout(10):
            await asyncio.gather(*ends)
        for _, writer in idle:
            writer.close()
        metadata = [("authorization", issuer.bearer()["Authorization"])]
        assert (await gateway.grpc.ListModels(pb.ListModelsRequest(), metadata=metadata)).models

    with_gateway(test)


def test_an_issuer_that_does_not_answer_is_not_asked_by_every_stranger() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        issuer.down = True
        asked = [gateway.http.get("/.well-known/smart-configuration") for _ in range(30)]
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {503}
        assert issuer.requests.count("configuration") == 1

    with_gateway(test)


# Who sees what


def test_a_patient_who_logs_in_as_a_user_sees_nobody_else() -> None:
    """SMART App Launch 2.2, "Scopes": ``user/`` is what the user may see, and of a patient that is no ward."""

    async def test(gateway: Served, issuer: Issuer) -> None:
        for user in ("Patient/p2", "https://ehr.example.org/fhir/Patient/p2", "RelatedPerson/9"):
            portal = issuer.bearer(scope="openid fhirUser user/*.rs", fhirUser=user)
            assert (await gateway.http.get("/v1/prognoses", headers=portal)).status_code == 403, user
        both = issuer.bearer(scope="user/*.rs patient/*.rs", fhirUser="Patient/p2", patient="p2")
        assert (await gateway.http.get("/v1/prognoses", headers=both)).status_code == 200
        assert (await gateway.http.post("/v1/prognoses", json=QUERY, headers=both)).status_code == 403
        ward = issuer.bearer(fhirUser="https://ehr.example.org/fhir/Practitioner/1")
        assert (await gateway.http.get("/v1/prognoses", headers=ward)).status_code == 200

    with_gateway(test)


def test_a_search_by_another_patients_id_finds_nothing() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        mine, theirs = (issuer.bearer(scope="patient/*.cruds", patient=patient) for patient in ("p1", "p2"))
        made = await gateway.http.post("/v1/prognoses", json=QUERY, headers=mine)
        prognosis = made.json()["prognosis_id"]
        for query in (f"_id={prognosis}", f"_id={prognosis}&patient=p2", "", "patient=p2"):
            found = await gateway.http.get(f"/fhir/RiskAssessment?{query}", headers=theirs)
            assert found.status_code == 200
            assert not found.json().get("entry"), query
        denied = await gateway.http.get(f"/fhir/RiskAssessment?_id={prognosis}&patient=p1", headers=theirs)
        assert not denied.json().get("entry")

    with_gateway(test)


def test_a_patient_of_one_server_is_not_the_patient_of_that_id_on_another() -> None:
    """The clinical service may know several servers, and asks each by its own credentials."""

    async def test(gateway: Served, issuer: Issuer) -> None:
        mine = issuer.bearer(scope="patient/*.rs", patient="p1")
        everyone = issuer.bearer(scope="system/*.rs")
        for url, headers, is_refused in (
            ("https://ehr.example.org/fhir/", mine, False),
            ("https://clinic.example.org/fhir", mine, True),
            ("https://ehr.example.org/fhir/tenant-2", mine, True),
            ("https://clinic.example.org/fhir", everyone, False),
        ):
            server = {"base_url": url, "patient_id": "p1"}
            asked = {"model": "simulated", "patient_id": "p1", "fhir_server": server}
            answer = await gateway.http.post("/v1/prognoses", json=asked, headers=headers)
            assert (answer.status_code == 403) == is_refused, (url, answer.text)

    with_gateway(test, fhir_base_url="https://ehr.example.org/fhir")


def test_what_a_caller_may_not_do_is_in_the_audit_log(tmp_path: Path) -> None:
    """Attempts are what an auditor looks for (NIST SP 800-53 AU-2, IHE ATNA): 403 as much as 404."""
    reader = {"scope": "user/RiskAssessment.rs"}
    writer = {"scope": "user/RiskAssessment.cu"}
    other = {"scope": "patient/*.cruds", "patient": "p2"}
    asked = (
        (other, "POST", "/v1/prognoses", QUERY, "prognosis.create"),
        (reader, "POST", "/v1/prognoses", QUERY, "prognosis.create"),
        (writer, "GET", f"/v1/prognoses/{NOBODY}", None, "prognosis.read"),
        (writer, "GET", "/v1/prognoses", None, "prognosis.list"),
        (writer, "GET", f"/v1/prognoses/{NOBODY}/explanation", None, "prognosis.explain"),
        (writer, "POST", f"/v1/prognoses/{NOBODY}/replay", None, "prognosis.replay"),
        (reader, "POST", f"/v1/prognoses/{NOBODY}/write-back", None, "prognosis.write_back"),
        (reader, "POST", f"/v1/prognoses/{NOBODY}/feedback", {"decision": "noted"}, "feedback.create"),
        (writer, "GET", f"/v1/prognoses/{NOBODY}/feedback", None, "feedback.list"),
        (reader, "POST", f"/v1/prognoses/{NOBODY}/outcomes", {"endpoint_id": "x"}, "outcome.create"),
        (writer, "GET", f"/v1/prognoses/{NOBODY}/outcomes", None, "outcome.list"),
        (writer, "GET", f"/v1/studies/{NOBODY}", None, "study.read"),
        (reader, "POST", "/dicomweb/studies", None, "study.store"),
        (other, "POST", "/v1/jobs", {"queries": [QUERY]}, "job.create"),
        (other, "GET", "/v1/jobs", None, "job.list"),
        (other, "GET", f"/v1/jobs/{NOBODY}", None, "job.read"),
        (other, "GET", f"/v1/jobs/{NOBODY}/results", None, "job.results"),
        (other, "POST", f"/v1/jobs/{NOBODY}/cancel", None, "job.cancel"),
        (other, "POST", "/v1/patients/search", {"patient_id": "p1"}, "patient.find"),
        (reader, "DELETE", f"/v1/patients/{NOBODY}", None, "patient.erase"),
    )

    async def test(gateway: Served, issuer: Issuer) -> None:
        for how, method, path, body, _ in asked:
            files = {"content": b"x", "headers": issuer.bearer(**how) | {"content-type": "application/dicom"}}
            sent = {"json": body, "headers": issuer.bearer(**how)} if body else {"headers": issuer.bearer(**how)}
            answer = await gateway.http.request(method, path, **(files if "dicomweb" in path else sent))
            assert answer.status_code == 403, (method, path, answer.text)

    with_gateway(test, data_dir=tmp_path)
    with sqlite3.connect(tmp_path / "gateway.db") as database:
        rows = database.execute("SELECT action, reason FROM audit_entries ORDER BY sequence").fetchall()
    assert rows == [(action, "PERMISSION_DENIED") for *_, action in asked]


def test_no_ehr_can_have_records_of_another_one_fetched() -> None:
    """``fhirServer`` stands in the request, and what is fetched is fetched by credentials that are not the caller's."""
    one = {"https://a.example.org": "https://a.example.org/jwks"}
    told = {"auth": "none", "public_url": "https://tumorcast.example.org", "cds_fetch": True}
    Settings(**told, cds_clients=one)
    with pytest.raises(ValidationError, match="cds_fetch"):
        Settings(**told, cds_clients=one | {"https://b.example.org": "https://b.example.org/jwks"})
