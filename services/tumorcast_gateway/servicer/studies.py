"""Studies: stored piece by piece, and read."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tumorcast.imaging.v1 import imaging_service_pb2 as ip
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import MalformedRequest, NoInput, PayloadTooLarge, StudyNotFound
from tumorcast_gateway.model import MAX_CHUNK_BYTES, FileStart, Piece
from tumorcast_gateway.servicer.base import Methods, caller, opaque
from tumorcast_gateway.wire import stored_to, study_to


class StudyMethods(Methods):
    """Methods about studies."""

    @rpc.answers(pb.UploadStudyResponse)
    async def UploadStudy(
        self, request: AsyncIterator[pb.UploadStudyRequest], grpc_context: rpc.CallContext
    ) -> pb.UploadStudyResponse:
        """Store DICOM files; each piece goes on to imaging as it comes, and the next is read when it is gone."""
        deadline = self.deadline(grpc_context, self.settings.upload_deadline_s)
        pieces = pieces_from(request, self.settings.max_upload_mib << 20, deadline)
        stored = await self.desk.studies.upload(caller(), pieces, deadline)
        if not (stored.upload.studies or stored.upload.refusals):
            raise NoInput("The upload holds no files.")
        return stored_to(stored)

    @rpc.answers(pb.GetStudyResponse)
    async def GetStudy(self, request: pb.GetStudyRequest, grpc_context: rpc.CallContext) -> pb.GetStudyResponse:
        """Read one stored study."""
        study = await self.desk.studies.get(
            caller(), opaque(request.study_id, StudyNotFound), self.deadline(grpc_context)
        )
        return pb.GetStudyResponse(study=study_to(study))


async def pieces_from(
    requests: AsyncIterator[pb.UploadStudyRequest], max_bytes: int, deadline: Deadline
) -> AsyncIterator[Piece]:
    """Pieces as they arrive; raises ``MalformedRequest``, ``PayloadTooLarge``, ``DeadlineExceeded``.

    A stream that breaks off may look like one that ended: a last file of no announced size needs ``end`` after it.
    """
    file: ip.UploadFile | None = None
    size = 0
    async for request in requests:
        deadline.check()
        piece = request.piece
        match piece.WhichOneof("piece"):
            case "file":
                file = piece.file
                yield FileStart(file.label, file.study_instance_uid, file.size_bytes)
            case "chunk" if file is not None and len(piece.chunk) <= MAX_CHUNK_BYTES:
                size += len(piece.chunk)
                if size > max_bytes:
                    raise PayloadTooLarge
                yield piece.chunk
            case "end":
                file = None
            case _:
                raise MalformedRequest("A piece is a file, its next chunk of at most 1 MiB, or the end.")
    if file is not None and not file.size_bytes:
        raise MalformedRequest("The upload ended without saying that its last file is whole.")
