"""The notes service as a process: ``python -m tumorcast_notes.app``."""

from __future__ import annotations

import asyncio

from tumorcast.notes.v1.notes_service_pb2_grpc import add_NotesServiceServicer_to_server
from tumorcast_core import logs, rpc, telemetry
from tumorcast_core.starting import starting
from tumorcast_core.tls import peer_files
from tumorcast_notes.model import Limits
from tumorcast_notes.servicer import NotesServicer
from tumorcast_notes.settings import Settings

SERVICE_NAME = "tumorcast.notes.v1.NotesService"


def servicer_of(settings: Settings) -> NotesServicer:
    """Wire the servicer."""
    return NotesServicer(Limits(settings.max_document_kib << 10, settings.max_documents))


def main() -> None:
    """Serve until SIGTERM."""
    with starting("notes"):
        settings = Settings()
        files = peer_files(settings)
    logs.configure("notes", settings.log_level)
    servicer = servicer_of(settings)
    with telemetry.running("notes", settings):
        asyncio.run(
            rpc.serve_peers(
                "notes",
                lambda server: add_NotesServiceServicer_to_server(servicer, server),
                settings,
                (SERVICE_NAME,),
                files,
            )
        )


if __name__ == "__main__":
    main()
