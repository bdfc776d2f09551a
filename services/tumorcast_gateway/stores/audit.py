"""The audit log: entries chained by their digests, the head sealed with a key that is not in the database.

The digest of an entry is SHA-256 over its canonical JSON (sorted keys, no spaces, UTF-8), which holds its sequence
number and the digest of the one before; sequence numbers have no gaps. Who may write to the database but lacks the
master key can change nothing unseen but to put an older state back: that shows against a head noted elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from tumorcast_core.errors import StoreUnavailable
from tumorcast_gateway.model.records import AuditEntry, now
from tumorcast_gateway.stores.keys import Keyring
from tumorcast_gateway.stores.session import Session
from tumorcast_gateway.stores.tables import audit_entries, audit_head

GENESIS = bytes(32)
_PLAIN = ("action", "object_kind", "object_id", "patient", "reason", "request_id")
_ACTOR = ("subject", "client_id", "issuer")


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: noted elsewhere, it shows that nothing before it was removed.

    >>> Head.parse(str(Head(3, bytes(32)))) == Head(3, bytes(32))
    True
    """

    sequence: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.sequence}:{self.digest.hex()}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read what ``str`` writes; raises ``ValueError``."""
        sequence, _, digest = text.strip().partition(":")
        head = cls(int(sequence), bytes.fromhex(digest))
        if head.sequence < 0 or len(head.digest) != len(GENESIS):
            raise ValueError("a head is <sequence>:<64 hexadecimal digits>")
        return head


@dataclass(frozen=True, slots=True)
class ChainedEntry:
    """An entry in its place."""

    sequence: int
    entry: AuditEntry
    digest: bytes


class SqlAudit:
    """Implements ``model.stores.Audit``; entries reach the chain at the end of the transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._entries: list[AuditEntry] = []

    async def append(self, entry: AuditEntry) -> None:
        """Append an entry; one without a time gets the present."""
        self._entries.append(replace(entry, at=entry.at or now()))

    async def flush(self) -> None:
        """Chain what was appended. The head stays locked from here to the commit: writers follow one another."""
        if not self._entries:
            return
        keyring = self._session.keyring
        head = sound_head(keyring, await self._session.first(select(audit_head).with_for_update()))
        rows = []
        for entry in self._entries:
            sequence = head.sequence + 1
            head = Head(sequence, entry_digest(sequence, entry, head.digest))
            rows.append(_row(keyring, entry, head))
        self._entries = []
        await self._session.run(insert(audit_entries), rows)
        moved = {"sequence": head.sequence, "digest": head.digest, "seal": seal_of(keyring, head)}
        await self._session.run(update(audit_head).values(moved))


def entry_digest(sequence: int, entry: AuditEntry, previous: bytes) -> bytes:
    """The digest that stands in the chain."""
    fields: dict[str, object] = {name: getattr(entry, name) for name in (*_PLAIN, *_ACTOR)}
    fields |= {"sequence": sequence, "previous": previous.hex(), "at": written(entry.at or now())}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def written(at: datetime) -> str:
    """A time as the digest takes it: UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def seal_of(keyring: Keyring, head: Head) -> bytes:
    """What only who has the master key can write beside the head."""
    return keyring.digest("audit head", str(head))


def sound_head(keyring: Keyring, row: Row[Any] | None) -> Head:
    """The head, if its seal is right; raises ``StoreUnavailable``: to go on would hide what was removed."""
    if row is not None and hmac.compare_digest(row.seal, seal_of(keyring, head := Head(row.sequence, row.digest))):
        return head
    raise StoreUnavailable("The head of the audit log was changed by another program; verify the log.")


def entry_of(keyring: Keyring, row: Row[Any]) -> AuditEntry:
    """A stored entry; raises ``StoreUnavailable`` where who did it does not open."""
    actor = json.loads(keyring.box.open(row.actor, _place(row.sequence)))
    plain = {name: getattr(row, name) for name in _PLAIN}
    return AuditEntry(**plain, **dict(zip(_ACTOR, actor, strict=True)), at=row.at)


def _row(keyring: Keyring, entry: AuditEntry, head: Head) -> dict[str, Any]:
    actor = json.dumps([getattr(entry, name) for name in _ACTOR]).encode()
    sealed = keyring.box.seal(actor, _place(head.sequence))
    plain = {name: getattr(entry, name) for name in _PLAIN}
    return {"sequence": head.sequence, "at": entry.at, "actor": sealed, "digest": head.digest, **plain}


def _place(sequence: int) -> str:
    return f"audit_entries/{sequence}/actor"
