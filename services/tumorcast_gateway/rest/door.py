"""What the routes need, handed in by ``app``."""

from __future__ import annotations

from dataclasses import dataclass

from tumorcast_core.outbound import Outbound
from tumorcast_gateway.auth import Guard
from tumorcast_gateway.auth.discovery import Discovery
from tumorcast_gateway.model import Desk, HealthPort
from tumorcast_gateway.settings import Settings


@dataclass(frozen=True)
class Door:
    """The desk behind the routes, the health of the services, who is let in, and what may be asked outside.

    ``discovery`` is of the issuer of tokens, ``None`` without authentication.
    """

    desk: Desk
    backends: HealthPort
    settings: Settings
    guard: Guard
    outbound: Outbound
    discovery: Discovery | None = None
