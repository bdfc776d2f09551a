"""The REST door with authentication on, as it stands in a hospital: a real gateway, a real issuer, every route."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx
import pytest

from support.certificates import Authority, Pair
from support.gateway_served import Served, free_port, served
from support.issuer import AUDIENCE, OTHER_RSA_KEY, Issuer, served_issuer
from support.routes import routes_of_the_door
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_gateway.app import run
from tumorcast_gateway.auth.tls import TlsFiles, keep_fresh
from tumorcast_gateway.rest.protocol import MAX_HEAD_BYTES
from tumorcast_gateway.rest.security import HEADERS, OPEN, OPEN_BELOW
from tumorcast_gateway.settings import Settings

JSON = {"content-type": "application/json"}
QUERY = b'{"model": "simulated", "patient_id": "p1", "fhir": {"resourceType": "Bundle"}}'


def with_gateway(test: Callable[[Served, Issuer], Awaitable[None]], **settings: Any) -> None:
    """A gateway that takes the tokens of an issuer."""

    async def main(issuer: Issuer) -> None:
        chosen = {"auth": "oidc", "oidc_issuers": (issuer.url,), "oidc_audiences": (AUDIENCE,), **settings}
        async with served(**chosen) as gateway:
            await test(gateway, issuer)

    with served_issuer() as issuer:
        asyncio.run(main(issuer))


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


# What every answer says


def test_every_answer_has_the_security_headers_and_no_banner() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        answers = [
            await gateway.http.get("/healthz"),
            await gateway.http.get("/nothing"),
            await gateway.http.get("/nothing", headers=issuer.bearer()),
            await gateway.http.get("/v1/models", headers=issuer.bearer()),
            await gateway.http.post("/v1/prognoses", content=b"{", headers=JSON | issuer.bearer()),
            await gateway.http.options("/v1/models"),
        ]
        for answer in answers:
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
            assert not {"server", "x-powered-by", "set-cookie", "access-control-allow-origin"} & set(answer.headers)
            assert "strict-transport-security" not in answer.headers

    with_gateway(test)


def test_pages_of_allowed_origins_alone_may_read_answers() -> None:
    origin = "https://sandbox.cds-hooks.org"

    async def test(gateway: Served, issuer: Issuer) -> None:
        asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        preflight = await gateway.http.options("/v1/models", headers={"origin": origin, **asks})
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, origin)
        assert "access-control-allow-credentials" not in preflight.headers
        other = await gateway.http.options("/v1/models", headers={"origin": "https://evil.example", **asks})
        assert "access-control-allow-origin" not in other.headers
        answer = await gateway.http.get("/v1/models", headers={"origin": origin, **issuer.bearer()})
        assert answer.headers["access-control-allow-origin"] == origin
        refused = await gateway.http.get("/v1/models", headers={"origin": origin})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin)

    with_gateway(test, cors_origins=(origin,))


def test_only_hosts_that_were_named_are_served() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        for host, status in (("gateway.example.org", 200), ("GATEWAY.example.org", 200), ("evil.example", 421)):
            answer = await gateway.http.get("/v1/models", headers={"host": host, **issuer.bearer()})
            assert answer.status_code == status
        with_port = {"host": "gateway.example.org:8443", **issuer.bearer()}
        assert (await gateway.http.get("/v1/models", headers=with_port)).status_code == 200
        assert (await gateway.http.get("/healthz", headers={"host": "10.1.2.3:8080"})).status_code == 200

    with_gateway(test, served_hosts=("gateway.example.org",))


def test_a_web_page_cannot_have_its_name_resolved_to_a_gateway_without_authentication() -> None:
    async def main() -> None:
        async with served() as gateway:
            for host, status in (
                ("127.0.0.1", 200), ("localhost:8080", 200), ("[::1]:8080", 200), ("LOCALHOST", 200),
                ("evil.example", 421), ("evil.example:8080", 421), ("127.0.0.1.evil.example", 421),
                ("localhost.evil.example", 421), ("192.0.2.1", 421), ("", 421),
            ):  # fmt: skip
                answer = await gateway.http.get("/v1/models", headers={"host": host})
                assert answer.status_code == status, host
            assert answer.headers["content-type"] == "application/problem+json"

    asyncio.run(main())


def test_who_asks_too_often_is_told_when_to_come_again() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        answers = [await gateway.http.get("/v1/models", headers=issuer.bearer()) for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert (answers[3].json()["code"], answers[3].headers["retry-after"]) == ("RATE_LIMITED", "20")
        assert (await gateway.http.get("/v1/models", headers=issuer.bearer(sub="user-2"))).status_code == 200
        assert (await gateway.http.get("/healthz")).status_code == 200

    with_gateway(test, rate_per_minute=3)


def test_smart_clients_are_sent_to_the_issuer() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        told = (await gateway.http.get("/.well-known/smart-configuration")).json()
        assert told["token_endpoint"] == f"{issuer.url}/token"
        assert told["authorization_endpoint"] == f"{issuer.url}/auth"
        assert "permission-v2" in told["capabilities"]
        assert told == (await gateway.http.get("/fhir/.well-known/smart-configuration")).json()

    with_gateway(test)


def test_without_authentication_there_is_nowhere_to_send_them() -> None:
    async def main() -> None:
        async with served() as gateway:
            assert (await gateway.http.get("/.well-known/smart-configuration")).status_code == 404

    asyncio.run(main())


def test_a_page_of_another_site_cannot_send_requests_to_a_gateway_without_authentication() -> None:
    origin = "https://sandbox.cds-hooks.org"

    async def main() -> None:
        async with served(cors_origins=(origin,)) as gateway:
            for headers, status in (
                ({}, 200),
                ({"sec-fetch-site": "none"}, 200),
                ({"sec-fetch-site": "same-origin"}, 200),
                ({"sec-fetch-site": "cross-site"}, 403),
                ({"sec-fetch-site": "same-site"}, 403),
                ({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, 403),
                ({"sec-fetch-site": "cross-site", "origin": "null"}, 403),
                ({"sec-fetch-site": "cross-site", "origin": origin}, 200),
            ):
                answer = await gateway.http.get("/v1/models", headers=headers)
                assert answer.status_code == status, headers
            answer = await gateway.http.get("/openapi.json", headers={"sec-fetch-site": "cross-site"})
            assert answer.status_code == 200

    asyncio.run(main())


# Heads of requests


def test_a_head_without_an_end_is_refused_and_not_kept() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        for line in (b"GET /" + b"x" * 1000, b"a: " + b"x" * 1000 + b"\r\n", b"b: " + b"x" * 1000):
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.rest_port)
            writer.write(b"" if line.startswith(b"GET") else b"GET / HTTP/1.1\r\n")
            sent = 0
            try:
                while sent < 100 * MAX_HEAD_BYTES:
                    writer.write(line)
                    sent += len(line)
                    await writer.drain()
            except ConnectionError:
                pass
            assert sent < 100 * MAX_HEAD_BYTES
            writer.close()
            del reader

    with_gateway(test)


def test_large_but_bounded_heads_and_requests_one_after_another_pass() -> None:
    async def test(gateway: Served, issuer: Issuer) -> None:
        for _ in range(5):
            headers = issuer.bearer() | {"x-large": "x" * 40_000}
            assert (await gateway.http.get("/v1/models", headers=headers)).status_code == 200
            body = b" " * 500_000 + QUERY
            answer = await gateway.http.post("/v1/prognoses", content=body, headers=JSON | issuer.bearer())
            assert answer.status_code == 201

    with_gateway(test)


# TLS


async def status_of(
    port: int, path: str, authority: Authority, client: Pair | None = None, scheme: str = "https"
) -> Any:
    """Status and headers, or the name of what went wrong."""
    trust = ssl.create_default_context(cafile=authority.certificate)
    if client:
        trust.load_cert_chain(client.certificate, client.key)
    async with httpx.AsyncClient(verify=trust, trust_env=False) as http:
        try:
            answer = await http.get(f"{scheme}://127.0.0.1:{port}{path}")
        except httpx.TransportError as e:
            return type(e).__name__, {}
        return answer.status_code, answer.headers


async def started(port: int, authority: Authority, client: Pair | None = None) -> None:
    for _ in range(300):
        if (await status_of(port, "/healthz", authority, client))[0] == 200:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the gateway did not start")


@pytest.mark.parametrize("mutual", [False, True])
def test_rest_speaks_tls_from_files_and_says_to_stay_with_it(tmp_path, mutual) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    pair, ours, theirs = authority.issue(), authority.issue("app"), other.issue("stranger")
    files = {"tls_certificate": pair.certificate, "tls_key": pair.key}
    files |= {"tls_client_ca": authority.certificate} if mutual else {}
    settings = Settings(rest_port=free_port(), drain_s=1, data_dir=tmp_path, **files)

    async def main() -> None:
        stop = asyncio.Event()
        process = asyncio.create_task(run(settings, stop))
        await started(settings.rest_port, authority, ours)
        status, headers = await status_of(settings.rest_port, "/v1/models", authority, ours)
        assert status == 503  # there is no fusion service
        assert headers["strict-transport-security"].startswith("max-age=31536000")
        for client in (None, theirs):
            status, _ = await status_of(settings.rest_port, "/healthz", authority, client)
            assert (status == 200) != mutual
        assert (await status_of(settings.rest_port, "/healthz", other, ours))[0] == "ConnectError"
        assert (await status_of(settings.rest_port, "/healthz", authority, scheme="http"))[0] != 200
        stop.set()
        await process

    asyncio.run(main())


def test_a_new_certificate_is_taken_without_a_restart(tmp_path) -> None:
    authority, successor = Authority(tmp_path), Authority(tmp_path, "successor")
    pair, new = authority.issue(), successor.issue("new")
    files = TlsFiles(pair.certificate, pair.key)
    context = files.context()

    async def main() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        fresh = asyncio.create_task(keep_fresh(context, files, every_s=0.05))
        certificates = []
        first = pair.certificate.read_bytes()
        for certificate, key in ((first, None), (b"broken", None), (new.certificate.read_bytes(), new.key)):
            pair.certificate.write_bytes(certificate)
            if key:
                pair.key.write_bytes(key.read_bytes())
            await asyncio.sleep(0.3)
            certificates.append(await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port)))
        fresh.cancel()
        server.close()
        assert certificates[0] == certificates[1]
        assert certificates[2].strip() == new.certificate.read_text().strip()

    asyncio.run(main())


# What stops the process from starting


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"HOST": "0.0.0.0"}, b"insecure_demo=true overrides it"),
        ({"AUTH": "oidc"}, b"needs oidc_issuers and oidc_audiences"),
        ({"TLS_CERTIFICATE": "/nowhere/c.pem", "TLS_KEY": "/nowhere/k.pem"}, b"cannot be read or do not fit together"),
        ({"OUTBOUND_CA_FILE": "/nowhere/ca.pem"}, b"outbound_ca_file cannot be read"),
        ({"OUTBOUND_NETWORKS": '["hospital"]'}, b"hospital"),
        ({"OIDC_ADMIN_SCOPE_FILE": "/nowhere/scope"}, b"the file for oidc_admin_scope cannot be read"),
        (
            {
                "AUTH": "oidc",
                "OIDC_ISSUERS": '["https://login.example.org"]',
                "OIDC_AUDIENCES": '["x"]',
                "OIDC_JWKS_FILE": "/nowhere/keys.json",
            },
            b"oidc_jwks_file cannot be read",
        ),
    ],
)
def test_settings_that_are_off_end_the_process_with_one_line(tmp_path, environment, words) -> None:
    named = {f"TUMORCAST_GATEWAY_{name}": value for name, value in environment.items()}
    named |= {"TUMORCAST_GATEWAY_DATA_DIR": str(tmp_path), "TUMORCAST_GATEWAY_REST_PORT": str(free_port())}
    ended = subprocess.run(
        [sys.executable, "-m", "tumorcast_gateway.app"], env=os.environ | named, capture_output=True, timeout=60
    )
    assert ended.returncode == 1
    assert words in ended.stderr.splitlines()[-1]
    assert b"Traceback" not in ended.stderr
