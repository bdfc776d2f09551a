"""All services that the gateway calls, opened and closed together."""

from __future__ import annotations

import asyncio
from functools import cached_property

from tumorcast_core.deadline import Deadline
from tumorcast_core.tls import peer_files
from tumorcast_gateway.adapters.backend import Backend
from tumorcast_gateway.adapters.breaker import Breaker
from tumorcast_gateway.adapters.clinical import ClinicalClient
from tumorcast_gateway.adapters.fusion import FusionClient
from tumorcast_gateway.adapters.imaging import ImagingClient
from tumorcast_gateway.adapters.notes import NotesClient
from tumorcast_gateway.model import Ports
from tumorcast_gateway.settings import Settings


class Backends:
    """The four services: their ports, their health, one ``close`` for all. Use as an async context manager.

    Raises ``ValueError`` where the files for TLS between services cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        targets = {
            "imaging": settings.imaging_target,
            "clinical": settings.clinical_target,
            "notes": settings.notes_target,
            "fusion": settings.fusion_target,
        }
        files = peer_files(settings)
        self._all = {
            name: Backend(
                name,
                target,
                settings.max_message_mib,
                Breaker(name, settings.breaker_failures, settings.breaker_open_s),
                watched=name != "imaging",  # Ray Serve answers Check alone
                files=files,
            )
            for name, target in targets.items()
        }

    @cached_property
    def imaging(self) -> ImagingClient:
        """Reads images and stores uploads."""
        return ImagingClient(self._all["imaging"])

    @cached_property
    def ports(self) -> Ports:
        """What a query needs."""
        return Ports(
            imaging=self.imaging,
            clinical=ClinicalClient(self._all["clinical"]),
            notes=NotesClient(self._all["notes"]),
            fusion=FusionClient(self._all["fusion"]),
        )

    async def health(self, deadline: Deadline) -> dict[str, str]:
        """Ask all services at once."""
        answers = await asyncio.gather(*(backend.health(deadline) for backend in self._all.values()))
        return dict(zip(self._all, answers, strict=True))

    async def __aenter__(self) -> Backends:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.gather(*(backend.close() for backend in self._all.values()))
