"""One UploadStudy stream: files in pieces → files in the store, and refusals."""

from __future__ import annotations

from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast_core.errors import InvalidInput, MalformedRequest, ResourceExhausted, TumorcastError
from tumorcast_imaging.adapters import FolderStudyStore, Incoming, StoredInstance
from tumorcast_imaging.wire import refusal, upload_response

MAX_CHUNK_BYTES = 1 << 20


class Upload:
    """Takes the pieces of one stream in order.

    A file that is refused does not stop those after it; a full store (``ResourceExhausted``) and a stream that does not
    follow its protocol (``MalformedRequest``) end the call.
    """

    def __init__(self, store: FolderStudyStore) -> None:
        self._store = store
        self._file: pb.UploadFile | None = None
        self._incoming: Incoming | None = None
        self._position = -1
        self._stored: list[StoredInstance] = []
        self._refusals: list[pb.UploadRefusal] = []

    def take(self, piece: pb.UploadStudyRequest) -> None:
        """Take the next piece: the start of a file, or its next bytes."""
        match piece.WhichOneof("piece"):
            case "file":
                self._finish_file()
                self._position += 1
                self._file = piece.file
                self._incoming = self._store.receive()
            case "chunk":
                if self._file is None or len(piece.chunk) > MAX_CHUNK_BYTES:
                    raise MalformedRequest("A chunk follows a file and is at most 1 MiB.")
                self._write(piece.chunk)
            case _:
                raise MalformedRequest("A piece is a file or a chunk.")

    def end(self) -> pb.UploadStudyResponse:
        """The stream ended as it should: finish the last file and tell what became of all."""
        self._finish_file()
        return upload_response(self._stored, self._refusals)

    def abort(self) -> None:
        """Forget the file that is under way."""
        if self._incoming is not None:
            self._incoming.abort()
            self._incoming = None

    def _write(self, chunk: bytes) -> None:
        if self._incoming is None:  # refused before; its remaining chunks are skipped
            return
        try:
            self._incoming.write(chunk)
        except TumorcastError as e:
            self._refuse(e)

    def _finish_file(self) -> None:
        if self._file is None or self._incoming is None:
            return
        try:
            if self._file.size_bytes and self._file.size_bytes != self._incoming.size_bytes:
                raise InvalidInput("The file does not have the announced length.")
            self._stored.append(self._incoming.commit())
        except TumorcastError as e:
            self._refuse(e)
        self.abort()

    def _refuse(self, error: TumorcastError) -> None:
        self.abort()
        if isinstance(error, ResourceExhausted):
            raise error
        label = self._file.label if self._file else ""
        self._refusals.append(refusal(self._position, label, error))
