"""Settings that every service has; each adds its own and reads them once, in ``app``."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Read from environment variables ``TUMORCAST_<SERVICE>_<NAME>``; frozen once read."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    host: str = Field(
        default="127.0.0.1", description="address to listen on; loopback unless the network around it is trusted"
    )
    port: int = Field(default=0, ge=0, le=65535, description="gRPC port; 0 takes a free one")
    metrics_host: str = Field(default="127.0.0.1", description="address that Prometheus metrics are read at")
    metrics_port: int = Field(default=0, ge=0, le=65535, description="port of Prometheus metrics, /metrics; 0: none")
    health_port: int = Field(
        default=0, ge=0, le=65535, description="second port, in clear and with health alone, for probes; 0: none"
    )
    peer_certificate: Path | None = Field(None, description="certificate chain shown to services of ours, as PEM")
    peer_key: Path | None = Field(None, description="its private key, as PEM without a password")
    peer_ca: Path | None = Field(None, description="authorities of the services of ours, as PEM")
    peer_clients: tuple[str, ...] = Field(
        (), description="DNS names of which a caller's certificate must hold one; empty: any that peer_ca signed"
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    drain_s: float = Field(default=10.0, ge=0, description="seconds that running calls get to end after SIGTERM")
    max_message_mib: int = Field(default=64, ge=1, le=1024, description="largest gRPC message taken, in MiB")
    max_concurrent_calls: int = Field(
        default=64, ge=1, description="calls beyond this are refused with RESOURCE_EXHAUSTED"
    )

    @model_validator(mode="after")
    def _peers_are_checked_by_both_sides(self) -> Self:
        given = [bool(one) for one in (self.peer_certificate, self.peer_key, self.peer_ca)]
        if any(given) and not all(given):
            raise ValueError("peer_certificate, peer_key and peer_ca go together")
        if self.peer_clients and not all(given):
            raise ValueError("peer_clients needs peer_certificate, peer_key and peer_ca")
        if self.health_port and self.health_port == self.port:
            raise ValueError("health_port is a second port beside port")
        return self


def data_home() -> Path:
    """Where Tumorcast keeps what it keeps unless told otherwise (XDG Base Directory Specification)."""
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".local" / "share") / "tumorcast"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0"), is_loopback("")
    (True, False, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
