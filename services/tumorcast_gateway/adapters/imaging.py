"""The imaging service as a port, and as the place where uploads go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast.imaging.v1 import imaging_service_pb2_grpc as pb_grpc
from tumorcast_core import wire
from tumorcast_core.deadline import Deadline
from tumorcast_core.snapshot import Extraction, Timepoint, WantedOfImages
from tumorcast_gateway.adapters.backend import Backend
from tumorcast_gateway.model import FileStart, Piece, Upload, UploadedInstance, UploadedStudy, UploadRefusal


class ImagingClient:
    """Names the study to read, streams the files to store; no pixel is kept here."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def encode_study(
        self, timepoint: Timepoint, deadline: Deadline, wanted: WantedOfImages | None = None
    ) -> Extraction:
        """Call ``EncodeStudy``."""
        request = pb.EncodeStudyRequest(
            timepoint=wire.timepoint_to(timepoint),
            wanted=pb.Wanted(features=sorted(wanted.features), encoders=sorted(wanted.encoders)) if wanted else None,
        )
        answer = await self._backend.call(
            lambda channel: pb_grpc.ImagingServiceStub(channel).EncodeStudy, request, deadline
        )
        with self._backend.reading_answer():
            return Extraction(
                features=tuple(map(wire.feature_from, answer.features)),
                embeddings=tuple(map(wire.embedding_from, answer.embeddings)),
                issues=tuple(map(wire.issue_from, answer.issues)),
                patient_id=answer.patient_id,
                date=answer.date,
                lesions=tuple(map(wire.lesion_from, answer.lesions)),
            )

    async def upload_study(self, pieces: AsyncIterator[Piece], deadline: Deadline) -> Upload:
        """Call ``UploadStudy``; an error that ``pieces`` raises ends the call and is raised here."""
        requests = _Requests(pieces)
        try:
            answer = await self._backend.call(
                lambda channel: pb_grpc.ImagingServiceStub(channel).UploadStudy,
                requests.messages(),
                deadline,
                idempotent=False,
            )
        except asyncio.CancelledError:
            if requests.failure is None:
                raise
            raise requests.failure from None  # gRPC cancels the call when its request stream raises
        return _upload_from(answer)


class _Requests:
    """Pieces as messages; keeps the error that ended them, which gRPC would swallow."""

    def __init__(self, pieces: AsyncIterator[Piece]) -> None:
        self._pieces = pieces
        self.failure: Exception | None = None

    async def messages(self) -> AsyncIterator[pb.UploadStudyRequest]:
        try:
            async for piece in self._pieces:
                if isinstance(piece, FileStart):
                    start = pb.UploadFile(
                        label=piece.label, study_instance_uid=piece.study_instance_uid, size_bytes=piece.size_bytes
                    )
                    yield pb.UploadStudyRequest(file=start)
                else:
                    yield pb.UploadStudyRequest(chunk=piece)
            yield pb.UploadStudyRequest(end=True)
        except Exception as e:
            self.failure = e
            raise


def _upload_from(m: pb.UploadStudyResponse) -> Upload:
    return Upload(
        studies=tuple(
            UploadedStudy(s.study_instance_uid, s.instances, tuple(s.segmentation_uids), s.date) for s in m.studies
        ),
        refusals=tuple(
            UploadRefusal(r.position, r.label, r.code, r.message, r.sop_class_uid, r.sop_instance_uid)
            for r in m.refusals
        ),
        uploaded=tuple(UploadedInstance(u.sop_class_uid, u.sop_instance_uid, u.study_instance_uid) for u in m.uploaded),
    )
