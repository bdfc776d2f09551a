"""Patients: the way from a caller's id to the opaque one, and the keys that erasure destroys."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select, update

from tumorcast_core.errors import PatientNotFound, RecordErased
from tumorcast_gateway.model.records import new_id, now
from tumorcast_gateway.stores.session import Session
from tumorcast_gateway.stores.tables import job_queries, patients, predictions, remarks


class SqlPatients:
    """Implements ``model.stores.Patients``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, patient_id: str) -> str | None:
        """The opaque id; ``None``: unknown or erased."""
        return await self._find(patient_id, locked=False)

    async def ensure(self, patient_id: str) -> str:
        """The opaque id, made with a key where there is none; retention leaves it alone until the transaction ends."""
        while (known := await self._find(patient_id, locked=True)) is None:
            patient = new_id()
            wrapped = self._session.keyring.new_patient_key(patient)
            added = await self._session.run(
                self._session.insert_if_new(patients).values(
                    id=patient,
                    created_at=now(),
                    lookup=self._lookup(patient_id) if patient_id else None,
                    wrapped_key=wrapped,
                )
            )
            if added.rowcount:
                self._session.know_patient(patient, wrapped)
                return patient
        return known

    async def count(self, patient: str) -> int:
        """Readable prognoses of a patient."""
        await self._session.patient_box(patient)
        stored = select(func.count()).where(predictions.c.patient == patient, predictions.c.prognosis.is_not(None))
        row = await self._session.first(stored)
        return int(row[0]) if row else 0

    async def erase(self, patient: str) -> int:
        """Destroy the key, the way from the caller's id, and what was sealed."""
        locked = select(patients.c.wrapped_key).where(patients.c.id == patient).with_for_update()
        row = await self._session.first(locked)
        if row is None:
            raise PatientNotFound
        if row.wrapped_key is None:
            raise RecordErased
        count = await self.count(patient)
        await destroy(self._session, [patient])
        return count

    async def _find(self, patient_id: str, *, locked: bool) -> str | None:
        if not patient_id:
            return None
        query = select(patients.c.id, patients.c.wrapped_key).where(patients.c.lookup == self._lookup(patient_id))
        row = await self._session.first(query.with_for_update(read=True, key_share=True) if locked else query)
        if row is None:
            return None
        self._session.know_patient(row.id, row.wrapped_key)
        return str(row.id)

    def _lookup(self, patient_id: str) -> bytes:
        return self._session.keyring.digest("patient", patient_id)


async def destroy(session: Session, those: Collection[str]) -> None:
    """Destroy the keys of patients, the ways from their ids, and what was sealed; open queries of them fail."""
    session.destroyed = True
    gone = {"lookup": None, "wrapped_key": None, "erased_at": now()}
    await session.run(update(patients).where(patients.c.id.in_(those)).values(gone))
    of_them = select(predictions.c.id).where(predictions.c.patient.in_(those))
    await session.run(update(remarks).where(remarks.c.prognosis_id.in_(of_them)).values(content=None))
    await session.run(update(predictions).where(predictions.c.patient.in_(those)).values(snapshot=None, prognosis=None))
    failed = {
        "state": "failed",
        "query": None,
        "worker": None,
        "lease_until": None,
        "error_code": RecordErased.reason,
        "error_message": RecordErased.default_message,
    }
    open_queries = job_queries.c.state.in_(("waiting", "leased"))
    await session.run(update(job_queries).where(job_queries.c.patient.in_(those), open_queries).values(failed))
