"""The guard of the gRPC door, on a real server with calls of every kind, and its TLS."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

from support.certificates import Authority
from support.issuer import AUDIENCE, Issuer
from tumorcast_core.tls import TlsFiles, server_credentials
from tumorcast_gateway.auth import Guard, current
from tumorcast_gateway.auth.authenticator import Bearers, Everyone
from tumorcast_gateway.auth.interceptor import GuardInterceptor
from tumorcast_gateway.auth.keys import find, read_keys
from tumorcast_gateway.auth.tls import tls_files
from tumorcast_gateway.auth.tokens import TokenRules, Tokens
from tumorcast_gateway.settings import Settings

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
ISSUER = Issuer()


class Known:
    """The issuer's keys, in memory."""

    async def find(self, key_id, algorithm):
        return find(read_keys(ISSUER.jwks()), key_id, algorithm)


def guard(auth: str = "oidc", **chosen: Any) -> Guard:
    settings = Settings(auth=auth, oidc_issuers=(ISSUER.url,), oidc_audiences=(AUDIENCE,), **chosen)
    tokens = Tokens(TokenRules((ISSUER.url,), (AUDIENCE,)), {ISSUER.url: Known()})
    return Guard(Bearers(tokens, settings) if auth == "oidc" else Everyone(), settings)


class Echo:
    """Answers each kind of call with who calls; counts the calls and the bytes that reached it."""

    def __init__(self) -> None:
        self.calls = 0

    def _who(self) -> bytes:
        self.calls += 1
        caller = current.get()
        return f"{caller.subject} {caller.patient_id}".encode()

    async def unary_unary(self, request, context):
        await asyncio.sleep(0.01)
        return self._who()

    async def unary_stream(self, request, context):
        for _ in range(2):
            await asyncio.sleep(0.01)
            yield self._who()

    async def stream_unary(self, requests, context):
        async for _ in requests:
            pass
        return self._who()

    async def stream_stream(self, requests, context):
        async for _ in requests:
            await context.write(self._who())

    def handlers(self) -> grpc.GenericRpcHandler:
        made = {kind: getattr(grpc, f"{kind}_rpc_method_handler")(getattr(self, kind)) for kind in KINDS}
        return grpc.method_handlers_generic_handler("tumorcast.test.Echo", made)


@asynccontextmanager
async def served(
    guarded: Guard, *, reflects: bool = False, files: TlsFiles | None = None
) -> AsyncIterator[tuple[Echo, int]]:
    echo = Echo()
    server = grpc.aio.server(interceptors=[GuardInterceptor(guarded, reflection=reflects)])
    server.add_generic_rpc_handlers((echo.handlers(),))
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    reflection.enable_server_reflection(("tumorcast.test.Echo",), server)
    address = "127.0.0.1:0"
    port = server.add_secure_port(address, server_credentials(files)) if files else server.add_insecure_port(address)
    await server.start()
    try:
        yield echo, port
    finally:
        await server.stop(0)


async def answers(channel: grpc.aio.Channel, kind: str, metadata: Any, message: bytes = b"x") -> list[bytes]:
    method = getattr(channel, kind)(f"/tumorcast.test.Echo/{kind}")

    async def messages() -> AsyncIterator[bytes]:
        """Late: a write that meets the end of its call is INTERNAL to grpc.aio's client, whatever the server said."""
        for _ in range(2):
            await asyncio.sleep(0.05)
            yield message

    call = method(messages() if kind.startswith("stream") else message, metadata=metadata, timeout=10)
    return [answer async for answer in call] if kind.endswith("stream") else [await call]


def with_server(test: Callable[[Echo, grpc.aio.Channel], Awaitable[None]], guarded: Guard, **how: Any) -> None:
    async def run() -> None:
        async with served(guarded, **how) as (echo, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await test(echo, channel)

    asyncio.run(run())


def bearer(**how: Any) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {ISSUER.token(**how)}"),)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    status = Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    info = ErrorInfo()
    status.details[0].Unpack(info)
    return info.reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("given", "code", "reason"),
    [
        ((), grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
        ((("authorization", "Basic dTpw"),), grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
        ({"exp": 1}, grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED"),
        ({"alg": "none"}, grpc.StatusCode.UNAUTHENTICATED, "INVALID_TOKEN"),
        ({"aud": "other"}, grpc.StatusCode.UNAUTHENTICATED, "INVALID_TOKEN"),
        ({"scope": "openid"}, grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
        ({"scope": "patient/*.rs"}, grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
        ((("authorization-bin", b"Bearer x"),), grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
    ],
)
def test_without_a_good_token_no_call_of_any_kind_is_answered(kind, given, code, reason) -> None:
    async def test(echo: Echo, channel: grpc.aio.Channel) -> None:
        metadata = bearer(**given) if isinstance(given, dict) else given
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await answers(channel, kind, metadata)
        assert (caught.value.code(), reason_of(caught.value), echo.calls) == (code, reason, 0)

    with_server(test, guard())


@pytest.mark.parametrize("kind", KINDS)
def test_with_one_the_caller_is_current_in_the_call(kind) -> None:
    async def test(echo: Echo, channel: grpc.aio.Channel) -> None:
        metadata = bearer(scope="patient/*.rs", patient="p1")
        assert set(await answers(channel, kind, metadata)) == {b"user-1 p1"}

    with_server(test, guard())


def test_calls_at_once_do_not_mix_up_their_callers() -> None:
    async def test(echo: Echo, channel: grpc.aio.Channel) -> None:
        async def one(i: int) -> None:
            found = await answers(channel, KINDS[i % 4], bearer(sub=f"user-{i}"))
            assert set(found) == {f"user-{i} None".encode()}

        await asyncio.gather(*map(one, range(40)))

    with_server(test, guard())


def test_a_large_message_of_a_stranger_is_not_read() -> None:
    """Its status comes before megabytes of message went over the wire."""

    async def test(echo: Echo, channel: grpc.aio.Channel) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await answers(channel, "unary_unary", (), bytes(3 << 20))
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED

    with_server(test, guard())


def test_a_method_that_does_not_exist_is_told_to_callers_only() -> None:
    async def test(echo: Echo, channel: grpc.aio.Channel) -> None:
        method = channel.unary_unary("/tumorcast.test.Echo/Nothing")
        for metadata, code in (((), "UNAUTHENTICATED"), (bearer(), "UNIMPLEMENTED")):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await method(b"", metadata=metadata)
            assert caught.value.code().name == code

    with_server(test, guard())


@pytest.mark.parametrize(
    ("auth", "reflects", "open_"), [("oidc", False, False), ("oidc", True, True), ("none", True, True)]
)
def test_health_is_open_and_reflection_only_where_it_is_allowed(auth, reflects, open_) -> None:
    async def test(echo: Echo, channel: grpc.aio.Channel) -> None:
        assert await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        if open_:
            (answer,) = [a async for a in stub.ServerReflectionInfo(iter([request]))]
            assert answer.list_services_response.service
            return
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            _ = [a async for a in stub.ServerReflectionInfo(iter([request]))]
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED

    with_server(test, guard(auth), reflects=reflects)


@pytest.mark.parametrize("kind", KINDS)
def test_who_asks_too_often_is_told_when_to_come_again(kind) -> None:
    async def test(echo: Echo, channel: grpc.aio.Channel) -> None:
        for _ in range(2):
            await answers(channel, kind, bearer())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await answers(channel, kind, bearer())
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert reason_of(caught.value) == "RATE_LIMITED"
        assert await answers(channel, kind, bearer(sub="user-2"))

    with_server(test, guard(rate_per_minute=2))


# TLS


async def answered(port: int, credentials: grpc.ChannelCredentials) -> str:
    async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
        try:
            await asyncio.wait_for(answers(channel, "unary_unary", ()), 5)
        except grpc.aio.AioRpcError as e:
            return e.code().name
        return "OK"


def trusting(authority: Authority, client: Any = None) -> grpc.ChannelCredentials:
    pair = (client.key.read_bytes(), client.certificate.read_bytes()) if client else (None, None)
    return grpc.ssl_channel_credentials(authority.certificate.read_bytes(), *pair)


def test_grpc_speaks_tls_from_files(tmp_path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    pair = authority.issue()

    async def run() -> None:
        async with served(guard("none"), files=TlsFiles(pair.certificate, pair.key)) as (_, port):
            assert await answered(port, trusting(authority)) == "OK"
            assert await answered(port, trusting(other)) == "UNAVAILABLE"

    asyncio.run(run())


def test_with_a_client_authority_only_its_clients_are_served(tmp_path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    pair, ours, theirs = authority.issue(), authority.issue("app"), other.issue("stranger")

    async def run() -> None:
        files = TlsFiles(pair.certificate, pair.key, authority.certificate)
        async with served(guard("none"), files=files) as (_, port):
            assert await answered(port, trusting(authority, ours)) == "OK"
            assert await answered(port, trusting(authority)) == "UNAVAILABLE"
            assert await answered(port, trusting(authority, theirs)) == "UNAVAILABLE"

    asyncio.run(run())


def test_a_new_certificate_is_taken_without_a_restart_and_a_broken_one_is_not(tmp_path) -> None:
    authority, successor = Authority(tmp_path), Authority(tmp_path, "successor")
    pair, new = authority.issue(), successor.issue("new")

    def replace(certificate: bytes, key: bytes, later: int) -> None:
        for path, data in ((pair.certificate, certificate), (pair.key, key)):
            path.write_bytes(data)
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime + later))

    async def run() -> None:
        async with served(guard("none"), files=TlsFiles(pair.certificate, pair.key)) as (_, port):
            assert await answered(port, trusting(authority)) == "OK"
            replace(b"broken", pair.key.read_bytes(), 5)
            assert await answered(port, trusting(authority)) == "OK"
            replace(new.certificate.read_bytes(), new.key.read_bytes(), 10)
            assert await answered(port, trusting(successor)) == "OK"
            assert await answered(port, trusting(authority)) == "UNAVAILABLE"

    asyncio.run(run())


def test_files_that_do_not_fit_together_are_refused_at_the_start(tmp_path) -> None:
    authority = Authority(tmp_path)
    pair, other = authority.issue(), authority.issue("other-service")
    assert tls_files(Settings()) is None
    assert tls_files(Settings(tls_certificate=pair.certificate, tls_key=pair.key))
    for certificate, key in ((pair.certificate, other.key), (tmp_path / "missing", pair.key), (pair.key, pair.key)):
        with pytest.raises(ValueError, match="cannot be read or do not fit together"):
            tls_files(Settings(tls_certificate=certificate, tls_key=key))
