"""Laws of the stores, on random input."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from support.store_audit_suite import ENTRY
from support.store_job_suite import LEASE
from support.store_records import SECRETS, START, accepted, kept, minutes
from tumorcast_core.errors import StoreUnavailable
from tumorcast_gateway.model.records import AuditEntry, PageRequest, new_id
from tumorcast_gateway.stores import Head, Secrets, SqlStores, verify
from tumorcast_gateway.stores.audit import entry_digest
from tumorcast_gateway.stores.keys import Box
from tumorcast_gateway.stores.tables import audit_entries

SLOW = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
ENTRIES = 8
FIELDS = ("action", "object_kind", "object_id", "patient", "reason", "request_id", "digest", "actor", "at")
places = st.text(st.sampled_from("ab/1"), min_size=1, max_size=8)


@given(st.binary(max_size=3000), places, places, st.binary(min_size=32, max_size=32))
def test_what_is_sealed_opens_under_its_key_in_its_place_and_nowhere_else(
    content: bytes, place: str, other: str, key: bytes
) -> None:
    sealed = Box(key).seal(content, place)
    assert Box(key).open(sealed, place) == content
    assume(place != other)
    with pytest.raises(StoreUnavailable):
        Box(key).open(sealed, other)
    with pytest.raises(StoreUnavailable):
        Box(bytes(b ^ 1 for b in key)).open(sealed, place)


@given(st.binary(max_size=600), st.data())
def test_no_changed_bit_of_what_is_sealed_goes_unseen(content: bytes, data: st.DataObject) -> None:
    sealed = bytearray(Box(bytes(32)).seal(content, "place"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(StoreUnavailable):
        Box(bytes(32)).open(bytes(sealed), "place")
    cut = data.draw(st.integers(0, len(sealed) - 1))
    with pytest.raises(StoreUnavailable):
        Box(bytes(32)).open(bytes(sealed[:cut]), "place")


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4, unique=True), st.data())
def test_every_master_key_unwraps_and_the_first_wraps(keys: list[bytes], data: st.DataObject) -> None:
    old = Secrets([data.draw(st.sampled_from(keys))])
    wrapped = old.wrap(b"k" * 32, "place")
    every = Secrets.parse(",".join(Secrets(keys).text().split()))
    assert every.unwrap(wrapped, "place") == b"k" * 32
    assert every.is_current(every.rewrap(wrapped, "place"))
    assert every.current().unwrap(every.rewrap(wrapped, "place"), "place") == b"k" * 32
    with pytest.raises(StoreUnavailable):
        every.unwrap(wrapped, "another place")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a sound chain."""
    file = tmp_path_factory.mktemp("chain") / "gateway.db"

    async def fill() -> None:
        async with SqlStores(f"sqlite:///{file}", SECRETS) as stores:
            for i in range(ENTRIES):
                async with stores.transaction() as tx:
                    await tx.audit.append(AuditEntry(f"action-{i}", "job", new_id(), subject="me", at=START))

    asyncio.run(fill())
    return file


@SLOW
@given(data=st.data())
def test_the_first_place_that_was_tampered_with_is_named(chain: Path, tmp_path: Path, data: st.DataObject) -> None:
    file = tmp_path / f"{os.urandom(4).hex()}.db"
    shutil.copy(chain, file)
    kind = data.draw(st.sampled_from(["change", "remove", "insert", "rewrite"]))
    those = data.draw(st.sets(st.integers(1, ENTRIES), min_size=1, max_size=3))

    async def tamper() -> int | None:
        async with SqlStores(f"sqlite:///{file}", SECRETS) as stores:
            async with stores.session() as session:
                where = audit_entries.c.sequence.in_(those)
                if kind == "change":
                    name = data.draw(st.sampled_from(FIELDS))
                    value: Any = {"digest": os.urandom(32), "actor": os.urandom(60), "at": START + minutes(1)}
                    await session.run(update(audit_entries).where(where).values({name: value.get(name, "other")}))
                elif kind == "remove":
                    await session.run(delete(audit_entries).where(where))
                elif kind == "insert":
                    row = (
                        await session.one(select(audit_entries).where(audit_entries.c.sequence == min(those)))
                    )._asdict()
                    await session.run(insert(audit_entries).values(row | {"sequence": ENTRIES + 1}))
                else:  # as well as who lacks the key can: every digest from there on is right again
                    await rewrite(session, min(those))
            return (await verify(stores)).broken_at

    expected = {"change": min(those), "remove": min(those), "insert": ENTRIES + 1, "rewrite": ENTRIES}
    assert asyncio.run(tamper()) == expected[kind]
    file.unlink()


async def rewrite(session: Any, first: int) -> None:
    """Change an entry and compute all digests anew, the actors of which are guessed right; the head is left."""
    rows = await session.rows(select(audit_entries).order_by(audit_entries.c.sequence))
    previous = bytes(32)
    for row in rows:
        entry = AuditEntry(row.action, row.object_kind, row.object_id, subject="me", at=row.at)
        if row.sequence == first:
            entry = AuditEntry("another", row.object_kind, row.object_id, subject="me", at=row.at)
        previous = entry_digest(row.sequence, entry, previous)
        changed = {"action": entry.action, "digest": previous}
        await session.run(update(audit_entries).where(audit_entries.c.sequence == row.sequence).values(changed))


@given(st.integers(0, 10**12), st.binary(min_size=32, max_size=32))
def test_a_head_reads_back(sequence: int, digest: bytes) -> None:
    assert Head.parse(f" {Head(sequence, digest)}\n") == Head(sequence, digest)


@pytest.mark.parametrize("text", ["", "1", "1:", "1:ab", ":" + "0" * 64, "x:" + "0" * 64, "-1:" + "0" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Head.parse(text)


@settings(max_examples=100)
@given(st.sampled_from(["action", "reason", "subject", "patient"]), st.text(max_size=5), st.text(max_size=5))
def test_different_entries_have_different_digests(name: str, one: str, other: str) -> None:
    digests = {entry_digest(1, replace(ENTRY, **{name: text}), bytes(32)) for text in (one, other)}  # type: ignore[arg-type]
    assert len(digests) == len({one, other})


@SLOW
@given(st.lists(st.integers(0, 3), max_size=9), st.integers(1, 4), st.lists(st.integers(4, 6), max_size=4))
def test_pages_together_are_the_list(tmp_path: Path, ages: list[int], size: int, later: list[int]) -> None:
    file = tmp_path / f"{os.urandom(4).hex()}.db"

    async def read() -> None:
        async with SqlStores(f"sqlite:///{file}", SECRETS) as stores:
            ids = [(START + minutes(age), await kept(stores, created_at=START + minutes(age))) for age in ages]
            added, seen, token = iter(later), [], ""
            while token or not seen:
                async with stores.transaction() as tx:
                    page = await tx.predictions.list(PageRequest(size, token))
                assert len(page.items) == size or not page.next_token
                seen += [(item.created_at, item.prognosis_id) for item in page.items] or [(START, "")]
                token = page.next_token
                if (age := next(added, None)) is not None:
                    await kept(stores, created_at=START + minutes(age))
            assert seen == (sorted(ids, reverse=True) or [(START, "")])

    asyncio.run(read())


moves = st.lists(
    st.tuples(st.sampled_from(["claim", "finish", "release", "wait", "cancel"]), st.integers(0, 2), st.integers(0, 40)),
    max_size=25,
)


@SLOW
@given(moves)
def test_a_query_has_one_holder_and_one_end(tmp_path: Path, moves: list[tuple[str, int, int]]) -> None:
    file, queries = tmp_path / f"{os.urandom(4).hex()}.db", 3

    async def play() -> None:
        at, ended = START, set()
        held: dict[int, tuple[str, Any, Any]] = {}  # position → worker, task, end of the lease
        given_up: list[tuple[str, Any]] = []
        cancelled = False
        async with SqlStores(f"sqlite:///{file}", SECRETS) as stores:
            job = await accepted(stores, queries)
            for move, worker_number, number in moves:
                worker = f"w{worker_number}"
                async with stores.transaction() as tx:
                    if move == "wait":
                        at += timedelta(seconds=number)
                    elif move == "cancel":
                        await tx.jobs.cancel(job.job_id)
                        cancelled = cancelled or len(ended) + len(held) < queries
                    elif move == "claim":
                        for task in await tx.jobs.claim(worker, 1 + number % 2, LEASE, at):
                            old = held.pop(task.position, None)
                            assert old is None or old[2] <= at, "no lease is taken before its end"
                            assert task.position not in ended
                            given_up += [old[:2]] if old else []
                            held[task.position] = (worker, task, at + LEASE)
                    elif held and number % 2:
                        position = sorted(held)[number % len(held)]
                        holder, task, _ = held.pop(position)
                        if move == "finish":
                            assert await tx.jobs.finish(task, holder, prognosis_id=new_id())
                            ended.add(position)
                        else:
                            await tx.jobs.release(task, holder)
                        given_up.append((holder, task))
                    elif given_up:
                        holder, task = given_up[number % len(given_up)]
                        assert not await tx.jobs.finish(task, holder, prognosis_id=new_id())
            async with stores.transaction() as tx:
                found, _ = await tx.jobs.get(job.job_id)
                counts = await tx.jobs.counts()
            assert (found.answered, counts["leased"], sum(counts.values())) == (len(ended), len(held), queries)
            assert counts["cancelled"] == 0 or cancelled

    asyncio.run(play())
