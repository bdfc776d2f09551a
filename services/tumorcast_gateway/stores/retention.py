"""Retention while the gateway runs: what is older than its time is destroyed, a few times a day."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from tumorcast_core.errors import StoreUnavailable
from tumorcast_gateway.model.records import now
from tumorcast_gateway.stores.sql_stores import SqlStores
from tumorcast_gateway.stores.upkeep import forget_keys, retain

log = logging.getLogger(__name__)

EVERY_S = 6 * 3600.0


async def keep_to_retention(stores: SqlStores, days: float, stop: asyncio.Event, every_s: float = EVERY_S) -> None:
    """Destroy what is older than ``days``, at once and from time to time, until ``stop`` is set; 0: keep all records.

    Idempotency keys whose time is over go in any case.
    """
    while not stop.is_set():
        try:
            if days:
                done = await retain(stores, now() - timedelta(days=days))
                log.info("retention destroyed %d prognoses and %d patients", done.predictions, done.patients)
            else:
                await forget_keys(stores)
        except StoreUnavailable:
            log.warning("retention waits: the store of records does not answer")
        try:
            async with asyncio.timeout(every_s):
                await stop.wait()
        except TimeoutError:
            continue
