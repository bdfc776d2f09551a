"""The FHIR facade over real sockets: asked as an EHR asks, every answer read by implementations that are not ours."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date
from typing import Any

from starlette.routing import Route

from support.facade import EHR, FHIR_JSON, RECORD, SUBJECT, Json, ask, kinds, parameters, with_gateway
from support.fhir_validation import check
from support.followed import lesion
from support.gateway import Clinical, Fakes, Imaging
from support.gateway_served import Served
from tumorcast_core.errors import FhirServerNotAllowed
from tumorcast_core.query import FhirPatient
from tumorcast_core.snapshot import Extraction, Timepoint
from tumorcast_gateway.fhir.capability import operation_definition
from tumorcast_gateway.fhir.parameters import KNOWN, MANY
from tumorcast_gateway.rest import fhir_operation, fhir_reading


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
