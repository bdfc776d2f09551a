"""Reading the audit log: every entry in order, the head to note elsewhere, and whether anything was changed."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from tumorcast_core.errors import StoreUnavailable
from tumorcast_gateway.stores.audit import GENESIS, ChainedEntry, Head, entry_digest, entry_of, sound_head
from tumorcast_gateway.stores.session import Session
from tumorcast_gateway.stores.sql_stores import SqlStores
from tumorcast_gateway.stores.tables import audit_entries, audit_head

BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along the chain found: ``broken_at`` is the first sequence number that is wrong, and why."""

    head: Head
    broken_at: int | None = None
    fault: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return self.broken_at is None


async def entries(stores: SqlStores, after: int = 0, until: int | None = None) -> AsyncIterator[ChainedEntry]:
    """Entries after a sequence number, in order; raises ``StoreUnavailable``. Digests are as stored, unchecked."""
    while True:
        async with stores.session() as session:
            query = select(audit_entries).where(audit_entries.c.sequence > after)
            rows = await session.rows(query.order_by(audit_entries.c.sequence).limit(BATCH))
            batch = [ChainedEntry(row.sequence, entry_of(session.keyring, row), row.digest) for row in rows]
        for chained in batch:
            if until is not None and chained.sequence > until:
                return
            yield chained
        if len(batch) < BATCH:
            return
        after = batch[-1].sequence


async def head(stores: SqlStores) -> Head:
    """The end of the chain; raises ``StoreUnavailable`` where its seal is wrong."""
    async with stores.session() as session:
        return sound_head(session.keyring, await session.first(select(audit_head)))


async def verify(stores: SqlStores, expected: Iterable[Head] = ()) -> Verdict:
    """Walk the chain from its beginning; ``expected`` heads were noted before and must still stand in it.

    Raises ``StoreUnavailable`` only where the database does not answer.
    """
    noted = {known.sequence: known.digest for known in expected if known.sequence}
    last = Head(0, GENESIS)
    while True:
        async with stores.session() as session:
            # shared, so that nothing is appended between the rows and the head
            end = await session.first(select(audit_head).with_for_update(read=True))
            query = select(audit_entries).where(audit_entries.c.sequence > last.sequence)
            rows = await session.rows(query.order_by(audit_entries.c.sequence).limit(BATCH))
            for row in rows:
                if fault := _fault(session, row, last, noted):
                    return Verdict(last, min(last.sequence + 1, row.sequence), fault)
                last = Head(row.sequence, row.digest)
            if len(rows) < BATCH:
                return _at_the_end(session, end, last, noted)


def _fault(session: Session, row: Row[Any], last: Head, noted: dict[int, bytes]) -> str:
    sequence, digest = row.sequence, row.digest
    if sequence != last.sequence + 1:
        return "An entry was removed."
    try:
        entry = entry_of(session.keyring, row)
    except (StoreUnavailable, ValueError):
        return "An entry was changed: who did it does not open."
    if not hmac.compare_digest(digest, entry_digest(sequence, entry, last.digest)):
        return "An entry was changed, or put in, or one before it was."
    if not hmac.compare_digest(noted.get(sequence, digest), digest):
        return "The chain is not the one whose head was noted: it was written anew."
    return ""


def _at_the_end(session: Session, end: Row[Any] | None, last: Head, noted: dict[int, bytes]) -> Verdict:
    missing = [sequence for sequence in noted if sequence > last.sequence]
    try:
        sealed = sound_head(session.keyring, end)
    except StoreUnavailable:
        return Verdict(last, last.sequence, "The head was changed by another program.")
    if sealed.sequence > last.sequence or missing:
        return Verdict(last, last.sequence + 1, "Entries at the end were removed.")
    if sealed.sequence < last.sequence:
        return Verdict(last, sealed.sequence + 1, "Entries were put in at the end.")
    if sealed.digest != last.digest:
        return Verdict(last, sealed.sequence, "The chain was written anew: its end is not the one that was sealed.")
    return Verdict(last)
