"""Conditions: the primary cancer, its histology, metastases; and what must never become one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import INDEX, SNOMED, Resource, bundle, codes, concept, diagnosis, read_of
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.terms.diagnoses import Diagnosis, diagnosis_of, morphology_of
from tumorcast_core.snapshot import Feature

CM, GM, WHO = (
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    "http://hl7.org/fhir/sid/icd-10",
)
ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
MORPHOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
CERTAINTY = "http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit"


def morphology(code: str, system: str = ICDO) -> Resource:
    return {"extension": [{"url": MORPHOLOGY, "valueCodeableConcept": concept(system, code)}]}


def status(clinical: str) -> Resource:
    return {"clinicalStatus": concept(CLINICAL, clinical)}


def features(resource: Resource) -> list[Feature]:
    found = extract_features(bundle(resource), INDEX).features
    return [f for f in found if f.source.startswith("Condition/")]


# --- the primary cancer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "code", "site", "histology"),
    [
        (CM, "C34.11", "lung", None),
        (GM, "C34.1", "lung", None),
        (GM, "C34.-", "lung", None),
        (CM, "C3411", "lung", None),
        (CM, "c34.11", "lung", None),
        ("urn:oid:2.16.840.1.113883.6.90", "C34.11", "lung", None),
        (WHO, "C33", "other", None),
        (WHO, "C18.7", "colorectal", None),
        (WHO, "C20", "colorectal", None),
        (WHO, "C21.1", "anus", None),
        (WHO, "C22.0", "liver", "hepatocellular_carcinoma"),
        (WHO, "C22.1", "biliary_tract", "cholangiocarcinoma"),
        (WHO, "C43.5", "melanoma", "melanoma"),
        (WHO, "C44.3", "skin_other", None),
        (CM, "C4A.9", "skin_other", "merkel_cell_carcinoma"),
        (CM, "C7A.090", "lung", "neuroendocrine_tumor"),
        (CM, "C7A.1", "other", "neuroendocrine_carcinoma"),
        (WHO, "C45.0", "mesothelioma", "mesothelioma"),
        (WHO, "C64", "kidney", None),
        (WHO, "C65", "bladder_urothelial", None),
        (WHO, "C83.3", "non_hodgkin_lymphoma", "diffuse_large_b_cell_lymphoma"),
        (WHO, "C90.0", "myeloma", "plasma_cell_myeloma"),
        (WHO, "C80.0", "unknown_primary", None),
        (GM, "C80.0", "unknown_primary", None),
        (SNOMED, "254637007", "lung", "non_small_cell_carcinoma"),
        (SNOMED, "408643008", "breast", "ductal_carcinoma"),
        (SNOMED, "399068003", "prostate", None),
        (ICDO, "C50.4", "breast", None),
    ],
)
def test_a_cancer_code_gives_its_site_group(system, code, site, histology):
    expected = {"primary_cancer": site} | ({"histology": histology} if histology else {})
    assert read_of(diagnosis((system, code))) == (expected, [])


@pytest.mark.parametrize(
    ("codings", "expected", "issues"),
    [
        ([(CM, "C34.11"), (SNOMED, "254626006")], {"primary_cancer": "lung", "histology": "adenocarcinoma"}, []),
        ([(SNOMED, "363346000"), (CM, "C61")], {"primary_cancer": "prostate"}, []),
        ([(CM, "C34.11"), (CM, "C50.911")], {}, ["CONFLICTING_CODES"]),
        ([(CM, "C34.11"), (CM, "C78.01")], {}, ["CONFLICTING_CODES"]),
        ([(CM, "C50.911"), (CM, "Z85.3")], {}, ["CONFLICTING_CODES"]),
        ([(SNOMED, "254632001"), (SNOMED, "254626006")], {}, ["CONFLICTING_CODES"]),
        ([("http://hospital.example/codes", "LungCa")], {}, ["CODE_SYSTEM_UNKNOWN"]),
        ([("", "C34.1")], {}, ["CODE_SYSTEM_MISSING"]),
        ([(CM, "C99.9")], {}, ["UNMAPPED_CODE"]),
        ([(CM, "C80.1")], {}, ["SITE_UNKNOWN"]),
        ([(WHO, "C80.9")], {}, ["SITE_UNKNOWN"]),
        ([(SNOMED, "363346000")], {}, ["SITE_UNKNOWN"]),
    ],
)
def test_codes_that_differ_or_say_too_little_are_not_guessed(codings, expected, issues):
    assert read_of(diagnosis(*codings)) == (expected, issues)


def test_a_cancer_code_that_no_table_knows_is_a_warning():
    resource = diagnosis(code=concept(SNOMED, "1234567890", "Malignant neoplasm of something"))
    found = [i for i in extract_features(bundle(resource), INDEX).issues if i.code == "UNMAPPED_CODE"]
    assert [i.severity.value for i in found] == ["warning"]


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ([concept(SNOMED, "76752008")], {"primary_cancer": "breast"}),
        ([concept(ICDO, "C16.9")], {"primary_cancer": "stomach"}),
        ([concept(SNOMED, "76752008"), concept(SNOMED, "39607008")], {}),
        ([concept(SNOMED, "example-site")], {}),
    ],
)
def test_a_cancer_of_no_stated_site_takes_it_from_body_site(site, expected):
    assert read_of(diagnosis((SNOMED, "363346000"), bodySite=site))[0] == expected


@pytest.mark.parametrize(
    ("codings", "code", "expected", "issues"),
    [
        ([(CM, "C50.911")], "8500/3", {"primary_cancer": "breast", "histology": "ductal_carcinoma"}, []),
        ([(CM, "C50.911")], "8520/3", {"primary_cancer": "breast", "histology": "lobular_carcinoma"}, []),
        ([(CM, "C50.911")], "8500/2", {}, ["CONFLICTING_CODES"]),
        ([(CM, "C50.911")], "8500/6", {}, ["CONFLICTING_CODES"]),
        ([(CM, "C50.911")], "8140/0", {}, ["CONFLICTING_CODES"]),
        ([(CM, "C34.11")], "8041/3", {"primary_cancer": "lung", "histology": "small_cell_carcinoma"}, []),
        (
            [(CM, "C34.11")],
            "8013/3",
            {"primary_cancer": "lung", "histology": "large_cell_neuroendocrine_carcinoma"},
            [],
        ),
        ([(CM, "C34.11")], "81403", {"primary_cancer": "lung", "histology": "adenocarcinoma"}, []),
        ([(CM, "C34.11")], "9999/3", {"primary_cancer": "lung"}, ["UNMAPPED_CODE"]),
        ([(CM, "C34.11")], "adeno", {"primary_cancer": "lung"}, ["UNMAPPED_CODE"]),
        (
            [(ICDO, "C16.9")],
            "9680/3",
            {"primary_cancer": "non_hodgkin_lymphoma", "histology": "diffuse_large_b_cell_lymphoma"},
            [],
        ),
        ([(ICDO, "C44.5")], "8720/3", {"primary_cancer": "melanoma", "histology": "melanoma"}, []),
        ([(SNOMED, "363346000")], "9732/3", {"primary_cancer": "myeloma", "histology": "plasma_cell_myeloma"}, []),
    ],
)
def test_morphology_gives_the_histology_of_what_is_malignant(codings, code, expected, issues):
    assert read_of(diagnosis(*codings, **morphology(code))) == (expected, issues)


def test_histology_names_the_extension_it_stands_in():
    found = features(diagnosis((CM, "C34.11"), **morphology("28899001", SNOMED)))
    assert [(f.name, f.value, f.source) for f in found] == [
        ("histology", "squamous_cell_carcinoma", "Condition/c1#extension[0]"),
        ("primary_cancer", "lung", "Condition/c1"),
    ]


# --- metastases ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "code", "site"),
    [
        (CM, "C77.3", "lymph_node"),
        (CM, "C78.01", "lung"),
        (CM, "C78.1", "other"),
        (CM, "C78.2", "pleura"),
        (CM, "C78.6", "peritoneum"),
        (CM, "C78.7", "liver"),
        (CM, "C79.31", "brain"),
        (CM, "C79.32", "other"),
        (GM, "C79.3+", "brain"),
        (CM, "C79.51", "bone"),
        (CM, "C79.52", "other"),
        (CM, "C79.71", "adrenal"),
        (CM, "C7B.02", "liver"),
        (CM, "C80.0", "other"),
        (SNOMED, "94222008", "bone"),
        (SNOMED, "94181007", "lymph_node"),
    ],
)
def test_a_secondary_code_gives_a_metastasis_and_no_primary(system, code, site):
    assert read_of(diagnosis((system, code))) == ({f"metastasis_{site}": "present"}, [])


@pytest.mark.parametrize(
    ("more", "expected", "issues"),
    [
        ({"bodySite": [concept(SNOMED, "10200004")]}, "liver", []),
        ({"bodySite": [concept(ICDO, "C71.0")]}, "brain", []),
        ({"bodySite": [concept(ICDO, "C77.3")]}, "lymph_node", []),
        ({}, "other", ["SITE_UNKNOWN"]),
    ],
)
def test_a_metastasis_of_mcode_takes_its_site_from_body_site(more, expected, issues):
    assert read_of(diagnosis((SNOMED, "128462008"), **more)) == ({f"metastasis_{expected}": "present"}, issues)


def test_mcode_category_makes_a_malignant_neoplasm_a_metastasis():
    more = {"category": [concept(SNOMED, "128462008")], "bodySite": [concept(SNOMED, "12738006")]}
    assert read_of(diagnosis((SNOMED, "363346000"), **more))[0] == {"metastasis_brain": "present"}
    assert read_of(diagnosis((CM, "C34.11"), **more)) == ({}, ["CONFLICTING_CODES"])


# --- what is no current cancer of the patient ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "code", "issue"),
    [
        (CM, "D05.11", "IN_SITU_NEOPLASM"),
        (SNOMED, "109889007", "IN_SITU_NEOPLASM"),
        (CM, "D12.6", "BENIGN_NEOPLASM"),
        (CM, "D3A.090", "BENIGN_NEOPLASM"),
        (CM, "D47.1", "UNCERTAIN_NEOPLASM"),
        (CM, "D49.2", "UNCERTAIN_NEOPLASM"),
        (CM, "Z80.3", "FAMILY_HISTORY"),
        (SNOMED, "275937001", "FAMILY_HISTORY"),
        (CM, "Z85.3", "PERSONAL_HISTORY"),
        (SNOMED, "266987004", "PERSONAL_HISTORY"),
        (CM, "Z12.31", "SCREENING"),
        (CM, "Z08", "FOLLOW_UP"),
        (CM, "I10", "UNMAPPED_CODE"),
        (CM, "R91.1", "UNMAPPED_CODE"),
    ],
)
def test_what_is_no_cancer_is_told_and_gives_no_feature(system, code, issue):
    assert read_of(diagnosis((system, code))) == ({}, [issue])


@pytest.mark.parametrize(
    ("text", "issue"),
    [
        ("Family history of breast cancer", "FAMILY_HISTORY"),
        ("FH: breast cancer", "FAMILY_HISTORY"),
        ("History of breast cancer", "PERSONAL_HISTORY"),
        ("H/o breast cancer", "PERSONAL_HISTORY"),
        ("Z. n. Mammakarzinom", "PERSONAL_HISTORY"),
        ("Suspected breast cancer", "CONDITION_NOT_CONFIRMED"),
        ("r/o breast cancer", "CONDITION_NOT_CONFIRMED"),
        ("Verdacht auf Mammakarzinom", "CONDITION_NOT_CONFIRMED"),
        ("No evidence of breast cancer", "CONDITION_NOT_CONFIRMED"),
        ("Screening for breast cancer", "CONDITION_NOT_CONFIRMED"),
    ],
)
def test_a_cancer_code_whose_wording_takes_it_back_is_not_read(text, issue):
    assert read_of(diagnosis(code=concept(CM, "C50.911", text=text))) == ({}, [issue])


@pytest.mark.parametrize(
    ("code", "issues"),
    [("A", ["CONDITION_NOT_CONFIRMED"]), ("V", ["CONDITION_NOT_CONFIRMED"]), ("Z", ["PERSONAL_HISTORY"]), ("G", [])],
)
def test_the_german_certainty_of_a_code_is_heeded(code, issues):
    coding = {"system": GM, "code": "C50.4", "extension": [{"url": CERTAINTY, "valueCoding": {"code": code}}]}
    values, found = read_of(diagnosis(code={"coding": [coding]}))
    assert (bool(values), found) == (not issues, issues)


@pytest.mark.parametrize("code", ["refuted", "unconfirmed", "provisional", "differential"])
def test_a_diagnosis_that_is_not_confirmed_gives_no_feature(code):
    resource = diagnosis((CM, "C34.11"), verificationStatus=concept(VERIFICATION, code))
    assert read_of(resource) == ({}, ["CONDITION_NOT_CONFIRMED"])


def test_a_relatives_history_gives_no_feature():
    relative = {
        "resourceType": "FamilyMemberHistory",
        "id": "f1",
        "status": "completed",
        "patient": {"reference": "Patient/p1"},
        "relationship": concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "MTH"),
        "condition": [{"code": concept(CM, "C50.911")}],
    }
    assert codes(bundle(relative)) == ["FAMILY_HISTORY"]
    assert not [f for f in extract_features(bundle(relative), INDEX).features if f.name == "primary_cancer"]


# --- course and dates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "mark", "issues"),
    [
        (status("active"), "", []),
        (status("recurrence"), "recurrence", []),
        (status("relapse"), "relapse", []),
        (status("remission"), "remission", []),
        (status("resolved"), None, ["CONDITION_NOT_CURRENT"]),
        (status("inactive"), None, ["CONDITION_NOT_CURRENT"]),
        (status("resolved") | {"abatementDateTime": "2026-03-01"}, None, ["CONDITION_NOT_CURRENT"]),
        (status("resolved") | {"abatementDateTime": "2026-05-01"}, "", ["CONDITION_ENDED_LATER"]),
        (status("resolved") | {"abatementDateTime": "2026"}, "", ["DATE_NOT_CERTAIN"]),
        (status("remission") | {"abatementDateTime": "2026-03-01"}, "remission", []),
        (status("remission") | {"abatementString": "after surgery"}, "remission", []),
    ],
)
def test_a_cancer_that_is_over_gives_an_issue_and_one_in_remission_a_mark(more, mark, issues):
    resource = diagnosis((CM, "C34.11"), **more)
    assert [f.status for f in features(resource)] == ([] if mark is None else [mark])
    assert read_of(resource)[1] == issues


@pytest.mark.parametrize(("code", "mark"), [("C91.01", "remission"), ("C91.00", ""), ("C91.02", ""), ("C91.0", "")])
def test_an_icd_code_that_says_remission_marks_the_feature(code, mark):
    assert {f.status for f in features(diagnosis((CM, code)))} == {mark}


@pytest.mark.parametrize(
    ("more", "effective", "issues"),
    [
        ({"onsetDateTime": "2025-11"}, "2025-11", []),
        ({"onsetDateTime": "2025"}, "2025", []),
        ({"onsetPeriod": {"start": "2025-10-02", "end": "2025-10-09"}}, "2025-10-02", []),
        ({"onsetString": "last autumn"}, "2026-02-01", []),
        (
            {"onsetAge": {"value": 64, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}},
            "2026-02-01",
            [],
        ),
        ({"onsetString": "last autumn", "recordedDate": None}, "", ["DATE_NOT_CERTAIN"]),
        ({"recordedDate": None}, "", ["DATE_NOT_CERTAIN"]),
        ({"recordedDate": "2026"}, "2026", ["DATE_NOT_CERTAIN"]),
        ({"recordedDate": "2026-05-01"}, None, ["AFTER_INDEX_DATE"]),
        ({"onsetDateTime": "2026-04-02"}, None, ["AFTER_INDEX_DATE"]),
        ({"onsetDateTime": "2025-11", "recordedDate": "2026-05-01"}, None, ["AFTER_INDEX_DATE"]),
        ({"recordedDate": "2026-03-28T23:59:00+01:00"}, "2026-03-28T23:59:00+01:00", []),
    ],
)
def test_a_diagnosis_counts_if_it_began_and_was_known_by_the_index_date(more, effective, issues):
    resource = diagnosis((CM, "C34.11"), **more)
    assert [f.effective for f in features(resource)] == ([] if effective is None else [effective])
    assert read_of(resource)[1] == issues


def test_the_date_of_assertion_counts_where_no_other_is_given():
    asserted = {"url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDateTime": "2026-01-15"}
    resource = diagnosis((CM, "C34.11"), recordedDate=None, extension=[asserted])
    assert [f.effective for f in features(resource)] == ["2026-01-15"]


# --- laws ------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=12), st.sampled_from([CM, GM, WHO, SNOMED, ICDO, "", "http://x"]))
def test_no_code_whatever_breaks_the_reading_of_a_diagnosis(code, system):
    found = diagnosis_of({"coding": [{"system": system, "code": code}]})
    assert found is None or isinstance(found, Diagnosis)
    morphology_of({"coding": [{"system": system, "code": code}]})


@given(st.integers(0, 96), st.integers(0, 9), st.sampled_from([WHO, CM, GM]))
def test_every_code_of_the_malignant_chapter_is_a_cancer(block, digit, system):
    found = diagnosis_of({"coding": [{"system": system, "code": f"C{block:02d}.{digit}"}]})
    unassigned = {27, 28, 29, 35, 36, 42, 59, 87, 89}
    assert (found is None) == (block in unassigned)
    if isinstance(found, Diagnosis):
        assert found.kind in ("primary", "secondary", "malignant")
        assert (found.kind == "secondary") == (block in (77, 78, 79) or (block == 80 and digit == 0 and system == CM))


@given(st.permutations([(CM, "C34.11"), (SNOMED, "254626006"), (SNOMED, "363346000"), (GM, "C34.1")]))
def test_the_order_of_codings_does_not_matter(codings):
    found = diagnosis_of({"coding": [{"system": system, "code": code} for system, code in codings]})
    assert isinstance(found, Diagnosis)
    assert (found.value, found.histology) == ("lung", "adenocarcinoma")


def test_messages_hold_nothing_of_the_record():
    resource = diagnosis(code=concept(CM, "C50.911", text="Suspected cancer of Jane Roe"), onsetString="in Boston")
    messages = " ".join(i.message for i in extract_features(bundle(resource), INDEX).issues)
    assert not any(word in messages for word in ("Jane", "Boston", "C50"))
