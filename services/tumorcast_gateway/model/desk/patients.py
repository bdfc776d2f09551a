"""Patients: found by the caller's id, erased by the opaque one."""

from __future__ import annotations

from tumorcast_core.errors import PatientNotFound
from tumorcast_gateway.model.caller import Caller, Permission
from tumorcast_gateway.model.desk.context import Context
from tumorcast_gateway.model.records import PatientRef


class Patients:
    """What callers do with patients."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def find(self, caller: Caller, patient_id: str) -> PatientRef:
        """The opaque id of a patient; raises ``PatientNotFound``."""
        async with self._context.doing(caller, "patient.find", "patient", permission=Permission.READ) as deed:
            caller.require_patient(patient_id)
            async with self._context.stores.transaction() as tx:
                patient = await tx.patients.find(patient_id) if patient_id else None
                if patient is None:
                    raise PatientNotFound
                deed.about(patient, patient)
                await deed.done(tx)
                return PatientRef(patient, await tx.patients.count(patient))

    async def erase(self, caller: Caller, patient: str) -> int:
        """Destroy the patient's key; returns how many prognoses nobody can read again."""
        async with self._context.doing(caller, "patient.erase", "patient", patient, Permission.ADMIN) as deed:
            caller.require_all_patients()
            async with self._context.stores.transaction() as tx:
                erased = await tx.patients.erase(patient)
                deed.about(patient=patient)
                await deed.done(tx)
                return erased
