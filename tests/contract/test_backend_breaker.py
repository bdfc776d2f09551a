"""The breaker before a real socket: what counts as broken, how fast it then fails, and how it comes back."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tumorcast.clinical.v1 import clinical_service_pb2 as pb
from tumorcast.clinical.v1 import clinical_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, MalformedFhir, ServiceUnavailable, TumorcastError
from tumorcast_gateway.adapters import backend as module
from tumorcast_gateway.adapters.backend import Backend
from tumorcast_gateway.adapters.breaker import Breaker, State


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Servicer(pb_grpc.ClinicalServiceServicer):
    """Answers, tells an error, or breaks off with a status of its own."""

    def __init__(self, does: TumorcastError | grpc.StatusCode | float | None) -> None:
        self._does = does

    @rpc.answers(pb.ExtractFeaturesResponse)
    async def _answers(self, request: Any, grpc_context: Any) -> pb.ExtractFeaturesResponse:
        if isinstance(self._does, TumorcastError):
            raise self._does
        return pb.ExtractFeaturesResponse(patient_id="p")

    async def ExtractFeatures(self, request: Any, grpc_context: Any) -> pb.ExtractFeaturesResponse:
        if isinstance(self._does, grpc.StatusCode):
            await grpc_context.abort(self._does, "Jane Doe")
        if isinstance(self._does, float):  # stuck: nobody there looks at the deadline
            await asyncio.sleep(self._does)
        return await self._answers(request, grpc_context)


@asynccontextmanager
async def serving(
    port: int, does: Any = None, state: int = health_pb2.HealthCheckResponse.SERVING
) -> AsyncIterator[None]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    pb_grpc.add_ClinicalServiceServicer_to_server(Servicer(does), server)
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    await checks.set("", state)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


@asynccontextmanager
async def backend(port: int, failures: int = 3, open_s: float = 0.4) -> AsyncIterator[Backend]:
    made = Backend("clinical", f"127.0.0.1:{port}", 64, Breaker("clinical", failures, open_s))
    try:
        yield made
    finally:
        await made.close()


async def ask(asked: Backend, seconds: float = 10) -> str:
    answer = await asked.call(
        lambda channel: pb_grpc.ClinicalServiceStub(channel).ExtractFeatures,
        pb.ExtractFeaturesRequest(),
        Deadline.after(seconds),
    )
    return answer.patient_id


async def outcome(asked: Backend, seconds: float = 10) -> str:
    try:
        return await ask(asked, seconds)
    except TumorcastError as e:
        return e.reason


def test_a_service_that_is_not_there_fails_at_once_after_a_few_calls_and_is_asked_again_once_it_is() -> None:
    async def go() -> None:
        port = free_port()
        async with backend(port) as asked:
            async with serving(port):
                assert await outcome(asked) == "p"
            for _ in range(3):
                assert await outcome(asked) == "SERVICE_UNAVAILABLE"
            assert asked.breaker.state is State.OPEN
            began = time.perf_counter()
            for _ in range(100):
                with pytest.raises(ServiceUnavailable, match="asked again shortly"):
                    await ask(asked)
            assert (time.perf_counter() - began) / 100 < 0.001
            async with serving(port):
                async with asyncio.timeout(5):
                    while await outcome(asked) != "p":  # noqa: ASYNC110 - it is asked, not waited for
                        await asyncio.sleep(0.05)
                assert asked.breaker.state is State.CLOSED
                assert [await outcome(asked) for _ in range(5)] == ["p"] * 5

    asyncio.run(go())


@pytest.mark.parametrize(
    ("does", "opens"),
    [
        (grpc.StatusCode.UNAVAILABLE, True),
        (grpc.StatusCode.INTERNAL, True),
        (grpc.StatusCode.UNKNOWN, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, False),
        (grpc.StatusCode.UNIMPLEMENTED, False),
        (MalformedFhir("Not JSON."), False),
        (ServiceUnavailable("The FHIR server does not answer."), False),
        (DeadlineExceeded("Too late."), False),
    ],
    ids=str,
)
def test_only_what_a_service_could_not_say_itself_opens_it(does: Any, opens: bool) -> None:
    async def go() -> State:
        port = free_port()
        async with serving(port, does), backend(port) as asked:
            for _ in range(6):
                await outcome(asked)
            return asked.breaker.state

    assert (asyncio.run(go()) is State.OPEN) is opens


def test_silence_counts_only_where_there_was_time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONG_S", 0.2)

    async def go(seconds: float) -> State:
        port = free_port()
        async with serving(port, 30.0), backend(port) as asked:
            for _ in range(3):
                assert await outcome(asked, seconds) == "DEADLINE_EXCEEDED"
            return asked.breaker.state

    assert asyncio.run(go(0.1)) is State.CLOSED
    assert asyncio.run(go(0.3)) is State.OPEN


def test_callers_who_hang_up_say_nothing_of_the_service() -> None:
    async def go() -> State:
        port = free_port()
        async with serving(port, 30.0), backend(port) as asked:
            for _ in range(5):
                call = asyncio.ensure_future(ask(asked))
                await asyncio.sleep(0.03)
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
            return asked.breaker.state

    assert asyncio.run(go()) is State.CLOSED


def test_a_service_that_says_it_does_not_serve_is_left_alone() -> None:
    async def go() -> list[str]:
        port = free_port()
        async with backend(port, open_s=0.05) as asked:
            for _ in range(3):
                await outcome(asked)
            async with serving(port, state=health_pb2.HealthCheckResponse.NOT_SERVING):
                await asyncio.sleep(1.2)  # gRPC waits a second before it connects again
                said = [await outcome(asked)]
            return [*said, asked.breaker.state]

    assert asyncio.run(go()) == ["SERVICE_UNAVAILABLE", State.OPEN]
