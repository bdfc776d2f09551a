"""What callers may do at the desk, on a real SQLite store, and what of it is kept."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.desks import Clock, Uploads, desk_of
from support.full_prognosis import FULL as FULL
from support.gateway import PROGNOSIS, QUERY, Fakes, study
from tumorcast_core import logs
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    IdempotencyKeyReused,
    JobNotFound,
    MalformedRequest,
    PatientNotFound,
    PermissionDenied,
    PrognosisNotFound,
    RecordErased,
    ResourceExhausted,
    ServiceUnavailable,
    StudyNotFound,
    UnsoundOutcome,
)
from tumorcast_core.prognosis import EndpointKind, InputStatus, ModelRef
from tumorcast_gateway.model import ANYONE, Caller, Desk, FileStart, Permission, Upload, UploadedStudy
from tumorcast_gateway.model.desk.remarks import check_outcome
from tumorcast_gateway.model.explaining import explain
from tumorcast_gateway.model.records import Decision, Feedback, Outcome, PageRequest
from tumorcast_gateway.model.replaying import compare

SOON = Deadline()
READER = Caller("reader", permissions=frozenset({Permission.READ}))
HERS = Caller("hers", permissions=frozenset(Permission) - {Permission.ADMIN}, patient_id="SIM-000017")
OTHERS = replace(HERS, patient_id="SIM-000018")


@pytest.fixture
def at_desk(tmp_path: Path) -> Callable[..., Any]:
    """Run a coroutine function with a desk; further arguments go to ``desk_of``."""

    def run(work: Callable[[Desk], Awaitable[Any]], fakes: Fakes | None = None, **how: Any) -> Any:
        async def main() -> Any:
            async with desk_of(tmp_path, fakes or Fakes(), **how) as desk:
                return await work(desk)

        logs.request_id.set("")
        return asyncio.run(main())

    return run


def test_what_was_answered_is_read_back_equal(at_desk: Callable[..., Any]):
    async def work(desk: Desk) -> None:
        made = await desk.prognoses.create(ANYONE, QUERY, SOON)
        assert await desk.prognoses.get(ANYONE, made.prognosis_id) == made

    at_desk(work)


def test_records_outlive_the_process(at_desk: Callable[..., Any]):
    made = at_desk(lambda desk: desk.prognoses.create(ANYONE, QUERY, SOON))
    assert at_desk(lambda desk: desk.prognoses.get(ANYONE, made.prognosis_id)) == made


def test_a_snapshot_replays_to_the_same_numbers_and_another_model_is_told(at_desk: Callable[..., Any]):
    fakes = Fakes()

    async def work(desk: Desk) -> None:
        made = await desk.prognoses.create(ANYONE, QUERY, SOON)
        first = fakes.fusion.snapshot
        replay = await desk.prognoses.replay(ANYONE, made.prognosis_id, SOON)
        assert (replay.same, replay.model_changed, replay.differences) == (True, False, ())
        assert replay.prognosis == made
        again = fakes.fusion.snapshot
        assert first is not None
        assert again is not None
        assert again.features == first.features
        assert [e.vector.tobytes() for e in again.embeddings] == [e.vector.tobytes() for e in first.embeddings]
        fakes.fusion.prognosis = replace(PROGNOSIS, model=ModelRef("simulated", "1.2.4", "cd" * 32))
        replay = await desk.prognoses.replay(ANYONE, made.prognosis_id, SOON)
        assert (replay.same, replay.model_changed) == (False, True)
        assert replay.differences == ("model.version", "model.sha256")

    at_desk(work, fakes)


def test_a_changed_number_is_named_by_its_path():
    endpoint = PROGNOSIS.endpoints[0]
    other = replace(endpoint, estimate=replace(endpoint.estimate, probability=0.4376))  # type: ignore[type-var]
    changed = replace(PROGNOSIS, endpoints=(other, *PROGNOSIS.endpoints[1:]))
    assert compare(PROGNOSIS, changed).differences == ("endpoints[0].estimate.probability",)


@given(st.floats(allow_nan=True))
def test_a_number_is_the_same_as_itself_whatever_it_is(value: float):
    endpoint = PROGNOSIS.endpoints[0]
    changed = replace(
        PROGNOSIS,
        endpoints=(replace(endpoint, estimate=replace(endpoint.estimate, clinical_baseline=value)),),  # type: ignore[type-var]
    )
    assert compare(changed, changed).same
    assert math.isnan(value) or compare(changed, changed).prognosis == changed


def test_a_key_sent_twice_asks_the_services_once(at_desk: Callable[..., Any]):
    fakes = Fakes()

    async def work(desk: Desk) -> None:
        first = await desk.prognoses.create(ANYONE, QUERY, SOON, "k1")
        assert await desk.prognoses.create(ANYONE, QUERY, SOON, "k1") == first
        assert len(fakes.fusion.calls) == 1
        with pytest.raises(IdempotencyKeyReused):
            await desk.prognoses.create(ANYONE, replace(QUERY, patient_id="another"), SOON, "k1")
        other = await desk.prognoses.create(replace(ANYONE, subject="else"), QUERY, SOON, "k1")
        assert other.prognosis_id != first.prognosis_id

    at_desk(work, fakes)


def test_a_key_is_kept_for_a_day(at_desk: Callable[..., Any]):
    clock = Clock()

    async def work(desk: Desk) -> None:
        first = await desk.prognoses.create(ANYONE, QUERY, SOON, "k1")
        clock.go_on(hours=23)
        assert (await desk.prognoses.create(ANYONE, QUERY, SOON, "k1")).prognosis_id == first.prognosis_id
        clock.go_on(hours=2)
        assert (await desk.prognoses.create(ANYONE, QUERY, SOON, "k1")).prognosis_id != first.prognosis_id

    at_desk(work, clock=clock)


def test_a_key_whose_request_failed_is_free_again(at_desk: Callable[..., Any]):
    fakes = Fakes()

    async def work(desk: Desk) -> None:
        fakes.fusion.error = ServiceUnavailable()
        with pytest.raises(ServiceUnavailable):
            await desk.prognoses.create(ANYONE, QUERY, SOON, "k1")
        fakes.fusion.error = None
        assert (await desk.prognoses.create(ANYONE, QUERY, SOON, "k1")).prognosis_id

    at_desk(work, fakes)


@pytest.mark.parametrize("key", ["x" * 256, "ä", "a\nb"])
def test_a_key_that_is_none_is_refused(at_desk: Callable[..., Any], key: str):
    with pytest.raises(MalformedRequest):
        at_desk(lambda desk: desk.prognoses.create(ANYONE, QUERY, SOON, key))


def test_a_full_gateway_refuses_at_once(at_desk: Callable[..., Any]):
    fakes = Fakes()
    fakes.fusion.delay_s = 0.2

    async def work(desk: Desk) -> list[object]:
        asked = (desk.prognoses.create(ANYONE, QUERY, SOON) for _ in range(5))
        return list(await asyncio.gather(*asked, return_exceptions=True))

    answers = at_desk(work, fakes, places=2)
    assert sum(isinstance(answer, ResourceExhausted) for answer in answers) == 3
    assert len(fakes.fusion.calls) == 2


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda desk: desk.prognoses.create(READER, QUERY, SOON),
        lambda desk: desk.prognoses.create(OTHERS, QUERY, SOON),
        lambda desk: desk.prognoses.create(HERS, replace(QUERY, patient_id=""), SOON),
        lambda desk: desk.prognoses.get(Caller("nobody"), "0" * 32),
        lambda desk: desk.remarks.add_feedback(READER, Feedback("0" * 32, Decision.NOTED)),
        lambda desk: desk.jobs.create(HERS, (QUERY,)),
        lambda desk: desk.jobs.create(READER, (QUERY,)),
        lambda desk: desk.patients.find(OTHERS, "SIM-000017"),
        lambda desk: desk.patients.erase(HERS, "0" * 32),
        lambda desk: desk.studies.upload(HERS, _pieces(), SOON),
    ],
)
def test_who_may_not_is_refused(at_desk: Callable[..., Any], forbidden: Callable[[Desk], Awaitable[Any]]):
    fakes = Fakes()
    with pytest.raises(PermissionDenied):
        at_desk(forbidden, fakes)
    assert not fakes.fusion.calls


def test_a_caller_for_one_patient_sees_that_patient_only(at_desk: Callable[..., Any]):
    async def work(desk: Desk) -> None:
        own = await desk.prognoses.create(HERS, QUERY, SOON)
        foreign = await desk.prognoses.create(ANYONE, replace(QUERY, patient_id="SIM-000018"), SOON)
        anonymous = await desk.prognoses.create(ANYONE, replace(QUERY, patient_id=""), SOON)
        assert await desk.prognoses.get(HERS, own.prognosis_id) == own
        for hidden in (foreign.prognosis_id, anonymous.prognosis_id):
            with pytest.raises(PrognosisNotFound):
                await desk.prognoses.get(HERS, hidden)
            with pytest.raises(PrognosisNotFound):
                await desk.remarks.add_feedback(HERS, Feedback(hidden, Decision.NOTED))
        listed = await desk.prognoses.list(HERS, PageRequest())
        assert [item.prognosis_id for item in listed.items] == [own.prognosis_id]
        theirs = await desk.patients.find(ANYONE, "SIM-000018")
        assert not (await desk.prognoses.list(HERS, PageRequest(), patient=theirs.patient)).items
        assert len((await desk.prognoses.list(ANYONE, PageRequest())).items) == 3

    at_desk(work)


def test_a_caller_for_one_patient_gets_no_images_of_another(at_desk: Callable[..., Any]):
    fakes = Fakes()
    fakes.imaging.answer = lambda timepoint: study(timepoint, "SIM-000099")

    async def work(desk: Desk) -> None:
        await desk.prognoses.create(HERS, QUERY, SOON)
        assert fakes.fusion.snapshot is not None
        assert not fakes.fusion.snapshot.embeddings
        assert {f.name for f in fakes.fusion.snapshot.features} == {"albumin", "ascites"}
        assert "PATIENT_ID_DIFFERS" in {issue.code for issue in fakes.fusion.snapshot.issues}

    at_desk(work, fakes)


def test_an_erased_patient_cannot_be_read_again_and_comes_back_as_a_new_one(at_desk: Callable[..., Any]):
    async def work(desk: Desk) -> None:
        made = await desk.prognoses.create(ANYONE, QUERY, SOON)
        found = await desk.patients.find(ANYONE, QUERY.patient_id)
        assert found.prognoses == 1
        assert await desk.patients.erase(ANYONE, found.patient) == 1
        for read in (desk.prognoses.get, desk.prognoses.explain, desk.remarks.feedback):
            with pytest.raises(RecordErased):
                await read(ANYONE, made.prognosis_id)
        with pytest.raises(PatientNotFound):
            await desk.patients.find(ANYONE, QUERY.patient_id)
        await desk.prognoses.create(ANYONE, QUERY, SOON)
        again = await desk.patients.find(ANYONE, QUERY.patient_id)
        assert again.patient != found.patient
        assert again.prognoses == 1

    at_desk(work)


def test_feedback_and_outcomes_are_kept_in_order(at_desk: Callable[..., Any]):
    clock = Clock()

    async def work(desk: Desk) -> None:
        made = await desk.prognoses.create(ANYONE, QUERY, SOON)
        feedback = Feedback(made.prognosis_id, Decision.OVERRIDDEN, "patient-preference", "Mrs. Doe declines.")
        first = await desk.remarks.add_feedback(ANYONE, feedback, "f1")
        assert await desk.remarks.add_feedback(ANYONE, feedback, "f1") == first
        clock.go_on(minutes=1)
        second = await desk.remarks.add_feedback(ANYONE, Feedback(made.prognosis_id, Decision.NOTED))
        assert await desk.remarks.feedback(ANYONE, made.prognosis_id) == (first, second)
        outcome = Outcome(made.prognosis_id, "progression_free_survival", occurred=True, time_days=120.0)
        kept = await desk.remarks.add_outcome(ANYONE, outcome, "o1")
        assert await desk.remarks.add_outcome(ANYONE, outcome, "o1") == kept
        assert await desk.remarks.outcomes(ANYONE, made.prognosis_id) == (kept,)

    at_desk(work, clock=clock)


@pytest.mark.parametrize(
    ("outcome", "fits"),
    [
        (Outcome("p", "binary", occurred=False), True),
        (Outcome("p", "binary"), False),
        (Outcome("p", "binary", occurred=True, time_days=3.0), False),
        (Outcome("p", "time-to-event", occurred=False, time_days=30.0), True),
        (Outcome("p", "time-to-event", occurred=True), False),
        (Outcome("p", "time-to-event", occurred=True, time_days=-1.0), False),
        (Outcome("p", "competing-risks", occurred=True, category="death", time_days=9.0), True),
        (Outcome("p", "competing-risks", occurred=True, time_days=9.0), False),
        (Outcome("p", "competing-risks", occurred=False, time_days=9.0), True),
        (Outcome("p", "ordinal", category="PR"), True),
        (Outcome("p", "ordinal", occurred=True), False),
        (Outcome("p", "trajectory", time_days=42.0, value=31.5), True),
        (Outcome("p", "trajectory", time_days=42.0), False),
        (Outcome("p", "no such endpoint", occurred=True), False),
    ],
)
def test_an_outcome_states_what_its_endpoint_needs(outcome: Outcome, fits: bool):
    kinds = [replace(PROGNOSIS.endpoints[0], id=kind.value, kind=kind) for kind in EndpointKind]
    prognosis = replace(PROGNOSIS, endpoints=tuple(kinds))
    if fits:
        check_outcome(outcome, prognosis)
    else:
        with pytest.raises(UnsoundOutcome):
            check_outcome(outcome, prognosis)


def test_an_explanation_has_every_contribution_once_the_strongest_first():
    found = explain(FULL)
    for part, endpoint in zip(found.endpoints, FULL.endpoints, strict=True):
        values = [c.value for use in FULL.inputs for c in use.contributions if c.endpoint_id == endpoint.id]
        assert sorted(c.value for c in part.groups) == sorted(values)
        assert [abs(c.value) for c in part.groups] == sorted(map(abs, values), reverse=True)
        unused = {use.group for use in FULL.inputs if use.status is not InputStatus.USED}
        assert {m.group for m in part.missing} == unused


def test_pages_hold_everything_once_the_newest_first(at_desk: Callable[..., Any]):
    clock = Clock()

    async def work(desk: Desk) -> None:
        made = []
        for _ in range(7):
            made.append((await desk.prognoses.create(ANYONE, QUERY, SOON)).prognosis_id)
            clock.go_on(seconds=1)
        seen, token = [], ""
        while True:
            page = await desk.prognoses.list(ANYONE, PageRequest(3, token))
            seen += [item.prognosis_id for item in page.items]
            token = page.next_token
            if not token:
                break
        assert seen == made[::-1]
        with pytest.raises(MalformedRequest):
            await desk.prognoses.list(ANYONE, PageRequest(3, "no token"))
        with pytest.raises(MalformedRequest):
            await desk.prognoses.list(ANYONE, PageRequest(0))

    at_desk(work, clock=clock)


async def _pieces() -> AsyncIterator[FileStart | bytes]:
    yield FileStart("0")
    yield b"DICM"


def test_a_stored_study_is_read_by_an_opaque_id_by_those_who_may(
    at_desk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Uploads, "answer", Upload(studies=(UploadedStudy("1.2.3", 1),)))

    async def work(desk: Desk) -> None:
        stored = await desk.studies.upload(ANYONE, _pieces(), SOON)
        again = await desk.studies.upload(ANYONE, _pieces(), SOON)
        assert again.study_ids == stored.study_ids
        [study_id] = stored.study_ids
        assert "1.2.3" not in study_id
        reading = await desk.studies.get(ANYONE, study_id, SOON)
        assert reading.study_instance_uid == "1.2.3"
        assert (await desk.studies.get(HERS, study_id, SOON)).features == reading.features
        for caller, wanted in ((OTHERS, study_id), (ANYONE, "0" * 32)):
            with pytest.raises(StudyNotFound):
                await desk.studies.get(caller, wanted, SOON)

    at_desk(work)


def test_one_query_of_a_cohort_that_fails_does_not_end_the_others(at_desk: Callable[..., Any]):
    async def work(desk: Desk) -> None:
        queries = (QUERY, replace(QUERY, model="none"), replace(QUERY, patient_id="another"))
        answers = {position: answer async for position, answer in desk.prognoses.score(ANYONE, queries, SOON)}
        assert {i: getattr(answer, "reason", "") for i, answer in answers.items()} == {0: "", 1: "UNKNOWN_MODEL", 2: ""}
        ids = {answers[i].prognosis_id for i in (0, 2)}
        assert len(ids) == 2
        assert {item.prognosis_id for item in (await desk.prognoses.list(ANYONE, PageRequest())).items} == ids

    at_desk(work)


def test_a_caller_sees_only_jobs_of_its_own(at_desk: Callable[..., Any]):
    async def work(desk: Desk) -> None:
        job = await desk.jobs.create(ANYONE, (QUERY, QUERY), "j1")
        assert (await desk.jobs.create(ANYONE, (QUERY, QUERY), "j1")).job_id == job.job_id
        assert [j.job_id for j in (await desk.jobs.list(ANYONE, PageRequest())).items] == [job.job_id]
        assert not (await desk.jobs.list(READER, PageRequest())).items
        with pytest.raises(JobNotFound):
            await desk.jobs.get(READER, job.job_id)

    at_desk(work)
