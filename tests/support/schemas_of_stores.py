"""Whether a migrated database has the tables that the code speaks of."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from tumorcast_gateway.stores.database import Tuning, make_engine, parse_url
from tumorcast_gateway.stores.tables import metadata


async def differences(url: str) -> list[Any]:
    """What a new migration would have to change."""
    engine = make_engine(parse_url(url), Tuning())

    def compare(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    try:
        async with engine.connect() as connection:
            return await connection.run_sync(compare)
    finally:
        await engine.dispose()
