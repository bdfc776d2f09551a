"""What the REST door says to browsers and takes from them: headers, origins, hosts, rates, heads."""

from __future__ import annotations

import asyncio

from support.gateway_served import Served, served
from support.issuer import Issuer
from support.signed_in import JSON, QUERY, with_gateway
from tumorcast_gateway.rest.protocol import MAX_HEAD_BYTES
from tumorcast_gateway.rest.security import HEADERS


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
