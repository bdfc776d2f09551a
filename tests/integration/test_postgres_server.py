"""A PostgreSQL server as an operator knows it: migrated by command, dumped and restored, ended and started again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from support.certificates import Authority
from support.postgres import PASSWORD, Postgres, running_postgres
from support.schemas_of_stores import differences
from support.store_everything import SECRET_WORDS, fill
from support.store_records import PATIENT_ID, SECRETS, START, accepted, kept, prediction
from support.store_work import two_processes
from tumorcast_core.errors import RecordErased, StoreUnavailable
from tumorcast_gateway.model.records import now
from tumorcast_gateway.stores import (
    SqlStores,
    backup,
    current_revision,
    erased_patients,
    migrate,
    reapply_erasures,
    required_revision,
    retain,
    verify,
)
from tumorcast_gateway.stores.database import Tuning

pytestmark = pytest.mark.debian


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as running:
        yield running


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_database()


def test_a_migrated_database_has_the_tables_of_the_code(url: str) -> None:
    async def compare() -> None:
        with pytest.raises(StoreUnavailable, match="tumorcast store migrate"):
            async with SqlStores(url, SECRETS):
                pass
        assert await current_revision(url) == ""
        assert await asyncio.gather(migrate(url), migrate(url)) == [required_revision()] * 2
        assert await current_revision(url) == required_revision()
        assert await differences(url) == []

    asyncio.run(compare())


def test_pods_that_start_at_once_agree_on_one_key(url: str) -> None:
    async def start() -> None:
        await migrate(url)
        pods = [SqlStores(url, SECRETS, Tuning(pool_size=1)) for _ in range(5)]
        await asyncio.gather(*(pod.__aenter__() for pod in pods))
        try:
            of = await kept(pods[0])
            for pod in pods:
                async with pod.transaction() as tx:
                    assert await tx.predictions.get(of)
                    assert await tx.patients.find(PATIENT_ID)
            ids = await asyncio.gather(*(kept(pod, "another") for pod in pods))
            async with pods[0].transaction() as tx:
                assert len({(await tx.predictions.get(one)).patient for one in ids}) == 1
        finally:
            await asyncio.gather(*(pod.__aexit__() for pod in pods))

    asyncio.run(start())


def test_two_processes_share_jobs_and_one_chain(url: str) -> None:
    async def prepare() -> None:
        await migrate(url)
        async with SqlStores(url, SECRETS) as stores:
            await accepted(stores, 120)

    asyncio.run(prepare())
    two_processes(url, 120, both=True)


def test_a_dump_is_restored_and_erasures_since_then_hold(postgres: Postgres, url: str) -> None:
    dump = postgres.folder / "monday.dump"

    async def until_monday() -> tuple[str, str]:
        await migrate(url)
        async with SqlStores(url, SECRETS) as stores:
            return await fill(stores), await kept(stores, "another", START + timedelta(days=40))

    async def after(erased: str, alive: str) -> None:
        async with SqlStores(url, SECRETS) as stores:
            async with stores.transaction() as tx:
                await tx.patients.erase((await tx.patients.find(PATIENT_ID)) or "")
            ledger = [patient async for patient in erased_patients(stores)]
        restored = postgres.new_database()
        postgres.run("pg_restore", *postgres.address, "--no-owner", "--exit-on-error", "-d", name_of(restored), dump)
        async with SqlStores(restored, SECRETS) as stores:
            assert (await verify(stores)).is_whole
            async with stores.transaction() as tx:
                assert await tx.predictions.get(erased)
            assert await reapply_erasures(stores, ledger) == 1
            async with stores.transaction() as tx:
                assert await tx.predictions.get(alive)
                with pytest.raises(RecordErased):
                    await tx.predictions.get(erased)
            assert (await verify(stores)).is_whole
        with pytest.raises(ValueError, match="pg_dump"):
            await backup(restored, Path("never"))

    ids = asyncio.run(until_monday())
    postgres.run("pg_dump", *postgres.address, "--format", "custom", "-f", dump, name_of(url))
    plain = postgres.run("pg_restore", dump, "-f", "-")
    assert [word for word in SECRET_WORDS if word in plain] == []
    asyncio.run(after(*ids))


def test_a_server_that_ends_is_told_and_one_that_is_back_is_used(caplog: pytest.LogCaptureFixture) -> None:
    async def outage(server: Postgres) -> None:
        url = server.new_database()
        await migrate(url)
        async with SqlStores(url, SECRETS, Tuning(timeout_s=3)) as stores:
            of = await kept(stores)
            server.stop("immediate")
            assert not await stores.healthy()
            for _ in range(3):
                with pytest.raises(StoreUnavailable):
                    await kept(stores)
            with pytest.raises(StoreUnavailable):
                async with SqlStores(url, SECRETS, Tuning(timeout_s=3)):
                    pass
            server.start()
            assert await stores.healthy()
            async with stores.transaction() as tx:
                assert await tx.predictions.get(of)

    with running_postgres(durable=True) as server, caplog.at_level(logging.DEBUG):
        asyncio.run(outage(server))
    told = "".join(record.getMessage() + str(record.exc_text or "") for record in caplog.records)
    assert "the database failed" in told
    assert not [word for word in (PASSWORD, PATIENT_ID, "INSERT", "SELECT") if word in told]


def test_retention_leaves_a_patient_alone_to_whom_something_is_just_added(url: str) -> None:
    async def meet() -> None:
        await migrate(url)
        async with SqlStores(url, SECRETS) as stores:
            async with stores.transaction() as tx:
                patient = await tx.patients.ensure(PATIENT_ID)
            later = now() + timedelta(days=1)
            async with stores.transaction() as tx:
                assert await tx.patients.ensure(PATIENT_ID) == patient
                assert (await retain(stores, later)).patients == 0
                await tx.predictions.add(record := prediction(patient, later))
            assert (await retain(stores, later)).patients == 0
            async with stores.transaction() as tx:
                assert await tx.predictions.get(record.prognosis_id)

    asyncio.run(meet())


def test_a_statement_that_takes_too_long_is_ended(url: str) -> None:
    async def wait() -> None:
        await migrate(url)
        async with SqlStores(url, SECRETS, Tuning(timeout_s=0.5)) as stores:
            with pytest.raises(StoreUnavailable):
                async with stores.session() as session:
                    await session.run(text("SELECT pg_sleep(20)"))
            assert await stores.healthy()

    asyncio.run(asyncio.wait_for(wait(), 10))


def test_tls_is_checked_against_the_authority_of_the_url(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")

    async def ask(url: str) -> None:
        for trusted in ("sslmode=require", f"sslmode=verify-full&sslrootcert={authority.certificate}"):
            assert await current_revision(f"{url}?{trusted}") == ""
        for refused in ("sslmode=disable", "sslmode=verify-full", f"sslmode=verify-ca&sslrootcert={other.certificate}"):
            with pytest.raises(StoreUnavailable):
                await current_revision(f"{url}?{refused}")

    with running_postgres(tls=authority.issue()) as server:
        asyncio.run(ask(f"{server.server_url}/postgres"))


def test_a_wrong_password_is_told_without_it(url: str) -> None:
    async def attempt() -> None:
        with pytest.raises(StoreUnavailable) as told:
            await current_revision(url.replace(PASSWORD, "pass-five"))
        assert "pass" not in str(told.value)

    asyncio.run(attempt())


def name_of(url: str) -> str:
    return url.rpartition("/")[2]
