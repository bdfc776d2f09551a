"""What the FHIR facade keeps can be read and searched, by whom it may, until it is erased."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import pytest

from support.facade import EHR, RECORD, SUBJECT, Json, ask, parameters, with_gateway
from support.fhir_validation import check
from support.gateway_served import Served
from support.issuer import AUDIENCE, served_issuer


async def _kept(gateway: Served, times: int) -> list[str]:
    made = [await ask(gateway, parameters(SUBJECT, record=RECORD)) for _ in range(times)]
    return [answer.json()["entry"][0]["resource"]["id"] for answer in made]


async def _pages(gateway: Served, url: str) -> list[Json]:
    pages = []
    while url:
        answer = await gateway.http.get(url)
        assert answer.status_code == 200, answer.text
        check(answer.json())
        pages.append(answer.json())
        url = next((link["url"] for link in answer.json()["link"] if link["relation"] == "next"), "")
    return pages


@pytest.mark.parametrize("patient", ["SIM-000017", "Patient/SIM-000017", f"{EHR}/Patient/SIM-000017"])
def test_stored_assessments_of_a_patient_are_found_page_by_page(patient: str) -> None:
    async def test(gateway: Served) -> None:
        ids = await _kept(gateway, 5)
        pages = await _pages(gateway, f"/fhir/RiskAssessment?patient={patient}&_count=2")
        assert [len(page["entry"]) for page in pages] == [2, 2, 1]
        found = [entry["resource"]["id"] for page in pages for entry in page["entry"]]
        assert found == ids[::-1]
        form = {"subject": patient, "_count": "50"}
        posted = await gateway.http.post("/fhir/DiagnosticReport/_search", data=form)
        check(posted.json())
        assert {entry["resource"]["id"] for entry in posted.json()["entry"]} == {f"{id_}-report" for id_ in ids}

    with_gateway(test)


SEARCHES_FIND_WHAT_CASES: Any = [
    ("patient=nobody", 200, 0),
    ("_id={id}", 200, 1),
    ("_id={id}&patient=SIM-000017", 200, 1),
    ("_id={id}&patient=18", 200, 0),
    ("_id=none", 200, 0),
    ("patient=SIM-000017&colour=red", 200, 1),
    ("", 400, 0),
    ("colour=red", 400, 0),
    ("patient=", 400, 0),
    ("patient=17,18", 400, 0),
    ("patient=Group/17", 400, 0),
    ("patient:missing=true", 400, 0),
    ("patient=17&subject=18", 400, 0),
    ("patient=SIM-000017&_count=0", 400, 0),
    ("patient=SIM-000017&_count=-1", 400, 0),
    ("patient=SIM-000017&_count=99999999999", 200, 1),
    ("patient=SIM-000017&_page=nonsense", 400, 0),
]


def test_searches_find_what_was_asked_for_and_nothing_else() -> None:
    async def test(gateway: Served) -> None:
        (id_,) = await _kept(gateway, 1)
        for query, status, found in SEARCHES_FIND_WHAT_CASES:
            answer = await gateway.http.get(f"/fhir/RiskAssessment?{query.format(id=id_)}")
            assert answer.status_code == status, answer.text
            check(answer.json())
            assert len(answer.json().get("entry", [])) == found

    with_gateway(test)


def test_an_unknown_search_parameter_is_refused_where_the_caller_is_strict() -> None:
    async def test(gateway: Served) -> None:
        url = "/fhir/RiskAssessment?patient=SIM-000017&colour=red"
        answer = await gateway.http.get(url, headers={"prefer": "handling=strict"})
        assert answer.status_code == 400

    with_gateway(test)


def test_what_is_not_there_is_not_found() -> None:
    ids = ["none", "0" * 32, f"{'0' * 32}-status", "%2e%2e", "a%00b", "x" * 5000]
    kinds = ["RiskAssessment", "DiagnosticReport", "Observation", "OperationDefinition"]

    async def test(gateway: Served) -> None:
        for kind, id_ in itertools.product(kinds, ids):
            answer = await gateway.http.get(f"/fhir/{kind}/{id_}")
            assert (answer.status_code, answer.json()["issue"][0]["code"]) == (404, "not-found"), (kind, id_)

    with_gateway(test)


def test_an_id_of_another_type_is_not_found() -> None:
    async def test(gateway: Served) -> None:
        (id_,) = await _kept(gateway, 1)
        assert (await gateway.http.get(f"/fhir/DiagnosticReport/{id_}")).status_code == 404
        assert (await gateway.http.get(f"/fhir/Observation/{id_}-tumorsize-1")).status_code == 404

    with_gateway(test)


def test_an_erased_patient_is_gone() -> None:
    async def test(gateway: Served) -> None:
        (id_,) = await _kept(gateway, 1)
        found = await gateway.http.post("/v1/patients/search", json={"patient_id": "SIM-000017"})
        assert (await gateway.http.delete(f"/v1/patients/{found.json()['patient']}")).is_success
        answer = await gateway.http.get(f"/fhir/RiskAssessment/{id_}")
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (410, "deleted")
        searched = await gateway.http.get("/fhir/RiskAssessment?patient=SIM-000017")
        assert "entry" not in searched.json()

    with_gateway(test)


def test_a_patients_token_sees_that_patient_only() -> None:
    with served_issuer() as issuer:

        async def test(gateway: Served) -> None:
            own = {"authorization": f"Bearer {issuer.token(scope='patient/*.cruds', patient='SIM-000017')}"}
            other = {"authorization": f"Bearer {issuer.token(scope='patient/*.cruds', patient='18')}"}
            made = await ask(gateway, parameters(SUBJECT, record=RECORD), **own)
            assert made.status_code == 200, made.text
            id_ = made.json()["entry"][0]["resource"]["id"]
            assert (await gateway.http.get(f"/fhir/RiskAssessment/{id_}", headers=own)).status_code == 200
            assert len((await gateway.http.get("/fhir/RiskAssessment", headers=own)).json()["entry"]) == 1
            refused = await ask(gateway, parameters(SUBJECT, record=RECORD), **other)
            assert (refused.status_code, refused.json()["issue"][0]["code"]) == (403, "forbidden")
            assert (await gateway.http.get(f"/fhir/RiskAssessment/{id_}", headers=other)).status_code == 404
            assert "entry" not in (await gateway.http.get("/fhir/RiskAssessment", headers=other)).json()
            searched = await gateway.http.get("/fhir/RiskAssessment?patient=SIM-000017", headers=other)
            assert searched.status_code == 403
            nobody = await gateway.http.get(f"/fhir/RiskAssessment/{id_}")
            assert (nobody.status_code, nobody.json()["issue"][0]["code"]) == (401, "login")
            said = (await gateway.http.get("/fhir/metadata")).json()
            check(said)
            assert said["rest"][0]["security"]["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"

        with_gateway(test, auth="oidc", oidc_issuers=(issuer.url,), oidc_audiences=(AUDIENCE,))


def test_no_id_of_a_patient_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def test(gateway: Served) -> None:
        await gateway.http.get("/fhir/RiskAssessment?patient=SECRET-17")
        await gateway.http.get("/fhir/Patient/SECRET-17/$prognosis?model=simulated")
        await ask(gateway, parameters({"name": "subject", "valueString": "SECRET-17"}, record=RECORD))

    with caplog.at_level(logging.DEBUG, "tumorcast_gateway"), caplog.at_level(logging.DEBUG, "tumorcast_core"):
        with_gateway(test)
    told = [record.getMessage() for record in caplog.records if record.name.startswith("tumorcast")]
    assert not [line for line in told if "SECRET-17" in line]


def test_a_repeated_request_of_one_key_is_answered_once() -> None:
    async def test(gateway: Served) -> None:
        body = parameters(SUBJECT, record=RECORD)
        first, second = [await ask(gateway, body, **{"idempotency-key": "k1"}) for _ in range(2)]
        assert first.json() == second.json()

    with_gateway(test)
