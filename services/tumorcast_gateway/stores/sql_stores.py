"""The database of the gateway, open."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from typing import Self

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from tumorcast_core.errors import StoreUnavailable
from tumorcast_gateway.settings import Settings
from tumorcast_gateway.stores import schema
from tumorcast_gateway.stores.audit import GENESIS, Head, SqlAudit, seal_of
from tumorcast_gateway.stores.database import Tuning, begin, empty_log, make_engine, parse_url, sqlite_file, told
from tumorcast_gateway.stores.idempotency import SqlIdempotencyKeys
from tumorcast_gateway.stores.jobs import SqlJobs
from tumorcast_gateway.stores.keys import KEY_BYTES, SYSTEM_KEY_PLACE, Keyring, Secrets
from tumorcast_gateway.stores.patients import SqlPatients
from tumorcast_gateway.stores.predictions import SqlPredictions
from tumorcast_gateway.stores.remarks import SqlRemarks
from tumorcast_gateway.stores.session import Session
from tumorcast_gateway.stores.studies import SqlStudies
from tumorcast_gateway.stores.tables import audit_head, system_keys

HEALTH_TIMEOUT_S = 5.0
DATABASE, MASTER_KEY = "gateway.db", "master.key"


class SqlTransaction:
    """Implements ``model.stores.Transaction``."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.patients = SqlPatients(session)
        self.predictions = SqlPredictions(session)
        self.remarks = SqlRemarks(session)
        self.studies = SqlStudies(session)
        self.jobs = SqlJobs(session)
        self.idempotency = SqlIdempotencyKeys(session)
        self.audit = SqlAudit(session)


class SqlStores:
    """Implements ``model.stores.Stores`` on SQLite or PostgreSQL; open while it is entered.

    Entering migrates a SQLite database; one of PostgreSQL must have been (``tumorcast store migrate``). Raises
    ``StoreUnavailable`` where it was not, does not answer, or was written under another master key.
    """

    def __init__(self, url: str, secrets: Secrets, tuning: Tuning | None = None) -> None:
        self._url = parse_url(url)
        self._secrets = secrets
        self._tuning = tuning or Tuning()
        self._engine: AsyncEngine | None = None
        self._keyring: Keyring | None = None
        places = 1 if sqlite_file(self._url) else self._tuning.pool_size
        self._turns = asyncio.Semaphore(places)  # the pool alone would serve the latest first

    async def __aenter__(self) -> Self:
        self._engine = make_engine(self._url, self._tuning)
        try:
            if sqlite_file(self._url):
                await schema.upgrade(self._engine)
            else:
                await schema.require_current(self._engine)
            self._keyring = await self._unlock()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        engine, self._engine, self._keyring = self._engine, None, None
        if engine is not None:
            await engine.dispose()

    @property
    def engine(self) -> AsyncEngine:
        """Its engine; raises ``StoreUnavailable`` unless it is open."""
        if self._engine is None:
            raise StoreUnavailable("The store of records is not open.")
        return self._engine

    @property
    def keyring(self) -> Keyring:
        """Its keys; raises ``StoreUnavailable`` unless it is open."""
        if self._keyring is None:
            raise StoreUnavailable("The store of records is not open.")
        return self._keyring

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A transaction for upkeep, below the ports."""
        keyring, engine = self.keyring, self.engine
        async with self._turn():
            async with begin(engine) as connection:
                session = Session(connection, keyring)
                yield session
            if session.destroyed and (file := sqlite_file(self._url)):
                await asyncio.to_thread(empty_log, file, self._tuning.timeout_s)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlTransaction]:
        """Begin; commits at the end, rolls back on an exception. Raises ``StoreUnavailable``."""
        async with self.session() as session:
            transaction = SqlTransaction(session)
            yield transaction
            await transaction.audit.flush()

    async def healthy(self) -> bool:
        """Whether it answers within five seconds, the wait for those before included."""
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_S), self._turn(), begin(self.engine) as connection:
                await connection.execute(text("SELECT 1"))
        except (StoreUnavailable, SQLAlchemyError, OSError, TimeoutError):
            return False
        return True

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for a connection in the order of asking."""
        with told():
            async with asyncio.timeout(self._tuning.timeout_s):
                await self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release()

    async def _unlock(self) -> Keyring:
        """Unwrap the key of the system; the first to open an empty database makes it, and the head of the log."""
        query = select(system_keys.c.wrapped_key).where(system_keys.c.id == 1)
        async with begin(self.engine) as connection:
            key = os.urandom(KEY_BYTES)
            session = Session(connection, Keyring(self._secrets, key))
            row = await session.first(query)
            if row is None:
                wrapped = self._secrets.wrap(key, SYSTEM_KEY_PLACE)
                await session.run(session.insert_if_new(system_keys).values(id=1, wrapped_key=wrapped))
                head = Head(0, GENESIS)
                values = {"sequence": 0, "digest": GENESIS, "seal": seal_of(session.keyring, head)}
                await session.run(session.insert_if_new(audit_head).values(id=1, **values))
                row = await session.one(query)
            return Keyring(self._secrets, self._secrets.unwrap(row.wrapped_key, SYSTEM_KEY_PLACE))


def open_stores(settings: Settings) -> SqlStores:
    """The database that the settings name, to be entered. Raises ``ValueError`` for a URL or a key that is none."""
    tuning = Tuning(settings.database_connections, settings.database_timeout_s)
    return SqlStores(database_url(settings), secrets_of(settings), tuning)


def database_url(settings: Settings) -> str:
    """The URL of the database: the one that is set, or a file in the data folder."""
    return settings.database_url.get_secret_value() or f"sqlite:///{settings.data_dir / DATABASE}"


def secrets_of(settings: Settings) -> Secrets:
    """The master keys: those that are set, or of a file in the data folder, made where there is none."""
    keys = settings.master_key.get_secret_value()
    return Secrets.parse(keys) if keys else Secrets.of_file(settings.data_dir / MASTER_KEY)
