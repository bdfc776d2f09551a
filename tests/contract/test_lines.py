"""A line to several replicas on loopback: who takes calls when some die, hang, come or go, and that no call is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from support.gateway_served import free_port
from tumorcast.clinical.v1 import clinical_service_pb2 as pb
from tumorcast.clinical.v1 import clinical_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import ServiceUnavailable
from tumorcast_core.rpc.lines import addresses_of


@dataclass
class Replica(pb_grpc.ClinicalServiceServicer):
    """Answers with its address, after as many seconds as ``index_date`` says."""

    address: str
    server: grpc.aio.Server
    health: health.aio.HealthServicer  # type: ignore[name-defined]

    async def ExtractFeatures(self, request: Any, grpc_context: Any) -> pb.ExtractFeaturesResponse:
        await asyncio.sleep(float(request.index_date or 0))
        return pb.ExtractFeaturesResponse(patient_id=self.address)


class Name:
    """A name that has addresses, or cannot be looked up."""

    def __init__(self, *replicas: Replica) -> None:
        self.addresses: tuple[str, ...] | None = tuple(one.address for one in replicas)

    async def look(self, host: str, port: int) -> tuple[str, ...] | None:
        assert (host, port) == ("demo-clinical", 50052)
        return self.addresses


@asynccontextmanager
async def replicas(count: int) -> AsyncIterator[list[Replica]]:
    port = free_port()
    async with AsyncExitStack() as stack:
        made = []
        for number in range(2, 2 + count):
            server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
            replica = Replica(f"127.0.0.{number}:{port}", server, health.aio.HealthServicer())  # type: ignore[attr-defined]
            pb_grpc.add_ClinicalServiceServicer_to_server(replica, server)
            health_pb2_grpc.add_HealthServicer_to_server(replica.health, server)
            await replica.health.set("", health_pb2.HealthCheckResponse.SERVING)
            server.add_insecure_port(replica.address)
            await server.start()
            stack.push_async_callback(server.stop, None)
            made.append(replica)
        yield made


@asynccontextmanager
async def line(target: str, look: Any = None) -> AsyncIterator[rpc.Line]:
    made = rpc.Line(target, rpc.channel_options(ours=True, watched=True), look=look)
    try:
        if look:
            await first_look(made)
        yield made
    finally:
        await made.close()


async def first_look(to: rpc.Line) -> None:
    """Wait until the name, which DNS does not know, has been looked up."""
    async with asyncio.timeout(5):
        while True:
            with suppress(ServiceUnavailable):
                await ask(to)
                return


async def ask(to: rpc.Line, takes_s: str = "", patience_s: float = 10) -> str:
    request = pb.ExtractFeaturesRequest(index_date=takes_s)
    with to.channel() as channel:
        method = pb_grpc.ClinicalServiceStub(channel).ExtractFeatures
        answer = await rpc.call(method, request, Deadline.after(patience_s), service="clinical", idempotent=True)
    return answer.patient_id


async def answered_by(to: rpc.Line, calls: int = 12) -> Counter[str]:
    return Counter([await ask(to) for _ in range(calls)])


async def until(to: rpc.Line, expected: set[str], seconds: float) -> float:
    """Ask until exactly these answer; how long that took. No call may fail meanwhile."""
    began = time.monotonic()
    while set(await answered_by(to)) != expected:
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.02)
    return time.monotonic() - began


NAME = "dns:///demo-clinical:50052"


def test_calls_go_round_and_a_replica_that_dies_costs_none() -> None:
    async def go() -> None:
        async with replicas(3) as all_, line("ipv4:" + ",".join(one.address for one in all_)) as to:
            await until(to, {one.address for one in all_}, 3)
            assert set((await answered_by(to)).values()) == {4}
            await all_[0].server.stop(None)
            assert await until(to, {one.address for one in all_[1:]}, 1) < 1

    asyncio.run(go())


def test_a_replica_that_says_it_does_not_serve_is_left_out_until_it_does() -> None:
    async def go() -> None:
        states = health_pb2.HealthCheckResponse
        async with replicas(2) as (one, two), line(f"ipv4:{one.address},{two.address}") as to:
            await until(to, {one.address, two.address}, 3)
            await one.health.set("", states.NOT_SERVING)
            assert await until(to, {two.address}, 1) < 1
            await one.health.set("", states.SERVING)
            assert await until(to, {one.address, two.address}, 1) < 1

    asyncio.run(go())


def test_a_replica_that_is_added_to_the_name_takes_calls_within_seconds() -> None:
    async def go() -> None:
        async with replicas(3) as (one, two, three):
            name = Name(one, two)
            async with line(NAME, name.look) as to:
                await until(to, {one.address, two.address}, 3)
                name.addresses = (one.address, two.address, three.address)
                assert await until(to, set(name.addresses), 3) < 2.5

    asyncio.run(go())


def test_a_replica_that_leaves_the_name_gets_no_calls_but_ends_those_that_run() -> None:
    async def go() -> None:
        async with replicas(2) as (one, two):
            name = Name(one)
            async with line(NAME, name.look) as to:
                await until(to, {one.address}, 3)
                runs = asyncio.create_task(ask(to, "3"))
                await asyncio.sleep(0.1)
                name.addresses = (two.address,)
                assert await until(to, {two.address}, 3) < 2.5
                assert not runs.done()
                assert await runs == one.address

    asyncio.run(go())


@pytest.mark.parametrize("found", [None, ("127.0.0.9:1",)], ids=["the look-up fails", "nobody listens there"])
def test_what_is_no_better_changes_nothing(found: tuple[str, ...] | None, caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        async with replicas(1) as (one,):
            name = Name(one)
            async with line(NAME, name.look) as to:
                await until(to, {one.address}, 3)
                name.addresses = found
                ends = time.monotonic() + 4
                while time.monotonic() < ends:
                    assert await ask(to) == one.address
                    await asyncio.sleep(0.02)

    asyncio.run(go())
    assert caplog.text.count("do not connect") == (0 if found is None else 1)


def test_a_process_that_hangs_is_given_up_within_three_seconds() -> None:
    """It is stopped: its kernel still takes whatever is sent."""
    port = free_port()
    variables = {"TUMORCAST_NOTES_PORT": str(port), "TUMORCAST_NOTES_HOST": "127.0.0.1"}
    process = subprocess.Popen([sys.executable, "-m", "tumorcast_notes.app"], env={**os.environ, **variables})

    async def go() -> float:
        async with line(f"localhost:{port}") as to:
            with to.channel() as channel:
                await asyncio.wait_for(channel.channel_ready(), 30)
            await asyncio.sleep(0.5)
            process.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            with pytest.raises(ServiceUnavailable):
                await ask(to, patience_s=20)
            return time.monotonic() - began

    try:
        assert asyncio.run(go()) < 5  # given up after one to two seconds, and called again once
    finally:
        process.kill()
        process.wait()


def test_a_name_is_looked_up_without_holding_up_the_loop() -> None:
    assert asyncio.run(addresses_of("localhost", 50052)) == ("127.0.0.1:50052",)
    assert asyncio.run(addresses_of("no-such-name.invalid", 50052)) is None
    assert asyncio.run(addresses_of("." * 300, 50052)) is None
