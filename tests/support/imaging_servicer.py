"""The imaging servicer over plain ``grpc.aio``, and an encoder that is dead or slow."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc

from tumorcast.imaging.v1 import imaging_service_pb2_grpc as pb_grpc
from tumorcast_core.deadline import Deadline
from tumorcast_imaging.model import SHIPPED as ENCODERS
from tumorcast_imaging.model import Crop, Encoded, EncoderManifest
from tumorcast_imaging.servicer import ImagingServicer

SHIPPED = ENCODERS / "ct-lesion"


class BrokenEncoder:
    """A fake encoder that is dead or slow."""

    manifest = EncoderManifest.load(SHIPPED)

    def __init__(self, *, wait_s: float = 0, error: Exception | None = None) -> None:
        self._wait_s, self._error = wait_s, error
        self.asked, self.asked_until, self.cancelled = asyncio.Event(), Deadline(), False

    async def encode(self, crops: Sequence[Crop], deadline: Deadline) -> list[Encoded]:
        self.asked_until = deadline
        self.asked.set()
        try:
            await asyncio.sleep(self._wait_s)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        raise self._error or AssertionError("waited too long")

    async def space(self, deadline: Deadline) -> str:
        raise AssertionError("only a cache asks")


@asynccontextmanager
async def serving(servicer: ImagingServicer) -> AsyncIterator[tuple[Any, Any]]:
    server = grpc.aio.server()
    pb_grpc.add_ImagingServiceServicer_to_server(servicer, server)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield pb_grpc.ImagingServiceStub(channel), health_pb2_grpc.HealthStub(channel)
    finally:
        await server.stop(0)


def run(servicer: ImagingServicer, talk: Callable[[Any, Any], Coroutine[Any, Any, Any]]) -> Any:
    async def conversation() -> Any:
        async with serving(servicer) as (stub, health):
            return await talk(stub, health)

    return asyncio.run(conversation())
