"""The schema and its versions (Alembic). SQLite is migrated as it is opened, PostgreSQL when told to."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from tumorcast_core.errors import StoreUnavailable
from tumorcast_gateway.stores.database import Tuning, begin, make_engine, parse_url, told

logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # names its own parts at every start
MIGRATION_TIMEOUT_S = 600.0
_LOCK = 0x54554D4F  # any number that all gateways agree on


class Migration(NamedTuple):
    """Revisions of a database before (empty: it had none) and after.

    >>> print(Migration("", "r0001"), Migration("r0001", "r0001"))
    Migrated from nothing to r0001. The schema is r0001 already.
    """

    before: str
    after: str

    def __str__(self) -> str:
        if self.before == self.after:
            return f"The schema is {self.after} already."
        return f"Migrated from {self.before or 'nothing'} to {self.after}."


async def migrate(url: str, timeout_s: float = MIGRATION_TIMEOUT_S) -> str:
    """Bring a database to the schema of this code; returns its revision. Raises ``StoreUnavailable``."""
    return (await migration(url, timeout_s)).after


async def migration(url: str, timeout_s: float = MIGRATION_TIMEOUT_S) -> Migration:
    """The same, and which revision it had before."""
    engine = make_engine(parse_url(url), Tuning(pool_size=1, timeout_s=timeout_s))
    try:
        return Migration(await _revision(engine), await upgrade(engine))
    finally:
        await engine.dispose()


async def current_revision(url: str) -> str:
    """The revision of a database, empty if it has none. Raises ``StoreUnavailable``."""
    engine = make_engine(parse_url(url), Tuning(pool_size=1))
    try:
        return await _revision(engine)
    finally:
        await engine.dispose()


@cache
def required_revision() -> str:
    """The revision that this code works with."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


async def upgrade(engine: AsyncEngine) -> str:
    """Migrate in one transaction, one process at a time. Raises ``StoreUnavailable``."""
    async with begin(engine) as connection:
        with told():
            if connection.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade)
    return required_revision()


async def require_current(engine: AsyncEngine) -> None:
    """Raise ``StoreUnavailable`` unless the database has the schema of this code."""
    if await _revision(engine) != required_revision():
        raise StoreUnavailable(
            "The database does not have the schema of this version. Run: tumorcast store migrate (after a backup)."
        )


async def _revision(engine: AsyncEngine) -> str:
    async with begin(engine) as connection:
        with told():
            return await connection.run_sync(_revision_of)


def _revision_of(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _upgrade(connection: Connection) -> None:
    revision = _revision_of(connection)
    if revision == required_revision():
        return
    if revision not in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()} | {""}:
        raise StoreUnavailable("The database was written by a newer version of this program.")
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
