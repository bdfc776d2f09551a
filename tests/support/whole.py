"""All five services as they are, in this process and event loop: real models, real encoder, real sockets, no Ray."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import torch
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from support.gateway_served import free_port
from tumorcast.clinical.v1.clinical_service_pb2_grpc import add_ClinicalServiceServicer_to_server
from tumorcast.fusion.v1.fusion_service_pb2_grpc import add_FusionServiceServicer_to_server
from tumorcast.imaging.v1.imaging_service_pb2_grpc import add_ImagingServiceServicer_to_server
from tumorcast.notes.v1.notes_service_pb2_grpc import add_NotesServiceServicer_to_server
from tumorcast_clinical import app as clinical
from tumorcast_clinical.settings import Settings as ClinicalSettings
from tumorcast_fusion.adapters.live_models import LiveModels
from tumorcast_fusion.model import SHIPPED as MODELS
from tumorcast_fusion.model import ModelStore
from tumorcast_fusion.servicer import FusionServicer
from tumorcast_gateway.app import run
from tumorcast_gateway.settings import Settings
from tumorcast_imaging.adapters.encoders import LocalEncoder
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.model import SHIPPED as ENCODERS
from tumorcast_imaging.model import Encoder
from tumorcast_imaging.servicer import ImagingServicer
from tumorcast_notes import app as notes
from tumorcast_notes.settings import Settings as NotesSettings

START_S = 30


@asynccontextmanager
async def whole(folder: Path, **settings: Any) -> AsyncIterator[Settings]:
    """Run everything on free ports, with data in ``folder``; yields the gateway's settings once it is ready."""
    torch.set_num_threads(1)
    encoder = await asyncio.to_thread(Encoder.load, ENCODERS / "ct-lesion")
    imaging = ImagingServicer(FolderStudyStore(folder / "studies"), [LocalEncoder(encoder)])
    reads_notes, reads_records = notes.servicer_of(NotesSettings()), clinical.servicer_of(ClinicalSettings())
    fusion = FusionServicer(LiveModels(ModelStore(MODELS)))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(reads_records.close)
        parts: dict[str, Callable[[grpc.aio.Server], Any]] = {
            "imaging": lambda server: add_ImagingServiceServicer_to_server(imaging, server),
            "clinical": lambda server: add_ClinicalServiceServicer_to_server(reads_records, server),
            "notes": lambda server: add_NotesServiceServicer_to_server(reads_notes, server),
            "fusion": lambda server: add_FusionServiceServicer_to_server(fusion, server),
        }
        targets = {f"{name}_target": await _served(stack, register) for name, register in parts.items()}
        chosen = Settings(
            port=free_port(), rest_port=free_port(), data_dir=folder / "records", drain_s=2, **(targets | settings)
        )
        stop = asyncio.Event()
        process = asyncio.create_task(run(chosen, stop))
        try:
            await _ready(f"http://127.0.0.1:{chosen.rest_port}/readyz")
            yield chosen
        finally:
            stop.set()
            await process


async def _served(stack: AsyncExitStack, register: Callable[[grpc.aio.Server], Any]) -> str:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 << 20)])
    register(server)
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    await checks.set("", health_pb2.HealthCheckResponse.SERVING)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stack.push_async_callback(server.stop, 0)
    return f"127.0.0.1:{port}"


async def _ready(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(START_S):
        while True:
            try:
                if (await client.get(url)).json()["status"] == "ready":
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
