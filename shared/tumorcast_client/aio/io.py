"""What the two clients do differently: waiting, reading files, asking for a token. Twin: ``sync.io``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

Token = str | Callable[[], Awaitable[str]]
"""A bearer token, or what gives one before each request (and is asked again when one has expired)."""

sleep = asyncio.sleep


async def streamed(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The parts, each read in a thread."""
    while (part := await asyncio.to_thread(next, parts, None)) is not None:
        yield part


async def value_of(token: Token) -> str:
    """The token itself."""
    return token if isinstance(token, str) else await token()
