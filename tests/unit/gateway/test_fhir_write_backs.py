"""Who may have a prognosis written to the EHR, and what the audit log says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from support.desks import desk_of
from support.gateway import QUERY, Fakes
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    FhirAccessDenied,
    PermissionDenied,
    PrognosisNotFound,
    RecordErased,
    ResourceExhausted,
    ServiceUnavailable,
    TumorcastError,
    WriteBackRefused,
)
from tumorcast_gateway.model import ANYONE, Admission, Caller, Desk, Permission
from tumorcast_gateway.model.records import AuditEntry, PredictionRecord, WrittenResource
from tumorcast_gateway.stores import SqlStores
from tumorcast_gateway.stores.audit_log import entries

WRITTEN = (WrittenResource("RiskAssessment", "RiskAssessment/1", created=True),)
ACTION = "prognosis.write_back"


@dataclass
class Ehr:
    """Takes everything, or fails as told, after a while."""

    error: TumorcastError | None = None
    seconds: float = 0.0
    records: list[PredictionRecord] = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0

    async def write(self, record: PredictionRecord, deadline: Deadline) -> tuple[WrittenResource, ...]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.seconds)
        self.at_once -= 1
        if self.error:
            raise self.error
        self.records.append(record)
        return WRITTEN


def with_desk(folder: Path, ehr: Ehr | None, test: Callable[[Desk, str], Awaitable[None]]) -> None:
    async def main() -> None:
        async with desk_of(folder, Fakes()) as plain:
            desk = Desk(replace(plain.context, ehr=ehr, admission=Admission(8)))
            record = await desk.prognoses.create_record(ANYONE, QUERY, Deadline.after(10))
            await test(desk, record.prognosis_id)

    asyncio.run(main())


async def log_of(desk: Desk) -> list[AuditEntry]:
    assert isinstance(desk.context.stores, SqlStores)
    return [found.entry async for found in entries(desk.context.stores) if found.entry.action == ACTION]


def may(*permissions: Permission, patient_id: str | None = None) -> Caller:
    return Caller("user", permissions=frozenset(permissions), patient_id=patient_id)


async def write(desk: Desk, id_: str, caller: Caller = ANYONE) -> None:
    written = await desk.write_backs.create(caller, id_, Deadline.after(10))
    assert (written.prognosis_id, written.resources) == (id_, WRITTEN)


def test_what_was_written_is_audited_with_its_patient(tmp_path: Path) -> None:
    async def test(desk: Desk, id_: str) -> None:
        await write(desk, id_, may(Permission.WRITE))
        (entry,) = await log_of(desk)
        assert (entry.object_id, entry.subject, entry.reason) == (id_, "user", "")
        assert entry.patient == (await desk.prognoses.get_record(ANYONE, id_)).patient

    with_desk(tmp_path, Ehr(), test)


@pytest.mark.parametrize("error", [FhirAccessDenied(), WriteBackRefused(), ServiceUnavailable()])
def test_what_failed_is_audited_with_its_reason(tmp_path: Path, error: TumorcastError) -> None:
    async def test(desk: Desk, id_: str) -> None:
        with pytest.raises(type(error)):
            await write(desk, id_)
        (entry,) = await log_of(desk)
        assert (entry.object_id, entry.reason) == (id_, error.reason)
        assert entry.patient

    with_desk(tmp_path, Ehr(error), test)


def test_reading_is_not_enough_to_write(tmp_path: Path) -> None:
    ehr = Ehr()

    async def test(desk: Desk, id_: str) -> None:
        with pytest.raises(PermissionDenied):
            await write(desk, id_, may(Permission.READ, Permission.PREDICT))
        with pytest.raises(PrognosisNotFound):
            await write(desk, id_, may(Permission.WRITE, patient_id="18"))
        await write(desk, id_, may(Permission.WRITE, patient_id=QUERY.patient_id))

    with_desk(tmp_path, ehr, test)
    assert len(ehr.records) == 1


def test_an_erased_prognosis_never_leaves(tmp_path: Path) -> None:
    ehr = Ehr()

    async def test(desk: Desk, id_: str) -> None:
        patient = (await desk.prognoses.get_record(ANYONE, id_)).patient
        await desk.patients.erase(ANYONE, patient)
        with pytest.raises(RecordErased):
            await write(desk, id_)
        assert [entry.reason for entry in await log_of(desk)] == ["RECORD_ERASED"]

    with_desk(tmp_path, ehr, test)
    assert ehr.records == []


def test_without_an_ehr_nothing_is_written(tmp_path: Path) -> None:
    async def test(desk: Desk, id_: str) -> None:
        with pytest.raises(WriteBackRefused):
            await write(desk, id_)

    with_desk(tmp_path, None, test)


def test_one_prognosis_is_written_by_one_at_a_time(tmp_path: Path) -> None:
    ehr = Ehr(seconds=0.02)

    async def test(desk: Desk, id_: str) -> None:
        await asyncio.gather(*(write(desk, id_) for _ in range(5)))

    with_desk(tmp_path, ehr, test)
    assert (len(ehr.records), ehr.most_at_once) == (5, 1)


def test_who_hangs_up_leaves_it_whole_and_audited(tmp_path: Path) -> None:
    ehr = Ehr(seconds=0.1)

    async def test(desk: Desk, id_: str) -> None:
        call = asyncio.create_task(write(desk, id_))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert desk.context.admission.taken == 1  # a drain waits for it
        await asyncio.wait_for(desk.context.admission.drained(), 5)
        assert len(await log_of(desk)) == 1

    with_desk(tmp_path, ehr, test)
    assert len(ehr.records) == 1


def test_write_backs_are_bounded_like_all_work(tmp_path: Path) -> None:
    async def test(desk: Desk, id_: str) -> None:
        calls = [asyncio.create_task(write(desk, id_)) for _ in range(12)]
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(found, ResourceExhausted) for found in done) == 4

    with_desk(tmp_path, Ehr(seconds=0.01), test)
