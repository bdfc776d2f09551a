"""Requests that may be repeated. Subject, key and request are kept as keyed digests only."""

from __future__ import annotations

import hmac
from datetime import datetime

from sqlalchemy import delete, select, update

from tumorcast_core.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from tumorcast_gateway.stores.session import Session
from tumorcast_gateway.stores.tables import idempotency_keys


class SqlIdempotencyKeys:
    """Implements ``model.stores.IdempotencyKeys``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def begin(self, subject: str, key: str, digest: str, until: datetime, at: datetime) -> str:
        """Take a key, or say what its first request made."""
        lookup, own = self._lookup(subject, key), self._session.keyring.digest("request", digest)
        values = {"lookup": lookup, "digest": own, "object_id": "", "expires_at": until}
        of_key = idempotency_keys.c.lookup == lookup
        await self._session.run(delete(idempotency_keys).where(of_key, idempotency_keys.c.expires_at <= at))
        added = await self._session.run(self._session.insert_if_new(idempotency_keys).values(values))
        if added.rowcount:
            return ""
        row = await self._session.first(select(idempotency_keys).where(of_key))
        if row is None:
            raise IdempotencyKeyInUse
        if not hmac.compare_digest(row.digest, own):
            raise IdempotencyKeyReused
        if not row.object_id:
            raise IdempotencyKeyInUse
        return str(row.object_id)

    async def complete(self, subject: str, key: str, object_id: str, until: datetime) -> None:
        """Keep what the request made, until then."""
        of_key = idempotency_keys.c.lookup == self._lookup(subject, key)
        await self._session.run(update(idempotency_keys).where(of_key).values(object_id=object_id, expires_at=until))

    async def abandon(self, subject: str, key: str) -> None:
        """Free a key whose request failed; one that made something stays."""
        of_key = idempotency_keys.c.lookup == self._lookup(subject, key)
        await self._session.run(delete(idempotency_keys).where(of_key, idempotency_keys.c.object_id == ""))

    def _lookup(self, subject: str, key: str) -> bytes:
        return self._session.keyring.digest("idempotency", subject, key)
