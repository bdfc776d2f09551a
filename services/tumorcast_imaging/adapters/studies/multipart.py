"""Cuts a ``multipart/related`` answer into its parts as it arrives, in bounded memory."""

from __future__ import annotations

from email.message import Message

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

DICOM = "application/dicom"
_MAX_BOUNDARY_CHARACTERS = 200
"""RFC 2046 allows 70; some servers write more."""


class Unreadable(Exception):  # noqa: N818 - a decision about foreign bytes; never leaves this package
    """The answer is not what it says it is."""


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of ``multipart/related``, or nothing for a single ``application/dicom``; raises ``Unreadable``.

    >>> boundary_of('multipart/related; type="application/dicom"; boundary=abc'), boundary_of("application/dicom")
    (b'abc', None)
    """
    header = Message()
    header["content-type"] = content_type
    if header.get_content_type() == DICOM:
        return None
    boundary = header.get_param("boundary", "")
    if header.get_content_type() != "multipart/related" or not isinstance(boundary, str):
        raise Unreadable
    if not 0 < len(boundary) <= _MAX_BOUNDARY_CHARACTERS or not boundary.isascii():
        raise Unreadable
    return boundary.encode("ascii")


class Parts:
    """A push parser: ``feed`` it bytes, it returns pieces, of which ``None`` starts a part; ``finish`` it at the end.

    Without boundary the whole body is one part. Raises ``Unreadable``.
    """

    def __init__(self, boundary: bytes | None) -> None:
        self._pieces: list[bytes | None] = [] if boundary else [None]
        self._ended = not boundary
        self._parser = boundary and MultipartParser(
            boundary,
            {
                "on_part_begin": lambda: self._pieces.append(None),
                "on_part_data": lambda data, start, end: self._pieces.append(data[start:end]),
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> list[bytes | None]:
        """Take the next bytes of the body."""
        if self._parser:
            try:
                self._parser.write(data)
            except FormParserError as e:
                raise Unreadable from e
        else:
            self._pieces.append(data)
        pieces, self._pieces = self._pieces, []
        return pieces

    def finish(self) -> None:
        """Raise ``Unreadable`` unless the closing boundary was there."""
        if not self._ended:
            raise Unreadable

    def _end(self) -> None:
        self._ended = True
