"""TLS of both doors from files, read anew when they change, so that certificates rotate without a restart.

TLS 1.2 and newer, with the ciphers of OpenSSL's and BoringSSL's defaults.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from tumorcast_gateway.settings import Settings

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Certificate chain, its key, and the authorities whose clients are let in (none: any client)."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """A server's context; raises ``OSError`` (which ``ssl.SSLError`` is) for files that are off."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key, password=_no_password)
        if self.client_ca:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def stamp(self) -> tuple[int, ...]:
        """Changes with the files; raises ``OSError``."""
        files = filter(None, (self.certificate, self.key, self.client_ca))
        return tuple(path.stat().st_mtime_ns for path in files)

    def configuration(self) -> Any:
        """Certificate and key for gRPC, checked to fit together; raises ``OSError``."""
        self.context()
        pair = self.key.read_bytes(), self.certificate.read_bytes()
        roots = self.client_ca.read_bytes() if self.client_ca else None
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=roots)


def tls_files(settings: Settings) -> TlsFiles | None:
    """The files, or none; raises ``ValueError`` in clear words for files that cannot be used."""
    if not (settings.tls_certificate and settings.tls_key):
        return None
    files = TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
    try:
        files.context()
    except (OSError, ValueError) as e:
        raise ValueError("tls_certificate, tls_key or tls_client_ca cannot be read or do not fit together") from e
    return files


def grpc_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials that look at the files at each handshake, and keep the last good ones where new ones are off."""
    state = files.stamp()

    def newest() -> Any:
        nonlocal state
        try:
            found = files.stamp()
            if found == state:
                return None
            configuration = files.configuration()
        except (OSError, ValueError):
            log.warning("new TLS files cannot be used; the last ones stay in force")
            return None
        state = found
        return configuration

    return grpc.dynamic_ssl_server_credentials(
        files.configuration(), newest, require_client_authentication=files.client_ca is not None
    )


async def keep_fresh(context: ssl.SSLContext, files: TlsFiles, every_s: float = LOOK_AGAIN_S) -> None:
    """Load certificate and key into a living context whenever they change; runs until cancelled.

    New client authorities are added; those that were taken away are trusted until a restart.
    """
    state = files.stamp()
    while True:
        await asyncio.sleep(every_s)
        try:
            found = files.stamp()
            if found == state:
                continue
            files.context()
            context.load_cert_chain(files.certificate, files.key, password=_no_password)
            if files.client_ca:
                context.load_verify_locations(files.client_ca)
        except (OSError, ValueError):
            log.warning("new TLS files cannot be used; the last ones stay in force")
        else:
            state = found


def _no_password() -> str:
    """In place of OpenSSL's question on the terminal."""
    raise ValueError("tls_key must come without a password")
