"""A record fetched from a small FHIR server, and what is in it."""

from __future__ import annotations

import asyncio
import json

from support.fhir_server import Resource, ServedFhir
from tumorcast_clinical.adapters.fhir_server import FetchedRecord, FhirAccess, FhirServer
from tumorcast_core.deadline import Deadline


def access(fhir: ServedFhir, **chosen: object) -> FhirAccess:
    """May ask that server alone; a request that fails is not sent again unless the test says so."""
    return FhirAccess(**{"allowed_hosts": (fhir.host,), "retries": 0, "timeout_s": 5, **chosen})  # type: ignore[arg-type]


def fetch(
    fhir: ServedFhir, patient_id: str = "p1", *, seconds: float = 20, times: int = 1, base: str = "", **chosen: object
) -> FetchedRecord:
    """Fetch by one client, as often as wanted; the last record."""

    async def fetched() -> FetchedRecord:
        server = FhirServer(access(fhir, **chosen))
        try:
            for _ in range(times):
                record = await server.fetch(base or fhir.base_url, patient_id, Deadline.after(seconds))
            return record
        finally:
            await server.close()

    return asyncio.run(fetched())


def resources_of(record: FetchedRecord) -> list[Resource]:
    """All resources on its pages, in order."""
    found = []
    for page in map(json.loads, record.pages):
        found += [e["resource"] for e in page.get("entry", [])] if page["resourceType"] == "Bundle" else [page]
    return found


def names(record: FetchedRecord) -> list[str]:
    """``Type/id`` of all resources, sorted."""
    return sorted(f"{r['resourceType']}/{r['id']}" for r in resources_of(record))


def told(record: FetchedRecord) -> list[tuple[str, str]]:
    """Severity and code of its issues."""
    return [(str(issue.severity), issue.code) for issue in record.issues]
