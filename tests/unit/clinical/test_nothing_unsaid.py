"""What fuzzing found: resources of which nothing was said, and places that said too much."""

from __future__ import annotations

import json

import pytest

from support.records import INDEX, LOINC, Resource, bundle, codes, concept, issues_at, observation, patient, values
from support.rich_record import NAME, bundle_of, entry_of, lines_of
from tumorcast_clinical.model import Limits, extract_features, extract_file
from tumorcast_core.errors import PayloadTooLarge

IMPLICATION = "http://hl7.org/fhir/uv/genomics-reporting/CodeSystem/tbd-codes-cs"
GENES = "http://www.genenames.org/geneId"
PATHOGENIC = {"code": concept(LOINC, "53037-8"), "valueCodeableConcept": concept(LOINC, "LA6668-3")}
BOM = b"\xef\xbb\xbf"


def implication(of: str) -> Resource:
    code = concept(IMPLICATION, "diagnostic-implication")
    more = {"component": [PATHOGENIC], "derivedFrom": [{"reference": of}], "valueString": None}
    return observation("i1", code=code, **more)


def variant(*more: Resource) -> Resource:
    kras = {
        "code": concept(LOINC, "48018-6"),
        "valueCodeableConcept": concept("http://www.genenames.org/geneId", "6407"),
    }
    answer = concept(LOINC, "LA9633-4", "Present")
    return observation("v1", "69548-6", valueCodeableConcept=answer, component=[kras, *more])


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([implication("Observation/v1")], ["UNUSED_IMPLICATION"]),
        ([implication("Observation/v1"), variant(PATHOGENIC)], ["UNUSED_IMPLICATION"]),
        ([implication("Observation/v1"), variant()], []),
        ([{"resourceType": "Medication", "id": "d1"}], ["UNUSED_RESOURCE"]),
        ([observation(valueString=None, component=[])], ["NO_VALUE"]),
    ],
)
def test_what_is_of_nothing_or_states_nothing_is_said(resources, expected):
    assert codes(bundle(*resources)) == expected


def test_another_patient_is_told_where_one_is_asked_for():
    found = extract_features(bundle(patient(id="p2")), INDEX, patient_id="p1")
    assert [(i.code, i.location) for i in found.issues] == [("OTHER_PATIENT", "Bundle.entry[1].resource")]
    assert {source for f in found.features for source in (f.source, *f.sources)} - {""} == {"Patient/p1"}


def test_of_several_patients_each_resource_is_told():
    others = [{"resourceType": kind, "id": "x"} for kind in ("Medication", "Organization")]
    assert issues_at(bundle(patient(id="p2"), observation(), *others)) == {
        "Bundle.entry[0].resource": "SEVERAL_PATIENTS",
        "Bundle.entry[1].resource": "SEVERAL_PATIENTS",
        "Bundle.entry[2].resource": "SEVERAL_PATIENTS",
        "Bundle.entry[3].resource": "SEVERAL_PATIENTS",
        "Bundle.entry[4].resource": "UNUSED_RESOURCE",
    }


def test_an_entry_that_deletes_what_was_not_sent_is_told():
    gone = {"fullUrl": "https://ehr.example/Observation/o9", "request": {"method": "DELETE", "url": "Observation/o9"}}
    assert issues_at(bundle_of([entry_of(patient()), gone], "transaction")) == {"Bundle.entry[1]": "NO_RESOURCE"}


@pytest.mark.parametrize("kind", ["\ud800", NAME])
def test_the_place_in_a_line_never_repeats_a_type_that_there_is_not(kind):
    lines = lines_of([patient(), observation(resourceType=kind, extension=[{"modifierExtension": [{"url": "x"}]}])])
    (issue,) = extract_features(lines, INDEX).issues
    assert issue.location.partition(".")[0] in ("line 2", "line 2 Resource")
    assert kind not in issue.location + issue.message


@pytest.mark.parametrize("before", [b"", BOM, b"\n\n", BOM + b"\n", BOM + b"  \r\n\r\n"])
def test_blank_lines_and_a_byte_order_mark_before_the_first_line_are_none(before):
    data = before + lines_of([patient(), observation()])
    assert (values(data)["hemoglobin"], codes(data)) == (12.5, [])
    assert values(before + json.dumps(observation()).encode())["hemoglobin"] == 12.5


@pytest.mark.parametrize(
    "entry", [observation(), observation(note=[{}]), observation(contained=[{"resourceType": "Basic"}])]
)
def test_an_object_on_a_line_of_its_own_does_not_make_lines_of_one_document(entry):
    whole = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": entry}]}).encode()
    start, end = whole.split(b'"entry": [', 1)
    data = start + b'"entry": [\n' + end.removesuffix(b"]}") + b"\n]}\n"
    assert {i.location for i in extract_features(data, INDEX).issues} == {
        i.location for i in extract_features(whole, INDEX).issues
    }
    assert extract_features(data, INDEX).features == extract_features(whole, INDEX).features


def test_one_line_beyond_the_limit_is_a_record_that_is_too_large(tmp_path):
    file = tmp_path / "record.json"
    file.write_bytes(b'{"resourceType": "Basic", "x": ["' + b"y" * 990 + b'", {}]}' + b"z" * 990)
    with pytest.raises(PayloadTooLarge):
        extract_file(file, INDEX, Limits(max_bytes=1000))
