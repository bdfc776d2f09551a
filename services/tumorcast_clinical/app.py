"""The clinical service as a process: ``python -m tumorcast_clinical.app``."""

from __future__ import annotations

import asyncio

from tumorcast.clinical.v1.clinical_service_pb2_grpc import add_ClinicalServiceServicer_to_server
from tumorcast_clinical.model import Limits
from tumorcast_clinical.servicer import ClinicalServicer
from tumorcast_clinical.settings import Settings
from tumorcast_core import logs, rpc

SERVICE_NAME = "tumorcast.clinical.v1.ClinicalService"


def servicer_of(settings: Settings) -> ClinicalServicer:
    """Wire the servicer."""
    limits = Limits(settings.max_fhir_mib << 20, settings.max_fhir_depth, settings.max_fhir_entries)
    return ClinicalServicer(limits)


def main() -> None:
    """Serve until SIGTERM."""
    settings = Settings()
    logs.configure("clinical", settings.log_level)
    servicer = servicer_of(settings)
    asyncio.run(
        rpc.serve(
            "clinical",
            lambda server: add_ClinicalServiceServicer_to_server(servicer, server),
            settings,
            (SERVICE_NAME,),
        )
    )


if __name__ == "__main__":
    main()
