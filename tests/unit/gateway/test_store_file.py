"""The SQLite file itself: who may read it, what is left in it, its copies, its failures."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import ssl
import stat
from pathlib import Path

import pytest
from sqlalchemy import select

from support.store_everything import SECRET_WORDS, fill
from support.store_records import PATIENT_ID, SECRETS, accepted, kept
from support.store_work import two_processes
from tumorcast_core.errors import RecordErased, StoreUnavailable
from tumorcast_gateway.model.records import PageRequest
from tumorcast_gateway.settings import Settings
from tumorcast_gateway.stores import (
    Secrets,
    SqlStores,
    backup,
    current_revision,
    migrate,
    open_stores,
    required_revision,
    restore,
    rotate_key_file,
)
from tumorcast_gateway.stores.database import Tuning, parse_url, postgresql_arguments
from tumorcast_gateway.stores.tables import patients, predictions

HASTY = Tuning(timeout_s=0.3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "records" / "gateway.db"


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_only_the_owner_reads_the_files(file: Path) -> None:
    async def look() -> None:
        async with SqlStores(url_of(file), SECRETS) as stores:
            await kept(stores)
            assert permissions(file.parent) == 0o700
            assert len(list(file.parent.iterdir())) == 3
            assert {permissions(path) for path in file.parent.iterdir()} == {0o600}

    old = os.umask(0)
    try:
        asyncio.run(look())
    finally:
        os.umask(old)


def test_no_file_holds_what_was_said_of_a_patient(file: Path) -> None:
    async def look() -> None:
        async with SqlStores(url_of(file), SECRETS) as stores:
            await fill(stores)
            written = all_bytes(file.parent)
        assert [word for word in SECRET_WORDS if word.encode() in written] == []
        assert b"prognosis.create" in written

    asyncio.run(look())


def test_nothing_of_an_erased_patients_key_is_left_in_the_files(file: Path) -> None:
    async def look() -> None:
        async with SqlStores(url_of(file), SECRETS) as stores:
            await kept(stores)
            async with stores.session() as session:
                row = await session.one(select(patients))
                sealed = (await session.one(select(predictions))).prognosis
            gone = (row.wrapped_key, row.lookup, sealed[20:60], sealed[-60:])
            assert all(part in all_bytes(file.parent) for part in gone)
            async with stores.transaction() as tx:
                await tx.patients.erase(row.id)
            assert not any(part in all_bytes(file.parent) for part in gone)

    asyncio.run(look())


def test_the_first_start_makes_a_folder_and_a_key_and_the_next_one_finds_them(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "a" / "b")

    async def start() -> str:
        async with open_stores(settings) as stores, stores.transaction() as tx:
            return await tx.patients.ensure(PATIENT_ID)

    assert asyncio.run(start()) == asyncio.run(start())
    key = settings.data_dir / "master.key"
    assert (permissions(key), permissions(settings.data_dir)) == (0o600, 0o700)
    assert len(key.read_text().strip()) == 44
    assert key.read_text().strip() not in repr(settings)


@pytest.mark.parametrize("keys", ["", "x", "AAAA", "é" * 44, "A" * 43 + "=,short"])
def test_a_bad_master_key_is_refused_without_being_said(keys: str) -> None:
    with pytest.raises(ValueError, match=r"^a master key (is not base64|has 32 bytes)$"):
        Secrets.parse(keys)


@pytest.mark.parametrize("url", ["", "mysql://u:secret@h/d", "secret", "postgresql://h:port/d"])
def test_a_bad_url_is_refused_without_being_said(url: str) -> None:
    with pytest.raises(ValueError, match=r"^database_url must be") as told:
        SqlStores(url, SECRETS)
    assert "secret" not in str(told.value)


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="name a file"):
        SqlStores("sqlite://", SECRETS)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:////var/a.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:////var/a.db", "sqlite+aiosqlite"),
        ("postgres://u@h/d", "postgresql+asyncpg"),
        ("postgresql://u@h:5432/d?sslmode=verify-full", "postgresql+asyncpg"),
        ("postgresql+asyncpg://u@h/d", "postgresql+asyncpg"),
    ],
)
def test_the_driver_is_chosen_here(url: str, driver: str) -> None:
    assert parse_url(url).drivername == driver


@pytest.mark.parametrize(("mode", "checks_name"), [("verify-full", True), ("verify-ca", False)])
def test_tls_to_postgresql_checks_what_the_url_says(mode: str, checks_name: bool) -> None:
    context = postgresql_arguments(parse_url(f"postgresql://u@h/d?sslmode={mode}"), 1.0)["ssl"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, checks_name)
    assert postgresql_arguments(parse_url("postgresql://u@h/d?sslmode=require"), 1.0)["ssl"] == "require"


def test_a_backup_is_restored_and_erasures_since_then_hold(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "backups" / "monday.db"

    async def weeks() -> None:
        async with SqlStores(url_of(file), SECRETS) as stores:
            erased, alive = await kept(stores), await kept(stores, "another")
            await backup(url_of(file), copy)
            later = await kept(stores, "another")
            async with stores.transaction() as tx:
                await tx.patients.erase((await tx.patients.find(PATIENT_ID)) or "")
        assert await restore(url_of(file), SECRETS, copy) == 1
        async with SqlStores(url_of(file), SECRETS) as stores, stores.transaction() as tx:
            assert await tx.predictions.get(alive)
            assert {item.prognosis_id for item in (await tx.predictions.list(PageRequest())).items} == {erased, alive}
            assert later
            with pytest.raises(RecordErased):
                await tx.predictions.get(erased)

    asyncio.run(weeks())
    assert permissions(copy) == 0o600
    assert [path.name for path in copy.parent.iterdir()] == ["monday.db"]


def test_a_backup_comes_back_where_nothing_is_left(file: Path, tmp_path: Path) -> None:
    async def lost() -> None:
        async with SqlStores(url_of(file), SECRETS) as stores:
            of = await kept(stores)
        await backup(url_of(file), tmp_path / "copy.db")
        for path in file.parent.iterdir():
            path.unlink()
        assert await restore(url_of(file), SECRETS, tmp_path / "copy.db") == 0
        async with SqlStores(url_of(file), SECRETS) as stores, stores.transaction() as tx:
            assert await tx.predictions.get(of)
        assert permissions(file) == 0o600

    asyncio.run(lost())


@pytest.mark.parametrize("damage", ["another key", "no file", "no database", "cut off"])
def test_a_bad_backup_leaves_the_database_as_it_is(file: Path, tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "copy.db"
    secrets = Secrets.generate() if damage == "another key" else SECRETS

    async def attempt() -> None:
        async with SqlStores(url_of(file), SECRETS) as stores:
            of = await kept(stores)
        await backup(url_of(file), copy)
        with pytest.raises(FileExistsError):
            await backup(url_of(file), copy)
        if damage == "no file":
            copy.unlink()
        if damage == "no database":
            copy.write_text("no database" * 1000)
        if damage == "cut off":
            copy.write_bytes(copy.read_bytes()[:20_000])
        with pytest.raises(StoreUnavailable):
            await restore(url_of(file), secrets, copy)
        async with SqlStores(url_of(file), SECRETS) as stores, stores.transaction() as tx:
            assert await tx.predictions.get(of)

    asyncio.run(attempt())


def test_the_master_key_file_is_rotated_in_place(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    key = tmp_path / "master.key"

    async def rotate() -> None:
        async with open_stores(settings) as stores:
            of = await kept(stores)
        before = key.read_text()
        assert await rotate_key_file(url_of(tmp_path / "gateway.db"), key) == 2
        assert key.read_text() != before
        assert len(key.read_text().split()) == 1
        async with open_stores(settings) as stores, stores.transaction() as tx:
            assert await tx.predictions.get(of)
        with pytest.raises(StoreUnavailable, match="master key"):
            async with SqlStores(url_of(tmp_path / "gateway.db"), Secrets.parse(before)):
                pass

    asyncio.run(rotate())


def test_a_database_that_another_holds_is_told_as_unavailable(file: Path) -> None:
    async def held() -> None:
        async with SqlStores(url_of(file), SECRETS, HASTY) as stores:
            other = sqlite3.connect(file, isolation_level=None)
            with contextlib.closing(other):
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(StoreUnavailable):
                    await kept(stores)
                other.execute("ROLLBACK")
                assert await stores.healthy()
                await kept(stores)

    asyncio.run(held())


def test_a_transaction_that_takes_too_long_makes_others_fail_and_not_hang(file: Path) -> None:
    async def held() -> None:
        async with SqlStores(url_of(file), SECRETS, HASTY) as stores:
            async with stores.transaction():
                with pytest.raises(StoreUnavailable):
                    await kept(stores)
            await kept(stores)

    asyncio.run(held())


def test_a_closed_database_says_so(file: Path) -> None:
    async def closed() -> None:
        stores = SqlStores(url_of(file), SECRETS)
        assert not await stores.healthy()
        with pytest.raises(StoreUnavailable, match="not open"):
            async with stores.transaction():
                pass

    asyncio.run(closed())


def test_a_file_that_is_no_database_is_told(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("no database" * 500)

    async def attempt() -> None:
        with pytest.raises(StoreUnavailable):
            async with SqlStores(url_of(file), SECRETS):
                pass

    asyncio.run(attempt())


def test_a_database_of_a_newer_version_is_refused(file: Path) -> None:
    async def attempt() -> None:
        assert await migrate(url_of(file)) == await current_revision(url_of(file)) == required_revision()
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = 'of the future'")
            connection.commit()
        with pytest.raises(StoreUnavailable, match="newer version"):
            async with SqlStores(url_of(file), SECRETS):
                pass

    asyncio.run(attempt())


def test_two_processes_share_jobs_and_one_chain(file: Path) -> None:
    async def prepare() -> None:
        async with SqlStores(url_of(file), SECRETS) as stores:
            await accepted(stores, 60)

    asyncio.run(prepare())
    two_processes(url_of(file), 60, both=False)  # SQLite gives the lock to whoever asks first
