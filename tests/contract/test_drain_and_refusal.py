"""A server under load or about to end, over real sockets: who is refused, who is finished, and how fast."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tumorcast.clinical.v1 import clinical_service_pb2 as pb
from tumorcast.clinical.v1 import clinical_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, ResourceExhausted, ServiceUnavailable, TumorcastError
from tumorcast_core.settings import ServiceSettings

NAME = "tumorcast.clinical.v1.ClinicalService"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Work:
    """Calls that wait until they are let go, and what became of them."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def do(self) -> pb.ExtractFeaturesResponse:
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return pb.ExtractFeaturesResponse(patient_id="p")


class Servicer(pb_grpc.ClinicalServiceServicer):
    def __init__(self, work: Callable[[], Awaitable[pb.ExtractFeaturesResponse]]) -> None:
        self._work = work

    @rpc.answers(pb.ExtractFeaturesResponse)
    async def ExtractFeatures(self, request: Any, grpc_context: Any) -> pb.ExtractFeaturesResponse:
        return await self._work()


@dataclass
class Running:
    stub: pb_grpc.ClinicalServiceStub
    health: health_pb2_grpc.HealthStub
    stop: asyncio.Event
    server: asyncio.Task[None]

    def ask(self, request: pb.ExtractFeaturesRequest | None = None, seconds: float = 5) -> asyncio.Task[Any]:
        request = request or pb.ExtractFeaturesRequest()
        deadline = Deadline.after(seconds)
        return asyncio.ensure_future(rpc.call(self.stub.ExtractFeatures, request, deadline, service="clinical"))


@asynccontextmanager
async def running(
    work: Callable[[], Awaitable[pb.ExtractFeaturesResponse]], drain_s: float = 5, **options: Any
) -> AsyncIterator[Running]:
    settings = ServiceSettings(port=free_port(), drain_s=drain_s)
    stop = asyncio.Event()
    servicer = Servicer(work)

    def register(server: grpc.aio.Server) -> None:
        pb_grpc.add_ClinicalServiceServicer_to_server(servicer, server)

    server = asyncio.create_task(rpc.serve("clinical", register, settings, (NAME,), stop, **options))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{settings.port}", options=rpc.channel_options()) as channel:
        await channel.channel_ready()
        yield Running(pb_grpc.ClinicalServiceStub(channel), health_pb2_grpc.HealthStub(channel), stop, server)
        stop.set()
        await server


def test_a_call_that_runs_is_finished_and_a_new_one_refused_at_once() -> None:
    async def go() -> None:
        work = Work()
        async with running(work.do) as served:
            first = served.ask()
            await work.begun.wait()
            served.stop.set()
            await asyncio.sleep(0.1)
            began = time.monotonic()
            with pytest.raises(ServiceUnavailable):
                await served.ask()
            assert time.monotonic() - began < 1.5
            assert not served.server.done()
            work.go_on.set()
            assert (await first).patient_id == "p"
            await asyncio.wait_for(served.server, 1)

    asyncio.run(go())


def test_health_says_so_as_soon_as_the_signal_comes() -> None:
    async def go() -> None:
        work = Work()
        async with running(work.do) as served:
            states = health_pb2.HealthCheckResponse
            watch = served.health.Watch(health_pb2.HealthCheckRequest(service=NAME))
            assert (await watch.read()).status == states.SERVING
            served.stop.set()
            assert (await asyncio.wait_for(watch.read(), 0.5)).status == states.NOT_SERVING
            watch.cancel()

    asyncio.run(go())


def test_a_call_that_does_not_end_is_cut_off_when_the_time_is_over() -> None:
    async def go() -> None:
        work = Work()
        async with running(work.do, drain_s=0.3) as served:
            call = served.ask()
            await work.begun.wait()
            served.stop.set()
            with pytest.raises(TumorcastError):
                await call
            await asyncio.wait_for(work.cancelled.wait(), 2)

    asyncio.run(go())


def test_a_service_that_refuses_by_itself_is_listened_to_while_it_lingers() -> None:
    async def go() -> None:
        idle, closing = asyncio.Event(), asyncio.Event()

        async def work() -> pb.ExtractFeaturesResponse:
            if closing.is_set():
                raise ServiceUnavailable("The gateway is shutting down; try again.")
            return pb.ExtractFeaturesResponse()

        async with running(work, lingers=idle.wait) as served:
            await served.ask()
            closing.set()
            served.stop.set()
            await asyncio.sleep(0.1)
            with pytest.raises(ServiceUnavailable, match="shutting down"):
                await served.ask()
            idle.set()
            await asyncio.wait_for(served.server, 1)

    asyncio.run(go())


def test_a_caller_who_cancels_ends_the_work() -> None:
    async def go() -> None:
        work = Work()
        async with running(work.do) as served:
            call = served.ask()
            await work.begun.wait()
            call.cancel()
            await asyncio.wait_for(work.cancelled.wait(), 1)

    asyncio.run(go())


def test_a_deadline_that_passes_ends_the_work() -> None:
    async def go() -> None:
        work = Work()
        async with running(work.do) as served:
            with pytest.raises(DeadlineExceeded):
                await served.ask(seconds=0.3)
            await asyncio.wait_for(work.cancelled.wait(), 1)

    asyncio.run(go())


FULL = ResourceExhausted("The gateway is at its limit; try again later.")


def test_a_call_beyond_the_limit_is_refused_before_its_message_is_read_and_told_when_to_come_again() -> None:
    async def go() -> tuple[grpc.aio.AioRpcError, float]:
        asked = 0

        async def work() -> pb.ExtractFeaturesResponse:
            nonlocal asked
            asked += 1
            return pb.ExtractFeaturesResponse()

        interceptor = rpc.RefusesEarly("clinical", frozenset({"ExtractFeatures"}), lambda: FULL)
        async with running(work, interceptors=[interceptor]) as served:
            await served.health.Check(health_pb2.HealthCheckRequest())
            took_s = []
            for _ in range(20):
                began = time.perf_counter()
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await served.stub.ExtractFeatures(pb.ExtractFeaturesRequest(fhir=b"x" * (8 << 20)), timeout=5)
                took_s.append(time.perf_counter() - began)
            assert asked == 0
        return raised.value, sorted(took_s)[10]

    error, median_s = asyncio.run(go())
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status = Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    again = RetryInfo()
    assert any(detail.Unpack(again) for detail in status.details)
    assert again.retry_delay.ToMilliseconds() == 1000
    assert median_s < 0.05


def test_seconds_to_wait_survive_the_wire() -> None:
    async def work() -> pb.ExtractFeaturesResponse:
        error = ServiceUnavailable("Not now.")
        error.retry_after_s = 7.5
        raise error

    async def go() -> None:
        async with running(work) as served:
            with pytest.raises(ServiceUnavailable) as raised:
                await served.ask()
            assert raised.value.retry_after_s == 7.5

    asyncio.run(go())
