"""A caller of the REST door who hangs up ends the work; one who stays gets an answer. Over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tumorcast_core import telemetry
from tumorcast_core.telemetry import metrics
from tumorcast_gateway.rest.hangup import HangUp


@dataclass
class Seen:
    """What became of the work."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    tidied: asyncio.Event = field(default_factory=asyncio.Event)

    async def slow(self, request: Request) -> Response:
        """Two parts of work at once, below a time limit, as a query has them."""
        await request.body()
        self.begun.set()
        try:
            async with asyncio.timeout(30), asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(20))
                group.create_task(asyncio.sleep(20))
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return Response("late")

    async def echo(self, request: Request) -> Response:
        return Response(await request.body())

    async def stream(self, request: Request) -> Response:
        await request.body()

        async def parts() -> AsyncIterator[bytes]:
            for part in (b"a", b"b", b"c"):
                await asyncio.sleep(0.02)
                yield part
            await asyncio.sleep(0.05)
            self.tidied.set()

        return StreamingResponse(parts())


@asynccontextmanager
async def served(seen: Seen) -> AsyncIterator[int]:
    routes = [Route(f"/{name}", getattr(seen, name), methods=["POST"]) for name in ("slow", "echo", "stream")]
    app = telemetry.RestTelemetry(HangUp(Starlette(routes=routes)), "hangup")
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


async def send(port: int, path: str, body: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /{path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    return reader, writer


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return await reader.readexactly(length)


def test_a_caller_who_hangs_up_ends_the_work_and_is_counted_as_cancelled() -> None:
    async def go() -> None:
        seen = Seen()
        async with served(seen) as port:
            _, writer = await send(port, "slow", b"{}")
            await asyncio.wait_for(seen.begun.wait(), 2)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            await asyncio.wait_for(seen.cancelled.wait(), 1)
            await asyncio.sleep(0.05)

    asyncio.run(go())
    labels = {"service": "hangup", "door": "rest", "method": "POST /slow", "code": "CANCELLED"}
    assert metrics.REGISTRY.get_sample_value("tumorcast_requests_total", labels) == 1


@pytest.mark.parametrize("size", [0, 1, 1 << 20])
def test_a_caller_who_stays_is_answered_on_one_connection_again_and_again(size: int) -> None:
    async def go() -> None:
        async with served(Seen()) as port:
            reader, writer = await send(port, "echo", b"x" * size)
            assert len(await answer(reader)) == size
            for turn in range(3):
                body = json.dumps(turn).encode()
                writer.write(f"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
                assert await answer(reader) == body
            writer.close()
            await writer.wait_closed()

    asyncio.run(go())


def test_requests_that_wait_behind_each_other_on_one_connection_are_all_answered() -> None:
    async def go() -> None:
        async with served(Seen()) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.writelines(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n%d" % n for n in range(5))
            assert [await answer(reader) for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
            writer.close()
            await writer.wait_closed()

    asyncio.run(go())


def test_an_answer_in_parts_is_sent_whole_and_what_follows_it_is_done() -> None:
    async def go() -> None:
        seen = Seen()
        async with served(seen) as port:
            reader, writer = await send(port, "stream", b"{}")
            await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 2)
            writer.close()
            await writer.wait_closed()
            await asyncio.wait_for(seen.tidied.wait(), 1)

    asyncio.run(go())
