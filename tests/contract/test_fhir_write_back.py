"""Prognoses written back to an EHR that really does conditional creates: once each, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from support.fhir_server import ServedFhir, at, cut_off, fhir, outcome, served_fhir, silent
from support.fhir_validation import check
from support.followed import lesion
from support.gateway import Fakes, Imaging
from support.gateway_served import Served, served
from tumorcast_core.snapshot import Extraction, Timepoint

Json = dict[str, Any]
PATIENT = {"resourceType": "Patient", "id": "SIM-000017"}
QUERY = {
    "model": "simulated",
    "patient_id": "SIM-000017",
    "fhir": {"resourceType": "Bundle"},
    "timepoints": [
        {"role": "baseline", "date": "2026-01-04", "study_instance_uid": "1.2.3"},
        {"role": "follow_up", "date": "2026-03-04", "study_instance_uid": "1.2.4"},
    ],
}
WRITTEN = {"RiskAssessment": 1, "DiagnosticReport": 1, "Observation": 3}


def study(timepoint: Timepoint) -> Extraction:
    found = lesion("1.5.1", timepoint.date, 50.0 if timepoint.role == "baseline" else 30.0, role=timepoint.role)
    return Extraction(found.measurements, patient_id="SIM-000017", date=timepoint.date, lesions=(found,))


Test = Callable[[Served, ServedFhir, str], Awaitable[None]]


def with_ehr(test: Test, ehr: dict[str, Any] | None = None, **settings: Any) -> None:
    """Run a test with a gateway that keeps one prognosis and may write to an EHR."""

    async def main(server: ServedFhir) -> None:
        chosen = {
            "fhir_base_url": server.base_url,
            "fhir_write_back": True,
        } | settings
        async with served(Fakes(imaging=Imaging(study)), **chosen) as gateway:
            made = await gateway.http.post("/v1/prognoses", json=QUERY)
            assert made.status_code == 201, made.text
            await test(gateway, server, made.json()["prognosis_id"])

    with served_fhir([PATIENT], **(ehr or {})) as server:
        asyncio.run(main(server))


async def write(gateway: Served, id_: str, **headers: str) -> Any:
    return await gateway.http.post(f"/v1/prognoses/{id_}/write-back", headers=headers)


def kinds(server: ServedFhir) -> dict[str, int]:
    return dict(Counter(r["resourceType"] for r in server.resources if r["resourceType"] != "Patient"))


def test_a_prognosis_is_written_with_all_that_it_rests_on() -> None:
    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        answer = await write(gateway, id_)
        assert answer.status_code == 200, answer.text
        assert kinds(server) == WRITTEN
        told = answer.json()["resources"]
        assert [r["created"] for r in told] == [True] * 5
        assert {r["reference"] for r in told} == {
            f"{r['resourceType']}/{r['id']}" for r in server.resources if r != PATIENT
        }
        for resource in server.resources:
            if resource != PATIENT:
                check(resource)
                assert resource["subject"]["reference"] == "Patient/SIM-000017"

    with_ehr(test)


def test_writing_it_again_makes_no_second_resource() -> None:
    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        first = await write(gateway, id_)
        again = await asyncio.gather(*(write(gateway, id_) for _ in range(4)))
        assert kinds(server) == WRITTEN
        for answer in again:
            assert [r["created"] for r in answer.json()["resources"]] == [False] * 5
            references = [r["reference"] for r in answer.json()["resources"]]
            assert references == [r["reference"] for r in first.json()["resources"]]

    with_ehr(test)


def test_two_prognoses_are_two() -> None:
    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        other = (await gateway.http.post("/v1/prognoses", json=QUERY)).json()["prognosis_id"]
        for which in (id_, other, id_):
            assert (await write(gateway, which)).status_code == 200
        assert kinds(server) == {kind: 2 * count for kind, count in WRITTEN.items()}

    with_ehr(test)


def test_a_time_out_that_left_it_written_is_healed_by_writing_again() -> None:
    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        def done_but_silent(path: str, request: Any) -> Any:
            if path != "transaction" or server.faults != [done_but_silent]:
                return None
            server.faults.clear()
            server.late = True  # type: ignore[attr-defined]
            return None

        server.faults.append(done_but_silent)
        whole = server.transact

        def transact(bundle: Json, authorization: str) -> Any:
            answer = whole(bundle, authorization)
            return silent() if server.__dict__.pop("late", False) else answer

        server.transact = transact  # type: ignore[method-assign]
        late = await write(gateway, id_, prefer="wait=1")
        assert late.status_code in (503, 504), late.text
        assert kinds(server) == WRITTEN
        again = await write(gateway, id_)
        assert [r["created"] for r in again.json()["resources"]] == [False] * 5
        assert kinds(server) == WRITTEN

    with_ehr(test)


def test_a_resource_that_an_earlier_write_left_alone_is_completed() -> None:
    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        await write(gateway, id_)
        server.resources[:] = [r for r in server.resources if r["resourceType"] != "DiagnosticReport"]
        again = (await write(gateway, id_)).json()["resources"]
        assert [r["kind"] for r in again if r["created"]] == ["DiagnosticReport"]
        assert kinds(server) == WRITTEN

    with_ehr(test)


def response(*statuses: str) -> Json:
    return {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [{"response": {"status": status}} for status in statuses],
    }


REFUSALS: list[tuple[Any, int, str]] = [
    (fhir(outcome("login"), 401), 503, "FHIR_ACCESS_DENIED"),
    (fhir(outcome("forbidden"), 403), 503, "FHIR_ACCESS_DENIED"),
    (fhir(outcome("processing"), 400), 409, "WRITE_BACK_REFUSED"),
    (fhir(outcome("not-found"), 404), 409, "WRITE_BACK_REFUSED"),
    (fhir(outcome("multiple-matches"), 412), 409, "WRITE_BACK_REFUSED"),
    (fhir(outcome("processing"), 422), 409, "WRITE_BACK_REFUSED"),
    (fhir(outcome("throttled"), 429), 429, "RESOURCE_EXHAUSTED"),
    (fhir(outcome("exception"), 500), 503, "SERVICE_UNAVAILABLE"),
    (fhir({}, 307, location="http://127.0.0.1:1/"), 503, "SERVICE_UNAVAILABLE"),
    (fhir(response("201 Created")), 503, "SERVICE_UNAVAILABLE"),  # of five
    (fhir(response("201", "201", "201", "412 Precondition Failed", "201")), 409, "WRITE_BACK_REFUSED"),
    (fhir(response("201", "201", "201", "201", "yes")), 503, "SERVICE_UNAVAILABLE"),
    (fhir({"resourceType": "Bundle", "entry": 5}), 503, "SERVICE_UNAVAILABLE"),
    (fhir({"entry": [None] * 5}), 503, "SERVICE_UNAVAILABLE"),
]


def test_what_goes_wrong_at_the_ehr_is_told_without_its_words_and_writes_nothing() -> None:
    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        for made, status, code in [*REFUSALS, (cut_off, 503, "SERVICE_UNAVAILABLE")]:
            server.faults[:] = [at("transaction", made)]
            answer = await write(gateway, id_)
            assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
            assert "Jane" not in answer.text
            assert kinds(server) == {}
        server.faults.clear()
        assert (await write(gateway, id_)).status_code == 200

    with_ehr(test)


def test_several_resources_of_one_identifier_are_told_as_ambiguous() -> None:
    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        own = [{"system": "urn:tumorcast:prognosis", "value": id_}]
        server.resources += [{"resourceType": "RiskAssessment", "id": i, "identifier": own} for i in ("a", "b")]
        answer = await write(gateway, id_)
        assert (answer.status_code, answer.json()["code"]) == (409, "WRITE_BACK_REFUSED")
        assert kinds(server) == {"RiskAssessment": 2}

    with_ehr(test)


def test_a_patient_whom_the_ehr_does_not_know_is_refused() -> None:
    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        server.resources.clear()
        assert (await write(gateway, id_)).json()["code"] == "WRITE_BACK_REFUSED"
        query = QUERY | {"patient_id": "", "timepoints": []}
        nobody = (await gateway.http.post("/v1/prognoses", json=query)).json()["prognosis_id"]
        assert (await write(gateway, nobody)).json()["code"] == "PATIENT_NOT_FOUND"

    with_ehr(test)


def test_an_erased_prognosis_is_not_written() -> None:
    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        found = await gateway.http.post("/v1/patients/search", json={"patient_id": "SIM-000017"})
        await gateway.http.delete(f"/v1/patients/{found.json()['patient']}")
        assert (await write(gateway, id_)).status_code == 410
        assert (await write(gateway, "0" * 32)).status_code == 404
        assert kinds(server) == {}
        assert "POST transaction" not in server.requests

    with_ehr(test)


def test_the_token_comes_from_a_file_that_is_read_each_time(tmp_path: Path) -> None:
    token = tmp_path / "token"

    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        assert (await write(gateway, id_)).json()["code"] == "FHIR_ACCESS_DENIED"
        assert "POST transaction" not in server.requests
        for text, code in (("old", "FHIR_ACCESS_DENIED"), ("two words", "FHIR_ACCESS_DENIED"), ("secret-1\n", "")):
            token.write_text(text)
            assert (await write(gateway, id_)).json().get("code", "") == code
        assert server.authorizations() == {"Bearer old", "Bearer secret-1"}

    with_ehr(test, {"token": "secret-1"}, fhir_token_file=token)


def test_without_the_switch_nothing_is_sent() -> None:
    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        answer = await write(gateway, id_)
        assert (answer.status_code, answer.json()["code"]) == (409, "WRITE_BACK_REFUSED")
        assert server.requests == []

    with_ehr(test, fhir_write_back=False)


@pytest.mark.parametrize("url", ["https://169.254.169.254/fhir", "http://ehr.example.org/fhir"])
def test_addresses_that_nobody_may_ask_and_clear_text_are_refused(url: str) -> None:
    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        answer = await write(gateway, id_)
        assert (answer.status_code, answer.json()["code"]) == (422, "HOST_NOT_ALLOWED")
        assert server.requests == []

    with_ehr(test, fhir_base_url=url)


def test_a_caller_who_hangs_up_does_not_stop_it_half_way() -> None:
    async def test(gateway: Served, server: ServedFhir, id_: str) -> None:
        entered = asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(path: str, request: Any) -> Any:
            loop.call_soon_threadsafe(entered.set)
            time.sleep(0.5)

        server.faults.append(slow)
        call = asyncio.create_task(write(gateway, id_))
        await entered.wait()
        call.cancel()
        await asyncio.sleep(1.5)
        assert kinds(server) == WRITTEN
        server.faults.clear()
        assert [r["created"] for r in (await write(gateway, id_)).json()["resources"]] == [False] * 5

    with_ehr(test)
