"""One patient's record: ``Patient/$everything``, else a search for each type that features come from."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tumorcast_clinical.adapters.fhir_server.access import FhirAccess
from tumorcast_clinical.adapters.fhir_server.addresses import checked_base, checked_id
from tumorcast_clinical.adapters.fhir_server.credentials import credentials_of
from tumorcast_clinical.adapters.fhir_server.session import Session
from tumorcast_clinical.adapters.fhir_server.transport import Failure, Transport
from tumorcast_clinical.adapters.fhir_server.walk import Walk
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded
from tumorcast_core.outbound import Resolve, resolve
from tumorcast_core.snapshot import Issue


@dataclass(frozen=True, slots=True)
class FetchedRecord:
    """FHIR JSON exactly as the server sent it, a Bundle or resource each, and what could not be fetched."""

    pages: tuple[bytes, ...] = field(repr=False)
    issues: tuple[Issue, ...]


class FhirServer:
    """FHIR R4 servers that the operator allows; holds connections and access tokens, for one event loop.

    Raises ``ValueError`` or ``OSError`` where keys or certificates cannot be read.
    """

    def __init__(self, access: FhirAccess, resolve: Resolve = resolve) -> None:
        self._access = access
        self._transport = Transport(access, resolve)
        self._credentials = credentials_of(access)

    async def fetch(self, base_url: str, patient_id: str, deadline: Deadline) -> FetchedRecord:
        """Fetch ``<base_url>/Patient/<patient_id>`` and all that belongs to it.

        A part that fails gives an issue; the call fails with ``MalformedRequest`` or ``FhirServerNotAllowed`` (before
        anything is sent), ``PatientNotFound``, ``PatientMismatch``, ``FhirAccessDenied``, ``ServiceUnavailable``,
        ``ResourceExhausted``, ``PayloadTooLarge`` or ``DeadlineExceeded``.
        """
        base, patient_id = checked_base(base_url, self._access.allowed_hosts), checked_id(patient_id)
        deadline.check()
        session = Session(self._transport, self._credentials, self._access, base, deadline)
        walk = Walk(session, base, patient_id, self._access)
        try:
            async with asyncio.timeout(deadline.timeout_s):
                await walk.run()
        except TimeoutError as e:
            raise DeadlineExceeded from e
        except Failure as e:
            raise e.error from e
        return FetchedRecord(tuple(walk.pages), tuple(walk.issues))

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()
