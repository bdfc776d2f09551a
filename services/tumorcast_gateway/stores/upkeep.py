"""What an operator does with the records: retention, key rotation, erasures after a restore. Each is audited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Select, and_, delete, exists, not_, select, update

from tumorcast_gateway.model.records import AuditEntry, now
from tumorcast_gateway.stores.jobs import LEASED, WAITING
from tumorcast_gateway.stores.keys import SYSTEM_KEY_PLACE, Secrets, patient_key_place, write_private
from tumorcast_gateway.stores.patients import destroy
from tumorcast_gateway.stores.session import Session
from tumorcast_gateway.stores.sql_stores import SqlStores
from tumorcast_gateway.stores.tables import idempotency_keys, job_queries, patients, predictions, system_keys

BATCH = 500


@dataclass(frozen=True, slots=True)
class Retained:
    """How much a run of retention destroyed."""

    predictions: int = 0
    patients: int = 0
    idempotency_keys: int = 0


async def retain(stores: SqlStores, before: datetime, subject: str = "") -> Retained:
    """Destroy prognoses made before, the keys of patients of whom nothing is left, and idempotency keys that are over.

    Queries of jobs are destroyed as they end. Raises ``StoreUnavailable``.
    """
    async with stores.transaction() as tx:
        expired = await tx.predictions.expire(before)
        keys = await _forget_keys(tx.session)
        if expired:
            await tx.audit.append(AuditEntry("retention.run", "prognosis", subject=subject))
    orphans = 0
    while True:
        async with stores.transaction() as tx:
            ids = await _orphans(tx.session, before)
            if not ids:
                return Retained(expired, orphans, keys)
            await destroy(tx.session, ids)
            for patient in ids:
                await tx.audit.append(AuditEntry("retention.run", "patient", patient, patient, subject=subject))
        orphans += len(ids)


async def forget_keys(stores: SqlStores) -> int:
    """Remove idempotency keys, and ids of tokens, whose time is over; returns how many. Raises ``StoreUnavailable``."""
    async with stores.session() as session:
        return await _forget_keys(session)


async def rotate_keys(stores: SqlStores, subject: str = "") -> int:
    """Rewrap every data key under the current master key; returns how many were under another.

    Data are not encrypted anew. Once it has ended nothing needs the old master key, and with the old key destroyed
    nobody can open a backup made before. Raises ``StoreUnavailable``; what was rewrapped until then stays.
    """
    secrets, rewrapped, after = stores.keyring.secrets, 0, ""
    async with stores.transaction() as tx:
        row = await tx.session.one(select(system_keys.c.wrapped_key).with_for_update())
        if not secrets.is_current(row.wrapped_key):
            wrapped = secrets.rewrap(row.wrapped_key, SYSTEM_KEY_PLACE)
            await tx.session.run(update(system_keys).values(wrapped_key=wrapped))
            tx.session.destroyed = True
            rewrapped += 1
        await tx.audit.append(AuditEntry("key.rotate", "store", subject=subject))
    while True:
        async with stores.session() as session:
            query = select(patients.c.id, patients.c.wrapped_key)
            query = query.where(patients.c.id > after, patients.c.wrapped_key.is_not(None))
            rows = await session.rows(query.order_by(patients.c.id).limit(BATCH).with_for_update())
            for row in rows:
                if not secrets.is_current(row.wrapped_key):
                    wrapped = secrets.rewrap(row.wrapped_key, patient_key_place(row.id))
                    await session.run(update(patients).where(patients.c.id == row.id).values(wrapped_key=wrapped))
                    session.destroyed = True
                    rewrapped += 1
        if len(rows) < BATCH:
            return rewrapped
        after = rows[-1].id


async def rotate_key_file(url: str, path: Path, subject: str = "") -> int:
    """Put a new master key into its file, rewrap every data key, and destroy the old one; end the gateway before.

    What is cut off leaves both keys in the file, and may simply be run again.
    """
    secrets = Secrets.of_file(path).rotated()
    write_private(path, secrets.text())
    async with SqlStores(url, secrets) as stores:
        rewrapped = await rotate_keys(stores, subject)
    write_private(path, secrets.current().text())
    return rewrapped


async def erased_patients(stores: SqlStores) -> AsyncIterator[str]:
    """The opaque ids of patients whose keys are destroyed: to be kept apart from backups, for ``reapply_erasures``."""
    after = ""
    while True:
        async with stores.session() as session:
            query = select(patients.c.id).where(patients.c.id > after, patients.c.wrapped_key.is_(None))
            rows = await session.rows(query.order_by(patients.c.id).limit(BATCH))
        for row in rows:
            yield row.id
        if len(rows) < BATCH:
            return
        after = rows[-1].id


async def reapply_erasures(stores: SqlStores, erased: Iterable[str], subject: str = "") -> int:
    """Erase patients again that an older backup brought back; returns how many. Unknown ids are passed over."""
    again, ids = 0, sorted(set(erased))
    for start in range(0, len(ids), BATCH):
        async with stores.transaction() as tx:
            alive = select(patients.c.id).where(patients.c.id.in_(ids[start : start + BATCH]))
            rows = await tx.session.rows(alive.where(patients.c.wrapped_key.is_not(None)).with_for_update())
            if rows:
                await destroy(tx.session, [row.id for row in rows])
            for row in rows:
                await tx.audit.append(AuditEntry("patient.erase", "patient", row.id, row.id, subject=subject))
        again += len(rows)
    return again


async def _orphans(session: Session, before: datetime) -> Sequence[str]:
    """Patients made before of whom nothing is left to read.

    Asked twice: what is locked first stays out of the hands of those who add to a patient just now; only then is it
    certain what each of them has.
    """
    orphaned = _orphaned(before).limit(BATCH)
    locked = await session.rows(orphaned.with_for_update(skip_locked=True))
    still = _orphaned(before).where(patients.c.id.in_([row.id for row in locked]))
    return [row.id for row in await session.rows(still)]


def _orphaned(before: datetime) -> Select[tuple[str]]:
    readable = exists().where(predictions.c.patient == patients.c.id, predictions.c.prognosis.is_not(None))
    waiting = exists().where(job_queries.c.patient == patients.c.id, job_queries.c.state.in_((WAITING, LEASED)))
    known = and_(patients.c.created_at < before, patients.c.wrapped_key.is_not(None))
    return select(patients.c.id).where(known, not_(readable), not_(waiting))


async def _forget_keys(session: Session) -> int:
    gone = await session.run(delete(idempotency_keys).where(idempotency_keys.c.expires_at <= now()))
    return int(gone.rowcount)
