"""Procedures: surgery of a cancer, radiotherapy, chemotherapy, and what is none of them."""

import pytest

from support.records import RXNORM, SNOMED, Resource, bundle, codes, concept, features, procedure, values

PCS, CPT = "http://www.cms.gov/Medicare/Coding/ICD10", "http://www.ama-assn.org/go/cpt"
OPS, ICD = "http://fhir.de/CodeSystem/bfarm/ops", "http://hl7.org/fhir/sid/icd-10-cm"
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-cancer-related-surgical-procedure"
LUMPECTOMY = concept(SNOMED, "392021009", "Lumpectomy of breast (procedure)")
RADIATION = concept(SNOMED, "53438000", "Radiation therapy procedure or service (procedure)")


def of(system: str, code: str, display: str = "") -> bytes:
    return bundle(procedure(concept(system, code, display)))


@pytest.mark.parametrize(
    ("data", "expected", "issues"),
    [
        (of(SNOMED, "392021009", "Lumpectomy of breast"), "cancer_surgery", []),
        (of(SNOMED, "173170008"), "cancer_surgery", []),
        (of(SNOMED, "26294005"), "cancer_surgery", []),
        (of(SNOMED, "53438000"), "radiotherapy", []),
        (of(SNOMED, "152198000", "Brachytherapy (procedure)"), "radiotherapy", []),
        (of(SNOMED, "1217123003", "Radiotherapy course of treatment (regime/therapy)"), "radiotherapy", []),
        (of(SNOMED, "367336001", "Chemotherapy (procedure)"), "systemic_therapy", []),
        (of(SNOMED, "86273004", "Biopsy (procedure)"), None, ["NOT_TREATMENT"]),
        (of(SNOMED, "80146002", "Appendectomy (procedure)"), None, ["UNMAPPED_CODE"]),
        (of(PCS, "0HTV0ZZ"), "cancer_surgery", []),
        (of(PCS, "0BTC4ZZ"), "cancer_surgery", []),
        (of(PCS, "0BBC4ZX"), None, ["NOT_TREATMENT"]),
        (of(PCS, "0FT44ZZ"), "cancer_surgery", []),
        (of(PCS, "02703ZZ"), None, ["UNMAPPED_CODE"]),
        (of(PCS, "DB020ZZ"), "radiotherapy", []),
        (of(PCS, "DV10BBZ"), "radiotherapy", []),
        (of(PCS, "D0201ZZ"), "radiotherapy", []),
        (of(PCS, "DWY68ZZ"), None, ["UNMAPPED_CODE"]),
        (of(PCS, "3E03305"), None, ["UNMAPPED_CODE"]),
        (of(PCS, "0HTV"), None, ["UNMAPPED_CODE"]),
        (of(CPT, "77412"), "radiotherapy", []),
        (of(CPT, "77301"), None, ["NOT_TREATMENT"]),
        (of(CPT, "77427"), None, ["NOT_TREATMENT"]),
        (of(CPT, "19303"), "cancer_surgery", []),
        (of(CPT, "99213"), None, ["UNMAPPED_CODE"]),
        (of(OPS, "5-870.a0"), "cancer_surgery", []),
        (of(OPS, "5-604.02"), "cancer_surgery", []),
        (of(OPS, "8-522.d1"), "radiotherapy", []),
        (of(OPS, "8-529.3"), None, ["NOT_TREATMENT"]),
        (of(OPS, "1-493.30"), None, ["NOT_TREATMENT"]),
        (of(OPS, "8-542.11"), "systemic_therapy", []),
        (of(OPS, "5-470.11"), None, ["UNMAPPED_CODE"]),
        (of("http: //example.com/madeup/system", "12340987", "kick-flip-dectomy"), None, ["CODE_SYSTEM_UNKNOWN"]),
        (of("", "392021009"), None, ["CODE_SYSTEM_MISSING"]),
        (bundle(procedure(concept("", "", text="rearrangement"))), None, ["NO_CODE"]),
        (bundle(procedure(concept("", "", text="Left hemicolectomy"))), "cancer_surgery", ["READ_FROM_TEXT"]),
        (bundle(procedure(concept("", "", text="Bestrahlung Becken"))), "radiotherapy", ["READ_FROM_TEXT"]),
        (bundle(procedure(concept("", "", text="radiotherapy planning"))), None, ["NOT_TREATMENT"]),
        (bundle(procedure(concept("", "", text="Breast reconstruction after mastectomy"))), None, ["NOT_TREATMENT"]),
        (of(SNOMED, "392021009", "Brachytherapy of breast"), None, ["CONFLICTING_CODES"]),
    ],
)  # fmt: skip
def test_a_procedure_is_surgery_radiotherapy_chemotherapy_or_none(data, expected, issues):
    found = values(data).keys() & {"cancer_surgery", "radiotherapy", "systemic_therapy"}
    assert (found, codes(data)) == ({expected} - {None}, issues)


def test_codes_of_two_kinds_contradict_each_other():
    both = {"coding": [LUMPECTOMY["coding"][0], RADIATION["coding"][0]]}
    assert codes(bundle(procedure(both))) == ["CONFLICTING_CODES"]


@pytest.mark.parametrize(
    ("status", "marks", "issues"),
    [
        ("completed", [""], []),
        ("in-progress", [""], []),
        ("on-hold", ["on-hold"], ["NOT_COMPLETED"]),
        ("stopped", ["stopped"], ["NOT_COMPLETED"]),
        ("unknown", ["unknown"], ["NOT_COMPLETED"]),
        ("preparation", [], ["THERAPY_NOT_GIVEN"]),
        ("not-done", [], ["THERAPY_NOT_GIVEN"]),
        ("entered-in-error", [], ["ENTERED_IN_ERROR"]),
    ],
)
@pytest.mark.parametrize(("code", "name"), [(LUMPECTOMY, "cancer_surgery"), (RADIATION, "radiotherapy")])
def test_what_was_not_done_gives_no_feature_and_what_was_not_finished_a_marked_one(code, name, status, marks, issues):
    data = bundle(procedure(code, status=status))
    assert ([f.status for f in features(data, name)], codes(data)) == (marks, issues)


def performed(**when: object) -> Resource:
    return procedure(RADIATION, performedDateTime=None, **when)


@pytest.mark.parametrize(
    ("resource", "effective", "issues"),
    [
        (performed(performedPeriod={"start": "2026-03-01", "end": "2026-04-15"}), ["2026-03-01"], []),
        (performed(performedPeriod={"start": "2026-04-01"}), [], ["AFTER_INDEX_DATE"]),
        (performed(performedPeriod={"end": "2026-03-01"}), ["2026-03-01"], []),
        (performed(performedString="last spring"), [""], ["DATE_NOT_CERTAIN", "UNUSED_ELEMENT"]),
        (performed(), [""], ["DATE_NOT_CERTAIN"]),
        (procedure(RADIATION, performedDateTime="2019"), ["2019"], []),
        (procedure(RADIATION, performedDateTime="2026"), ["2026"], ["DATE_NOT_CERTAIN"]),
        (procedure(RADIATION, performedDateTime="2026-03-29"), [], ["AFTER_INDEX_DATE"]),
    ],
)
def test_a_procedure_counts_from_its_first_day(resource, effective, issues):
    data = bundle(resource)
    assert ([f.effective for f in features(data, "radiotherapy")], codes(data)) == (effective, issues)


CANCER = {
    "resourceType": "Condition",
    "id": "c9",
    "subject": {"reference": "Patient/p1"},
    "code": concept(SNOMED, "254837009", "Malignant neoplasm of breast (disorder)"),
}
INTENT = {
    "url": "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-treatment-intent",
    "valueCodeableConcept": concept(SNOMED, "373808002"),
}
REFUTED = CANCER | {
    "id": "c7",
    "verificationStatus": concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted"),
}
CONTAINED = {**CANCER, "id": "in"}


@pytest.mark.parametrize(
    ("more", "used", "issue"),
    [
        ({"reasonCode": None}, False, "INDICATION_NOT_CERTAIN"),
        ({"reasonCode": None, "extension": [INTENT]}, True, None),
        ({"reasonCode": None, "extension": [INTENT | {"url": "http://x"}]}, False, "INDICATION_NOT_CERTAIN"),
        ({"reasonCode": None, "reasonReference": [{"reference": "Condition/c7"}]}, False, "INDICATION_NOT_CERTAIN"),
        ({"reasonCode": None, "reasonReference": [{"reference": "#in"}], "contained": [CONTAINED]}, True, None),
        ({"reasonCode": [concept(SNOMED, "254837009")]}, True, None),
        ({"reasonCode": [concept(ICD, "D24.1")]}, False, "THERAPY_NOT_OF_CANCER"),
        ({"reasonCode": [concept("", "", text="benign tumor")]}, False, "INDICATION_NOT_CERTAIN"),
        ({"reasonCode": [concept(ICD, "C50.911")]}, True, None),
        ({"reasonCode": [concept("", "", text="breast cancer")]}, True, None),
        ({"reasonCode": None, "meta": {"profile": [MCODE]}}, True, None),
        ({"reasonCode": None, "reasonReference": [{"reference": "Condition/c9"}]}, True, None),
        ({"reasonCode": None, "reasonReference": [{"reference": "Condition/c8"}]}, False, "INDICATION_NOT_CERTAIN"),
    ],
)
def test_an_operation_counts_only_if_it_was_done_for_a_cancer(more, used, issue):
    data = bundle(procedure(LUMPECTOMY, **more), CANCER, REFUTED)
    told = {"INDICATION_NOT_CERTAIN", "THERAPY_NOT_OF_CANCER"} & set(codes(data))
    assert (bool(features(data, "cancer_surgery")), told) == (used, {issue} - {None})


def test_a_radical_operation_and_radiotherapy_need_no_reason():
    radical = procedure(concept(SNOMED, "406505007"), reasonCode=None)
    assert values(bundle(radical))["cancer_surgery"] == "present"
    assert values(bundle(procedure(RADIATION, reasonCode=None)))["radiotherapy"] == "present"


def test_the_feature_keeps_the_code_of_the_source():
    (feature,) = features(bundle(procedure(LUMPECTOMY)), "cancer_surgery")
    assert (feature.coding.system, feature.coding.code, feature.source) == (SNOMED, "392021009", "Procedure/pr1")


def test_a_drugs_code_is_no_procedure():
    assert codes(of(RXNORM, "40048")) == ["UNMAPPED_CODE"]
