"""Performance, smoking, body size, disease status, and what the Patient says of itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.records import INDEX, LOINC, SNOMED, Resource, bundle, concept, observation, patient
from tumorcast_clinical.model import extract_features

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"


def read(code: tuple[str, str], **value: Any) -> tuple[dict[str, Any], list[str]]:
    extraction = extract_features(bundle(observation(code=concept(*code), **value)), INDEX)
    issues = [i.code for i in extraction.issues if "entry[1]" in i.location]
    return {f.name: f.value for f in extraction.features if f.source.startswith("Observation/")}, issues


def quantity(value: float, unit: str, **more: Any) -> Resource:
    return {"valueQuantity": {"value": value, "unit": unit, **more}}


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ((LOINC, "89243-0"), {"valueInteger": 80}, {"karnofsky_performance_status": 80}),
        ((LOINC, "89243-0"), quantity(80, "%"), {"karnofsky_performance_status": 80}),
        ((SNOMED, "761869008"), quantity(80, "%", code="%", system="http://unitsofmeasure.org"),
         {"karnofsky_performance_status": 80}),
        ((LOINC, "89243-0"), quantity(80, "{score}"), {"karnofsky_performance_status": 80}),
        ((SNOMED, "423740007"), {"valueInteger": 2}, {"ecog_performance_status": 2}),
        ((LOINC, "89262-0"), {"valueCodeableConcept": concept(LOINC, "LA9624-3")}, {"ecog_performance_status": 2}),
        ((LOINC, "97509-4"), {"valueCodeableConcept": concept(SNOMED, "268910001")}, {"disease_status": "improved"}),
        ((LOINC, "97509-4"), {"valueCodeableConcept": concept(SNOMED, "271299001")}, {"disease_status": "worsened"}),
        ((LOINC, "97509-4"), {"valueCodeableConcept": concept(SNOMED, "260415000")},
         {"disease_status": "no_evidence_of_disease"}),
        ((LOINC, "88040-1"), {"valueCodeableConcept": concept(LOINC, "LA28369-9")},
         {"treatment_response": "partial_response"}),
        ((LOINC, "72166-2"), {"valueCodeableConcept": concept(SNOMED, "8517006")}, {"smoking_status": "former"}),
        ((LOINC, "72166-2"), {"valueCodeableConcept": concept(LOINC, "LA18977-1")}, {"smoking_status": "current"}),
        ((SNOMED, "401201003"), quantity(20, "Pack-Years", code="1", system="http://unitsofmeasure.org"),
         {"smoking_pack_years": 20}),
        ((LOINC, "29463-7"), quantity(72.5, "kg"), {"body_weight": 72.5}),
        ((LOINC, "8302-2"), quantity(1.75, "m"), {"body_height": 175}),
        ((LOINC, "39156-5"), quantity(23.7, "kg/m2"), {"body_mass_index": 23.7}),
        ((LOINC, "3140-1"), quantity(1.88, "m2"), {"body_surface_area": 1.88}),
        ((SNOMED, "94222008"), {"valueCodeableConcept": concept(SNOMED, "2667000")}, {"metastasis_bone": "absent"}),
        ((SNOMED, "94222008"), {"valueCodeableConcept": concept(SNOMED, "52101004")}, {"metastasis_bone": "present"}),
    ],
)  # fmt: skip
def test_a_clinical_observation_is_read(code, value, expected):
    assert read(code, **value) == (expected, [])


@pytest.mark.parametrize(
    ("code", "value", "issue"),
    [
        ((LOINC, "89243-0"), {"valueInteger": 180}, "IMPLAUSIBLE_VALUE"),
        ((LOINC, "89243-0"), quantity(0.8, "{score}"), "IMPLAUSIBLE_VALUE"),
        ((LOINC, "72166-2"), {"valueCodeableConcept": concept(LOINC, "LA18979-7")}, "UNKNOWN_VALUE"),
        ((LOINC, "72166-2"), {"valueCodeableConcept": concept(SNOMED, "77176002")}, "UNKNOWN_VALUE"),
        (
            (LOINC, "72166-2"),
            {"valueCodeableConcept": concept(SNOMED, "8517006", "Current smoker")},
            "CONFLICTING_CODES",
        ),
        ((LOINC, "97509-4"), {"valueCodeableConcept": concept(SNOMED, "399409002")}, "UNKNOWN_VALUE"),
        ((LOINC, "29463-7"), quantity(72.5, "cm"), "UNIT_MISMATCH"),
        ((LOINC, "29463-7"), quantity(7250, "kg"), "IMPLAUSIBLE_VALUE"),
        ((LOINC, "8302-2"), quantity(1.75, "cm"), "IMPLAUSIBLE_VALUE"),
        ((LOINC, "8302-2"), quantity(175, "kg"), "UNIT_MISMATCH"),
    ],
)
def test_a_clinical_observation_that_makes_no_sense_is_refused(code, value, issue):
    assert read(code, **value) == ({}, [issue])


# --- the patient -----------------------------------------------------------------------------------------------------


def of_patient(index: str = INDEX, **more: Any) -> tuple[dict[str, tuple[Any, str, str]], list[str]]:
    data = json.dumps(patient(**more)).encode()
    extraction = extract_features(data, index)
    return {f.name: (f.value, f.effective, f.formula) for f in extraction.features}, [i.code for i in extraction.issues]


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [("birthsex", "F", "female"), ("birthsex", "M", "male"), ("sex", "248152002", "female")],
)
def test_birth_sex_stands_in_for_a_missing_gender_and_is_marked(name, code, expected):
    found, issues = of_patient(gender=None, extension=[{"url": US_CORE + f"us-core-{name}", "valueCode": code}])
    assert found["sex"] == (expected, "", "US Core birth sex, since Patient.gender is missing")
    assert issues == ["SEX_FROM_EXTENSION"]


@pytest.mark.parametrize("code", ["UNK", "ASKU", "OTH"])
def test_an_unknown_birth_sex_gives_no_feature(code):
    assert "sex" not in of_patient(gender=None, extension=[{"url": US_CORE + "us-core-birthsex", "valueCode": code}])[0]


def test_gender_counts_before_birth_sex():
    extension = [{"url": US_CORE + "us-core-birthsex", "valueCode": "F"}]
    assert of_patient(gender="male", extension=extension)[0]["sex"] == ("male", "", "")
    assert "sex" not in of_patient(gender="other", extension=extension)[0]


@pytest.mark.parametrize(
    ("deceased", "expected", "issues"),
    [
        ({"deceasedDateTime": "2026-03-01"}, ("present", "2026-03-01", ""), []),
        ({"deceasedDateTime": "2026-03-28"}, ("present", "2026-03-28", ""), []),
        ({"deceasedDateTime": "2026-04-01"}, None, ["AFTER_INDEX_DATE"]),
        ({"deceasedDateTime": "2026"}, ("present", "2026", ""), ["DATE_NOT_CERTAIN"]),
        ({"deceasedBoolean": True}, ("present", "", ""), ["DATE_NOT_CERTAIN"]),
        ({"deceasedBoolean": False}, ("absent", "", ""), []),
        ({}, None, []),
    ],
)
def test_a_death_counts_unless_it_falls_after_the_index_date(deceased, expected, issues):
    found, said = of_patient(**deceased)
    assert (found.get("death"), said) == (expected, issues)
