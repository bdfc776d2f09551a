"""Prognoses: made, kept, listed, replayed, explained."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from tumorcast_core import logs
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import NoInput, PayloadTooLarge, TumorcastError
from tumorcast_core.prognosis import Prognosis
from tumorcast_core.query import Query
from tumorcast_gateway.model.answering import answer_query
from tumorcast_gateway.model.caller import Caller, Permission
from tumorcast_gateway.model.desk.context import Context, record_for
from tumorcast_gateway.model.desk.once import once
from tumorcast_gateway.model.explaining import Explanation, explain
from tumorcast_gateway.model.records import Page, PageRequest, PredictionRecord, PredictionSummary, new_id
from tumorcast_gateway.model.replaying import Replay, compare
from tumorcast_gateway.model.stores import Transaction

Keep = Callable[[Transaction, PredictionRecord], Awaitable[None]]
MAX_QUERIES = 1_000
COHORT_CONCURRENCY = 2
"""Queries of one cohort that are under way at once; a cohort takes one place of the admission."""


class Prognoses:
    """What callers do with prognoses."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def create(self, caller: Caller, query: Query, deadline: Deadline, idempotency_key: str = "") -> Prognosis:
        """Answer a query and keep the record; raises what ``answer_query`` does, and ``ResourceExhausted``."""
        return (await self.create_record(caller, query, deadline, idempotency_key)).prognosis

    async def create_record(
        self, caller: Caller, query: Query, deadline: Deadline, idempotency_key: str = ""
    ) -> PredictionRecord:
        """The same, with the snapshot: the whole record, for doors that show what was measured."""
        async with self._context.doing(caller, "prognosis.create", "prognosis"):
            _check_caller(caller, query, self._context.ehr_url)
        with self._context.admission.one():
            async with once(self._context, caller, idempotency_key, query) as first:
                if first.made_before:
                    return await self._read(caller, first.made_before, "prognosis.read")
                return await self.answer(caller, query, deadline, lambda tx, made: first.done(tx, made.prognosis_id))

    async def answer(
        self, caller: Caller, query: Query, deadline: Deadline, also_keep: Keep | None = None
    ) -> PredictionRecord:
        """Answer and keep, past admission and idempotency: for those who bound their work themselves.

        ``also_keep`` runs in the transaction that keeps the record; what it raises undoes both.
        """
        context = self._context
        async with context.doing(caller, "prognosis.create", "prognosis") as deed:
            _check_caller(caller, query, self._context.ehr_url)
            answered = await answer_query(query, context.ports, deadline, caller.patient_id)
            prognosis = answered.prognosis
            async with context.stores.transaction() as tx:
                patient = await tx.patients.ensure(query.patient_id)
                record = PredictionRecord(
                    prognosis_id=prognosis.prognosis_id,
                    patient=patient,
                    created_at=context.clock(),
                    horizons_days=query.horizons_days,
                    code_version=context.code_version,
                    snapshot=answered.snapshot,
                    prognosis=prognosis,
                )
                await tx.predictions.add(record)
                deed.about(prognosis.prognosis_id, patient)
                await deed.done(tx)
                if also_keep:
                    await also_keep(tx, record)
        return record

    async def score(
        self, caller: Caller, queries: Sequence[Query], deadline: Deadline
    ) -> AsyncGenerator[tuple[int, Prognosis | TumorcastError], None]:
        """Answer many queries, each as it is ready, with its position; one that fails does not end the others."""
        check_batch(queries)
        with self._context.admission.one():
            places = asyncio.Semaphore(COHORT_CONCURRENCY)

            async def one(position: int, query: Query) -> tuple[int, Prognosis | TumorcastError]:
                async with places:
                    logs.request_id.set(new_id())  # each answer has an id of its own
                    try:
                        return position, (await self.answer(caller, query, deadline)).prognosis
                    except TumorcastError as e:
                        return position, e

            tasks = [asyncio.create_task(one(i, query)) for i, query in enumerate(queries)]
            try:
                for task in asyncio.as_completed(tasks):
                    yield await task
            finally:
                for task in tasks:
                    task.cancel()

    async def get(self, caller: Caller, prognosis_id: str) -> Prognosis:
        """A stored prognosis; raises ``PrognosisNotFound``, ``RecordErased``."""
        return (await self.get_record(caller, prognosis_id)).prognosis

    async def get_record(self, caller: Caller, prognosis_id: str) -> PredictionRecord:
        """The same with its snapshot."""
        return await self._read(caller, prognosis_id, "prognosis.read", Permission.READ)

    async def list(
        self, caller: Caller, page: PageRequest, *, patient: str = "", model: str = ""
    ) -> Page[PredictionSummary]:
        """Stored prognoses, the newest first; of one patient only where the caller may see no other."""
        page.check()
        async with (
            self._context.doing(caller, "prognosis.list", "patient", patient, Permission.READ) as deed,
            self._context.stores.transaction() as tx,
        ):
            if caller.patient_id is not None:
                own = await tx.patients.find(caller.patient_id)
                if own is None or patient not in ("", own):
                    await deed.done(tx)
                    return Page(())
                patient = own
            found = await tx.predictions.list(page, patient=patient, model=model)
            deed.about(patient, patient)
            await deed.done(tx)
        return found

    async def replay(self, caller: Caller, prognosis_id: str, deadline: Deadline) -> Replay:
        """Ask the model again with the stored snapshot; nothing is stored."""
        record = await self._read(caller, prognosis_id, "prognosis.replay", Permission.READ)
        with self._context.admission.one():
            again = await self._context.ports.fusion.predict_prognosis(
                record.prognosis.model.name, record.snapshot, record.horizons_days, deadline
            )
        return compare(record.prognosis, again)

    async def explain(self, caller: Caller, prognosis_id: str) -> Explanation:
        """Say why a stored prognosis is as it is."""
        return explain((await self._read(caller, prognosis_id, "prognosis.explain", Permission.READ)).prognosis)

    async def _read(
        self, caller: Caller, prognosis_id: str, action: str, permission: Permission | None = None
    ) -> PredictionRecord:
        async with (
            self._context.doing(caller, action, "prognosis", prognosis_id, permission) as deed,
            self._context.stores.transaction() as tx,
        ):
            record = await record_for(tx, caller, prognosis_id)
            deed.about(patient=record.patient)
            await deed.done(tx)
        return record


def check_batch(queries: Sequence[Query]) -> None:
    """Raise ``NoInput`` or ``PayloadTooLarge`` for a batch of none or too many."""
    if not queries:
        raise NoInput("Give at least one query.")
    if len(queries) > MAX_QUERIES:
        raise PayloadTooLarge(f"There are more than {MAX_QUERIES} queries.")


def _check_caller(caller: Caller, query: Query, ehr_url: str) -> None:
    caller.require(Permission.PREDICT)
    caller.require_patient(query.patient_id)
    if query.fhir_server:
        caller.require_patient(query.fhir_server.patient_id)
        if ehr_url and query.fhir_server.base_url.rstrip("/") != ehr_url.rstrip("/"):
            caller.require_all_patients()  # the same id is somebody else there
