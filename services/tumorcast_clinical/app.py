"""The clinical service as a process: ``python -m tumorcast_clinical.app``."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tumorcast.clinical.v1.clinical_service_pb2_grpc import add_ClinicalServiceServicer_to_server
from tumorcast_clinical.adapters.fhir_server import FhirAccess, FhirServer
from tumorcast_clinical.model import Limits
from tumorcast_clinical.servicer import ClinicalServicer
from tumorcast_clinical.settings import Settings
from tumorcast_core import logs, rpc, telemetry
from tumorcast_core.starting import starting
from tumorcast_core.tls import TlsFiles, peer_files

SERVICE_NAME = "tumorcast.clinical.v1.ClinicalService"


def fhir_access_of(settings: Settings) -> FhirAccess:
    """What the settings say of FHIR servers; raises ``ValueError`` where they contradict each other."""
    return FhirAccess(
        allowed_hosts=settings.fhir_allowed_hosts,
        networks=settings.fhir_networks,
        timeout_s=settings.fhir_timeout_s,
        longest_s=settings.fhir_longest_s,
        max_bytes=settings.max_fhir_mib << 20,
        max_pages=settings.fhir_max_pages,
        page_size=settings.fhir_page_size,
        retries=settings.fhir_retries,
        ca_file=_path(settings.fhir_ca_file),
        bearer_token=settings.fhir_token.get_secret_value(),
        bearer_token_file=_path(settings.fhir_token_file),
        smart_client_id=settings.smart_client_id,
        smart_key=_path(settings.smart_key_file),
        smart_key_id=settings.smart_key_id,
        smart_scope=settings.smart_scope,
        smart_token_url=settings.smart_token_url,
    )


def servicer_of(settings: Settings) -> ClinicalServicer:
    """Wire the servicer; raises ``ValueError`` or ``OSError`` where settings contradict each other or files are bad."""
    limits = Limits(settings.max_fhir_mib << 20, settings.max_fhir_depth, settings.max_fhir_entries)
    return ClinicalServicer(limits, FhirServer(fhir_access_of(settings)), settings.max_records_at_once)


async def serve(settings: Settings, files: TlsFiles | None) -> None:
    """Serve until SIGTERM, then close the connections to FHIR servers."""
    servicer = servicer_of(settings)
    try:
        await rpc.serve_peers(
            "clinical",
            lambda server: add_ClinicalServiceServicer_to_server(servicer, server),
            settings,
            (SERVICE_NAME,),
            files,
        )
    finally:
        await servicer.close()


def main() -> None:
    """Serve until SIGTERM."""
    with starting("clinical"):
        settings = Settings()
        files = peer_files(settings)
    logs.configure("clinical", settings.log_level)
    with telemetry.running("clinical", settings):
        asyncio.run(serve(settings, files))


def _path(name: str) -> Path | None:
    return Path(name) if name else None


if __name__ == "__main__":
    main()
