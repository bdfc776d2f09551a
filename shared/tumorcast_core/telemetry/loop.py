"""How late an event loop wakes up: what blocks it delays every call of the process, health checks included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tumorcast_core.telemetry import metrics

_EVERY_S = 0.5


@asynccontextmanager
async def watching_loop(service: str) -> AsyncIterator[None]:
    """Observe the lag of the running loop for as long as the context lasts."""
    task = asyncio.create_task(_watch(service))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(service: str) -> None:
    loop, lag = asyncio.get_running_loop(), metrics.loop_lag.labels(service)
    while True:
        began = loop.time()
        await asyncio.sleep(_EVERY_S)
        lag.observe(max(loop.time() - began - _EVERY_S, 0.0))
