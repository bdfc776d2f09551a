"""DICOM files in: the body of an upload, streamed to the imaging service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import HTTPException, Request

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import NoInput, PayloadTooLarge
from tumorcast_gateway.model import Caller, Piece, Stored
from tumorcast_gateway.rest.body import check_length
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.multipart import Body, body_files
from tumorcast_gateway.rest.negotiation import deadline

_FILES = {"schema": {"type": "string", "format": "binary"}}
BODY: dict[str, Any] = {
    "required": True,
    "content": {'multipart/related; type="application/dicom"': _FILES, "application/dicom": _FILES},
}


async def stored(door: Door, request: Request, caller: Caller, study: str = "") -> Stored:
    """Store what a request brings, all of ``study`` where one is named.

    Raises ``NoInput`` for a body without files, ``ResourceExhausted`` where the store is full, ``PayloadTooLarge``,
    ``MalformedRequest``, ``DeadlineExceeded`` and HTTP error 415.
    """
    settings = door.settings
    max_bytes = settings.max_upload_mib << 20
    time = deadline(request, settings.upload_deadline_s)
    files = body_files(request.headers.get("content-type", ""), study)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "The body must come without content encoding.")
    check_length(request, max_bytes)
    found = await door.desk.studies.upload(caller, _pieces(request, files, max_bytes, time), time)
    if not (found.upload.studies or found.upload.refusals):
        raise NoInput("The body holds no files.")
    return found


def status_of(found: Stored, all_stored: int) -> int:
    """The HTTP status of an upload: ``all_stored``, 202 where some files were refused, 409 where all were."""
    if not found.upload.refusals:
        return all_stored
    return 202 if found.upload.studies else 409


async def _pieces(request: Request, files: Body, max_bytes: int, time: Deadline) -> AsyncIterator[Piece]:
    """Pieces as they arrive; never more than the limit, never without the closing boundary."""
    size = 0
    async for data in request.stream():
        size += len(data)
        if size > max_bytes:
            raise PayloadTooLarge
        time.check()
        for piece in files.feed(data):
            yield piece
    files.finish()
