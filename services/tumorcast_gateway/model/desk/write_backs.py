"""Prognoses written back to the EHR: once each, however often it is asked for, and audited either way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any
from weakref import WeakValueDictionary

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import WriteBackRefused
from tumorcast_gateway.model.caller import Caller, Permission
from tumorcast_gateway.model.desk.context import Context, record_for
from tumorcast_gateway.model.records import WrittenBack


class WriteBacks:
    """What callers have written to the EHR."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._under_way: set[asyncio.Task[WrittenBack]] = set()

    async def create(self, caller: Caller, prognosis_id: str, deadline: Deadline) -> WrittenBack:
        """Write a stored prognosis to the EHR; what is there already stays as it is.

        A caller who hangs up does not stop it half-way: what was sent is audited. Raises ``WriteBackRefused``,
        ``PrognosisNotFound``, ``RecordErased``, ``PatientNotFound`` for a prognosis of no patient of the EHR,
        ``FhirAccessDenied``, ``ServiceUnavailable``, ``HostNotAllowed``, ``DeadlineExceeded``.
        """
        await self._context.allow(caller, Permission.WRITE, "prognosis.write_back", "prognosis", prognosis_id)
        return await self._to_its_end(self._write(caller, prognosis_id, deadline))

    async def _write(self, caller: Caller, prognosis_id: str, deadline: Deadline) -> WrittenBack:
        context = self._context
        if context.ehr is None:
            raise WriteBackRefused("This gateway writes to no FHIR server.")
        lock = self._locks.setdefault(prognosis_id, asyncio.Lock())
        with context.admission.one():
            async with lock, context.doing(caller, "prognosis.write_back", "prognosis", prognosis_id) as deed:
                async with context.stores.transaction() as tx:
                    record = await record_for(tx, caller, prognosis_id)
                deed.about(patient=record.patient)
                written = await context.ehr.write(record, deadline)
                async with context.stores.transaction() as tx:
                    await deed.done(tx)
        return WrittenBack(prognosis_id, written)

    async def _to_its_end(self, work: Coroutine[Any, Any, WrittenBack]) -> WrittenBack:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[WrittenBack]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits for it any more
