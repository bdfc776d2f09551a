"""Idempotency keys: a request sent twice is done once (draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass, is_dataclass
from datetime import datetime, timedelta

from tumorcast_core.errors import MalformedRequest
from tumorcast_gateway.model.caller import Caller
from tumorcast_gateway.model.desk.context import Context
from tumorcast_gateway.model.stores import Transaction

MAX_KEY_CHARACTERS = 255
UNDER_WAY = timedelta(minutes=15)
"""A request that died without a word frees its key after this time."""
KEPT = timedelta(hours=24)
"""So long a repeated request gets what the first one made."""


def _digest(content: object) -> str:
    return hashlib.sha256(repr(_plain(content)).encode()).hexdigest()


def _plain(content: object) -> object:
    """The content with every field, also those that its ``repr`` hides."""
    if isinstance(content, tuple):
        return tuple(map(_plain, content))
    return astuple(content) if is_dataclass(content) and not isinstance(content, type) else content


@dataclass(slots=True)
class Once:
    """A request under its key; ``made_before`` is what the first one of the same key made, empty for the first."""

    subject: str
    key: str
    until: datetime
    made_before: str = ""
    is_done: bool = False

    async def done(self, tx: Transaction, object_id: str) -> None:
        """Keep what was made under the key, in the transaction that makes it."""
        if self.key:
            await tx.idempotency.complete(self.subject, self.key, object_id, self.until)
        self.is_done = True


@asynccontextmanager
async def once(context: Context, caller: Caller, key: str, content: object) -> AsyncIterator[Once]:
    """Take the key for a request of this content; without a key every request is the first.

    Raises ``MalformedRequest``, ``IdempotencyKeyReused``, ``IdempotencyKeyInUse``.
    """
    at = context.clock()
    request = Once(f"{caller.issuer} {caller.subject}", key, at + KEPT)
    if not key:
        yield request
        return
    if len(key) > MAX_KEY_CHARACTERS or not (key.isascii() and key.isprintable()):
        raise MalformedRequest(f"An idempotency key has 1 to {MAX_KEY_CHARACTERS} printable ASCII characters.")
    digest = await asyncio.to_thread(_digest, content)
    async with context.stores.transaction() as tx:
        request.made_before = await tx.idempotency.begin(request.subject, key, digest, at + UNDER_WAY, at)
    try:
        yield request
    finally:
        if not (request.made_before or request.is_done):
            async with context.stores.transaction() as tx:
                await tx.idempotency.abandon(request.subject, key)
