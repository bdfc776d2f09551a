"""The fusion service on a real socket, asked once."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc

from tumorcast.fusion.v1 import fusion_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline
from tumorcast_fusion.adapters.live_models import LiveModels
from tumorcast_fusion.model import ModelStore
from tumorcast_fusion.servicer import FusionServicer


def ask(
    folder: Path, method: Callable[[pb_grpc.FusionServiceStub], Callable[..., Awaitable[Any]]], request: Any
) -> Any:
    async def go() -> Any:
        server = grpc.aio.server()
        pb_grpc.add_FusionServiceServicer_to_server(FusionServicer(LiveModels(ModelStore(folder))), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = pb_grpc.FusionServiceStub(channel)
            try:
                return await rpc.call(method(stub), request, Deadline.after(20), service="fusion")
            finally:
                await server.stop(None)

    return asyncio.run(go())
