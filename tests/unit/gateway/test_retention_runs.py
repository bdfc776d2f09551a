"""Retention in the running gateway: old prognoses become unreadable by themselves, young ones stay."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.desks import Clock, desk_of
from support.gateway import QUERY, Fakes
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import RecordErased
from tumorcast_gateway.model import ANYONE
from tumorcast_gateway.stores import SqlStores
from tumorcast_gateway.stores.retention import keep_to_retention
from tumorcast_gateway.stores.tables import idempotency_keys


@pytest.mark.parametrize(("days", "is_destroyed"), [(30.0, True), (0.0, False), (90.0, False)])
def test_what_is_older_than_its_time_is_destroyed(tmp_path: Path, days: float, is_destroyed: bool):
    async def main() -> None:
        clock = Clock(datetime.now(UTC) - timedelta(days=60))
        async with desk_of(tmp_path, Fakes(), clock) as desk:
            old = await desk.prognoses.create(ANYONE, QUERY, Deadline())
            clock.at = datetime.now(UTC)
            young = await desk.prognoses.create(ANYONE, QUERY, Deadline())
            stores, stop = desk.context.stores, asyncio.Event()
            assert isinstance(stores, SqlStores)
            running = asyncio.create_task(keep_to_retention(stores, days, stop, 0.05))
            await asyncio.sleep(0.3)
            stop.set()
            await running
            if is_destroyed:
                with pytest.raises(RecordErased):
                    await desk.prognoses.get(ANYONE, old.prognosis_id)
            else:
                assert await desk.prognoses.get(ANYONE, old.prognosis_id) == old
            assert await desk.prognoses.get(ANYONE, young.prognosis_id) == young

    asyncio.run(main())


@pytest.mark.parametrize("days", [0.0, 30.0])
def test_idempotency_keys_whose_time_is_over_are_forgotten_also_without_retention(tmp_path: Path, days: float):
    """Else the ids of all tokens that EHRs ever sent would stay in the table."""

    async def main() -> None:
        async with desk_of(tmp_path, Fakes()) as desk:
            stores, stop, at = desk.context.stores, asyncio.Event(), datetime.now(UTC)
            assert isinstance(stores, SqlStores)
            async with stores.transaction() as tx:
                await tx.idempotency.begin("anyone", "old", "d", at - timedelta(minutes=1), at - timedelta(hours=1))
                await tx.idempotency.begin("anyone", "new", "d", at + timedelta(hours=1), at)
            running = asyncio.create_task(keep_to_retention(stores, days, stop, 0.05))
            await asyncio.sleep(0.3)
            stop.set()
            await running
            async with stores.session() as session:
                kept = await session.rows(select(idempotency_keys.c.expires_at))
            assert [row.expires_at for row in kept] == [at + timedelta(hours=1)]

    asyncio.run(main())
