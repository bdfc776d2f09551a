"""What a stored prognosis is in FHIR, read by implementations that are not ours, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fhir_validation import check, check_narrative, faults, needs_second
from support.followed import FOLLOWED, ID, lesion, record, snapshot
from support.gateway import PROGNOSIS
from support.prognoses import prognoses
from tumorcast_core.prognosis import Prognosis
from tumorcast_core.snapshot import Coding, Feature
from tumorcast_gateway.fhir.capability import capability_statement, operation_definition
from tumorcast_gateway.fhir.documents import collection, prognosis_of, resources, searchset, transaction
from tumorcast_gateway.fhir.subject import Place
from tumorcast_gateway.model.records import PredictionRecord

BASE = "https://gateway.example.org/fhir"
EHR = "https://ehr.example.org/fhir"
HERE, BESIDE, AT_EHR = Place(), Place(EHR), Place(EHR, at_ehr=True)
ANONYMOUS = record(snapshot(patient_id=""))
NO_LESION = record(snapshot())
Json = dict[str, Any]


def found(record: PredictionRecord, kind: str, suffix: str = "", place: Place = HERE) -> Json:
    """One resource, as it comes off the wire."""
    made = next(r for r in resources(record, place) if r["resourceType"] == kind and r["id"].endswith(suffix))
    return json.loads(json.dumps(made))


@pytest.mark.parametrize("place", [HERE, BESIDE, AT_EHR], ids=["here", "beside an EHR", "at the EHR"])
@pytest.mark.parametrize("kept", [record(), record(prognosis=PROGNOSIS), ANONYMOUS, NO_LESION])
def test_every_resource_and_bundle_is_valid(kept: PredictionRecord, place: Place) -> None:
    made = resources(kept, place)
    for resource in (*made, collection(kept, place, BASE), transaction(kept, place)):
        check(json.loads(json.dumps(resource)))
    check(json.loads(json.dumps(searchset(made, BASE, {"self": f"{BASE}/RiskAssessment?patient=17"}))))


def test_an_empty_searchset_is_valid() -> None:
    check(searchset([], BASE, {"self": f"{BASE}/RiskAssessment?patient=17"}))


def test_what_the_facade_says_of_itself_is_valid() -> None:
    for smart in (True, False):
        check(capability_statement(BASE, "7.0.0", date(2026, 3, 4), smart=smart))
    check(operation_definition(BASE, date(2026, 3, 4)))


@settings(max_examples=40, deadline=None)
@given(prognoses)
def test_every_prognosis_becomes_valid_resources(prognosis: Prognosis) -> None:
    for resource in resources(record(prognosis=prognosis), BESIDE):
        check(json.loads(json.dumps(resource)))


HOSTILE = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["<script>alert(1)</script>", "]]>", "&lt;", "\x00\x08", '" onload="x', "\ufffe", "<div", "javascript:alert(1)"]
)


@settings(max_examples=40, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_no_text_of_a_caller_is_markup(label: str, organ: str, site: str, patient: str) -> None:
    hostile = replace(lesion("1.5.1", "2026-03-01", 35.0), label=label, organ=organ, site=Coding("s", site, site))
    kept = record(snapshot(hostile, patient_id=patient), replace(PROGNOSIS, disclaimer=f"Not for care. {label}"))
    for resource in (*resources(kept, HERE), *resources(kept, BESIDE), *resources(kept, AT_EHR)):
        check(json.loads(json.dumps(resource)))


def test_a_script_is_told_as_text() -> None:
    hostile = replace(lesion("1.5.1", "2026-03-01", 35.0), label="<script>alert('x')</script>")
    div = found(record(snapshot(hostile)), "DiagnosticReport")["text"]["div"]
    check_narrative(div)
    assert "<script" not in div
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in div


def test_ids_derive_from_the_prognosis() -> None:
    assert [r["id"] for r in resources(record(), HERE)] == [
        ID,
        f"{ID}-report",
        *(f"{ID}-tumorsize-{n}" for n in (1, 2, 3, 4)),
        f"{ID}-status",
    ]
    assert {prognosis_of(r["id"]) for r in resources(record(), HERE)} == {ID}


@pytest.mark.parametrize(
    "hostile", ["", "..", "../x", ID.upper(), f"{ID}-", f"{ID}-tumorsize-0", f"{ID}-x", f"{ID}\n", "%2e", "0" * 33]
)
def test_no_other_id_is_looked_up(hostile: str) -> None:
    assert prognosis_of(hostile) == ""


def test_the_assessment_names_its_model_as_performer_and_method() -> None:
    risk = found(record(), "RiskAssessment")
    model = {"system": "urn:tumorcast:model", "version": "1.2.3", "code": "hepatocellular"}
    assert risk["method"] == {"coding": [model], "text": f"Tumorcast model hepatocellular 1.2.3, {'ab' * 32}"}
    assert risk["performer"] == {"reference": "#model"}
    assert risk["contained"][0]["version"] == [{"value": "1.2.3"}]
    assert risk["identifier"] == [{"system": "urn:tumorcast:prognosis", "value": ID}]
    assert risk["occurrenceDateTime"] == "2026-03-04"


def bases(place: Place, *features: Feature) -> list[Json]:
    """The basis beyond the groups that were used."""
    risk = found(record(snapshot(features=features)), "RiskAssessment", place=place)
    return [base for base in risk["basis"] if base != {"display": base.get("display")} or "/" in base["display"]]


def test_the_basis_refers_to_what_was_read() -> None:
    lab = Feature("hemoglobin", 14.1, "g/dL", source="Observation/9#component[0]", sources=("urn:uuid:x-1",))
    assert {"reference": f"{EHR}/Observation/9", "type": "Observation"} in bases(BESIDE, lab)
    assert {"reference": f"{EHR}/Observation/1", "type": "Observation"} in bases(BESIDE, lab)
    assert {"reference": "urn:uuid:x-1"} in bases(BESIDE, lab)


def test_without_a_server_of_theirs_references_are_told_in_words() -> None:
    assert {"type": "Observation", "display": "Observation/1"} in bases(HERE)
    assert {"type": "Observation", "display": "Observation/1"} in bases(AT_EHR)


def test_images_are_named_by_their_uid() -> None:
    named = {"system": "urn:dicom:uid", "value": "urn:oid:1.2.840.1"}
    assert BESIDE.source("1.2.840.1#segment=1") == {"identifier": named, "display": "DICOM object 1.2.840.1"}


def test_the_basis_leaves_out_sources_of_inputs_that_were_not_used() -> None:
    volume = Feature("tumor_volume", 12.5, "mL", source="ImagingStudy/7")
    assert bases(BESIDE, volume) == bases(BESIDE)


@pytest.mark.parametrize("source", ["n1#char=3,10", "entry[3]", "caller", "", "Observation/../1", "javascript:x", "1"])
def test_a_source_that_is_no_reference_is_left_out(source: str) -> None:
    assert BESIDE.source(source) is None


@pytest.mark.parametrize(
    ("place", "patient_id", "subject"),
    [
        (HERE, "17", {"type": "Patient", "identifier": {"value": "17"}}),
        (BESIDE, "17", {"reference": f"{EHR}/Patient/17", "type": "Patient"}),
        (AT_EHR, "17", {"reference": "Patient/17", "type": "Patient"}),
        (BESIDE, "MRN 17", {"type": "Patient", "identifier": {"value": "MRN 17"}}),
        (BESIDE, "..", {"type": "Patient", "identifier": {"value": ".."}}),
        (BESIDE, "17/../18", {"type": "Patient", "identifier": {"value": "17/../18"}}),
        (BESIDE, "", {"display": "anonymous patient"}),
    ],
)
def test_the_subject_is_a_patient_of_the_ehr_only_where_it_can_be(place: Place, patient_id: str, subject: Json) -> None:
    assert place.patient(patient_id) == subject


def test_the_report_is_partial_and_points_to_what_it_reports() -> None:
    report = found(record(), "DiagnosticReport")
    assert report["status"] == "partial"
    assert report["issued"] == "2026-03-04T12:30:00.000Z"
    assert report["extension"][0]["valueReference"] == {"reference": f"RiskAssessment/{ID}"}
    assert [r["reference"] for r in report["result"]] == [
        *(f"Observation/{ID}-tumorsize-{n}" for n in (1, 2, 3, 4)),
        f"Observation/{ID}-status",
    ]
    assert "objective_response: 62 %" in report["conclusion"].split("\n")
    assert "lung_metastasis: no answer; this is not a low risk." in report["conclusion"].split("\n")


def test_the_reports_narrative_is_a_table_of_probabilities_and_lesions() -> None:
    div = found(record(), "DiagnosticReport")["text"]["div"]
    assert "<td>objective_response</td><td></td><td>62 %</td><td>51 to 72 %</td>" in div
    assert "<td>lesion 1.5.1, liver: 50 x 30 mm on CT, 2025-12-01</td>" in div
    assert "not verified by a person" in div


def test_a_simulated_report_says_so_first() -> None:
    report = found(record(prognosis=PROGNOSIS), "DiagnosticReport")
    assert report["conclusion"].startswith("SIMULATED")
    assert report["meta"]["security"][0]["code"] == "HTEST"


def test_a_lesion_is_a_tumor_size_in_the_shape_of_mcode() -> None:
    size = found(record(), "Observation", "-tumorsize-3")
    assert size["code"]["coding"][0]["code"] == "21889-1"
    assert [(c["code"]["coding"][0]["code"], c["valueQuantity"]["value"]) for c in size["component"]] == [
        ("33728-7", 35.0),
        ("33729-5", 21.0),
    ]
    assert {c["valueQuantity"]["code"] for c in size["component"]} == {"mm"}
    assert (size["status"], size["effectiveDateTime"]) == ("preliminary", "2026-03-01")
    assert size["focus"][0]["identifier"] == {"system": "urn:dicom:uid", "value": "urn:oid:1.5.1"}
    assert size["derivedFrom"][0]["identifier"] == {"system": "urn:dicom:uid", "value": "urn:oid:1.9.2"}
    assert size["method"]["coding"][0]["code"] == "77477000"
    assert size["bodySite"]["coding"] == [
        {"system": "http://snomed.info/sct", "code": "10200004", "display": "Liver structure"}
    ]


def test_a_lesion_without_a_size_says_so() -> None:
    size = found(record(snapshot(lesion("1.5.1", "2026-03-01", None))), "Observation", "-tumorsize-1")
    (component,) = size["component"]
    assert "valueQuantity" not in component
    assert component["dataAbsentReason"]["coding"][0]["code"] == "unknown"


def test_the_size_of_a_pet_lesion_is_found_under_its_own_name() -> None:
    on_pet = replace(
        lesion("1.5.1", "2026-03-01", None),
        dicom_modality="PT",
        measurements=(Feature("pet_tumor_longest_diameter", 22.2, "mm"),),
    )
    size = found(record(snapshot(on_pet)), "Observation", "-tumorsize-1")
    assert size["component"][0]["valueQuantity"]["value"] == 22.2
    assert size["method"]["coding"][0]["code"] == "82918005"


def test_a_transaction_creates_each_resource_once_and_points_within_itself() -> None:
    bundle = transaction(record(), AT_EHR)
    urns = {entry["fullUrl"] for entry in bundle["entry"]}
    assert len(urns) == len(bundle["entry"]) == 7
    assert bundle["entry"][0]["request"] == {
        "method": "POST",
        "url": "RiskAssessment",
        "ifNoneExist": f"identifier=urn:tumorcast:prognosis|{ID}",
    }
    pointed = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            pointed.update([node["reference"]] if "reference" in node else [])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk([entry["resource"] for entry in bundle["entry"]])
    assert {p for p in pointed if p.startswith("urn:")} <= urns
    assert {p for p in pointed if not p.startswith(("urn:", "#"))} == {"Patient/17"}
    assert transaction(record(), AT_EHR) == bundle  # the same every time
    assert all("id" not in entry["resource"] for entry in bundle["entry"])


Damage = Callable[[Json], Any]


@needs_second
@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("RiskAssessment", lambda r: r.pop("status")),
        ("RiskAssessment", lambda r: r.update(status="foo")),
        ("RiskAssessment", lambda r: r["prediction"][0].update(probabilityDecimal=140)),
        ("RiskAssessment", lambda r: r.update(contained=[{"resourceType": "Device", "id": "other"}])),
        ("RiskAssessment", lambda r: r.update(surprise=1)),
        ("RiskAssessment", lambda r: r.update(occurrenceDateTime="2026-13")),
        ("RiskAssessment", lambda r: r["meta"]["security"][0].update(code="NONE")),
        ("DiagnosticReport", lambda r: r["category"][0]["coding"][0].update(code="NONE")),
        ("DiagnosticReport", lambda r: r.update(status="early")),
        ("DiagnosticReport", lambda r: r.update(result=[{"reference": "Patient/1"}])),
        ("Observation", lambda r: r.update(dataAbsentReason={"text": "none"}, valueString="x")),
        ("Observation", lambda r: r.update(code="21889-1")),
        ("Observation", lambda r: r["component"][0]["valueQuantity"].update(value="35")),
        ("Observation", lambda r: r["text"].update(status="made")),
    ],
)
def test_the_second_implementation_refuses_what_is_wrong(kind: str, damage: Damage) -> None:
    resource = found(record(prognosis=PROGNOSIS), kind)
    assert faults(resource) == []
    damage(resource)
    assert faults(resource)


@pytest.mark.parametrize(
    "div",
    [
        '<div xmlns="http://www.w3.org/1999/xhtml"><script>1</script></div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><p onclick="x">1</p></div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"> </div>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><a href="javascript:x">1</a></div>',
    ],
)
def test_the_check_of_narratives_refuses_what_is_wrong(div: str) -> None:
    with pytest.raises(AssertionError):
        check_narrative(div)


def test_lesions_of_the_snapshot_are_all_told() -> None:
    sizes = [r for r in resources(record(), HERE) if "tumorsize" in r["id"]]
    assert len(sizes) == len(FOLLOWED.lesions)
