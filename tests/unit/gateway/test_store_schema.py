"""The schema: migrated, it is what the code speaks of."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from support.schemas_of_stores import differences
from tumorcast_core.errors import StoreUnavailable
from tumorcast_gateway.stores import current_revision, migrate, required_revision
from tumorcast_gateway.stores.database import Tuning, make_engine, parse_url
from tumorcast_gateway.stores.schema import require_current


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/gateway.db"


def test_a_migrated_database_has_the_tables_of_the_code(url: str) -> None:
    async def compare() -> None:
        assert await current_revision(url) == ""
        assert await migrate(url) == required_revision()
        assert await migrate(url) == await current_revision(url) == required_revision()
        assert await differences(url) == []

    asyncio.run(compare())


def test_a_table_that_is_missing_shows(url: str, tmp_path: Path) -> None:
    asyncio.run(migrate(url))
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        connection.execute("DROP TABLE studies")
        connection.commit()
    assert asyncio.run(differences(url)) != []


def test_migrations_are_packaged_beside_the_code_and_form_one_line() -> None:
    import tumorcast_gateway.stores.migrations as packaged

    scripts = ScriptDirectory(str(Path(str(packaged.__file__)).parent))
    assert scripts.get_heads() == [required_revision()]
    assert scripts.get_bases() == ["0001"]


def test_one_that_is_not_migrated_is_refused_with_the_way_out(url: str) -> None:
    async def attempt() -> None:
        engine = make_engine(parse_url(url), Tuning())
        try:
            with pytest.raises(StoreUnavailable, match="tumorcast store migrate"):
                await require_current(engine)
        finally:
            await engine.dispose()

    asyncio.run(attempt())


def test_of_two_that_migrate_at_once_one_waits(url: str) -> None:
    async def both() -> list[str]:
        return await asyncio.gather(migrate(url), migrate(url))

    assert asyncio.run(both()) == [required_revision()] * 2
