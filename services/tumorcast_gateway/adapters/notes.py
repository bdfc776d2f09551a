"""The notes service as a port."""

from __future__ import annotations

from tumorcast.notes.v1 import notes_service_pb2 as pb
from tumorcast.notes.v1 import notes_service_pb2_grpc as pb_grpc
from tumorcast_core import wire
from tumorcast_core.deadline import Deadline
from tumorcast_core.query import Document
from tumorcast_core.snapshot import Extraction
from tumorcast_gateway.adapters.backend import Backend


class NotesClient:
    """Hands documents on and brings features back; single findings stay in the notes service for now."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def encode_notes(self, documents: tuple[Document, ...], index_date: str, deadline: Deadline) -> Extraction:
        """Call ``EncodeNotes``."""
        request = pb.EncodeNotesRequest(documents=map(wire.document_to, documents), index_date=index_date)
        answer = await self._backend.call(
            lambda channel: pb_grpc.NotesServiceStub(channel).EncodeNotes, request, deadline
        )
        with self._backend.reading_answer():
            return Extraction(
                features=tuple(map(wire.feature_from, answer.features)),
                embeddings=tuple(map(wire.embedding_from, answer.embeddings)),
                issues=tuple(map(wire.issue_from, answer.issues)),
                date=answer.date,
            )
