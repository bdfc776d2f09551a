"""What every use case works with, and how each leaves its trace in the audit log."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from tumorcast_core import logs
from tumorcast_core.errors import InvalidInput, PrognosisNotFound, ResourceExhausted, StoreUnavailable, TumorcastError
from tumorcast_gateway.model.admission import Admission
from tumorcast_gateway.model.caller import Caller, Permission
from tumorcast_gateway.model.ports import EhrPort, Ports, UploadPort
from tumorcast_gateway.model.records import AuditEntry, Clock, PredictionRecord, now
from tumorcast_gateway.model.stores import Stores, Transaction

log = logging.getLogger(__name__)

NOT_AUDITED = (InvalidInput, ResourceExhausted)
"""Errors of requests that came to nothing before anything of a patient was touched."""


@dataclass(frozen=True, slots=True)
class Context:
    """The services, the stores, how much is let in, the version of this code, the clock, the EHR (``None``: none).

    ``ehr_url`` is the FHIR server whose patients credentials for one patient are of; empty: not known.
    """

    ports: Ports
    uploads: UploadPort
    stores: Stores
    admission: Admission
    code_version: str
    clock: Clock = field(default=now)
    ehr: EhrPort | None = None
    ehr_url: str = ""

    @asynccontextmanager
    async def doing(
        self, caller: Caller, action: str, kind: str = "", object_id: str = "", permission: Permission | None = None
    ) -> AsyncIterator[Deed]:
        """One action of a caller, with the permission that it needs where one is named.

        What refuses or ends it is audited, a want of permission as well; what succeeds, by ``Deed.done``.
        """
        deed = Deed(
            AuditEntry(
                action,
                kind,
                object_id,
                subject=caller.subject,
                client_id=caller.client_id,
                issuer=caller.issuer,
                request_id=logs.request_id.get(),
                at=self.clock(),
            )
        )
        try:
            if permission is not None:
                caller.require(permission)
            yield deed
        except NOT_AUDITED:
            raise
        except TumorcastError as e:
            await self._note_failure(replace(deed.entry, reason=e.reason))
            raise

    async def allow(
        self,
        caller: Caller,
        permission: Permission,
        action: str,
        kind: str,
        object_id: str = "",
        *,
        all_patients: bool = False,
    ) -> None:
        """Raise ``PermissionDenied``, audited, unless the caller may; ``all_patients``: and may see every one."""
        async with self.doing(caller, action, kind, object_id, permission):
            if all_patients:
                caller.require_all_patients()

    async def _note_failure(self, entry: AuditEntry) -> None:
        try:
            async with self.stores.transaction() as tx:
                await tx.audit.append(entry)
        except StoreUnavailable:
            log.error("a failed %s could not be audited: the store does not answer", entry.action)


@dataclass(slots=True)
class Deed:
    """An action under way; ``about`` says what it turned out to be about."""

    entry: AuditEntry

    def about(self, object_id: str = "", patient: str = "") -> None:
        """Name the object and the opaque id of its patient; what is empty stays as it is."""
        self.entry = replace(
            self.entry, object_id=object_id or self.entry.object_id, patient=patient or self.entry.patient
        )

    async def done(self, tx: Transaction) -> None:
        """Append it to the audit log, in the transaction of the action itself."""
        await tx.audit.append(self.entry)


async def record_for(tx: Transaction, caller: Caller, prognosis_id: str) -> PredictionRecord:
    """A stored prediction, if the caller may see its patient; else it is as if there were none.

    Raises ``PrognosisNotFound``, ``RecordErased``.
    """
    record = await tx.predictions.get(prognosis_id)
    if caller.patient_id is not None and await tx.patients.find(caller.patient_id) != record.patient:
        raise PrognosisNotFound
    return record
