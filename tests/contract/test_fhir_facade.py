"""The FHIR facade over real sockets: asked as an EHR asks, every answer read by implementations that are not ours."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest
from starlette.routing import Route

from support.fhir_validation import check
from support.followed import lesion
from support.gateway import Clinical, Fakes, Imaging
from support.gateway_served import Served, served
from support.issuer import AUDIENCE, served_issuer
from tumorcast_core.errors import FhirServerNotAllowed
from tumorcast_core.query import FhirPatient
from tumorcast_core.snapshot import Extraction, Timepoint
from tumorcast_gateway.fhir.capability import operation_definition
from tumorcast_gateway.fhir.parameters import KNOWN, MANY
from tumorcast_gateway.rest import fhir_operation, fhir_reading

Json = dict[str, Any]
FHIR_JSON = "application/fhir+json"
EHR = "https://ehr.example.org/fhir"
LAB = b'{"resourceType": "Observation", "id": "1", "valueQuantity": {"value": 1.00}}'
RECORD = b'{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": ' + LAB + b"}]}"


def with_gateway(test: Callable[[Served], Awaitable[None]], **how: Any) -> None:
    async def main() -> None:
        async with served(**how) as gateway:
            await test(gateway)

    asyncio.run(main())


def parameters(*given: Json, record: bytes = b"") -> bytes:
    """A Parameters resource; the record is put in as it is."""
    body = {"resourceType": "Parameters", "parameter": [{"name": "model", "valueString": "simulated"}, *given]}
    if record:
        body["parameter"].append({"name": "record", "resource": "@record"})
    return json.dumps(body).encode().replace(b'"@record"', record)


SUBJECT = {"name": "subject", "valueReference": {"reference": "Patient/SIM-000017"}}


async def ask(gateway: Served, body: bytes, path: str = "/fhir/$prognosis", **headers: str) -> Any:
    return await gateway.http.post(path, content=body, headers={"content-type": FHIR_JSON} | headers)


def kinds(bundle: Json) -> list[str]:
    return [entry["resource"]["resourceType"] for entry in bundle["entry"]]


def test_a_record_in_parameters_is_answered_by_a_bundle_and_reaches_the_clinical_service_byte_for_byte() -> None:
    async def test(gateway: Served) -> None:
        answer = await ask(gateway, parameters(SUBJECT, record=RECORD))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
        check(answer.json())
        assert kinds(answer.json()) == ["RiskAssessment", "DiagnosticReport"]
        assert gateway.fakes.clinical.calls[0][0] == RECORD

    with_gateway(test)


def test_damaged_parameters_are_answered_and_never_by_an_incident() -> None:
    whole = parameters(SUBJECT, *STUDIES, {"name": "horizon", "valueDecimal": 90}, record=RECORD)
    chance = random.Random(7)

    async def test(gateway: Served) -> None:
        statuses: Counter[int] = Counter()
        for _ in range(200):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 3)):
                at, kind = chance.randrange(len(damaged)), chance.randrange(4)
                piece = chance.choice([b'"', b"{}", b"[", b"null", b"\xff", b"\x00", b"1e999", b'"part"', b"-", b","])
                damaged[at : at + (0, 1, 7, 40)[kind]] = piece
            answer = await ask(gateway, bytes(damaged))
            statuses[answer.status_code] += 1
            assert answer.status_code < 500, bytes(damaged)
            assert answer.json()["resourceType"] in ("Bundle", "OperationOutcome")
        assert statuses[200] > 0
        assert statuses[400] > 100

    with_gateway(test, fakes=Fakes(imaging=Followed()))


class Followed(Imaging):
    """Finds the same lesion in every study, smaller in the second."""

    def __init__(self) -> None:
        super().__init__(self._study)

    @staticmethod
    def _study(timepoint: Timepoint) -> Extraction:
        found = lesion("1.5.1", timepoint.date, 50.0 if timepoint.role == "baseline" else 30.0, role=timepoint.role)
        return Extraction(found.measurements, patient_id="SIM-000017", date=timepoint.date, lesions=(found,))


def study(role: str, day: str, uid: str) -> Json:
    parts = [
        {"name": "role", "valueString": role},
        {"name": "date", "valueDate": day},
        {"name": "study", "valueIdentifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}},
    ]
    return {"name": "timepoint", "part": parts}


STUDIES = (study("baseline", "2026-01-04", "1.2.3"), study("follow_up", "2026-03-04", "1.2.4"))


def test_studies_are_answered_with_tumor_sizes_and_a_preliminary_status() -> None:
    async def test(gateway: Served) -> None:
        answer = await ask(gateway, parameters(SUBJECT, *STUDIES))
        check(answer.json())
        assert kinds(answer.json()) == ["RiskAssessment", "DiagnosticReport", *["Observation"] * 3]
        status = answer.json()["entry"][-1]["resource"]
        assert status["valueCodeableConcept"]["text"] == "RECIST 1.1, preliminary: PR (partial response)."
        base = str(gateway.http.base_url).rstrip("/")
        for entry in answer.json()["entry"]:
            name = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
            assert entry["fullUrl"] == f"{base}/fhir/{name}"
            again = await gateway.http.get(entry["fullUrl"])
            assert again.json() == entry["resource"]

    with_gateway(test, fakes=Fakes(imaging=Followed()))


def test_a_patient_in_the_url_is_fetched_from_the_configured_ehr() -> None:
    async def test(gateway: Served) -> None:
        for answer in (
            await gateway.http.get(
                "/fhir/Patient/SIM-000017/$prognosis",
                params={"model": "simulated", "index-date": "2026-03-04", "horizon": ["90", "180"]},
            ),
            await ask(gateway, parameters(), "/fhir/Patient/SIM-000017/$prognosis"),
        ):
            assert answer.status_code == 200, answer.text
            check(answer.json())
            subject = answer.json()["entry"][0]["resource"]["subject"]
            assert subject == {"reference": f"{EHR}/Patient/SIM-000017", "type": "Patient"}
        asked = [call[0] for call in gateway.fakes.clinical.calls]
        assert [(place.base_url, place.patient_id) for place in asked] == [(EHR, "SIM-000017")] * 2
        assert all(isinstance(place, FhirPatient) for place in asked)
        assert gateway.fakes.fusion.calls[0] == ("simulated", (90.0, 180.0))

    with_gateway(test, fhir_base_url=EHR)


ERRORS_ARE_OPERATI_CASES: Any = [
    (b"{", "/fhir/$prognosis", 400, "structure"),
    (b'{"resourceType": "Patient"}', "/fhir/$prognosis", 400, "structure"),
    (parameters(), "/fhir/$prognosis", 422, "invalid"),
    (parameters({"name": "surprise", "valueString": "x"}), "/fhir/$prognosis", 400, "structure"),
    (parameters(SUBJECT), "/fhir/Patient/18/$prognosis", 400, "structure"),
    (parameters(record=RECORD), "/fhir/Patient/a%20b/$prognosis", 400, "structure"),
    (parameters(record=RECORD).replace(b"simulated", b"none"), "/fhir/$prognosis", 404, "not-found"),
    (b"[" * 100_000, "/fhir/$prognosis", 400, "structure"),
    (parameters(record=RECORD), "/fhir/Patient/$prognosis", 404, "not-found"),
]


def test_errors_are_operation_outcomes() -> None:
    async def test(gateway: Served) -> None:
        for body, path, status, issue in ERRORS_ARE_OPERATI_CASES:
            answer = await ask(gateway, body, path)
            assert (answer.status_code, answer.json()["issue"][0]["code"]) == (status, issue)
            assert answer.headers["content-type"].startswith(FHIR_JSON)
            check(answer.json())

    with_gateway(test)


def test_a_server_that_the_operator_does_not_allow_is_told_as_an_outcome() -> None:
    async def test(gateway: Served) -> None:
        answer = await gateway.http.get("/fhir/Patient/17/$prognosis", params={"model": "simulated"})
        assert answer.status_code == 422
        assert answer.json()["issue"][0]["details"]["text"] == "FHIR_SERVER_NOT_ALLOWED"

    clinical = Clinical(error=FhirServerNotAllowed())
    with_gateway(test, fakes=Fakes(clinical=clinical), fhir_base_url=EHR)


JSON_IS_THE_ONLY_F_CASES: Any = [
    ({"accept": "application/fhir+json"}, "", 200),
    ({"accept": "application/json"}, "", 200),
    ({"accept": "*/*"}, "", 200),
    ({"accept": "application/fhir+json; fhirVersion=4.0"}, "", 200),
    ({"accept": "application/fhir+xml"}, "?_format=json", 200),
    ({"accept": "application/fhir+json; fhirVersion=3.0"}, "", 406),
    ({"accept": "application/fhir+xml"}, "", 406),
    ({"accept": "text/html"}, "", 406),
    ({}, "?_format=xml", 406),
    ({}, "?_format=application/fhir%2Bxml", 406),
    ({}, "?_format=application/fhir+json", 200),
    ({}, "?_format=json&_pretty=true", 200),
]


def test_json_is_the_only_format() -> None:
    async def test(gateway: Served) -> None:
        for headers, query, status in JSON_IS_THE_ONLY_F_CASES:
            answer = await gateway.http.get(f"/fhir/metadata{query}", headers=headers)
            assert answer.status_code == status
            check(answer.json())
            assert ("\n" in answer.text) == ("_pretty" in query)

    with_gateway(test)


A_BODY_IS_JSON_IN_CASES: Any = [
    ("application/fhir+json; charset=UTF-8", 200),
    ("application/json", 200),
    ("application/fhir+xml", 415),
    ("application/fhir+json; charset=latin-1", 415),
    ("text/plain", 415),
]


def test_a_body_is_json_in_utf_8() -> None:
    async def test(gateway: Served) -> None:
        for content_type, status in A_BODY_IS_JSON_IN_CASES:
            body = parameters(SUBJECT, record=RECORD)
            answer = await ask(gateway, body, **{"content-type": content_type})
            assert answer.status_code == status

    with_gateway(test)


def test_too_large_a_body_is_refused() -> None:
    async def test(gateway: Served) -> None:
        answer = await ask(gateway, parameters(SUBJECT, record=RECORD + b" " * (1 << 20)))
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (413, "too-long")

    with_gateway(test, max_body_mib=1)


def test_the_capability_statement_says_what_is_served_and_nothing_else() -> None:
    async def test(gateway: Served) -> None:
        said = (await gateway.http.get("/fhir/metadata")).json()
        check(said)
        assert said["implementation"]["url"] == f"{str(gateway.http.base_url).rstrip('/')}/fhir"
        rest = said["rest"][0]
        claimed = {("GET", "/fhir/metadata")}
        for resource in rest["resource"]:
            for interaction in resource.get("interaction", ()):
                if interaction["code"] == "read":
                    claimed.add(("GET", f"/fhir/{resource['type']}/{{}}"))
                else:
                    claimed |= {("GET", f"/fhir/{resource['type']}"), ("POST", f"/fhir/{resource['type']}/_search")}
            for operation in resource.get("operation", ()):
                path = f"/fhir/{resource['type']}/{{}}/${operation['name']}"
                claimed |= {("GET", path), ("POST", path)}
                definition = (await gateway.http.get(operation["definition"])).json()
                assert (definition["code"], definition["url"]) == (operation["name"], operation["definition"])
                check(definition)
        claimed |= {("POST", f"/fhir/${operation['name']}") for operation in rest["operation"]}
        assert claimed == _served()
        nowhere = await gateway.http.get("/fhir/Patient/17")
        assert nowhere.status_code == 404

    with_gateway(test)


def _served() -> set[tuple[str, str]]:
    """Method and path of all routes of the facade, ids left out."""

    class Door:
        settings = type("Settings", (), {"auth": "none"})()

    routers = [fhir_operation.routes(Door()), fhir_reading.routes(Door())]  # type: ignore[arg-type]
    routes = [route for router in routers for route in router.routes if isinstance(route, Route)]
    blank = [(route.methods or set(), route.path) for route in routes]
    found = {(m, path) for methods, path in blank for m in methods if m != "HEAD"}
    return {(m, "/".join("{}" if p.startswith("{") else p for p in path.split("/"))) for m, path in found} - {
        ("GET", "/fhir/OperationDefinition/prognosis")
    } | {("GET", "/fhir/OperationDefinition/{}")}


def test_the_operation_definition_names_the_parameters_that_are_read() -> None:
    given = [p for p in operation_definition("https://x/fhir", date(2026, 1, 1))["parameter"] if p["use"] == "in"]
    assert {p["name"] for p in given} == KNOWN
    assert {p["name"] for p in given if p["max"] == "*"} == MANY


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
