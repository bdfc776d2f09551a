"""The gateway when it is told to end, and callers who leave before they are answered; real sockets, both doors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import grpc
import httpx
import pytest

from support.gateway import Fakes, Fusion
from support.gateway_served import Served, served
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core.deadline import Deadline
from tumorcast_core.prognosis import Prognosis

JSON = {"Content-Type": "application/json"}
BODY = b'{"model":"simulated","fhir":{"resourceType":"Bundle"}}'
REQUEST = pb.CreatePrognosisRequest(model="simulated", fhir=b'{"resourceType":"Bundle"}')


class SlowFusion(Fusion):
    """Answers when it is let go; remembers whether it began, and whether somebody gave up on it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on, self.cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def predict_prognosis(self, model: str, snapshot: Any, horizons: Any, deadline: Deadline) -> Prognosis:
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return await super().predict_prognosis(model, snapshot, horizons, deadline)


def with_slow_fusion(test: Callable[[Served, SlowFusion], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def go() -> None:
        slow = SlowFusion()
        async with served(Fakes(fusion=slow), **settings) as gateway:
            await test(gateway, slow)

    asyncio.run(go())


def over_rest(gateway: Served) -> asyncio.Task[httpx.Response]:
    return asyncio.create_task(gateway.http.post("/v1/prognoses", content=BODY, headers=JSON))


def over_grpc(gateway: Served) -> asyncio.Future[pb.CreatePrognosisResponse]:
    return asyncio.ensure_future(gateway.grpc.CreatePrognosis(REQUEST))


def test_what_runs_is_finished_and_what_comes_is_refused_with_a_reason() -> None:
    async def test(gateway: Served, slow: SlowFusion) -> None:
        running = over_rest(gateway), over_grpc(gateway)
        await slow.begun.wait()
        await asyncio.sleep(0.1)
        gateway.stop.set()
        await asyncio.sleep(0.05)
        ready = await gateway.http.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
        began = time.monotonic()
        refused = await over_rest(gateway)
        assert (refused.status_code, refused.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert "shutting down" in refused.json()["detail"]
        assert refused.headers["retry-after"] == "2"
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await over_grpc(gateway)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        assert b"SERVICE_UNAVAILABLE" in dict(raised.value.trailing_metadata())["grpc-status-details-bin"]
        assert time.monotonic() - began < 0.5
        slow.go_on.set()
        assert (await running[0]).status_code == 201
        assert (await running[1]).prognosis.model.name == "simulated"
        await asyncio.wait_for(gateway.process, 2)

    with_slow_fusion(test)


def test_what_does_not_end_in_time_is_cut_off() -> None:
    async def test(gateway: Served, slow: SlowFusion) -> None:
        running = over_grpc(gateway)
        await slow.begun.wait()
        gateway.stop.set()
        with pytest.raises(grpc.aio.AioRpcError):
            await running
        await asyncio.wait_for(slow.cancelled.wait(), 2)
        await asyncio.wait_for(gateway.process, 6)

    with_slow_fusion(test)


def test_a_gateway_without_work_ends_at_once() -> None:
    async def test(gateway: Served, slow: SlowFusion) -> None:
        began = time.monotonic()
        gateway.stop.set()
        await asyncio.wait_for(gateway.process, 5)
        assert time.monotonic() - began < 1.5

    with_slow_fusion(test)


def test_a_rest_caller_who_hangs_up_ends_the_work_of_the_services() -> None:
    async def test(gateway: Served, slow: SlowFusion) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.rest_port)
        head = (
            "POST /v1/prognoses HTTP/1.1\r\nhost: localhost\r\n"
            f"content-type: application/json\r\ncontent-length: {len(BODY)}"
        )
        writer.write(head.encode() + b"\r\n\r\n" + BODY)
        await asyncio.wait_for(slow.begun.wait(), 5)
        writer.close()
        await asyncio.wait_for(slow.cancelled.wait(), 1)

    with_slow_fusion(test)


def test_a_grpc_caller_who_cancels_ends_the_work_of_the_services() -> None:
    async def test(gateway: Served, slow: SlowFusion) -> None:
        call = over_grpc(gateway)
        await asyncio.wait_for(slow.begun.wait(), 5)
        call.cancel()
        await asyncio.wait_for(slow.cancelled.wait(), 1)

    with_slow_fusion(test)


def test_places_of_callers_who_left_are_free_again() -> None:
    async def test(gateway: Served, slow: SlowFusion) -> None:
        for _ in range(3):
            slow.begun.clear()
            slow.cancelled.clear()
            call = over_rest(gateway)
            await asyncio.wait_for(slow.begun.wait(), 5)
            call.cancel()
            await asyncio.wait_for(slow.cancelled.wait(), 1)
            await asyncio.sleep(0.05)
        slow.go_on.set()
        assert (await over_rest(gateway)).status_code == 201

    with_slow_fusion(test, max_concurrent_calls=1)
