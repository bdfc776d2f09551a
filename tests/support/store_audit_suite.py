"""What holds for the audit log and for upkeep on every database."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from support.store_everything import fill
from support.store_records import PATIENT_ID, SECRETS, START, accepted, kept, minutes, prediction, stored
from tumorcast_core.errors import MalformedRequest, RecordErased, StoreUnavailable
from tumorcast_gateway.model.records import AuditEntry, PageRequest
from tumorcast_gateway.stores import (
    ChainedEntry,
    Head,
    Retained,
    SqlStores,
    entries,
    erased_patients,
    head,
    reapply_erasures,
    retain,
    rotate_keys,
    verify,
)
from tumorcast_gateway.stores.session import Session
from tumorcast_gateway.stores.tables import audit_entries, audit_head, patients, system_keys

ENTRY = AuditEntry("prognosis.read", "prognosis", "0" * 32, "1" * 32, "", "dr.who", "app", "https://i", "r1", START)


async def note(stores: SqlStores, count: int = 1, entry: AuditEntry = ENTRY) -> None:
    for _ in range(count):
        async with stores.transaction() as tx:
            await tx.audit.append(entry)


async def all_entries(stores: SqlStores) -> list[ChainedEntry]:
    return [chained async for chained in entries(stores)]


def remove(*those: int) -> Callable[[Session], Any]:
    return lambda session: session.run(delete(audit_entries).where(audit_entries.c.sequence.in_(those)))


def change(sequence: int, **values: object) -> Callable[[Session], Any]:
    return lambda session: session.run(
        update(audit_entries).where(audit_entries.c.sequence == sequence).values(**values)
    )


def head_to(sequence: int) -> Callable[[Session], Any]:
    """Cut the end off and set the head to what is then the last: all that can be done without the key."""

    async def cut(session: Session) -> None:
        await session.run(delete(audit_entries).where(audit_entries.c.sequence > sequence))
        digest = select(audit_entries.c.digest).where(audit_entries.c.sequence == sequence).scalar_subquery()
        await session.run(update(audit_head).values(sequence=sequence, digest=digest))

    return cut


async def put_in(session: Session) -> None:
    row = (await session.one(select(audit_entries).where(audit_entries.c.sequence == 3)))._asdict()
    await session.run(insert(audit_entries).values(**(row | {"sequence": 6})))


async def swap(session: Session) -> None:
    for old, new in ((2, -1), (3, 2), (-1, 3)):
        await session.run(update(audit_entries).where(audit_entries.c.sequence == old).values(sequence=new))


TAMPERING = {
    "an action": (change(3, action="prognosis.list"), 3),
    "a reason": (change(1, reason="NO_INPUT"), 1),
    "a time": (change(2, at=START + minutes(1)), 2),
    "a patient": (change(5, patient="2" * 32), 5),
    "who did it": (change(4, actor=b"\x01" + bytes(40)), 4),
    "who did it, emptied": (change(4, actor=b""), 4),
    "a digest": (change(3, digest=bytes(32)), 3),
    "the first removed": (remove(1), 1),
    "one in the middle removed": (remove(3), 3),
    "two removed": (remove(2, 4), 2),
    "the last removed": (remove(5), 5),
    "all removed": (remove(1, 2, 3, 4, 5), 1),
    "the end cut off with its head": (head_to(3), 3),
    "one put in at the end": (put_in, 6),
    "two swapped": (swap, 2),
}


class AuditSuite:
    @stored
    async def test_entries_come_back_in_order(self, stores: SqlStores) -> None:
        async with stores.transaction() as tx:
            await tx.audit.append(ENTRY)
            await tx.audit.append(replace(ENTRY, reason="PROGNOSIS_NOT_FOUND", subject="Dr. Žena ∞"))
        await note(stores)
        found = await all_entries(stores)
        assert [chained.sequence for chained in found] == [1, 2, 3]
        assert [chained.entry for chained in found] == [
            ENTRY,
            replace(ENTRY, reason="PROGNOSIS_NOT_FOUND", subject="Dr. Žena ∞"),
            ENTRY,
        ]
        assert [chained.sequence async for chained in entries(stores, after=1, until=2)] == [2]
        assert str(await head(stores)) == f"3:{found[-1].digest.hex()}"
        assert (await verify(stores)).is_whole

    @stored
    async def test_the_digest_is_what_the_documentation_says(self, stores: SqlStores) -> None:
        await note(stores, 2)
        previous = "0" * 64
        for chained in await all_entries(stores):
            content = {
                "action": "prognosis.read",
                "at": "2026-03-04T05:06:07.891011+00:00",
                "client_id": "app",
                "issuer": "https://i",
                "object_id": "0" * 32,
                "object_kind": "prognosis",
                "patient": "1" * 32,
                "previous": previous,
                "reason": "",
                "request_id": "r1",
                "sequence": chained.sequence,
                "subject": "dr.who",
            }
            previous = hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()
            assert chained.digest.hex() == previous

    @stored
    async def test_an_action_that_came_to_nothing_leaves_no_entry(self, stores: SqlStores) -> None:
        with pytest.raises(MalformedRequest):  # noqa: PT012
            async with stores.transaction() as tx:
                await tx.audit.append(ENTRY)
                await tx.predictions.list(PageRequest(0))
        assert await all_entries(stores) == []
        assert (await verify(stores)).head == Head(0, bytes(32))

    @pytest.mark.parametrize("what", TAMPERING)
    def test_what_is_changed_behind_its_back_shows(self, url: str, what: str) -> None:
        tamper, broken_at = TAMPERING[what]

        @stored
        async def shown(_: object, stores: SqlStores) -> None:
            await note(stores, 5)
            async with stores.session() as session:
                await tamper(session)
            verdict = await verify(stores)
            assert (verdict.broken_at, verdict.is_whole) == (broken_at, False)
            assert verdict.fault

        shown(self, url)

    @stored
    async def test_no_entry_goes_on_from_a_head_that_was_changed(self, stores: SqlStores) -> None:
        await note(stores, 5)
        async with stores.session() as session:
            await head_to(3)(session)
        with pytest.raises(StoreUnavailable, match="audit log"):
            await note(stores)

    @stored
    async def test_a_noted_head_shows_an_older_state_put_back(self, stores: SqlStores) -> None:
        await note(stores, 3)
        async with stores.session() as session:
            old = (await session.one(select(audit_head)))._asdict()
        third = await head(stores)
        await note(stores, 2)
        fifth = await head(stores)
        async with stores.session() as session:
            await session.run(delete(audit_entries).where(audit_entries.c.sequence > 3))
            await session.run(update(audit_head).values(**old))
        assert (await verify(stores)).is_whole
        assert (await verify(stores, [third])).is_whole
        assert (await verify(stores, [third, fifth])).broken_at == 4
        await note(stores, 4, replace(ENTRY, action="prognosis.list"))
        assert (await verify(stores, [fifth])).broken_at == 5

    @stored
    async def test_writers_at_once_do_not_fork_the_chain(self, stores: SqlStores) -> None:
        await asyncio.gather(*(note(stores, 5) for _ in range(6)))
        verdict = await verify(stores)
        assert (verdict.head.sequence, verdict.is_whole) == (30, True)

    @stored
    async def test_callers_who_hang_up_leave_all_or_nothing(self, stores: SqlStores) -> None:
        async def keep() -> None:
            async with stores.transaction() as tx:
                await tx.predictions.add(prediction(await tx.patients.ensure(PATIENT_ID)))
                await tx.audit.append(ENTRY)

        for moment in range(50):
            task = asyncio.create_task(keep())
            await asyncio.sleep(moment / 10_000)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait_for(task, 2)
        await keep()
        verdict = await verify(stores)
        assert verdict.is_whole
        async with stores.transaction() as tx:
            listed = await tx.predictions.list(PageRequest(200))
        assert len(listed.items) == verdict.head.sequence > 0


class UpkeepSuite:
    @stored
    async def test_retention_leaves_nothing_of_the_old(self, stores: SqlStores) -> None:
        await kept(stores, "old")
        young = await kept(stores, "both", created_at=START + minutes(9))
        await kept(stores, "both")
        await accepted(stores, 1)
        async with stores.transaction() as tx:
            await tx.idempotency.begin("me", "over", "digest", START, START - minutes(1))
            await tx.session.run(update(patients).values(created_at=START))
        assert await retain(stores, START + minutes(5)) == Retained(predictions=2, patients=1, idempotency_keys=1)
        async with stores.transaction() as tx:
            assert await tx.patients.find("old") is None
            assert (await tx.predictions.get(young)).prognosis_id == young
            assert len(await tx.jobs.claim("w", 9, minutes(1), START)) == 1
        assert await retain(stores, START + minutes(5)) == Retained()
        assert [chained.entry.action for chained in await all_entries(stores)] == ["retention.run"] * 2

    @stored
    async def test_a_patient_made_of_late_keeps_the_key(self, stores: SqlStores) -> None:
        async with stores.transaction() as tx:
            patient = await tx.patients.ensure(PATIENT_ID)
        assert (await retain(stores, START)).patients == 0
        async with stores.transaction() as tx:
            await tx.predictions.add(prediction(patient))

    def test_after_rotation_the_old_master_key_opens_nothing(self, url: str) -> None:
        async def rotate() -> None:
            async with SqlStores(url, SECRETS) as stores:
                of = await fill(stores)
                token = (await pages(stores)).next_token
                erased = await kept(stores, "erased")
                async with stores.transaction() as tx:
                    await tx.patients.erase((await tx.patients.find("erased")) or "")
            both = SECRETS.rotated()
            async with SqlStores(url, both) as stores:
                async with stores.transaction() as tx:
                    assert await tx.predictions.get(of)
                assert await rotate_keys(stores) == 4  # the system and three patients
                assert await rotate_keys(stores) == 0
            with pytest.raises(StoreUnavailable, match="master key"):
                async with SqlStores(url, SECRETS):
                    pass
            async with SqlStores(url, both.current()) as stores:
                async with stores.transaction() as tx:
                    assert await tx.predictions.get(of)
                    assert await tx.patients.find(PATIENT_ID)
                    with pytest.raises(RecordErased):
                        await tx.predictions.get(erased)
                assert (await verify(stores)).is_whole
                assert (await pages(stores, token)).items

        async def pages(stores: SqlStores, token: str = "") -> Any:
            await kept(stores)
            async with stores.transaction() as tx:
                return await tx.predictions.list(PageRequest(1, token))

        asyncio.run(rotate())

    @stored
    async def test_what_an_older_backup_brings_back_is_erased_again(self, stores: SqlStores) -> None:
        of, other = await kept(stores), await kept(stores, "another")
        async with stores.session() as session:
            before = [row._asdict() for row in await session.rows(select(patients))]
        async with stores.transaction() as tx:
            patient = await tx.patients.find(PATIENT_ID) or ""
            await tx.patients.erase(patient)
        ledger = [one async for one in erased_patients(stores)]
        assert ledger == [patient]
        async with stores.session() as session:
            for row in before:
                await session.run(update(patients).where(patients.c.id == row["id"]).values(**row))
        assert [one async for one in erased_patients(stores)] == []
        assert await reapply_erasures(stores, [*ledger, "unknown"]) == 1
        assert await reapply_erasures(stores, ledger) == 0
        async with stores.transaction() as tx:
            assert await tx.patients.find(PATIENT_ID) is None
            assert await tx.predictions.get(other)
            with pytest.raises(RecordErased):
                await tx.predictions.get(of)

    @stored
    async def test_the_keys_in_the_database_are_all_wrapped(self, stores: SqlStores) -> None:
        await kept(stores)
        async with stores.session() as session:
            wrapped = [
                row[0] for table in (system_keys, patients) for row in await session.rows(select(table.c.wrapped_key))
            ]
        assert {len(key) for key in wrapped} == {4 + 12 + 32 + 16}
