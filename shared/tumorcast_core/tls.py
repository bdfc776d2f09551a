"""TLS from PEM files, read anew when they change, so that certificates rotate without a restart.

TLS 1.2 and newer, with the ciphers of OpenSSL's and BoringSSL's defaults. Files that are off are never a reason to
speak in clear: at the start they end the process, later the last good ones stay in force.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from tumorcast_core.settings import ServiceSettings

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 1.0
"""Clients look whether their files changed at most this often; servers look at each handshake."""
_OFF = "new TLS files cannot be used; the last ones stay in force"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Certificate chain, its key, and the authorities that the other side's must be of (none: no client is asked)."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """A server's context; raises ``OSError`` (``ssl.SSLError`` is one) or ``ValueError`` for files that are off."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key, password=_no_password)
        if self.client_ca:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def reload(self, context: ssl.SSLContext) -> None:
        """Load the files into a living context, authorities beside those that it trusts. Raises as ``context``."""
        self.context()
        context.load_cert_chain(self.certificate, self.key, password=_no_password)
        if self.client_ca:
            context.load_verify_locations(self.client_ca)

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Changes with the files; raises ``OSError``."""
        found = (path.stat() for path in filter(None, (self.certificate, self.key, self.client_ca)))
        return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in found)

    def read(self) -> Pems:
        """What is in the files, checked to fit together; raises ``OSError`` or ``ValueError``, also amid a change."""
        before = self.stamp()
        self.context()
        found = Pems(
            self.certificate.read_bytes(),
            self.key.read_bytes(),
            self.client_ca.read_bytes() if self.client_ca else None,
        )
        if self.stamp() != before:
            raise ValueError("the files changed while they were read")
        return found


@dataclass(frozen=True, slots=True)
class Pems:
    """The contents of ``TlsFiles``."""

    certificate: bytes
    key: bytes
    authorities: bytes | None

    def of_server(self) -> Any:
        """The certificate configuration of a gRPC server."""
        pair = self.key, self.certificate
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=self.authorities)

    def of_client(self) -> grpc.ChannelCredentials:
        """Credentials of a gRPC client, which trusts these authorities alone; raises ``ValueError`` without any."""
        if not self.authorities:
            raise ValueError("a client needs authorities to check the other side with")
        return grpc.ssl_channel_credentials(self.authorities, self.key, self.certificate)


class Renewal:
    """Says when files have changed to something that can be used."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamp = self._told = files.stamp()

    def newest(self) -> Pems | None:
        """What the files hold now if that is new and good; asks again next time where it is new and off."""
        try:
            found = self._files.stamp()
            if found == self._stamp:
                return None
            pems = self._files.read()
        except (OSError, ValueError):
            self._say_once()
            return None
        self._stamp = self._told = found
        return pems

    def _say_once(self) -> None:
        try:
            found = self._files.stamp()
        except OSError:
            found = ()
        if found != self._told:
            self._told = found
            log.warning(_OFF)


def peer_files(settings: ServiceSettings) -> TlsFiles | None:
    """The files for calls between services, or none; raises ``ValueError`` for files that cannot be used."""
    if not (settings.peer_certificate and settings.peer_key and settings.peer_ca):
        return None
    return usable(
        TlsFiles(settings.peer_certificate, settings.peer_key, settings.peer_ca),
        "peer_certificate, peer_key or peer_ca",
    )


def usable(files: TlsFiles, names: str) -> TlsFiles:
    """The files as they are; raises ``ValueError``, which says by ``names`` whose they are, where they are off."""
    try:
        files.context()
    except (OSError, ValueError) as e:
        raise ValueError(f"{names} cannot be read or do not fit together") from e
    return files


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials that look at the files at each handshake, and keep the last good ones where new ones are off."""
    renewal = Renewal(files)

    def newest() -> Any:
        pems = renewal.newest()
        return pems.of_server() if pems else None

    credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
        files.read().of_server(), newest, require_client_authentication=files.client_ca is not None
    )
    return credentials


class ClientCredentials:
    """Credentials of a client, looked after: ``current`` is the same object until the files change.

    ``now`` is a monotonic clock.
    """

    def __init__(self, files: TlsFiles, now: Callable[[], float] = time.monotonic) -> None:
        self._renewal, self._now = Renewal(files), now
        self._looked_s = now()
        self._current = files.read().of_client()

    @property
    def current(self) -> grpc.ChannelCredentials:
        """What to show in new connections."""
        if self._now() - self._looked_s >= LOOK_AGAIN_S:
            self._looked_s = self._now()
            if pems := self._renewal.newest():
                log.info("certificates were renewed")
                self._current = pems.of_client()
        return self._current


def _no_password() -> str:
    """In place of OpenSSL's question on the terminal."""
    raise ValueError("the key must come without a password")
