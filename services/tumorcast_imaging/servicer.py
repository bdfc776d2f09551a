"""The imaging service's gRPC answers; the same class runs under ``grpc.aio`` and under Ray Serve."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from grpc_health.v1 import health_pb2, health_pb2_grpc

from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast_core import rpc, wire
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    DeadlineExceeded,
    InvalidInput,
    MalformedRequest,
    NotFound,
    ServiceUnavailable,
    TumorcastError,
    UnknownModel,
)
from tumorcast_core.snapshot import Extraction, Timepoint, WantedOfImages
from tumorcast_core.telemetry.metrics import tell_lookup
from tumorcast_imaging.adapters.answers import AnswerCache
from tumorcast_imaging.model import (
    Crop,
    CropEncoder,
    Encoded,
    EncoderManifest,
    PreparedStudy,
    Ready,
    StudyReader,
    StudyStore,
    finish,
    prepare_study,
)
from tumorcast_imaging.upload import Upload
from tumorcast_imaging.wire import encode_response, wanted_from

SERVICE = "tumorcast.imaging.v1.ImagingService"
_ENDS = "The imaging service is shutting down."


class _Calls:
    """The calls that run, and whether more are taken."""

    def __init__(self) -> None:
        self.draining = False
        self._running: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Count one call; raises ``ServiceUnavailable`` while draining, or when the time for it is over."""
        if self.draining:
            raise ServiceUnavailable(_ENDS)
        limit = asyncio.timeout(None)
        self._running.add(limit)
        try:
            async with limit:
                yield
        except TimeoutError as e:
            raise (ServiceUnavailable(_ENDS) if limit.expired() else e) from e
        finally:
            self._running.discard(limit)
            if not self._running:
                self._idle.set()

    async def drain(self, seconds: float) -> bool:
        """Take no more calls, give those that run so many seconds, and end the others; whether there were none."""
        self.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._running:
                    self._idle.clear()
                    await self._idle.wait()
        for limit in self._running:
            limit.reschedule(0)
        return not self._running


class ImagingServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Answers ``ImagingService`` and, of ``grpc.health.v1``, Check, which Ray Serve does not bring."""

    def __init__(
        self,
        store: StudyStore,
        encoders: Sequence[CropEncoder],
        *,
        answers: AnswerCache | None = None,
        encoder_timeout_s: float = 30,
        studies_at_once: int = 1,
    ) -> None:
        self._store, self._answers = store, answers
        self._preparing = asyncio.Semaphore(studies_at_once)
        self._encoders = {encoder.manifest.name: encoder for encoder in encoders}
        self._encoder_timeout_s = encoder_timeout_s
        self._calls = _Calls()

    async def drain(self, seconds: float) -> bool:
        """Take no more calls and give those that run so many seconds; whether all ended by themselves."""
        return await self._calls.drain(seconds)

    @rpc.answers(pb.EncodeStudyResponse)
    async def EncodeStudy(
        self, request: pb.EncodeStudyRequest, grpc_context: rpc.CallContext
    ) -> pb.EncodeStudyResponse:
        deadline = rpc.deadline_of(grpc_context)
        async with self._calls.one():
            timepoint = wire.timepoint_from(request.timepoint)
            if not timepoint.study_instance_uid:
                raise MalformedRequest("timepoint.study_instance_uid is required.")
            wanted = wanted_from(request)
            return await self._answer(timepoint, self._chosen(request.encoders, wanted), deadline, wanted)

    @rpc.answers(pb.UploadStudyResponse)
    async def UploadStudy(
        self, request_iterator: AsyncIterator[pb.UploadStudyRequest], grpc_context: rpc.CallContext
    ) -> pb.UploadStudyResponse:
        upload = Upload(self._store)
        try:
            async with self._calls.one():
                return await self._take(upload, request_iterator)
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
        states = health_pb2.HealthCheckResponse
        return states(status=states.NOT_SERVING if self._calls.draining else states.SERVING)

    def _chosen(self, names: Sequence[str], wanted: WantedOfImages | None) -> list[CropEncoder]:
        if unknown := set(names) - set(self._encoders):
            raise UnknownModel(f"There is no encoder of {'that name' if len(unknown) == 1 else 'those names'}.")
        asked = names or (wanted.encoders if wanted is not None else self._encoders)
        return [encoder for name, encoder in self._encoders.items() if name in asked]

    async def _take(
        self, upload: Upload, request_iterator: AsyncIterator[pb.UploadStudyRequest]
    ) -> pb.UploadStudyResponse:
        async for piece in request_iterator:
            await asyncio.to_thread(upload.take, piece)
        if getattr(request_iterator, "is_cancelled", bool)():  # Ray Serve ends a broken stream like a whole one
            raise InvalidInput("The upload was broken off; its last file was not stored.")
        return await asyncio.to_thread(upload.end)

    async def _answer(
        self,
        timepoint: Timepoint,
        encoders: Sequence[CropEncoder],
        deadline: Deadline,
        wanted: WantedOfImages | None,
    ) -> pb.EncodeStudyResponse:
        """The answer that was kept for this question, or a new one, which is."""
        manifests = [encoder.manifest for encoder in encoders]
        if self._answers is None:
            return encode_response(await self._extract(self._store, timepoint, manifests, deadline, wanted))
        spaces = await _spaces(encoders, deadline)
        deadline.check()
        looked = await asyncio.to_thread(self._answers.look, self._store, timepoint, wanted, spaces)
        tell_lookup("answer", found=looked.answer is not None)
        if looked.answer is not None:
            return pb.EncodeStudyResponse.FromString(looked.answer)
        extraction = await self._extract(looked, timepoint, manifests, deadline, wanted)
        answer = encode_response(extraction)
        if looked.ticket is not None:
            await asyncio.to_thread(self._answers.put, looked.ticket, extraction, answer.SerializeToString())
        return answer

    async def _extract(
        self,
        store: StudyReader,
        timepoint: Timepoint,
        manifests: Sequence[EncoderManifest],
        deadline: Deadline,
        wanted: WantedOfImages | None,
    ) -> Extraction:
        """Prepare in a thread; each crop goes to its encoder as soon as it is cut, while the lesion is measured."""
        loop = asyncio.get_running_loop()
        asked: list[asyncio.Task[Encoded]] = []
        over = False

        def ask(crop: Crop) -> None:
            if not over:  # the thread may cut one more crop when the caller is gone
                asked.append(loop.create_task(self._encode(crop, deadline)))

        def ready(crop: Crop) -> None:
            loop.call_soon_threadsafe(ask, crop)

        try:
            prepared = await self._prepare(store, timepoint, manifests, deadline, ready, wanted)
            return finish(prepared, await asyncio.gather(*asked))
        finally:  # what still runs when one fails or the caller is gone is cancelled, not left to itself
            over = True
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def _prepare(
        self,
        store: StudyReader,
        timepoint: Timepoint,
        manifests: Sequence[EncoderManifest],
        deadline: Deadline,
        ready: Ready,
        wanted: WantedOfImages | None,
    ) -> PreparedStudy:
        """The thread cannot be interrupted: it looks between two stages whether anybody still waits.

        Studies take turns: threads that read at once contend for the interpreter, and each takes half as long again.
        """
        gone = threading.Event()

        def check() -> None:
            if gone.is_set():
                raise DeadlineExceeded
            deadline.check()

        async with self._preparing:
            try:
                return await asyncio.to_thread(prepare_study, store, timepoint, manifests, check, ready, wanted)
            finally:
                gone.set()

    async def _encode(self, crop: Crop, deadline: Deadline) -> Encoded:
        """A crop by its encoder; one that is dead or late is told, not waited for."""
        until = Deadline(min(deadline.at_s, Deadline.after(self._encoder_timeout_s).at_s))
        try:
            async with asyncio.timeout(until.timeout_s):
                (encoded,) = await self._encoders[crop.encoder].encode([crop], until)
        except (TimeoutError, DeadlineExceeded) as e:
            deadline.check()  # the caller's, or the encoder's own
            raise ServiceUnavailable("An image encoder does not answer.") from e
        return encoded


async def _spaces(encoders: Sequence[CropEncoder], deadline: Deadline) -> list[tuple[EncoderManifest, str]] | None:
    """Each encoder with the space it names; ``None`` where one does not answer, as it will tell when it is asked."""
    try:
        return [(encoder.manifest, await encoder.space(deadline)) for encoder in encoders]
    except TumorcastError:
        return None


async def _read_to_end(request_iterator: AsyncIterator[pb.UploadStudyRequest]) -> None:
    """Let the caller finish writing: one that is cut off meanwhile sees a broken call in place of the error told."""
    async for _ in request_iterator:
        pass
