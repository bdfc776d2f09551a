"""The real gateway on loopback sockets, in front of fakes that are served as real ``grpc.aio`` services."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from support.gateway import Fakes
from tumorcast.clinical.v1 import clinical_service_pb2 as clinical_pb
from tumorcast.clinical.v1 import clinical_service_pb2_grpc as clinical_grpc
from tumorcast.fusion.v1 import fusion_service_pb2 as fusion_pb
from tumorcast.fusion.v1 import fusion_service_pb2_grpc as fusion_grpc
from tumorcast.imaging.v1 import imaging_service_pb2 as imaging_pb
from tumorcast.imaging.v1 import imaging_service_pb2_grpc as imaging_grpc
from tumorcast.notes.v1 import notes_service_pb2 as notes_pb
from tumorcast.notes.v1 import notes_service_pb2_grpc as notes_grpc
from tumorcast.prognosis.v1 import prognosis_service_pb2_grpc as prognosis_grpc
from tumorcast_core import rpc, wire
from tumorcast_core.query import Document
from tumorcast_core.snapshot import Extraction
from tumorcast_gateway.app import run
from tumorcast_gateway.settings import Settings

SERVICES = ("imaging", "clinical", "notes", "fusion")


@dataclass
class Uploads:
    """Remembers the files of the last whole upload, byte for byte; refuses what does not say DICM."""

    files: list[bytearray] = field(default_factory=list)
    chunk_sizes: list[int] = field(default_factory=list)

    async def take(self, requests: AsyncIterator[imaging_pb.UploadStudyRequest]) -> imaging_pb.UploadStudyResponse:
        files: list[bytearray] = []
        async for request in requests:
            if request.WhichOneof("piece") == "file":
                files.append(bytearray())
            elif request.WhichOneof("piece") == "chunk":
                files[-1] += request.chunk
                self.chunk_sizes.append(len(request.chunk))
        self.files = files
        refusals = [
            imaging_pb.UploadRefusal(position=i, label=str(i), code="NOT_DICOM", message="The file is not DICOM.")
            for i, file in enumerate(self.files)
            if b"DICM" not in file
        ]
        stored = len(self.files) - len(refusals)
        study = imaging_pb.UploadedStudy(
            study_instance_uid="1.2.3", instances=stored, segmentation_uids=["1.2.3.9"], date="2026-03-04"
        )
        uploaded = [
            imaging_pb.UploadedInstance(
                sop_class_uid="1.2.840.10008.5.1.4.1.1.2", sop_instance_uid=f"1.2.3.{i}", study_instance_uid="1.2.3"
            )
            for i, file in enumerate(self.files)
            if b"DICM" in file
        ]
        return imaging_pb.UploadStudyResponse(studies=[study] if stored else [], refusals=refusals, uploaded=uploaded)


def _parts(e: Extraction) -> dict[str, Any]:
    return {"features": map(wire.feature_to, e.features), "issues": map(wire.issue_to, e.issues)}


class ImagingServicer(imaging_grpc.ImagingServiceServicer):
    def __init__(self, fakes: Fakes, uploads: Uploads) -> None:
        self._fakes, self._uploads = fakes, uploads

    @rpc.answers(imaging_pb.EncodeStudyResponse)
    async def EncodeStudy(self, request, grpc_context):
        found = await self._fakes.imaging.encode_study(
            wire.timepoint_from(request.timepoint), rpc.deadline_of(grpc_context)
        )
        return imaging_pb.EncodeStudyResponse(
            **_parts(found),
            embeddings=map(wire.embedding_to, found.embeddings),
            lesions=map(wire.lesion_to, found.lesions),
            patient_id=found.patient_id,
            date=found.date,
        )

    @rpc.answers(imaging_pb.UploadStudyResponse)
    async def UploadStudy(self, request, grpc_context):
        return await self._uploads.take(request)


class ClinicalServicer(clinical_grpc.ClinicalServiceServicer):
    def __init__(self, fakes: Fakes) -> None:
        self._fakes = fakes

    @rpc.answers(clinical_pb.ExtractFeaturesResponse)
    async def ExtractFeatures(self, request, grpc_context):
        deadline = rpc.deadline_of(grpc_context)
        record = wire.fhir_patient_from(request.fhir_server) if request.HasField("fhir_server") else request.fhir
        found = await self._fakes.clinical.extract_features(record, request.index_date, deadline)
        return clinical_pb.ExtractFeaturesResponse(**_parts(found), patient_id=found.patient_id)


class NotesServicer(notes_grpc.NotesServiceServicer):
    def __init__(self, fakes: Fakes) -> None:
        self._fakes = fakes

    @rpc.answers(notes_pb.EncodeNotesResponse)
    async def EncodeNotes(self, request, grpc_context):
        documents = tuple(Document(d.id, d.date, d.content_type, d.content, d.timepoint) for d in request.documents)
        found = await self._fakes.notes.encode_notes(documents, request.index_date, rpc.deadline_of(grpc_context))
        return notes_pb.EncodeNotesResponse(**_parts(found))


class FusionServicer(fusion_grpc.FusionServiceServicer):
    def __init__(self, fakes: Fakes) -> None:
        self._fusion = fakes.fusion

    @rpc.answers(fusion_pb.PredictPrognosisResponse)
    async def PredictPrognosis(self, request, grpc_context):
        prognosis = await self._fusion.predict_prognosis(
            request.model,
            wire.snapshot_from(request.snapshot),
            tuple(request.horizons_days),
            rpc.deadline_of(grpc_context),
        )
        return fusion_pb.PredictPrognosisResponse(prognosis=wire.prognosis_to(prognosis))

    @rpc.answers(fusion_pb.ListModelsResponse)
    async def ListModels(self, request, grpc_context):
        models = await self._fusion.list_models(rpc.deadline_of(grpc_context))
        return fusion_pb.ListModelsResponse(models=map(wire.model_summary_to, models))

    @rpc.answers(fusion_pb.GetModelResponse)
    async def GetModel(self, request, grpc_context):
        model = await self._fusion.get_model(request.name, rpc.deadline_of(grpc_context))
        return fusion_pb.GetModelResponse(model=wire.model_summary_to(model))

    @rpc.answers(fusion_pb.GetModelCardResponse)
    async def GetModelCard(self, request, grpc_context):
        card = await self._fusion.get_model_card(request.name, rpc.deadline_of(grpc_context))
        return fusion_pb.GetModelCardResponse(ref=wire.model_ref_to(card.ref), markdown=card.markdown)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


async def _serve(stack: AsyncExitStack, name: str, fakes: Fakes, uploads: Uploads) -> str:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 << 20)])
    match name:
        case "imaging":
            imaging_grpc.add_ImagingServiceServicer_to_server(ImagingServicer(fakes, uploads), server)
        case "clinical":
            clinical_grpc.add_ClinicalServiceServicer_to_server(ClinicalServicer(fakes), server)
        case "notes":
            notes_grpc.add_NotesServiceServicer_to_server(NotesServicer(fakes), server)
        case "fusion":
            fusion_grpc.add_FusionServiceServicer_to_server(FusionServicer(fakes), server)
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    await checks.set("", health_pb2.HealthCheckResponse.SERVING)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stack.push_async_callback(server.stop, 0)
    return f"127.0.0.1:{port}"


@dataclass
class Served:
    """A gateway that answers: an HTTP client and a gRPC stub of it, and what stands behind it."""

    fakes: Fakes
    uploads: Uploads
    http: httpx.AsyncClient
    grpc: prognosis_grpc.PrognosisServiceStub
    rest_port: int
    stop: asyncio.Event
    process: asyncio.Task[None]
    channel: grpc.aio.Channel
    grpc_port: int


@asynccontextmanager
async def served(fakes: Fakes | None = None, down: tuple[str, ...] = (), **settings: Any) -> AsyncIterator[Served]:
    """Run a gateway before fakes; the services named in ``down`` are not there."""
    fakes, uploads = fakes or Fakes(), Uploads()
    async with AsyncExitStack() as stack:
        targets = {f"{name}_target": f"127.0.0.1:{free_port()}" for name in down}
        for name in SERVICES:
            if name not in down:
                targets[f"{name}_target"] = await _serve(stack, name, fakes, uploads)
        records = Path(stack.enter_context(TemporaryDirectory(prefix="tumorcast-records-")))
        given = {"data_dir": records, "drain_s": 2} | targets | settings
        chosen = Settings(port=free_port(), rest_port=free_port(), **given)
        stop = asyncio.Event()
        process = asyncio.create_task(run(chosen, stop))
        stack.push_async_callback(_end, process, stop)
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{chosen.rest_port}", timeout=30, trust_env=False)
        )
        await _answering(client)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{chosen.port}"))
        await channel.channel_ready()
        stub = prognosis_grpc.PrognosisServiceStub(channel)
        yield Served(fakes, uploads, client, stub, chosen.rest_port, stop, process, channel, chosen.port)


async def _end(process: asyncio.Task[None], stop: asyncio.Event) -> None:
    stop.set()
    await process


async def _answering(client: httpx.AsyncClient) -> None:
    for _ in range(200):
        try:
            await client.get("/healthz")
        except httpx.TransportError:
            await asyncio.sleep(0.02)
        else:
            return
    raise AssertionError("the gateway did not start")
