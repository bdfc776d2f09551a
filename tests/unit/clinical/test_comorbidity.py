"""Comorbidities by the groups of Quan 2005, and the Charlson index that they bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import INDEX, SNOMED, Resource, bundle, concept, diagnosis, read_of
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.terms.diagnoses import comorbidities

CM, GM, WHO = (
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    "http://hl7.org/fhir/sid/icd-10",
)


def status(clinical: str) -> Resource:
    return {"clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/condition-clinical", clinical)}


@pytest.mark.parametrize(
    ("system", "code", "group"),
    [
        (CM, "I21.4", "myocardial_infarction"),
        (CM, "I25.2", "myocardial_infarction"),
        (CM, "I50.22", "congestive_heart_failure"),
        (CM, "I13.2", "congestive_heart_failure"),
        (CM, "I13.11", "renal_disease"),
        (CM, "I73.9", "peripheral_vascular_disease"),
        (CM, "I63.9", "cerebrovascular_disease"),
        (WHO, "G45.9", "cerebrovascular_disease"),
        (CM, "G30.1", "dementia"),
        (GM, "J44.19", "chronic_pulmonary_disease"),
        (CM, "M05.79", "rheumatic_disease"),
        (CM, "K26.4", "peptic_ulcer_disease"),
        (CM, "K74.60", "mild_liver_disease"),
        (CM, "K76.6", "severe_liver_disease"),
        (CM, "E11.9", "diabetes"),
        (CM, "E11.22", "diabetes_with_complications"),
        (CM, "G82.20", "hemiplegia_or_paraplegia"),
        (CM, "N18.30", "renal_disease"),
        (CM, "B20", "aids"),
        (SNOMED, "44054006", "diabetes"),
        (SNOMED, "13645005", "chronic_pulmonary_disease"),
        (SNOMED, "433144002", "renal_disease"),
    ],
)
def test_a_code_gives_its_group(system, code, group):
    assert read_of(diagnosis((system, code))) == ({f"comorbidity_{group}": "present"}, [])


@pytest.mark.parametrize("code", ["I10", "I25.10", "I20.9", "E78.5", "K21.9", "Z21", "N17.9", "I42.1"])
def test_a_disease_of_no_group_is_told(code):
    assert read_of(diagnosis((CM, code))) == ({}, ["UNMAPPED_CODE"])


def test_a_general_code_yields_to_a_special_one_of_the_same_disease():
    assert read_of(diagnosis((SNOMED, "73211009"), (CM, "E11.22")))[0] == {
        "comorbidity_diabetes_with_complications": "present"
    }


def test_two_different_diseases_in_one_concept_are_refused():
    assert read_of(diagnosis((CM, "E11.9"), (CM, "J44.9"))) == ({}, ["CONFLICTING_CODES"])


@pytest.mark.parametrize(
    ("code", "more", "expected", "issues"),
    [
        ("I21.4", status("resolved"), "present", []),
        ("I63.9", status("resolved"), "present", []),
        ("K26.4", status("resolved"), None, ["CONDITION_NOT_CURRENT"]),
        ("J44.9", status("inactive"), None, ["CONDITION_NOT_CURRENT"]),
        ("I21.4", {"recordedDate": "2026-05-01"}, None, ["AFTER_INDEX_DATE"]),
        (
            "I21.4",
            {"verificationStatus": concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted")},
            None,
            ["CONDITION_NOT_CONFIRMED"],
        ),
    ],
)
def test_a_past_infarction_or_stroke_counts_and_other_past_diseases_do_not(code, more, expected, issues):
    values, found = read_of(diagnosis((CM, code), **more))
    assert (next(iter(values.values()), None), found) == (expected, issues)


def test_a_past_infarction_is_marked():
    data = bundle(diagnosis((CM, "I21.4"), **status("resolved")))
    assert [f.status for f in extract_features(data, INDEX).features if f.name.startswith("comorb")] == ["resolved"]


def test_a_history_of_infarction_counts_though_it_is_worded_as_history():
    resource = diagnosis(code=concept(SNOMED, "399211009", "History of myocardial infarction (situation)"))
    assert read_of(resource) == ({"comorbidity_myocardial_infarction": "present"}, [])


def index_of(*icd: str) -> tuple[float, str, int] | None:
    """Charlson index of Conditions of these codes, its comparator and how many sources it names."""
    resources = [diagnosis((CM, code), id=f"c{i}") for i, code in enumerate(icd)]
    found = [f for f in extract_features(bundle(*resources), INDEX).features if f.name == "charlson_comorbidity_index"]
    return (found[0].value, found[0].comparator, len(found[0].sources)) if found else None


@pytest.mark.parametrize(
    ("icd", "expected"),
    [
        (("J44.9",), (1, ">=", 1)),
        (("J44.9", "J45.909"), (1, ">=", 2)),
        (("J44.9", "I50.9", "E11.9"), (3, ">=", 3)),
        (("E11.9", "E11.22"), (2, ">=", 1)),
        (("K74.60", "K76.6"), (3, ">=", 1)),
        (("N18.4", "G81.90", "B20"), (10, ">=", 3)),
        (("C34.11", "C79.51"), None),
        (("I10",), None),
    ],
)
def test_the_charlson_index_is_the_least_that_the_record_proves(icd, expected):
    assert index_of(*icd) == expected


def test_weights_are_those_of_charlson_1987():
    by_weight: dict[int, int] = {}
    for group in comorbidities().values():
        by_weight[group["weight"]] = by_weight.get(group["weight"], 0) + 1
    assert by_weight == {1: 10, 2: 3, 3: 1, 6: 1}


@given(st.lists(st.sampled_from(["J44.9", "I50.9", "E11.9", "E11.22", "K74.60", "K76.6", "I21.4"]), max_size=5))
def test_a_further_diagnosis_never_lowers_the_index(icd):
    before, after = index_of(*icd), index_of(*icd, "N18.4")
    assert after is not None
    assert after[0] == (before[0] if before else 0) + 2
