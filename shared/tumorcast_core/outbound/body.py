"""The body of an answer, of bounded size however well it was compressed."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator

import httpx

from tumorcast_core.errors import PayloadTooLarge

ACCEPTED = "gzip"
"""For ``Accept-Encoding``."""
_CHUNK = 1 << 16


class Garbled(ValueError):  # noqa: N818, as in the house
    """The body is not encoded as its header says."""


class Broken(ValueError):  # noqa: N818, as in the house
    """The body ends before its end."""


async def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """Read a streamed body; raises ``PayloadTooLarge`` beyond ``max_bytes`` once decoded, ``Garbled`` or ``Broken``."""
    body = bytearray()
    async for data in _decoded(response):
        body += data
        if len(body) > max_bytes:
            raise PayloadTooLarge
    return bytes(body)


async def _decoded(response: httpx.Response) -> AsyncIterator[bytes]:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        async for data in response.aiter_raw():
            yield data
        return
    if encoding not in ("gzip", "x-gzip"):
        raise Garbled("an encoding that was not asked for")
    unzip = zlib.decompressobj(wbits=31)
    try:
        async for data in response.aiter_raw():
            for piece in _unzipped(unzip, data):
                yield piece
    except zlib.error as e:
        raise Garbled("no gzip") from e
    if not unzip.eof:
        raise Broken("gzip without its end")


def _unzipped(unzip: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    if unzip.eof and data:
        raise zlib.error("data after the end")
    while piece := unzip.decompress(data, _CHUNK):
        yield piece
        data = unzip.unconsumed_tail
    if unzip.unused_data:
        raise zlib.error("data after the end")
