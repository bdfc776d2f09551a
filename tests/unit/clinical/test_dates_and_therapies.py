"""The index date: which dates, ages, therapies and conditions count."""

import json

import pytest

from support.records import (
    INDEX,
    RXNORM,
    SNOMED,
    Resource,
    bundle,
    codes,
    concept,
    condition,
    medication,
    observation,
    patient,
    values,
)
from tumorcast_clinical.model import extract_features
from tumorcast_core.errors import MalformedRequest

# --- dates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effective", "used", "issues"),
    [
        ("2026-03-28", True, []),
        ("2026-03-28T23:59:00-05:00", True, []),
        ("2026-03-29", False, ["AFTER_INDEX_DATE"]),
        ("2027", False, ["AFTER_INDEX_DATE"]),
        ("2026-04", False, ["AFTER_INDEX_DATE"]),
        ("2026-02", True, []),
        ("2026-03", True, ["DATE_NOT_CERTAIN"]),
        ("2026", True, ["DATE_NOT_CERTAIN"]),
        (None, True, ["DATE_NOT_CERTAIN"]),
        ("2026-03-01T10:00:00", False, ["INVALID_RESOURCE"]),
        ("2026-02-30", False, ["INVALID_RESOURCE"]),
        ("yesterday", False, ["INVALID_RESOURCE"]),
    ],
)
def test_nothing_dated_after_the_index_date_is_used(effective, used, issues):
    data = bundle(observation(effectiveDateTime=effective))
    assert ("hemoglobin" in values(data), codes(data)) == (used, issues)


def test_a_partial_date_stays_partial():
    found = extract_features(bundle(observation(effectiveDateTime="2026-02")), INDEX)
    assert [f.effective for f in found.features if f.name == "hemoglobin"] == ["2026-02"]


def test_a_period_counts_by_its_end_and_an_undated_result_by_its_issue():
    ended = observation(effectiveDateTime=None, effectivePeriod={"start": "2026-03-01", "end": "2026-04-01"})
    assert codes(bundle(ended)) == ["AFTER_INDEX_DATE"]
    issued = observation(effectiveDateTime=None, issued="2026-03-02T10:00:00Z")
    assert codes(bundle(issued)) == ["DATE_FROM_ISSUED"]


@pytest.mark.parametrize("index_date", ["2026", "2026-03", "28.03.2026", "2026-02-30", "now"])
def test_an_index_date_that_is_no_day_is_refused(index_date):
    with pytest.raises(MalformedRequest):
        extract_features(bundle(), index_date)


@pytest.mark.parametrize(
    ("birth_date", "index_date", "age", "issues"),
    [
        ("1960-03-28", "2026-03-28", 66.0, []),
        ("1960-03-29", "2026-03-28", 65.0, []),
        ("1960-02-29", "2026-02-28", 65.0, []),
        ("1960", "2026-03-28", 65.0, ["PARTIAL_DATE"]),
        ("1960-03", "2026-03-28", 66.0, ["PARTIAL_DATE"]),
        (None, "2026-03-28", None, ["AGE_UNKNOWN"]),
        ("1960-03-28", "", None, ["AGE_UNKNOWN"]),
        ("2030-01-01", "2026-03-28", None, ["IMPLAUSIBLE_VALUE"]),
        ("1880-01-01", "2026-03-28", None, ["IMPLAUSIBLE_VALUE"]),
    ],
)
def test_age_has_the_precision_of_the_record(birth_date, index_date, age, issues):
    data = json.dumps(patient(birthDate=birth_date)).encode()
    assert (values(data, index_date).get("age"), codes(data, index_date)) == (age, issues)


def test_without_an_index_date_age_is_that_of_the_records_latest_day():
    found = extract_features(bundle(observation(effectiveDateTime="2020-05-20")))
    (age,) = (f for f in found.features if f.name == "age")
    assert (age.value, age.effective, age.sources) == (60.0, "2020-05-20", ("Patient/p1",))


@pytest.mark.parametrize(
    ("gender", "expected"), [("female", "female"), ("other", None), ("unknown", None), ("zz", None)]
)
def test_sex_is_male_or_female_or_absent(gender, expected):
    data = json.dumps(patient(gender=gender)).encode()
    assert values(data).get("sex") == expected
    assert bool(codes(data)) is (expected is None)


# --- therapies -------------------------------------------------------------------------------------------------------

CHEMO, IMMUNO, TARGETED = "32592", "1547545", "495881"
ICD, CLINICAL = "http://hl7.org/fhir/sid/icd-10-cm", "http://terminology.hl7.org/CodeSystem/condition-clinical"


def taken(start: str, end: str) -> list[Resource]:
    """Dosage instructions for a period."""
    return [{"timing": {"repeat": {"boundsPeriod": {"start": start, "end": end}}}}]


@pytest.mark.parametrize(
    ("resource", "expected", "issues"),
    [
        (medication(), "chemotherapy", []),
        (medication(rxnorm=IMMUNO), "immunotherapy", []),
        (medication(rxnorm=TARGETED), None, []),
        (medication(rxnorm="99999999"), None, ["UNMAPPED_CODE"]),
        (medication(status="stopped"), None, ["THERAPY_NOT_CURRENT"]),
        (medication(status="cancelled"), None, ["THERAPY_NOT_GIVEN"]),
        (medication(status="completed"), None, ["THERAPY_NOT_CURRENT"]),
        (medication(status="entered-in-error"), None, ["ENTERED_IN_ERROR"]),
        (medication(status="given"), None, ["INVALID_CODE"]),
        (medication(intent="plan"), None, ["THERAPY_NOT_GIVEN"]),
        (medication(intent="proposal"), None, ["THERAPY_NOT_GIVEN"]),
        (medication(doNotPerform=True), None, ["THERAPY_NOT_GIVEN"]),
        (medication(authoredOn="2026-04-01"), None, ["AFTER_INDEX_DATE"]),
        (medication(authoredOn=None), "chemotherapy", ["DATE_NOT_CERTAIN"]),
        (medication(dispenseRequest={"validityPeriod": {"end": "2026-03-01"}}), None, ["THERAPY_NOT_CURRENT"]),
        (medication(medicationCodeableConcept=concept("", "", text="Oxaliplatin 85 mg/m2")), "chemotherapy", []),
        (medication(medicationCodeableConcept=concept(RXNORM, "1156710", "gemcitabine Product")), "chemotherapy", []),
        (medication(medicationCodeableConcept=concept("", "", text="5-fluorouracil")), "chemotherapy", []),
        (medication(medicationCodeableConcept=concept("", "", text="nab-paclitaxel")), "chemotherapy", []),
        (
            medication(medicationCodeableConcept=concept("", "", text="pembrolizumab, 5-fluorouracil")),
            "chemoimmunotherapy",
            [],
        ),
        (medication(dosageInstruction=taken("2026-02-21", "2026-03-01")), None, ["THERAPY_NOT_CURRENT"]),
        (medication(dosageInstruction=taken("2026-02-21", "2026-04-01")), "chemotherapy", []),
        (medication(dosageInstruction=taken("2026-04-01", "2026-05-01")), None, ["AFTER_INDEX_DATE"]),
        (medication("MedicationStatement"), "chemotherapy", []),
        (medication("MedicationStatement", status="not-taken"), None, ["THERAPY_NOT_GIVEN"]),
        (medication("MedicationStatement", status="intended"), None, ["THERAPY_NOT_GIVEN"]),
        (medication("MedicationStatement", status="completed"), None, ["THERAPY_NOT_CURRENT"]),
        (medication("MedicationAdministration"), "chemotherapy", []),
        (medication("MedicationAdministration", status="not-done"), None, ["THERAPY_NOT_GIVEN"]),
        (medication("MedicationAdministration", effectiveDateTime="2025-12-01"), None, ["THERAPY_NOT_CURRENT"]),
        (medication("MedicationAdministration", effectiveDateTime="2026-03-29"), None, ["AFTER_INDEX_DATE"]),
        (medication(subject={"reference": "Patient/p2"}), None, ["OTHER_PATIENT"]),
    ],
)
def test_only_a_therapy_that_is_given_at_the_index_date_gives_its_class(resource, expected, issues):
    data = bundle(resource)
    assert (values(data).get("therapy_class"), codes(data)) == (expected, issues)


def test_chemotherapy_and_immunotherapy_together_have_a_class_of_their_own():
    found = extract_features(bundle(medication(), medication(id_="m2", rxnorm=IMMUNO)), INDEX)
    (feature,) = (f for f in found.features if f.name == "therapy_class")
    assert (feature.value, feature.sources) == (
        "chemoimmunotherapy", ("MedicationRequest/m1", "MedicationRequest/m2"),
    )  # fmt: skip


@pytest.mark.parametrize("contained", [True, False])
def test_a_drug_may_be_named_by_a_medication_resource(contained):
    drug = {"resourceType": "Medication", "id": "d1", "code": concept(RXNORM, CHEMO)}
    reference = {
        "medicationCodeableConcept": None,
        "medicationReference": {"reference": "#d1" if contained else "Medication/d1"},
    }
    data = bundle(medication(**reference, contained=[drug])) if contained else bundle(medication(**reference), drug)
    assert (values(data).get("therapy_class"), codes(data)) == ("chemotherapy", [])


# --- conditions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "expected", "issues"),
    [
        ({}, "IV", []),
        ({"verificationStatus": concept("http://x", "confirmed")}, "IV", []),
        ({"verificationStatus": concept("http://x", "refuted")}, None, ["CONDITION_NOT_CONFIRMED"]),
        ({"verificationStatus": concept("http://x", "entered-in-error")}, None, ["ENTERED_IN_ERROR"]),
        ({"clinicalStatus": concept(CLINICAL, "active")}, "IV", []),
        ({"clinicalStatus": concept(CLINICAL, "resolved")}, None, ["CONDITION_NOT_CURRENT"]),
        ({"clinicalStatus": concept(CLINICAL, "inactive")}, None, ["CONDITION_NOT_CURRENT"]),
        ({"code": concept(SNOMED, "433144002", "Chronic kidney disease stage 3")}, None, ["STAGE_NOT_OF_CANCER"]),
        ({"code": concept(ICD, "L89.154")}, None, ["UNMAPPED_CODE", "STAGE_NOT_OF_CANCER"]),
        ({"code": concept(SNOMED, "109841003", "Liver cell carcinoma")}, "IV", []),
        ({"code": concept("", "", text="Breast cancer")}, "IV", ["NO_CODE"]),
        ({"recordedDate": "2026-05-01"}, None, ["AFTER_INDEX_DATE"]),
        ({"stage": []}, None, ["INVALID_RESOURCE"]),
        ({"stage": [{"summary": concept("", "", text="Stage X")}]}, None, ["UNKNOWN_VALUE"]),
        (
            {"stage": [{"summary": concept("", "", text="IV"), "assessment": [{"reference": "Observation/s"}]}]},
            None,
            ["STAGE_IN_ASSESSMENT", "STAGE_NOT_READ"],
        ),
    ],
)
def test_a_condition_gives_its_own_stage_if_it_is_true(more, expected, issues):
    data = bundle(condition(**more))
    assert values(data).get("stage_group") == expected
    if issues != ["INVALID_RESOURCE"]:
        assert codes(data) == issues
