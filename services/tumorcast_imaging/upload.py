"""One UploadStudy stream: files in pieces → files in the store, and refusals."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast_core.errors import (
    InvalidInput,
    MalformedRequest,
    ResourceExhausted,
    ServiceUnavailable,
    TumorcastError,
)
from tumorcast_imaging.model import StoredInstance, StudyStore
from tumorcast_imaging.model.ports import IncomingFile
from tumorcast_imaging.wire import refusal, upload_response

MAX_CHUNK_BYTES = 1 << 20


class Upload:
    """Takes the pieces of one stream in order.

    A file that is refused does not stop those after it. A store that is full (``ResourceExhausted``) or does not answer
    (``ServiceUnavailable``) and a stream that does not follow its protocol (``MalformedRequest``) end the call; the
    files before are stored, and sending them again changes nothing.

    ``take`` and ``end`` run in threads that nobody can stop; an ``abort`` meanwhile waits for none of them.
    """

    def __init__(self, store: StudyStore) -> None:
        self._store = store
        self._file: pb.UploadFile | None = None
        self._incoming: IncomingFile | None = None
        self._position = -1
        self._stored: list[StoredInstance] = []
        self._refusals: list[pb.UploadRefusal] = []
        self._busy = threading.Lock()
        self._aborted = False

    def take(self, piece: pb.UploadStudyRequest) -> None:
        """Take the next piece: the start of a file, or its next bytes."""
        with self._turn():
            self._take(piece)

    def end(self) -> pb.UploadStudyResponse:
        """The stream ended: finish the last file, if it is whole, and tell what became of all."""
        with self._turn():
            # A stream that breaks off may look like one that ended.
            if self._incoming and self._file and not self._file.size_bytes:
                self._refuse(InvalidInput("The upload ended without saying that its last file is whole."))
            self._finish_file()
            return upload_response(self._stored, self._refusals)

    def abort(self) -> None:
        """Forget the file that is under way: now, or as soon as the thread that works on it is done."""
        self._aborted = True
        if self._busy.acquire(blocking=False):
            try:
                self._forget()
            finally:
                self._busy.release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        try:
            with self._busy:
                if self._aborted:
                    raise InvalidInput("The upload was broken off.")
                yield
        finally:
            if self._aborted:  # looked at after the lock is free: an abort that found it taken left the rest to us
                with self._busy:
                    self._forget()

    def _take(self, piece: pb.UploadStudyRequest) -> None:
        match piece.WhichOneof("piece"):
            case "file":
                self._finish_file()
                self._position += 1
                self._file = piece.file
                self._incoming = self._store.receive(piece.file.size_bytes)
            case "chunk":
                if self._file is None or len(piece.chunk) > MAX_CHUNK_BYTES:
                    raise MalformedRequest("A chunk follows a file and is at most 1 MiB.")
                self._write(piece.chunk)
            case "end":
                self._finish_file()
                self._file = None
            case _:
                raise MalformedRequest("A piece is a file, a chunk or the end.")

    def _forget(self) -> None:
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
            self._stored.append(self._incoming.commit(self._file.study_instance_uid))
        except TumorcastError as e:
            self._refuse(e)
        self._forget()

    def _refuse(self, error: TumorcastError) -> None:
        instance = self._incoming.instance if self._incoming else None
        self._forget()
        if isinstance(error, ResourceExhausted | ServiceUnavailable):
            raise error
        label = self._file.label if self._file else ""
        self._refusals.append(refusal(self._position, label, error, instance))
