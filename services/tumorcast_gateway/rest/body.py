"""Bodies as they come: JSON of limited size, read whole and in time, parsed off the event loop where it is long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from fastapi import HTTPException, Request

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, PayloadTooLarge

LONG_BYTES = 1 << 20
"""A body of this size takes some 10 ms to parse, in which nobody else would be answered."""

_Parsed = TypeVar("_Parsed")


async def parsed(request: Request, parse: Callable[[bytes], _Parsed], max_bytes: int, deadline: Deadline) -> _Parsed:
    """Read a body and parse it; raises what ``read_body`` and ``parse`` raise."""
    body = await read_body(request, max_bytes, deadline)
    return await asyncio.to_thread(parse, body) if len(body) > LONG_BYTES else parse(body)


async def read_body(request: Request, max_bytes: int, deadline: Deadline) -> bytes:
    """Read a JSON body of limited size; raises ``PayloadTooLarge``, ``DeadlineExceeded`` or HTTP error 415."""
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type != "application/json" or request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "The body must be application/json without content encoding.")
    check_length(request, max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(deadline.timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise PayloadTooLarge
    except TimeoutError as e:
        raise DeadlineExceeded from e
    return bytes(body)


def check_length(request: Request, max_bytes: int) -> None:
    """Refuse by ``Content-Length``, where there is one, before anything is read."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise PayloadTooLarge
