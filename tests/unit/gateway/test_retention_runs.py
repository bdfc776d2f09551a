"""Retention in the running gateway: old prognoses become unreadable by themselves, young ones stay."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.desks import Clock, desk_of
from support.gateway import QUERY, Fakes
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import RecordErased
from tumorcast_gateway.model import ANYONE
from tumorcast_gateway.stores import SqlStores
from tumorcast_gateway.stores.retention import keep_to_retention


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
