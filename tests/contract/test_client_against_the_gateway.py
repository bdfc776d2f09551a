"""The Python client and the real gateway, once with a loop and once without."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.fhir_server import served_fhir
from support.gateway_served import Served, served
from tumorcast_client import (
    AsyncTumorcast,
    Document,
    Feature,
    FhirPatient,
    Retries,
    Timepoint,
    Tumorcast,
    inquiry,
    requests,
)
from tumorcast_client.requests import Request
from tumorcast_core.errors import (
    DeadlineExceeded,
    IdempotencyKeyReused,
    MalformedRequest,
    NoInput,
    NotFound,
    PrognosisNotFound,
    RecordErased,
    ServiceUnavailable,
    UnknownModel,
    UnsoundOutcome,
)

FHIR = b'{"resourceType": "Bundle",\n "value": 1.00, "value": 2.50 }'
Client = Tumorcast | AsyncTumorcast
Test = Callable[["Session"], Awaitable[None]]


class Session:
    """A client of either kind; ``do`` waits for whatever its methods give."""

    def __init__(self, gateway: Served, client: Any) -> None:
        self.gateway, self.client = gateway, client

    async def do(self, method: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """The answer, or all of a list that comes in pages."""
        if isinstance(self.client, Tumorcast):
            return await asyncio.to_thread(lambda: _all(method(*args, **more)))
        found = method(*args, **more)
        if isinstance(found, AsyncIterator):
            return [item async for item in found]
        return await found if inspect.isawaitable(found) else found

    async def asked(self, **more: Any) -> Any:
        """A prognosis from one feature."""
        feature = Feature(name="albumin", number=3.1, unit="g/dL")
        return await self.do(self.client.prognoses.create, "simulated", features=[feature], **more)


def _all(found: Any) -> Any:
    return list(found) if isinstance(found, Iterator) else found


@asynccontextmanager
async def sessions(kind: type[Client], **settings: Any) -> AsyncIterator[Session]:
    async with served(**settings) as gateway:
        client = kind(f"http://127.0.0.1:{gateway.rest_port}", retries=Retries(times=0))
        session = Session(gateway, client)
        try:
            yield session
        finally:
            await session.do(client.close if isinstance(client, Tumorcast) else client.aclose)


def with_client(kind: type[Client], test: Test, **settings: Any) -> None:
    async def main() -> None:
        async with sessions(kind, **settings) as session:
            await test(session)

    asyncio.run(main())


kinds = pytest.mark.parametrize("kind", [Tumorcast, AsyncTumorcast])


@kinds
def test_a_record_reaches_the_service_byte_for_byte(kind: type[Client]) -> None:
    async def test(s: Session) -> None:
        documents = [Document(id="n1", date="2026-03-01", text="No ascites. Größe 3 cm.")]
        timepoints = [Timepoint(role="baseline", study_instance_uid="1.2.3")]
        for fhir in (FHIR, FHIR.decode(), b'{"a": 1.00}\n{"b": 2.50}', b'{"limit": NaN}'):
            answer = await s.do(
                s.client.prognoses.create,
                "simulated",
                patient_id="SIM-000017",
                index_date="2026-03-04",
                fhir=fhir,
                documents=documents,
                timepoints=timepoints,
                wait_s=20,
            )
            assert answer.endpoints[0].probability.probability == 0.4375
            expected = fhir if isinstance(fhir, bytes) else fhir.encode()
            assert s.gateway.fakes.clinical.calls[-1] == (expected, "2026-03-04")
        assert s.gateway.fakes.notes.calls[-1][0][0].content.decode() == "No ascites. Größe 3 cm."

    with_client(kind, test)


@kinds
def test_a_prognosis_is_made_read_listed_replayed_and_explained(kind: type[Client]) -> None:
    async def test(s: Session) -> None:
        prognoses = s.client.prognoses
        made = [await s.asked(patient_id=f"SIM-{i}") for i in range(3)]
        assert await s.do(prognoses.get, made[1].prognosis_id) == made[1]
        listed = await s.do(prognoses.list, page_size=1)
        assert [one.prognosis_id for one in listed] == [one.prognosis_id for one in reversed(made)]
        assert not await s.do(prognoses.list, model="other")
        patient = await s.do(s.client.patients.find, "SIM-1")
        assert (await s.do(prognoses.list, patient=patient.patient)) == [listed[1]]
        replayed = await s.do(prognoses.replay, made[0].prognosis_id)
        assert (replayed.same, replayed.differences) == (True, [])
        explained = await s.do(prognoses.explain, made[0].prognosis_id)
        assert explained.endpoints[0].groups[0].group == "labs"

    with_client(kind, test)


@kinds
def test_a_prognosis_is_written_to_the_ehr_once(kind: type[Client]) -> None:
    async def test(s: Session) -> None:
        made = await s.asked(patient_id="SIM-000017")
        first, second = [await s.do(s.client.prognoses.write_back, made.prognosis_id) for _ in range(2)]
        assert {(r.kind, r.created) for r in first.resources} >= {("RiskAssessment", True)}
        assert {r.reference: r.created for r in second.resources} == {r.reference: False for r in first.resources}

    with served_fhir([{"resourceType": "Patient", "id": "SIM-000017"}]) as server:
        with_client(kind, test, fhir_base_url=server.base_url, fhir_write_back=True)


@kinds
def test_a_key_makes_one_of_two_requests(kind: type[Client]) -> None:
    async def test(s: Session) -> None:
        first, second = [await s.asked(idempotency_key="a key") for _ in range(2)]
        assert first == second
        assert (await s.asked()).prognosis_id != first.prognosis_id
        with pytest.raises(IdempotencyKeyReused):
            await s.asked(idempotency_key="a key", index_date="2026-03-04")

    with_client(kind, test)


@kinds
def test_remarks_are_kept(kind: type[Client]) -> None:
    async def test(s: Session) -> None:
        prognosis_id = (await s.asked()).prognosis_id
        kept = await s.do(s.client.feedback.create, prognosis_id, "overridden", reason_code="other", comment="Größer")
        assert kept.comment == "Größer"
        assert await s.do(s.client.feedback.list, prognosis_id) == [kept]
        outcome = await s.do(s.client.outcomes.create, prognosis_id, "objective_response", occurred=True)
        assert (outcome.occurred, outcome.time_days) == (True, None)
        assert await s.do(s.client.outcomes.list, prognosis_id) == [outcome]
        with pytest.raises(UnsoundOutcome):
            await s.do(s.client.outcomes.create, prognosis_id, "objective_response", category="yes")

    with_client(kind, test)


@kinds
def test_models_are_described(kind: type[Client]) -> None:
    async def test(s: Session) -> None:
        models = s.client.models
        (listed,) = await s.do(models.list)
        assert await s.do(models.get, "simulated") == listed
        assert "For tests." in (await s.do(models.card, "simulated")).markdown
        for name, error in (("…", UnknownModel), ("a?b#c", UnknownModel), ("no/such", NotFound)):
            with pytest.raises(error):
                await s.do(models.get, name)

    with_client(kind, test)


@kinds
def test_files_are_uploaded_from_disk_and_the_study_is_read(kind: type[Client], tmp_path: Path) -> None:
    contents = [b"\0" * 128 + b"DICM" + b"x" * 3_000_000, b"DICM", b"none of it"]
    files = [tmp_path / f"{i}.dcm" for i in range(3)]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    steps: list[tuple[int, int]] = []

    async def test(s: Session) -> None:
        answer = await s.do(s.client.studies.upload, files, progress=lambda *step: steps.append(step))
        assert s.gateway.uploads.files == contents
        assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
        assert [refusal.position for refusal in answer.refusals] == [2]
        study = await s.do(s.client.studies.get, answer.studies[0].study_id)
        assert study.study_instance_uid == "1.2.3"
        refused = await s.do(s.client.studies.upload, files[2:])
        assert (refused.studies, refused.refusals[0].code) == ([], "NOT_DICOM")
        with pytest.raises(NoInput):
            await s.do(s.client.studies.upload, [])

    with_client(kind, test)


@kinds
def test_a_batch_is_waited_for_and_its_results_are_read(kind: type[Client]) -> None:
    async def test(s: Session) -> None:
        good = inquiry("simulated", features=[Feature(name="albumin", number=3.1, unit="g/dL")])
        bad = inquiry("simulated", fhir_server=FhirPatient(base_url="https://ehr.example.org/fhir", patient_id="17"))
        s.gateway.fakes.clinical.error = UnknownModel("No such record.")
        job = await s.do(s.client.jobs.create, [good, good, bad], idempotency_key="batch 1")
        ended = await s.do(job.wait, poll_s=0.05)
        assert (ended.state, ended.total, ended.answered, ended.failed) == ("completed", 3, 2, 1)
        results = await s.do(job.results, page_size=1)
        assert [result.position for result in results] == [0, 1, 2]
        assert results[2].error.code
        assert (await s.do(s.client.prognoses.get, results[0].prognosis_id)).model.name == "simulated"
        again = await s.do(s.client.jobs.create, [good, good, bad], idempotency_key="batch 1")
        assert again.job_id == job.job_id
        assert [one.job_id for one in await s.do(s.client.jobs.list)] == [job.job_id]
        assert (await s.do((await s.do(s.client.jobs.get, job.job_id)).cancel)).state == "completed"

    with_client(kind, test)


@kinds
def test_a_batch_that_takes_too_long_is_not_waited_for(kind: type[Client]) -> None:
    async def test(s: Session) -> None:
        s.gateway.fakes.fusion.delay_s = 2.0
        one = inquiry("simulated", features=[Feature(name="albumin", number=3.1, unit="g/dL")])
        job = await s.do(s.client.jobs.create, [one])
        with pytest.raises(DeadlineExceeded, match="goes on"):
            await s.do(job.wait, timeout_s=0.2, poll_s=0.1)

    with_client(kind, test)


@kinds
def test_a_patient_is_found_and_erased(kind: type[Client]) -> None:
    async def test(s: Session) -> None:
        prognosis_id = (await s.asked(patient_id="SIM-000017")).prognosis_id
        patient = await s.do(s.client.patients.find, "SIM-000017")
        assert patient.prognoses == 1
        assert await s.do(s.client.patients.erase, patient.patient) == 1
        with pytest.raises(RecordErased):
            await s.do(s.client.prognoses.get, prognosis_id)

    with_client(kind, test)


@kinds
def test_an_error_is_ours_with_the_servers_request_id(kind: type[Client]) -> None:
    async def test(s: Session) -> None:
        with pytest.raises(PrognosisNotFound) as told:
            await s.do(s.client.prognoses.get, "0" * 32)
        assert len(told.value.request_id) == 32
        with pytest.raises(MalformedRequest) as malformed:
            await s.asked(index_date="4 March 2026")
        assert [where for where, _ in malformed.value.violations] == ["index_date"]

    with_client(kind, test)


def test_every_operation_has_a_method_of_the_client() -> None:
    """By what the methods send: each route of ours once, whatever the methods are called."""
    sent = {(request.method, _template(request.path)) for request in every_request()}

    async def test(s: Session) -> None:
        paths = (await s.gateway.http.get("/openapi.json")).json()["paths"]
        routes = {
            (method.upper(), path)
            for path, operations in paths.items()
            for method, operation in operations.items()
            if path.startswith("/v1/") and isinstance(operation, dict) and not operation.get("deprecated")
        }
        assert sent == {(method, _template(path)) for method, path in routes}

    with_client(Tumorcast, test)


def _template(path: str) -> str:
    return re.sub(r"\{[^}]*\}|0{32}|(?<=models/)simulated", "*", path)


def every_request() -> list[Request[Any]]:
    """One of each."""
    one, asked = "0" * 32, inquiry("simulated")
    return [
        requests.prognosis(asked, "", None),
        *(make(one) for make in (requests.stored_prognosis, requests.replay, requests.explanation)),
        *(make(one) for make in (requests.feedback_list, requests.outcomes, requests.write_back, requests.study)),
        *(make(one) for make in (requests.stored_job, requests.cancellation, requests.erasure)),
        requests.prognoses("", "", 1, ""),
        requests.feedback(one, "noted", "", "", ""),
        requests.outcome(one, "", endpoint_id="response"),
        requests.models(),
        requests.model("simulated"),
        requests.model_card("simulated"),
        requests.upload([], None),
        requests.job([asked], ""),
        requests.jobs(1, ""),
        requests.job_results(one, 1, ""),
        requests.patient_search("SIM-000017"),
    ]


@kinds
def test_a_service_that_is_down_is_told(kind: type[Client]) -> None:
    async def test(s: Session) -> None:
        with pytest.raises(ServiceUnavailable) as told:
            await s.asked()
        assert told.value.retry_after_s is not None

    with_client(kind, test, down=("fusion",))
