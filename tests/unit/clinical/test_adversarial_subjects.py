"""Whose resource it is, which version counts and how it is wrapped: hostile records, with what each must give."""

import json
from typing import Any, NamedTuple

import pytest

from support.records import INDEX, RXNORM, SNOMED, Resource, concept, medication, observation, patient
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.extract import extract_file
from tumorcast_clinical.model.record.parse import Limits
from tumorcast_core.errors import PayloadTooLarge
from tumorcast_core.snapshot import Severity

A, B = "https://a.example/fhir/", "https://b.example/fhir/"
MRN = {"system": "urn:mrn", "value": "7"}


class Case(NamedTuple):
    """Entries of a Bundle: resources, or pairs of fullUrl and resource; hemoglobins expected; issues by entry."""

    name: str
    entries: list[Any]
    hemoglobins: list[float]
    issues: list[tuple[str, str]]


def entry(item: Any) -> dict[str, Any]:
    url, resource = item if isinstance(item, tuple) else ("", item)
    if "resourceType" not in resource:
        return resource
    return {"fullUrl": url, "resource": resource} if url else {"resource": resource}


def packed(entries: list[Any], kind: str = "collection") -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": [entry(e) for e in entries]}).encode()


def outcome(data: bytes) -> tuple[list[float], list[tuple[str, str]]]:
    found = extract_features(data, INDEX)
    values = sorted(float(f.value or 0) for f in found.features if f.name == "hemoglobin")
    places = [i.location.removeprefix("Bundle.entry").replace(".resource", "", 1) for i in found.issues]
    return values, sorted(zip(places, (i.code for i in found.issues), strict=True))


def of(subject: Any, **more: Any) -> Resource:
    return observation(subject=subject, **more)


def contained(id_: str, value: float, **person: Any) -> Resource:
    who = {"resourceType": "Patient", "id": "pat", **person}
    return of({"reference": "#pat"}, id_=id_, value=value, contained=[who])


OTHER, EARLIER = "OTHER_PATIENT", {"effectiveDateTime": "2026-02-01"}
HIS = {"reference": "Patient/p1"}
RELATED = {"resourceType": "RelatedPerson", "id": "r", "patient": HIS}
SUBJECTS = [
    Case("by the urn of his fullUrl", [("urn:uuid:9a", patient(id="x")), of({"reference": "urn:uuid:9a"})], [12.5], []),
    Case("absolute, of his server", [(f"{A}Patient/p1", patient()), of({"reference": f"{A}Patient/p1"})], [12.5], []),
    Case("absolute, of another server", [(f"{A}Patient/p1", patient()), of({"reference": f"{B}Patient/p1"})],
         [], [("[1].subject", OTHER)]),
    Case("relative, from another server", [(f"{A}Patient/p1", patient()), (f"{B}Observation/o1", of(HIS))],
         [], [("[1].subject", OTHER)]),
    Case("relative, from the same server by http", [(f"{A}Patient/p1", patient()),
                                                    (f"http{A[5:]}Observation/o1", of(HIS))], [12.5], []),
    Case("relative, in a transaction", [(f"{A}Patient/p1", patient()), ("urn:uuid:1", of(HIS))], [12.5], []),
    Case("by his identifier", [patient(identifier=[MRN]), of({"identifier": MRN})], [12.5], []),
    Case("by his value in another system", [patient(identifier=[MRN]), of({"identifier": MRN | {"system": "urn:x"}})],
         [], [("[1].subject", OTHER)]),
    Case("conditional", [patient(identifier=[MRN]), of({"reference": "Patient?identifier=urn:mrn|7"})], [12.5], []),
    Case("conditional, another", [patient(identifier=[MRN]), of({"reference": "Patient?identifier=urn:mrn|8"})],
         [], [("[1].subject", OTHER)]),
    Case("his reference beside another's identifier",
         [patient(identifier=[MRN]), of(HIS | {"identifier": MRN | {"value": "8"}})], [], [("[1].subject", OTHER)]),
    Case("his reference beside an identifier of another system",
         [patient(identifier=[MRN]), of(HIS | {"identifier": {"system": "urn:insurance", "value": "8"}})], [12.5], []),
    Case("typed as a group", [patient(), of(HIS | {"type": "Group"})], [], [("[1].subject", OTHER)]),
    Case("typed as a patient", [patient(), of(HIS | {"type": "Patient"})], [12.5], []),
    Case("contained, with his identifier",
         [patient(identifier=[MRN]), contained("o1", 9, identifier=[MRN])], [9], [("[1].contained[0]",
         "UNUSED_RESOURCE")]),
    Case("contained, another",
         [patient(identifier=[MRN]), contained("o1", 9, gender="female")], [], [("[1].subject", OTHER)]),
    Case("two contained patients under one name",
         [contained("o1", 9, birthDate="1950-01-01"), contained("o2", 10, birthDate="1960-01-01")],
         [], [("[0]", "SEVERAL_PATIENTS"), ("[1]", "SEVERAL_PATIENTS")]),
    Case("one contained patient twice",
         [contained("o1", 9, birthDate="1950-01-01"),
          contained("o2", 10, birthDate="1950-01-01") | EARLIER],
         [9, 10], [("[0].contained[0]", "UNUSED_RESOURCE"), ("[1].contained[0]", "UNUSED_RESOURCE")]),
    Case("one identifier and no Patient",
         [of({"identifier": MRN}), of({"identifier": MRN}, id_="o2", value=11) | EARLIER], [11, 12.5], []),
    Case("two identifiers and no Patient",
         [of({"identifier": MRN}), of({"identifier": MRN | {"value": "8"}}, id_="o2")],
         [], [("[0]", "SEVERAL_PATIENTS"), ("[1]", "SEVERAL_PATIENTS")]),
    Case("a group alone", [of({"reference": "Group/g"})], [], [("[0].subject", OTHER)]),
    Case("a device alone", [of({"reference": "Device/d"})], [], [("[0].subject", OTHER)]),
    Case("a group beside a patient that was not sent", [of({"reference": "Group/g"}), of(HIS, id_="o2", value=11)],
         [11], [("[0].subject", OTHER)]),
    Case("relative and absolute, and no Patient",
         [of(HIS), of({"reference": f"{A}Patient/p1"}, id_="o2", value=11) | EARLIER],
         [11, 12.5], []),
    Case("two servers' patients, and none sent", [of({"reference": f"{A}Patient/p1"}),
                                                  of({"reference": f"{B}Patient/p1"}, id_="o2")],
         [], [("[0]", "SEVERAL_PATIENTS"), ("[1]", "SEVERAL_PATIENTS")]),
    Case("focus on a relative by urn",
         [patient(), ("urn:uuid:5", RELATED), of(HIS, focus=[{"reference": "urn:uuid:5"}])],
         [], [("[1]", "UNUSED_RESOURCE"), ("[2].focus", OTHER)]),
    Case("focus on a contained relative", [patient(), of(HIS, contained=[RELATED], focus=[{"reference": "#r"}])],
         [], [("[1].focus", OTHER)]),
    Case("focus typed as a relative", [patient(), of(HIS, focus=[{"type": "RelatedPerson", "display": "mother"}])],
         [], [("[1].focus", OTHER)]),
    Case("focus on himself", [patient(), of(HIS, focus=[HIS])], [12.5], []),
    Case("focus in words",
         [patient(), of(HIS, focus=[{"display": "?"}])], [12.5], [("[1].focus", "FOCUS_NOT_CERTAIN")]),
    Case("focus on another patient",
         [patient(), of(HIS, focus=[{"reference": "Patient/donor"}])], [], [("[1].focus", OTHER)]),
]  # fmt: skip


def at(hours: int, value: float, version: str = "") -> Resource:
    meta = {"lastUpdated": f"2026-03-02T{hours:02}:00:00Z"} | ({"versionId": version} if version else {})
    return observation(value=value, meta=meta)


DELETES = {"request": {"method": "DELETE", "url": "Observation/o1"}}
OLD, TWICE, CLASH = "SUPERSEDED_VERSION", "DUPLICATE_RESOURCE", "CONFLICTING_VERSIONS"
VERSIONS = [
    Case("the newest first", [patient(), at(11, 9), at(10, 12)], [9], [("[2]", OLD)]),
    Case("the newest last", [patient(), at(10, 12), at(11, 9)], [9], [("[1]", OLD)]),
    Case("by version", [patient(), observation(value=12, meta={"versionId": "9"}),
                        observation(value=9, meta={"versionId": "10"})], [9], [("[1]", OLD)]),
    Case("one moment, two versions", [patient(), at(10, 12, "1"), at(10, 9, "2")], [9], [("[1]", OLD)]),
    Case("without an id, one fullUrl",
         [patient(), ("urn:uuid:1", observation(None)), ("urn:uuid:1", observation(None))],
         [12.5], [("[2]", TWICE)]),
    Case("without an id, one fullUrl, two values",
         [patient(), ("urn:uuid:1", observation(None)), ("urn:uuid:1", observation(None, value=9))],
         [], [("[1]", CLASH), ("[2]", CLASH)]),
    Case("the newer version was entered in error", [patient(), at(10, 12), at(11, 9) | {"status": "entered-in-error"}],
         [], [("[1]", OLD), ("[2].status", "ENTERED_IN_ERROR")]),
]  # fmt: skip


@pytest.mark.parametrize("case", [*SUBJECTS, *VERSIONS], ids=[case.name for case in [*SUBJECTS, *VERSIONS]])
def test_a_result_counts_once_and_for_its_own_patient(case):
    assert outcome(packed(case.entries)) == (case.hemoglobins, sorted(case.issues))


@pytest.mark.parametrize(
    ("name", "entries", "expected"),
    [
        ("sorted as it should be", [patient(), at(11, 9), at(10, 12)], [9]),
        ("oldest first, dated", [patient(), at(10, 12), at(11, 9)], [9]),
        ("without dates the first counts", [patient(), observation(value=9), observation(value=12)], [9]),
        ("deleted last", [patient(), DELETES, at(11, 9)], []),
        ("created anew after deletion", [patient(), at(11, 9), DELETES, at(10, 12)], [9]),
    ],
)
def test_a_history_gives_the_current_version(name, entries, expected):
    assert outcome(packed(entries, "history"))[0] == expected, name


# --- containers ------------------------------------------------------------------------------------------------------

SEARCH = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": observation()}]}
NEXT = SEARCH | {"link": [{"relation": "next", "url": "https://a.example/2"}]}
FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "security"}]}


@pytest.mark.parametrize(
    ("name", "entries", "expected", "issues"),
    [
        ("searches in a batch", [patient(), SEARCH], [12.5], []),
        ("with further pages", [patient(), NEXT], [12.5], [("[1].link", "FURTHER_PAGES")]),
        ("an empty search", [patient(), {**SEARCH, "entry": []}], [], [("[1]", "EMPTY_BUNDLE")]),
        ("a search in a search", [patient(), SEARCH | {"entry": [{"resource": SEARCH}]}], [12.5], []),
        ("another patient's search", [patient(), SEARCH | {"entry": [{"resource": of({"reference": "Patient/p2"})}]}],
         [], [("[1].entry[0].resource.subject", OTHER)]),
        ("a request that failed", [patient(), {"response": {"status": "403 Forbidden", "outcome": FAILED}}],
         [], [("[1].response.outcome", "OPERATION_OUTCOME")]),
        ("one that failed without a word",
         [patient(), {"response": {"status": "404"}}], [], [("[1]", "OPERATION_OUTCOME")]),
        ("one that was followed", [patient(), {"response": {"status": "204"}}], [], [("[1]", "NO_RESOURCE")]),
    ],
)  # fmt: skip
def test_what_a_batch_answers_is_read(name, entries, expected, issues):
    assert outcome(packed(entries, "batch-response")) == (expected, issues), name


def test_nested_entries_count_against_the_limit_of_the_bundle():
    search = SEARCH | {"entry": [{"resource": observation(f"o{i}")} for i in range(3)]}
    with pytest.raises(PayloadTooLarge):
        extract_features(packed([search, search], "batch-response"), INDEX, Limits(max_entries=5))


def of_patient(kind: str, number: int) -> Resource:
    subject = {"reference": f"Patient/p{number}"}
    if kind == "Observation":
        return of(subject, id_=f"o{number}")
    return {"resourceType": kind, "id": f"c{number}", "subject": subject, "code": concept(SNOMED, "254837009")}


@pytest.mark.parametrize("kind", ["Condition", "Observation"])
def test_lines_of_two_unsent_patients_are_never_mixed(tmp_path, kind):
    path = tmp_path / "record.ndjson"
    path.write_text("\n".join(json.dumps(of_patient(kind, number)) for number in range(2)))
    found = extract_file(path, INDEX)
    assert (found.features, [i.code for i in found.issues]) == ((), ["SEVERAL_PATIENTS"])


# --- references ------------------------------------------------------------------------------------------------------


def test_a_relative_reference_means_the_drug_of_its_own_server():
    drugs = [(f"{server}Medication/d", {"resourceType": "Medication", "id": "d", "code": concept(RXNORM, code)})
             for server, code in ((A, "1547545"), (B, "32592"))]  # fmt: skip
    given = medication("MedicationAdministration", medicationCodeableConcept=None,
                       medicationReference={"reference": "Medication/d"},
         subject={"reference": f"{A}Patient/p1"})  # fmt: skip
    for server, expected in ((A, "immunotherapy"), (B, "chemotherapy")):
        administration = (f"{server}MedicationAdministration/m1", given)
        found = extract_features(packed([(f"{A}Patient/p1", patient()), *drugs, administration]), INDEX)
        assert [f.value for f in found.features if f.name == "systemic_therapy"] == [expected]
        assert [i.code for i in found.issues] == ["UNUSED_RESOURCE"]


def test_another_patients_condition_is_no_reason():
    arthritis = {"resourceType": "Condition", "id": "c2", "subject": {"reference": "Patient/p2"},
                 "code": concept(SNOMED, "69896004")}  # fmt: skip
    given = medication("MedicationAdministration", rxnorm="121191", reasonReference=[{"reference": "Condition/c2"}])
    found = extract_features(packed([patient(), arthritis, given]), INDEX)
    assert "systemic_therapy" in {f.name for f in found.features}
    assert {i.code for i in found.issues} == {"OTHER_PATIENT", "INDICATION_NOT_CERTAIN"}


def test_no_issue_repeats_an_identifier():
    secret = "MRN-4711-SECRET"
    data = packed([patient(), of({"identifier": {"system": "urn:mrn", "value": secret}}),
                   of({"reference": f"Patient?identifier=urn:mrn|{secret}"}, id_="o2")])  # fmt: skip
    found = extract_features(data, INDEX)
    assert [i.severity for i in found.issues] == [Severity.ERROR] * 2
    assert secret not in str(found.issues)
