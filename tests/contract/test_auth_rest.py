"""The REST door with authentication on, as it stands in a hospital: a real gateway, a real issuer, every route."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import grpc
import pytest

from support.gateway_served import Served
from support.issuer import OTHER_RSA_KEY, Issuer, served_issuer
from support.routes import routes_of_the_door
from support.signed_in import JSON, QUERY, with_gateway
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_gateway.rest.security import OPEN, OPEN_BELOW


def filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "a" * 32, path)


def is_meant_to_be_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_BELOW)


# Closed by default


def test_no_route_answers_without_a_token_but_those_that_are_meant_to(tmp_path) -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        found = await routes_of_the_door(tmp_path)
        assert {path.split("/")[1] for _, path in found} >= {"v1", "fhir", "cds-services", "dicomweb", "healthz"}
        closed = 0
        for method, path in found:
            answer = await gateway.http.request(method, filled(path), content=QUERY, headers=JSON)
            if is_meant_to_be_open(path):
                assert answer.status_code not in (401, 403), (method, path)
                continue
            if path.startswith("/cds-services/") and answer.status_code == 404:
                continue  # without known EHRs nobody may call them
            assert answer.status_code == 401, (method, path, answer.status_code)
            assert answer.headers["www-authenticate"].startswith("Bearer"), (method, path)
            assert answer.headers["content-type"] in ("application/problem+json", "application/fhir+json")
            closed += 1
        assert closed > 15

    with_gateway(test, failures_per_minute=1000)


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/nothing", "/docs", "/metrics", "/healthz/", "/HEALTHZ", "//healthz", "/healthz/../v1/models",
     "/problems/../v1/models", "/cds-services/../v1/models", "/cds-services/%2e%2e/v1/models", "/healthz%2f..%2fv1",
     "/v1/models?x=/healthz", "/v1/models;/healthz", "/v1/models%00/healthz"],
)  # fmt: skip
def test_what_is_no_open_path_is_closed_whatever_it_looks_like(path) -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.rest_port)
        writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        assert answer.split()[1] in (b"401", b"404"), answer
        assert b"simulated" not in answer

    with_gateway(test)


def test_no_grpc_method_answers_without_a_token() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        methods = pb.DESCRIPTOR.services_by_name["PrognosisService"].methods
        assert len(methods) > 15
        for method in methods:
            call = getattr(gateway.grpc, method.name)

            async def asked(call: Any = call, method: Any = method) -> None:
                request = getattr(pb, method.input_type.name)()
                answer = call(iter(()) if method.client_streaming else request)
                if method.server_streaming:
                    _ = [a async for a in answer]
                else:
                    await answer

            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await asked()
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED, method.name

    with_gateway(test, failures_per_minute=1000)


# Tokens


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({}, 200, ""),
        ({"scope": "system/*.rs"}, 200, ""),
        ({"scope": "patient/*.rs", "patient": "p1"}, 200, ""),
        ({"scope": "patient/*.rs"}, 403, "PERMISSION_DENIED"),
        ({"scope": "openid"}, 403, "PERMISSION_DENIED"),
        ({"exp": 1}, 401, "TOKEN_EXPIRED"),
        ({"aud": "https://elsewhere.example.org"}, 401, "INVALID_TOKEN"),
        ({"iss": "https://evil.example.org"}, 401, "INVALID_TOKEN"),
        ({"alg": "none"}, 401, "INVALID_TOKEN"),
        ({"key": OTHER_RSA_KEY}, 401, "INVALID_TOKEN"),
        ({"kid": "unknown"}, 401, "INVALID_TOKEN"),
        ({"header": {"jku": "http://169.254.169.254/"}, "key": OTHER_RSA_KEY}, 401, "INVALID_TOKEN"),
    ],
)
def test_a_token_opens_the_door_or_its_reason_is_told(how, status, code) -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        answer = await gateway.http.get("/v1/models", headers=issuer.bearer(**how))
        assert answer.status_code == status, answer.text
        if status == 200:
            return
        assert answer.json()["code"] == code
        word = {401: "invalid_token", 403: "insufficient_scope"}[status]
        assert f'error="{word}"' in answer.headers["www-authenticate"]

    with_gateway(test)


def test_rotated_keys_are_found_and_old_ones_forgotten() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        async def status(**how: Any) -> int:
            return (await gateway.http.get("/v1/models", headers=issuer.bearer(**how))).status_code

        assert await status() == 200
        old = issuer.token()
        issuer.keys = {"k2": (OTHER_RSA_KEY, "RS256")}
        await asyncio.sleep(1.1)
        assert await status(kid="k2") == 200
        answer = await gateway.http.get("/v1/models", headers={"authorization": f"Bearer {old}"})
        assert answer.status_code == 401

    with_gateway(test, oidc_refetch_s=1)


def test_while_the_issuer_is_down_tokens_are_neither_good_nor_bad() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        issuer.down = True
        answer = await gateway.http.get("/v1/models", headers=issuer.bearer())
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        assert issuer.url not in answer.text

    with_gateway(test)


def test_an_issuer_that_claims_to_be_another_is_not_believed() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        issuer.document = {"issuer": "https://evil.example.org"}
        assert (await gateway.http.get("/v1/models", headers=issuer.bearer())).status_code == 503

    with_gateway(test)


def test_an_issuer_cannot_send_the_gateway_elsewhere_for_keys() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        with served_issuer() as elsewhere:
            issuer.document = {"jwks_uri": f"{elsewhere.url}/keys"}
            assert (await gateway.http.get("/v1/models", headers=issuer.bearer())).status_code == 503
            assert elsewhere.requests == []

    with_gateway(test)


def test_made_up_key_ids_do_not_make_the_gateway_flood_the_issuer() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        for i in range(50):
            await gateway.http.get("/v1/models", headers=issuer.bearer(kid=f"made-up-{i}"))
        assert issuer.requests.count("keys") == 1

    with_gateway(test, failures_per_minute=1000)


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer x"), ("authorization", "Bearer y")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer " + "x" * 20_000)],
        [("authorization", b"Bearer \xff\xfe")],
        [("authorization", "Basic dXNlcjpwYXNzd29yZA==")],
        [("cookie", "access_token=x")],
        [("x-forwarded-user", "root")],
    ],
)
def test_no_other_way_in(headers) -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        for path in ("/v1/models", f"/v1/models?access_token={issuer.token()}"):
            assert (await gateway.http.get(path, headers=headers)).status_code == 401

    with_gateway(test)


def test_no_websocket_is_opened() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        for path in (b"/v1/models", b"/healthz"):
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.rest_port)
            upgrade = b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
            writer.write(b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n" + upgrade + b"sec-websocket-key: eA==\r\n\r\n")
            assert b" 101 " not in await reader.readline()
            writer.close()

    with_gateway(test)


def test_two_authorization_headers_are_refused_even_if_one_is_good() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        good = issuer.bearer()["Authorization"]
        for pair in (("Bearer x", good), (good, "Bearer x"), (good, good)):
            headers = [("authorization", value) for value in pair]
            assert (await gateway.http.get("/v1/models", headers=headers)).status_code == 401

    with_gateway(test)


def test_a_stranger_is_refused_before_the_body_is_read() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.rest_port)
        writer.write(b"POST /v1/prognoses HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n")
        assert b" 401 " in await asyncio.wait_for(reader.readline(), 5)
        writer.close()

    with_gateway(test)


# What a caller may do


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"scope": "patient/*.rs", "patient": "p1"}, 201),
        ({"scope": "patient/*.rs", "patient": "p2"}, 403),
        ({"scope": "user/*.rs"}, 201),
        ({"scope": "user/RiskAssessment.c"}, 201),
        ({"scope": "user/RiskAssessment.rs"}, 403),
        ({"scope": "tumorcast/admin"}, 403),
    ],
)
def test_who_may_ask_for_a_prognosis(how, status) -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        headers = JSON | issuer.bearer(**how)
        answer = await gateway.http.post("/v1/prognoses", content=QUERY, headers=headers)
        assert answer.status_code == status, answer.text
        if status == 403:
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]

    with_gateway(test)


def test_a_patient_token_sees_nothing_of_other_patients() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        mine = issuer.bearer(scope="patient/*.cruds", patient="p1")
        theirs = issuer.bearer(scope="patient/*.cruds", patient="p2")
        everyone = issuer.bearer(scope="system/*.cruds")
        made = await gateway.http.post("/v1/prognoses", content=QUERY, headers=JSON | mine)
        place = made.headers["location"]
        assert (await gateway.http.get(place, headers=mine)).status_code == 200
        assert (await gateway.http.get(place, headers=everyone)).status_code == 200
        for path in (place, f"{place}/explanation", f"{place}/feedback", f"{place}/outcomes"):
            assert (await gateway.http.get(path, headers=theirs)).status_code in (403, 404), path
        assert (await gateway.http.post(f"{place}/replay", headers=theirs)).status_code in (403, 404)
        listed = await gateway.http.get("/v1/prognoses", headers=theirs)
        assert listed.status_code == 403 or listed.json()["prognoses"] == []
        listed = await gateway.http.get("/v1/prognoses", headers=mine)
        assert listed.status_code in (200, 403)
        found = await gateway.http.post("/v1/patients/search", json={"patient_id": "p1"}, headers=theirs)
        assert found.status_code in (403, 404)
        key = (await gateway.http.post("/v1/patients/search", json={"patient_id": "p1"}, headers=everyone)).json()
        for headers in (mine, theirs, everyone):
            answer = await gateway.http.delete(f"/v1/patients/{next(iter(key.values()))}", headers=headers)
            assert answer.status_code == 403

    with_gateway(test)


def test_a_patient_token_reads_no_jobs_of_the_same_person() -> None:
    """A user's one app may see all patients, another one of them only: the batches of the first are not for it."""

    async def test(gateway: Served, issuer: Issuer) -> None:
        wide, narrow = issuer.bearer(), issuer.bearer(scope="patient/*.cruds", patient="p1", azp="app-2")
        made = await gateway.http.post("/v1/jobs", json={"queries": [json.loads(QUERY)]}, headers=wide)
        assert made.status_code in (201, 202), made.text
        place = made.headers["location"]
        for path in (place, f"{place}/results", "/v1/jobs"):
            assert (await gateway.http.get(path, headers=wide)).status_code == 200
            assert (await gateway.http.get(path, headers=narrow)).status_code == 403
        assert (await gateway.http.post(f"{place}/cancel", headers=narrow)).status_code == 403

    with_gateway(test)
