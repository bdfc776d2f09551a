"""Cuts the body of an upload into files as it arrives, in bounded memory."""

from __future__ import annotations

from email.message import Message
from typing import TypeAlias

from fastapi import HTTPException
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from tumorcast_core.errors import MalformedRequest
from tumorcast_gateway.model import MAX_CHUNK_BYTES, FileStart, Piece

MAX_BOUNDARY_CHARACTERS = 70  # RFC 2046 section 5.1.1


def body_files(content_type: str, study_instance_uid: str = "") -> Body:
    """A parser for what a STOW-RS body may be: one file, or ``multipart/related`` ones; else HTTP error 415.

    Which transfer syntax a file has, it says itself (PS3.10 section 7.1); a ``transfer-syntax`` parameter adds nothing.
    """
    header = Message()
    header["content-type"] = content_type
    if header.get_content_type() == "application/dicom":
        return OneFile(study_instance_uid)
    return Files(boundary_of(content_type), study_instance_uid)


def boundary_of(content_type: str) -> bytes:
    """Read the boundary of ``multipart/related; type="application/dicom"`` (PS3.18 section 8.6.1.2.2).

    >>> boundary_of('multipart/related; type="application/dicom"; boundary=abc')
    b'abc'
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary", "")
    kind = str(header.get_param("type", "")).lower()
    if header.get_content_type() != "multipart/related" or kind != "application/dicom":
        raise HTTPException(415, 'The body must be application/dicom or multipart/related; type="application/dicom".')
    if not isinstance(boundary, str) or not 0 < len(boundary) <= MAX_BOUNDARY_CHARACTERS or not boundary.isascii():
        raise MalformedRequest("The content type states no sound boundary.")
    return boundary.encode("ascii")


class Files:
    """A push parser: ``feed`` it bytes, it returns pieces; ``finish`` says whether the body was whole.

    At most one chunk of ``MAX_CHUNK_BYTES`` waits inside. Raises ``MalformedRequest``.
    """

    def __init__(self, boundary: bytes, study_instance_uid: str = "") -> None:
        self._study_instance_uid = study_instance_uid
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_part_data": self._data,
                "on_part_end": self._flush,
                "on_end": self._end,
            },
        )
        self._pieces: list[Piece] = []
        self._chunk = bytearray()
        self._files = 0
        self._ended = False

    def feed(self, data: bytes) -> list[Piece]:
        """Take the next bytes of the body."""
        try:
            self._parser.write(data)
        except FormParserError as e:
            raise MalformedRequest("The body is not sound multipart.") from e
        pieces, self._pieces = self._pieces, []
        return pieces

    def finish(self) -> None:
        """Raise ``MalformedRequest`` unless the closing boundary was there: a cut upload is no upload."""
        if not self._ended:
            raise MalformedRequest("The body ends before its closing boundary.")

    def _begin(self) -> None:
        self._pieces.append(FileStart(str(self._files), self._study_instance_uid))
        self._files += 1

    def _data(self, data: bytes, start: int, end: int) -> None:
        for at in range(start, end, MAX_CHUNK_BYTES):
            self._chunk += data[at : min(end, at + MAX_CHUNK_BYTES)]
            while len(self._chunk) >= MAX_CHUNK_BYTES:
                self._pieces.append(bytes(self._chunk[:MAX_CHUNK_BYTES]))
                del self._chunk[:MAX_CHUNK_BYTES]

    def _flush(self) -> None:
        if self._chunk:
            self._pieces.append(bytes(self._chunk))
            self._chunk.clear()

    def _end(self) -> None:
        self._ended = True


class OneFile:
    """The same for a body that is one file (``Content-Type: application/dicom``, PS3.18 section 8.6.1.1)."""

    def __init__(self, study_instance_uid: str = "") -> None:
        self._start: list[Piece] = [FileStart("0", study_instance_uid)]

    def feed(self, data: bytes) -> list[Piece]:
        """Take the next bytes of the body."""
        start, self._start = (self._start, []) if data else ([], self._start)
        return start + [data[at : at + MAX_CHUNK_BYTES] for at in range(0, len(data), MAX_CHUNK_BYTES)]

    def finish(self) -> None:
        """The end of the body is the end of the file; whether it is whole, HTTP says."""


Body: TypeAlias = Files | OneFile
