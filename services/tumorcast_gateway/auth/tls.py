"""TLS of both doors; the files are those of ``tumorcast_core.tls``."""

from __future__ import annotations

import asyncio
import logging
import ssl

from tumorcast_core.tls import TlsFiles, usable
from tumorcast_gateway.settings import Settings

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 60.0


def tls_files(settings: Settings) -> TlsFiles | None:
    """The files, or none; raises ``ValueError`` in clear words for files that cannot be used."""
    if not (settings.tls_certificate and settings.tls_key):
        return None
    files = TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
    return usable(files, "tls_certificate, tls_key or tls_client_ca")


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
            files.reload(context)
        except (OSError, ValueError):
            log.warning("new TLS files cannot be used; the last ones stay in force")
        else:
            state = found
