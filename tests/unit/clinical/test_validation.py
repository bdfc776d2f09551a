"""What is wrong in one resource costs that resource, and an issue says where."""

import json

import pytest

from support.records import INDEX, bundle, medication, observation, patient
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.validation.bindings import REQUIRED_BINDINGS

GOOD = observation("good", "1751-7", 3.8)


def refused(resource, name: str = "hemoglobin") -> tuple[str, str]:
    """Code and place of the only issue of a record of a bad resource beside a good one."""
    found = extract_features(bundle(resource, GOOD), INDEX)
    assert name not in {f.name for f in found.features}
    assert "albumin" in {f.name for f in found.features}
    (issue,) = found.issues
    assert issue.message.startswith("Observation/o1")
    return issue.code, issue.location.removeprefix("Bundle.entry[1].resource").lstrip(".")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"effectiveDateTime": 1_700_000_000}, "effectiveDateTime"),
        ({"valueQuantity": {"value": "12.5", "unit": "g/dL"}}, "valueQuantity.value"),
        ({"code": json.dumps({"coding": [{"system": "http://loinc.org", "code": "718-7"}]})}, "code"),
        ({"subject": "Patient/p1"}, "subject"),
        ({"status": ["final"]}, "status"),
        ({"status": 1}, "status"),
        ({"issued": 5}, "issued"),
        ({"valueQuantity": [{"value": 12.5, "unit": "g/dL"}]}, "valueQuantity"),
        ({"component": {}}, "component"),
        ({"effectiveDateTime": "2026-02-30"}, "effectiveDateTime"),
        ({"effectiveDateTime": "2026-13"}, "effectiveDateTime"),
        ({"effectiveDateTime": "01.03.2026"}, "effectiveDateTime"),
        ({"effectiveDateTime": "2026-03-01T10:00:00"}, "effectiveDateTime"),
        ({"effectiveDateTime": "2026-03-01T25:00:00Z"}, "effectiveDateTime"),
        ({"valueQuantity": {"value": True, "unit": "g/dL"}}, "valueQuantity.value"),
        ({"valueString": "also"}, ""),
        ({"code": None}, "code"),
        ({"status": None}, "status"),
        ({"effectivePeriod": {"start": "2026-03-01"}}, ""),
        ({"bogus": 1}, ""),
    ],
)
def test_what_is_no_fhir_costs_its_resource_and_is_located(changes, where):
    resource = observation() | changes
    if changes in ({"code": None}, {"status": None}):
        resource = {key: value for key, value in resource.items() if value is not None}
    code, location = refused(resource)
    assert code == "INVALID_RESOURCE"
    assert location.startswith(where) or not location


@pytest.mark.parametrize("key", ["modifierExtension", "implicitRules"])
def test_what_must_not_be_ignored_costs_its_resource_wherever_it_stands(key):
    value = (
        "http://example.org/rules" if key == "implicitRules" else [{"url": "http://example.org/not", "valueBoolean": 1}]
    )
    assert refused(observation() | {key: value})[0] in ("UNKNOWN_MODIFIER_EXTENSION", "IMPLICIT_RULES")


def test_a_modifier_extension_inside_a_component_counts_as_well():
    component = {"code": GOOD["code"], "modifierExtension": [{"url": "http://example.org/not", "valueBoolean": True}]}
    code, location = refused(observation(component=[component]))
    assert (code, location) == ("UNKNOWN_MODIFIER_EXTENSION", "component[0].modifierExtension")


@pytest.mark.parametrize(("kind", "element"), sorted(REQUIRED_BINDINGS))
def test_a_code_outside_its_required_value_set_costs_the_resource(kind, element):
    base = {
        "Patient": patient(),
        "Observation": observation(),
        "Medication": {"resourceType": "Medication", "id": "d"},
        "FamilyMemberHistory": {"resourceType": "FamilyMemberHistory", "relationship": {"text": "mother"}},
        "Procedure": {"resourceType": "Procedure"},
    }.get(kind) or medication(kind)
    about = {"patient": {"reference": "Patient/p1"}} if kind == "FamilyMemberHistory" else {}
    about = about or ({"subject": {"reference": "Patient/p1"}} if kind == "Procedure" else {})
    record = json.dumps(base | about | {"id": "x", element: "foo"}).encode()
    found = extract_features(record, INDEX)
    assert [(i.code, i.location) for i in found.issues] == [("INVALID_CODE", f"{kind}.{element}")]
    assert found.features == ()


def test_many_bad_entries_are_each_named_and_the_good_ones_are_read():
    bad = [observation(f"b{i}", bogus=i) for i in range(50)]
    found = extract_features(bundle(*bad, GOOD), INDEX)
    assert [i.message.split()[0] for i in found.issues] == [f"Observation/b{i}" for i in range(50)]
    assert "albumin" in {f.name for f in found.features}
