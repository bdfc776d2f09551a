"""The imaging service's gRPC answers; the same class runs under ``grpc.aio`` and under Ray Serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from grpc_health.v1 import health_pb2, health_pb2_grpc

from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast_core import rpc, wire
from tumorcast_core.errors import (
    InvalidInput,
    MalformedRequest,
    NotFound,
    ServiceUnavailable,
    TumorcastError,
    UnknownModel,
)
from tumorcast_imaging.adapters import FolderStudyStore
from tumorcast_imaging.model import CropEncoder, Encoded, PreparedStudy, finish, prepare_study
from tumorcast_imaging.upload import Upload
from tumorcast_imaging.wire import encode_response

SERVICE = "tumorcast.imaging.v1.ImagingService"


class ImagingServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Answers ``ImagingService`` and, of ``grpc.health.v1``, Check, which Ray Serve does not bring."""

    def __init__(
        self, store: FolderStudyStore, encoders: Sequence[CropEncoder], *, encoder_timeout_s: float = 30
    ) -> None:
        self._store = store
        self._encoders = {encoder.manifest.name: encoder for encoder in encoders}
        self._encoder_timeout_s = encoder_timeout_s

    @rpc.answers(pb.EncodeStudyResponse)
    async def EncodeStudy(
        self, request: pb.EncodeStudyRequest, grpc_context: rpc.CallContext
    ) -> pb.EncodeStudyResponse:
        timepoint = wire.timepoint_from(request.timepoint)
        if not timepoint.study_instance_uid:
            raise MalformedRequest("timepoint.study_instance_uid is required.")
        manifests = [encoder.manifest for encoder in self._chosen(request.encoders)]
        prepared = await asyncio.to_thread(prepare_study, self._store, timepoint, manifests)
        return encode_response(finish(prepared, await self._encode(prepared)))

    @rpc.answers(pb.UploadStudyResponse)
    async def UploadStudy(
        self, request_iterator: AsyncIterator[pb.UploadStudyRequest], grpc_context: rpc.CallContext
    ) -> pb.UploadStudyResponse:
        upload = Upload(self._store)
        try:
            async for piece in request_iterator:
                await asyncio.to_thread(upload.take, piece)
            if getattr(request_iterator, "is_cancelled", bool)():  # Ray Serve ends a broken stream like a whole one
                raise InvalidInput("The upload was broken off; its last file was not stored.")
            return await asyncio.to_thread(upload.end)
        except TumorcastError:
            await _read_to_end(request_iterator)
            raise
        finally:
            upload.abort()

    @rpc.answers(health_pb2.HealthCheckResponse)
    async def Check(
        self, request: health_pb2.HealthCheckRequest, grpc_context: rpc.CallContext
    ) -> health_pb2.HealthCheckResponse:
        if request.service not in ("", SERVICE):
            raise NotFound("There is no service of that name.")
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)

    def _chosen(self, names: Sequence[str]) -> list[CropEncoder]:
        if unknown := set(names) - set(self._encoders):
            raise UnknownModel(f"There is no encoder of {'that name' if len(unknown) == 1 else 'those names'}.")
        return [encoder for name, encoder in self._encoders.items() if not names or name in names]

    async def _encode(self, prepared: PreparedStudy) -> list[Encoded]:
        """Every crop by its encoder, side by side; an encoder that is dead or late is told, not waited for."""
        try:
            async with asyncio.timeout(self._encoder_timeout_s):
                found = await asyncio.gather(*(self._encoders[crop.encoder].encode([crop]) for crop in prepared.crops))
        except TimeoutError as e:
            raise ServiceUnavailable("An image encoder does not answer.") from e
        return [encoded for (encoded,) in found]


async def _read_to_end(request_iterator: AsyncIterator[pb.UploadStudyRequest]) -> None:
    """Let the caller finish writing: one that is cut off meanwhile sees a broken call in place of the error told."""
    async for _ in request_iterator:
        pass
