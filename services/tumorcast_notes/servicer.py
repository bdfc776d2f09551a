"""What the notes service answers."""

from __future__ import annotations

import asyncio

from tumorcast.notes.v1 import notes_service_pb2 as pb
from tumorcast.notes.v1.notes_service_pb2_grpc import NotesServiceServicer
from tumorcast_core import rpc
from tumorcast_notes.model import Limits, encode_notes
from tumorcast_notes.wire import document_from, response_to


class NotesServicer(NotesServiceServicer):
    """Answers ``NotesService``; the reading itself happens in a thread, so that health checks go on."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    @rpc.answers(pb.EncodeNotesResponse)
    async def EncodeNotes(
        self,
        request: pb.EncodeNotesRequest,
        grpc_context: rpc.CallContext,
    ) -> pb.EncodeNotesResponse:
        """Find catalogued findings in documents."""
        documents = [document_from(document) for document in request.documents]
        return response_to(await asyncio.to_thread(encode_notes, documents, request.index_date, self._limits))
