"""A record comes whole from a FHIR server, or with a word on each part that did not come."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import Response

from support.fetching import fetch, names, resources_of, told
from support.fhir_server import FHIR_JSON, at, cut_off, fhir, outcome, served_fhir, zipped
from support.records import concept, condition, medication, observation, patient
from tumorcast_clinical.adapters.fhir_server import FetchedRecord
from tumorcast_core.errors import (
    FhirAccessDenied,
    PatientMismatch,
    PatientNotFound,
    ResourceExhausted,
    ServiceUnavailable,
    TumorcastError,
)

OXALIPLATIN = {"resourceType": "Medication", "id": "d1", "code": concept("http://rxnorm", "32592")}
BY_REFERENCE = medication(medicationCodeableConcept=None, medicationReference={"reference": "Medication/d1"})
PROCEDURE = {"resourceType": "Procedure", "id": "s1", "status": "completed", "subject": {"reference": "Patient/p1"}}
FAMILY = {
    "resourceType": "FamilyMemberHistory",
    "id": "f1",
    "status": "completed",
    "patient": {"reference": "Patient/p1"},
}
OTHERS = [patient(id="p2"), observation("o9", subject={"reference": "Patient/p2"})]
OWN = [
    patient(),
    *(observation(f"o{i}") for i in range(5)),
    condition(),
    BY_REFERENCE,
    medication("MedicationStatement", "m2"),
    medication("MedicationAdministration", "m3"),
    PROCEDURE,
    FAMILY,
    OXALIPLATIN,
]
EXPECTED = sorted(f"{r['resourceType']}/{r['id']}" for r in OWN)
NOT_SUPPORTED = [400, 403, 404, 405, 500, 501]
SEARCHED = ("information", "SEARCHED_BY_TYPE")


def missing(record: FetchedRecord) -> list[tuple[str, str]]:
    """What was told beside that types were searched."""
    return [issue for issue in told(record) if issue != SEARCHED]


def test_everything_comes_in_one_request_byte_for_byte() -> None:
    body = json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": patient()}]}).encode()
    odd = body.replace(b'"male"', b'"male" ') + b"\n\n"
    with served_fhir(faults=[at("everything", Response(odd, media_type=FHIR_JSON))]) as server:
        record = fetch(server, page_size=77)
    assert record.pages == (odd,)
    assert record.issues == ()
    assert server.requests == ["GET Patient/p1/$everything?_count=77"]
    assert server.headers[0]["accept"] == "application/fhir+json"


@pytest.mark.parametrize("everything", [True, False])
@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
def test_a_record_comes_whole_with_and_without_everything_in_pages_of_any_length(everything, page_size) -> None:
    with served_fhir(OWN + OTHERS, everything=everything, page_size=page_size) as server:
        record = fetch(server)
    assert sorted(set(names(record))) == EXPECTED
    assert missing(record) == []
    assert (SEARCHED in told(record)) is not everything


@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_paging_never_changes_what_comes(data, shared_server) -> None:
    shared_server.page_size = data.draw(st.integers(1, 20))
    shared_server.everything = data.draw(st.booleans())
    shared_server.resources = data.draw(st.permutations(OWN + OTHERS))
    record = fetch(shared_server, page_size=data.draw(st.integers(1, 20)))
    assert sorted(set(names(record))) == EXPECTED


@pytest.fixture(scope="module")
def shared_server():
    with served_fhir() as server:
        yield server


@pytest.mark.parametrize("status", NOT_SUPPORTED)
def test_where_everything_is_not_supported_types_are_searched(status) -> None:
    with served_fhir(OWN, faults=[at("$everything", Response(status_code=status))]) as server:
        record = fetch(server)
    assert names(record) == EXPECTED
    assert told(record) == [SEARCHED]
    assert "MedicationStatement" in record.issues[0].message


@pytest.mark.parametrize(
    "answer",
    [fhir(outcome("not-supported")), fhir({"resourceType": "Bundle", "type": "searchset"}), Response("<xml/>")],
)
def test_an_answer_to_everything_without_a_record_makes_types_be_searched(answer) -> None:
    with served_fhir(OWN, faults=[at("$everything", answer)]) as server:
        record = fetch(server)
    assert names(record) == EXPECTED
    assert told(record) == [SEARCHED]


def test_medications_come_along_with_what_refers_to_them() -> None:
    with served_fhir(OWN, everything=False) as server:
        record = fetch(server)
    assert "Medication/d1" in names(record)
    asked = [r for r in server.requests if "_include" in r]
    assert [r.split("?")[0].split()[1] for r in asked] == [
        "MedicationRequest",
        "MedicationStatement",
        "MedicationAdministration",
    ]


def test_a_server_without_include_is_searched_without_and_that_is_said() -> None:
    with served_fhir(OWN, everything=False, includes=False) as server:
        record = fetch(server)
    assert names(record) == [name for name in EXPECTED if name != "Medication/d1"]
    assert missing(record) == [("warning", "MEDICATIONS_NOT_INCLUDED")] * 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
def test_one_search_that_fails_is_told_by_its_type_and_the_rest_goes_on(status) -> None:
    with served_fhir(OWN, everything=False, faults=[at("Condition?", Response(status_code=status))]) as server:
        record = fetch(server)
    assert names(record) == [name for name in EXPECTED if name != "Condition/c1"]
    assert missing(record) == [("error", "FHIR_SEARCH_FAILED")]
    assert record.issues[-1].message.startswith("Condition could not be searched.")
    assert record.issues[-1].origin == "clinical"


def test_a_search_answered_by_an_outcome_is_a_search_that_failed() -> None:
    with served_fhir(OWN, everything=False, faults=[at("Condition?", fhir(outcome("too-costly")))]) as server:
        record = fetch(server)
    assert missing(record) == [("error", "FHIR_SEARCH_FAILED")]
    assert b"OperationOutcome" not in b"".join(record.pages)


def test_a_type_that_the_capability_statement_lacks_is_not_searched_and_said() -> None:
    with served_fhir([patient(), observation()], everything=False) as server:
        record = fetch(server)
    assert missing(record) == [("information", "TYPE_NOT_SERVED")] * 5
    assert not [r for r in server.requests if "Procedure" in r]


@pytest.mark.parametrize("answer", [Response(status_code=500), Response("[" * 5000), fhir({"rest": 7}), fhir({})])
def test_without_a_readable_capability_statement_every_type_is_searched(answer) -> None:
    with served_fhir(OWN, everything=False, faults=[at("metadata", answer)]) as server:
        record = fetch(server)
    assert names(record) == EXPECTED


@pytest.mark.parametrize(("everything", "status"), [(True, 0), (False, 0), (True, 410), (False, 410)])
def test_a_patient_that_is_not_there_is_not_found(everything, status) -> None:
    faults = [at("Patient", Response(status_code=status))] if status else []
    with served_fhir(OTHERS, everything=everything, faults=faults) as server, pytest.raises(PatientNotFound):
        fetch(server)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, FhirAccessDenied),
        (403, FhirAccessDenied),
        (302, ServiceUnavailable),
        (418, ServiceUnavailable),
        (429, ResourceExhausted),
        (500, ServiceUnavailable),
        (503, ServiceUnavailable),
        (204, ServiceUnavailable),
    ],
)
def test_a_server_that_refuses_everything_is_an_error_of_the_call(status: int, error: type[TumorcastError]) -> None:
    with served_fhir(OWN, faults=[at("", Response(status_code=status))]) as server, pytest.raises(error) as caught:
        fetch(server)
    assert type(caught.value) is error


def test_a_server_that_is_down_is_unavailable_at_once() -> None:
    with served_fhir() as server:
        pass
    start = time.monotonic()
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        fetch(server)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(status) -> None:
    passing = at("everything", Response(status_code=status), Response(status_code=status), forever=False)
    with served_fhir(OWN, faults=[passing]) as server:
        record = fetch(server, retries=2)
    assert (names(record), record.issues) == (EXPECTED, ())
    assert len(server.requests) == 3


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    with served_fhir(OWN, faults=[at("everything", cut_off, forever=False)]) as server:
        assert fetch(server, retries=1).issues == ()
    assert len(server.requests) == 2


def test_a_wait_that_the_server_asks_for_is_kept() -> None:
    busy = at("everything", Response(status_code=503, headers={"Retry-After": "1"}), forever=False)
    with served_fhir(OWN, faults=[busy]) as server:
        start = time.monotonic()
        assert fetch(server, retries=1).issues == ()
    assert 1 <= time.monotonic() - start < 4


@pytest.mark.parametrize("wait", ["3600", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_wait_beyond_the_deadline_is_not_begun(wait) -> None:
    busy = at("", Response(status_code=429, headers={"Retry-After": wait}))
    start = time.monotonic()
    with served_fhir(OWN, faults=[busy]) as server, pytest.raises(ResourceExhausted):
        fetch(server, retries=5, seconds=5)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "answer", [lambda: Response(status_code=500), cut_off, lambda: Response("{", media_type=FHIR_JSON)]
)
@pytest.mark.parametrize("everything", [True, False])
def test_a_further_page_that_fails_is_told_and_the_pages_before_it_stay(answer, everything) -> None:
    own = [patient(), *(observation(f"o{i}") for i in range(6))]
    fault = at("p2", answer)  # the third page of a search
    with served_fhir(own, everything=everything, page_size=2, faults=[fault]) as server:
        record = fetch(server)
    assert ("error", "PAGE_FAILED") in told(record)
    assert 4 <= len(resources_of(record)) < 7
    what = "Observation" if not everything else "everything"
    assert what in next(issue.message for issue in record.issues if issue.code == "PAGE_FAILED")


def test_a_server_that_counts_more_than_it_sends_is_doubted() -> None:
    page = {"resourceType": "Bundle", "type": "searchset", "total": 3, "entry": [{"resource": observation()}]}
    with served_fhir(OWN, everything=False, faults=[at("Observation?", fhir(page))]) as server:
        record = fetch(server)
    assert missing(record) == [("warning", "FEWER_THAN_TOTAL")]


def test_a_record_without_its_patient_is_completed() -> None:
    page = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": observation()}]}
    with served_fhir(OWN, faults=[at("$everything", fhir(page))]) as server:
        record = fetch(server)
    assert names(record) == ["Observation/o1", "Patient/p1"]


@pytest.mark.parametrize("everything", [True, False])
def test_the_record_of_another_patient_is_refused(everything) -> None:
    other = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in OTHERS]}
    faults = [at("Patient/p1?", fhir(patient(id="p2"))), at("Patient/p1/$everything", fhir(other))]
    faults += [lambda path, request: fhir(patient(id="p2")) if path == "Patient/p1" else None]
    with served_fhir(OTHERS, faults=faults[0 if everything else 2 :]) as server, pytest.raises(PatientMismatch):
        fetch(server)


def test_a_page_may_be_compressed() -> None:
    page = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in OWN]}
    body = json.dumps(page).encode()
    with served_fhir(faults=[at("everything", zipped(body))]) as server:
        assert fetch(server).pages == (body,)
    assert server.headers[0]["accept-encoding"] == "gzip"


@pytest.mark.parametrize("link", ["?_getpages={next}", "/fhir?_getpages={next}", "{base}?_getpages={next}#top"])
def test_a_next_link_may_be_relative(link) -> None:
    with served_fhir(OWN, page_size=3) as server:

        def rewritten(path, request):
            answer = server.answer(path.partition("?")[0].rstrip("/"), request)
            page = json.loads(answer.body)
            for item in page.get("link", []):
                if item["relation"] == "next":
                    item["url"] = link.format(next=item["url"].split("=")[1], base=server.base_url)
            return fhir(page)

        server.faults = [rewritten]
        record = fetch(server)
    assert sorted(set(names(record))) == EXPECTED
    assert record.issues == ()
