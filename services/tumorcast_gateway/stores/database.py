"""The connection to the database: which driver, how it is set up, and what its failures are told as."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import ssl
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tumorcast_core.errors import StoreUnavailable
from tumorcast_gateway.stores.keys import private_folder

_Result = TypeVar("_Result")
log = logging.getLogger(__name__)

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
DRIVERS |= {driver: driver for driver in DRIVERS.values()}


@dataclass(frozen=True, slots=True)
class Tuning:
    """How many connections (PostgreSQL; SQLite has one for each process) and how long one may wait, in seconds."""

    pool_size: int = 10
    timeout_s: float = 10.0


def parse_url(url: str) -> URL:
    """Read the URL of a database and choose its driver; raises ``ValueError``, without the URL.

    >>> parse_url("postgres://gateway@db/tumorcast").drivername
    'postgresql+asyncpg'
    """
    try:
        parsed = make_url(url)
        return parsed.set(drivername=DRIVERS[parsed.drivername])
    except (ArgumentError, KeyError, ValueError):
        raise ValueError("database_url must be sqlite:///<file> or postgresql://<user>@<host>/<database>") from None


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite database; ``None`` for PostgreSQL. Raises ``ValueError`` for one in memory."""
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ValueError("database_url of SQLite must name a file")
    return Path(url.database)


def make_engine(url: URL, tuning: Tuning) -> AsyncEngine:
    """Make the engine; nothing is opened yet."""
    if file := sqlite_file(url):
        return _sqlite_engine(url, file, tuning)
    return create_async_engine(
        url.difference_update_query(["sslmode", "sslrootcert"]),
        hide_parameters=True,
        pool_size=tuning.pool_size,
        max_overflow=0,
        pool_timeout=tuning.timeout_s,
        pool_pre_ping=True,
        connect_args=postgresql_arguments(url, tuning.timeout_s),
    )


def _sqlite_engine(url: URL, file: Path, tuning: Tuning) -> AsyncEngine:
    """One connection for each process: its transactions queue in order instead of polling for the lock."""
    private_folder(file.parent)
    engine = create_async_engine(
        url,
        hide_parameters=True,
        pool_size=1,
        max_overflow=0,
        pool_timeout=tuning.timeout_s,
        connect_args={"timeout": tuning.timeout_s},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _set_up(connection: Any, _: object) -> None:
        connection.isolation_level = None  # no transactions by the driver: BEGIN IMMEDIATE is said below
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {round(tuning.timeout_s * 1000)}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "do_connect")
    def _private(*_: object) -> None:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def postgresql_arguments(url: URL, timeout_s: float) -> dict[str, Any]:
    """What asyncpg is told: timeouts, and TLS by the ``sslmode`` and ``sslrootcert`` of the URL, read as by libpq."""
    milliseconds = str(round(timeout_s * 1000))
    arguments: dict[str, Any] = {
        "timeout": timeout_s,
        "command_timeout": timeout_s,
        "server_settings": {
            "application_name": "tumorcast-gateway",
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
        },
    }
    mode, authorities = url.query.get("sslmode"), url.query.get("sslrootcert")
    if mode in ("verify-ca", "verify-full"):
        context = ssl.create_default_context(cafile=str(authorities) if authorities else None)
        context.check_hostname = mode == "verify-full"
        arguments["ssl"] = context
    elif mode:
        arguments["ssl"] = mode
    return arguments


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Tell every failure of the database as ``StoreUnavailable``.

    The original is not chained: PostgreSQL puts values of rows into its texts, which no log may hold.
    """
    try:
        yield
    except (SQLAlchemyError, OSError, TimeoutError, asyncio.InvalidStateError) as e:
        original = getattr(e, "orig", None) or e
        code = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None) or ""
        log.error("the database failed: %s %s", type(original).__name__, code)
        raise StoreUnavailable from None


async def whole(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Wait for it to its end, also where the caller hangs up: a connection cut off amid a statement is lost."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen: the caller is gone
        raise


@contextlib.asynccontextmanager
async def begin(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction; commits at the end, rolls back on an exception. Raises ``StoreUnavailable``.

    What the caller's own code raises within passes as it is, also where it looks like a failure of the database.
    """
    connection = engine.connect()
    try:
        with told():
            await whole(_start(connection))
        try:
            yield connection
        except BaseException:
            with contextlib.suppress(SQLAlchemyError, OSError, TimeoutError):
                await whole(connection.rollback())
            raise
        with told():
            await whole(connection.commit())
    finally:
        with contextlib.suppress(SQLAlchemyError, OSError, TimeoutError):
            await whole(connection.close())


async def _start(connection: AsyncConnection) -> None:
    await connection.start()
    await connection.begin()


def empty_log(file: Path, timeout_s: float) -> None:
    """Empty the write-ahead log of SQLite, in which what was destroyed still stands."""
    busy = True
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(file, timeout=timeout_s)) as connection:
        busy = bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
    if busy:
        log.warning("what was destroyed stands in the log of the database until it is written next")
