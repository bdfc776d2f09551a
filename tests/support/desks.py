"""A desk before fakes, with a real SQLite store in a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.gateway import Fakes
from tumorcast_core.deadline import Deadline
from tumorcast_gateway.model import Admission, Context, Desk, Piece, Upload
from tumorcast_gateway.stores import Secrets, SqlStores

SECRETS = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@dataclass
class Clock:
    """Stands still until it is told to go on."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def go_on(self, **by: float) -> None:
        self.at += timedelta(**by)


class Uploads:
    """Answers every upload with the same."""

    answer = Upload()

    async def upload_study(self, pieces: AsyncIterator[Piece], deadline: Deadline) -> Upload:
        async for _ in pieces:
            pass
        return self.answer


@asynccontextmanager
async def desk_of(folder: Path, fakes: Fakes, clock: Clock | None = None, places: int = 8) -> AsyncIterator[Desk]:
    """Open the store, or the one that is in the folder already, and put a desk before it."""
    async with SqlStores(f"sqlite:///{folder / 'gateway.db'}", Secrets.parse(SECRETS)) as stores:
        yield Desk(Context(fakes.ports, Uploads(), stores, Admission(places), "1.2.3", clock or Clock()))
