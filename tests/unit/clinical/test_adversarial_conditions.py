"""Hostile and real-world records of diagnoses and their stages, with what must come of each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.record_cases import ENTRY, NONE, Case, Expected, check, found_in, named
from support.records import INDEX, SNOMED, UCUM, Resource, bundle, concept, diagnosis
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.terms import disclaimers

CM, GM = (
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
)
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def cancer(text: str = "", code: str = "C34.11", system: str = CM, **more: Any) -> Resource:
    return diagnosis(code=concept(system, code, text=text), **more)


LUNG: Expected = {"primary_cancer": ("lung",)}
IN_REMISSION: Expected = {"primary_cancer": ("lung", "remission")}
DOUBTED = [("CONDITION_NOT_CONFIRMED", "code")]
REFUTED = [("CONDITION_NOT_CONFIRMED", "verificationStatus")]
RELATIVE = [("FAMILY_HISTORY", "code")]
HISTORY = [("PERSONAL_HISTORY", "code")]
OVER = [("CONDITION_NOT_CURRENT", "clinicalStatus")]
CONTRADICTED = [("CONFLICTING_CODES", "code")]

# --- whether it is true, and of whom ---------------------------------------------------------------------------------


def verified(*codings: tuple[str, str], **more: Any) -> Resource:
    return cancer(verificationStatus={"coding": [{"system": s, "code": c} for s, c in codings], **more})


@named(
    [
        Case("confirmed", [verified((VERIFICATION, "confirmed"))], LUNG, []),
        Case("refuted", [verified((VERIFICATION, "refuted"))], NONE, REFUTED),
        Case("refuted in capitals", [verified((VERIFICATION, "Refuted"))], NONE, REFUTED),
        Case("refuted in words", [cancer(verificationStatus={"text": "Refuted"})], NONE, REFUTED),
        Case("GECCO: definitely not present", [verified((SNOMED, "410594000"))], NONE, REFUTED),
        Case("known absent", [verified((SNOMED, "410516002"))], NONE, REFUTED),
        Case("SNOMED suspected", [verified((SNOMED, "415684004"))], NONE, REFUTED),
        Case("SNOMED confirmed present", [verified((SNOMED, "410605003"))], LUNG, []),
        Case(
            "confirmed and not present at once",
            [verified((VERIFICATION, "confirmed"), (SNOMED, "410594000"))],
            NONE,
            REFUTED,
        ),
        Case("confirmed, worded as refuted", [verified((VERIFICATION, "confirmed"), text="refuted")], NONE, REFUTED),
        Case("confirmed, and a national code", [verified((VERIFICATION, "confirmed"), ("urn:x", "7"))], LUNG, []),
        Case("a code of no known meaning", [verified(("urn:x", "9"))], NONE, [("INVALID_CODE", "verificationStatus")]),
        Case(
            "entered in error",
            [verified((VERIFICATION, "entered-in-error"))],
            NONE,
            [("ENTERED_IN_ERROR", "verificationStatus")],
        ),
        Case("an absent status", [cancer(verificationStatus={"extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]})],
             LUNG, []),
        Case("German letter V behind the code", [cancer(code="C34.1 V", system=GM)], NONE, DOUBTED),
        Case("German letter A, no blank", [cancer(code="C34.1A", system=GM)], NONE, DOUBTED),
        Case("German letter Z", [cancer(code="C34.1 Z", system=GM)], NONE, HISTORY),
        Case("German letter G", [cancer(code="C34.1 G", system=GM)], LUNG, []),
        Case("German suspected metastasis", [cancer(code="C79.3V", system=GM)], NONE, DOUBTED),
        Case("American letter A is remission", [cancer(code="C81.0A")],
             {"primary_cancer": ("hodgkin_lymphoma", "remission"), "histology": ("hodgkin_lymphoma", "remission")}, []),
    ]
)  # fmt: skip
def test_only_what_the_record_holds_true_becomes_a_feature(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    ("text", "expected", "issues"),
    [
        *(
            (text, NONE, DOUBTED)
            for text in (
                "Lung cancer ruled out", "Lung cancer excluded", "Negative for lung cancer", "No lung cancer",
                "Denies lung cancer", "?Lung cancer", "Query lung cancer", "Differential: lung cancer",
                "DD: Lungenkarzinom",
                "Kein Hinweis auf Lungenkarzinom", "Concern for lung cancer", "Presumed lung cancer",
                "Suspect lung cancer",
                "Lung cancer, likely", "Lung cancer unlikely", "Absence of lung cancer", "Lung cancer not confirmed",
                "Lung cancer vs pneumonia", "Lung cancer screening", "Lungenkarzinom ausgeschlossen",
                "Sospecha de cáncer de pulmón", "Suspicion de cancer du poumon",
            )
        ),
        *(
            (text, NONE, RELATIVE)
            for text in (
                "Mother had lung cancer", "Lung cancer in father", "Sister: lung cancer", "Paternal lung cancer",
                "FHx lung cancer", "FH lung cancer", "Family hx: lung cancer", "Lungenkarzinom der Mutter",
                "Antécédent familial de cancer du poumon", "Wife's lung cancer",
            )
        ),
        *(
            (text, NONE, HISTORY)
            for text in (
                "Hx lung cancer", "Previous lung cancer", "Cured lung cancer", "Lung cancer, history of",
                "S/p lung cancer", "Zustand nach Lungenkarzinom", "Antécédent de cancer du poumon",
            )
        ),
        *(
            (text, LUNG, [])
            for text in (
                "NSCLC s/p lobectomy", "Lungenkarzinom, Z.n. Lobektomie", "Lung cancer, history of smoking",
                "Lung cancer, high risk of recurrence", "Familial lung cancer", "FH-deficient tumor of lung",
                "Lung cancer without metastasis", "Invasive carcinoma of lung with carcinoma in situ",
                "Sister Mary Joseph nodule, lung cancer", "Lung cancer, no evidence of metastasis",
            )
        ),
        ("Lung cancer, no evidence of disease", IN_REMISSION, []),
        ("Lung cancer - NED", IN_REMISSION, []),
        ("Lung cancer in complete remission", IN_REMISSION, []),
        ("Lung cancer, not in remission", LUNG, []),
        ("Benign neoplasm of lung", NONE, CONTRADICTED),
        ("Carcinoma in situ of lung", NONE, CONTRADICTED),
        ("Secondary malignant neoplasm of lung", NONE, CONTRADICTED),
        ("Metastasis to lung", NONE, CONTRADICTED),
    ],
)  # fmt: skip
def test_the_wording_of_a_cancer_code_can_take_it_back(text: str, expected: Expected, issues: list[Any]) -> None:
    check(Case(text, [cancer(text)], expected, issues))


# --- how long it lasted ----------------------------------------------------------------------------------------------


def course(**concept_: Any) -> Resource:
    return cancer(clinicalStatus=concept_)


@named(
    [
        Case("resolved in words", [course(text="Resolved")], NONE, OVER),
        Case("SNOMED resolved", [course(coding=[{"system": SNOMED, "code": "413322009"}])], NONE, OVER),
        Case("SNOMED active", [course(coding=[{"system": SNOMED, "code": "55561003"}])], LUNG, []),
        Case("Remission in capitals", [course(coding=[{"system": CLINICAL, "code": "Remission"}])], IN_REMISSION, []),
        Case(
            "R5's unknown",
            [course(coding=[{"system": CLINICAL, "code": "unknown"}])],
            LUNG,
            [("INVALID_CODE", "clinicalStatus")],
        ),
        Case(
            "abated at an age, without a status",
            [cancer(abatementAge={"value": 60, "unit": "a", "system": UCUM, "code": "a"})],
            NONE,
            [("CONDITION_NOT_CURRENT", "abatement")],
        ),
        Case("leukemia code of remission", [cancer(code="C91.A1")], {"primary_cancer": ("leukemia", "remission")}, []),
        Case(
            "lymphoma code of remission",
            [cancer(code="C84.ZA")],
            {"primary_cancer": ("non_hodgkin_lymphoma", "remission")},
            [],
        ),
        Case("C88.01", [cancer(code="C88.01")], {"primary_cancer": ("non_hodgkin_lymphoma", "remission")}, []),
        Case("C84.A0 is no remission", [cancer(code="C84.A0")], {"primary_cancer": ("non_hodgkin_lymphoma",)}, []),
    ]
)
def test_the_course_is_read_however_it_is_stated(case: Case) -> None:
    check(case)


# --- sites, several cancers, codes -----------------------------------------------------------------------------------

BREAST_SITE = [concept(SNOMED, "76752008")]


@named(
    [
        Case(
            "two primaries of one day",
            [cancer(), cancer(code="C50.911", id="c2")],
            {"primary_cancer": ("breast",)},
            [("NOT_DERIVED", ""), ("SEVERAL_PRIMARIES", ""), ("SEVERAL_PRIMARIES", ENTRY.format(2))],
        ),
        Case(
            "two primaries of two days",
            [cancer(), cancer(code="C50.911", id="c2", recordedDate="2025-01-01")],
            LUNG,
            [("NOT_DERIVED", ""), ("SEVERAL_PRIMARIES", ""), ("SEVERAL_PRIMARIES", ENTRY.format(2))],
        ),
        Case("one primary told twice", [cancer(), cancer(id="c2", code="C34.90")], LUNG, []),
        Case("a second primary that is refuted", [cancer(), {**verified((VERIFICATION, "refuted")), "id": "c2"}], LUNG,
             [("CONDITION_NOT_CONFIRMED", ENTRY.format(2) + ".verificationStatus")]),
        Case("a body site apart", [cancer(bodySite=BREAST_SITE)], LUNG, [("CONFLICTING_SITES", "bodySite")]),
        Case("a lymphoma of the breast", [cancer(code="C83.30", bodySite=BREAST_SITE)],
             {"primary_cancer": ("non_hodgkin_lymphoma",), "histology": ("diffuse_large_b_cell_lymphoma",)}, []),
        Case("bile duct cancer in the liver", [cancer(code="C22.1", bodySite=[concept(SNOMED, "10200004")])],
             {"primary_cancer": ("biliary_tract",), "histology": ("cholangiocarcinoma",)}, []),
        Case("a metastasis whose body site is the primary's", [cancer(code="C78.7", bodySite=BREAST_SITE)],
             {"metastasis_liver": ("present",)}, []),
        Case("Synthea: metastatic colon cancer", [cancer(system=SNOMED, code="94260004")],
             {"metastasis_other": ("present",)}, []),
        Case("Synthea: metastasis of prostate cancer", [cancer(system=SNOMED, code="314994000")],
             {"metastasis_other": ("present",)}, [("SITE_UNKNOWN", "code")]),
        Case("Synthea: prostate in situ", [cancer(system=SNOMED, code="92691004")], NONE,
             [("IN_SITU_NEOPLASM", "code")]),
        Case("German: ICD with a general SNOMED code", [diagnosis((GM, "C61"), (SNOMED, "126906006"))],
             {"primary_cancer": ("prostate",)}, []),
        Case("chronic lymphocytic leukemia", [cancer(system=SNOMED, code="92814006")],
             {"primary_cancer": ("leukemia",), "histology": ("chronic_lymphocytic_leukemia",)}, []),
        Case("ICD-10-AM", [cancer(system="http://hl7.org/fhir/sid/icd-10-am", code="C34.1")], LUNG, []),
        Case("ICD-9-CM", [cancer(system="http://hl7.org/fhir/sid/icd-9-cm", code="162.9")], NONE,
             [("UNMAPPED_CODE", "code")]),
        Case("kidney disease of diabetes", [cancer(system=SNOMED, code="127013003")],
             {"comorbidity_diabetes_with_complications": ("present",)}, []),
        Case("infarction of the past", [cancer("History of NSTEMI", system=SNOMED, code="401314000")],
             {"comorbidity_myocardial_infarction": ("present",)}, []),
        Case("a relative's infarction", [cancer("Father: infarction", code="I21.4")], NONE, RELATIVE),
    ]
)  # fmt: skip
def test_a_site_is_never_guessed_and_several_cancers_are_told(case: Case) -> None:
    check(case)


# --- stages ----------------------------------------------------------------------------------------------------------


def staged(text: str, code: str = "C34.11", **more: Any) -> Resource:
    return cancer(code=code, stage=[{"summary": {"text": text}, **more}])


WORDED = ("READ_FROM_TEXT", "stage[0]")
IN_SITU = {"extension": [{
    "url": "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior",
    "valueCodeableConcept": concept("http://terminology.hl7.org/CodeSystem/icd-o-3", "8500/2"),
}]}  # fmt: skip
ANOTHER = [("STAGE_NOT_READ", "stage[0].type")]
CLL: Expected = {"primary_cancer": ("leukemia",), "histology": ("chronic_lymphocytic_leukemia",)}


@named(
    [
        Case("a stage in words", [staged("Stage IIIB")], {**LUNG, "stage_group": ("III",)}, [WORDED]),
        Case(
            "by the AJCC", [staged("Stage II", type={"text": "AJCC stage"})], {**LUNG, "stage_group": ("II",)}, [WORDED]
        ),
        Case("Rai", [staged("Stage II", code="C91.10", type={"text": "Rai stage"})], CLL, ANOTHER),
        Case(
            "Clark",
            [staged("IV", code="C43.5", type={"text": "Clark level"})],
            {"primary_cancer": ("melanoma",), "histology": ("melanoma",)},
            ANOTHER,
        ),
        Case("a grade as a stage", [staged("II", type={"text": "Tumor grade"})], LUNG, ANOTHER),
        Case(
            "an assessment without a reference",
            [staged("Stage II", assessment=[{"display": "Tumor board"}])],
            {**LUNG, "stage_group": ("II",)},
            [WORDED],
        ),
        Case("stage 0", [staged("Stage 0")], LUNG, [("UNKNOWN_VALUE", "stage[0].summary")]),
        Case("limited stage", [staged("limited")], LUNG, [("UNKNOWN_VALUE", "stage[0].summary")]),
        Case(
            "of a cancer worded as benign",
            [staged("Stage II") | {"code": concept(CM, "C34.11", "Benign tumor")}],
            NONE,
            CONTRADICTED,
        ),
        Case(
            "of a cancer whose morphology is in situ",
            [staged("Stage II", code="C50.911") | IN_SITU],
            NONE,
            [("CONFLICTING_CODES", "extension[0]")],
        ),
        Case("of a benign tumor", [staged("Stage II", code="D12.6")], NONE, [("BENIGN_NEOPLASM", "code")]),
        Case("of an uncertain tumor", [staged("Stage II", code="D37.4")], NONE, [("UNCERTAIN_NEOPLASM", "code")]),
        Case(
            "of the kidneys",
            [staged("Stage 3", code="N18.30")],
            {"comorbidity_renal_disease": ("present",)},
            [("STAGE_NOT_OF_CANCER", "stage[0]")],
        ),
    ]
)
def test_only_an_anatomic_stage_of_a_cancer_is_a_stage_group(case: Case) -> None:
    check(case)


def test_a_refuted_cancer_gives_no_stage() -> None:
    refuted = staged("Stage II") | {"verificationStatus": concept(VERIFICATION, "refuted")}
    check(Case("refuted", [refuted], NONE, REFUTED))


# --- laws ------------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(["Suspected ", "No ", "Family history of ", "History of ", "Rule out ", "Mother: "]),
    st.sampled_from(["lung cancer", "NSCLC", "Lungenkarzinom"]),
    st.booleans(),
)
def test_a_disclaimer_holds_in_text_and_in_display_and_in_any_case(before: str, disease: str, is_display: bool) -> None:
    words = before + disease
    for wording in (words, words.upper(), words.lower()):
        code = concept(CM, "C34.11", wording if is_display else "", "" if is_display else wording)
        assert not found_in(extract_features(bundle(diagnosis(code=code)), INDEX))


@given(st.text(max_size=30))
def test_no_wording_of_a_status_breaks_the_reading(words: str) -> None:
    resource = cancer(verificationStatus={"text": words or "x"}, clinicalStatus={"text": words or "x"})
    assert extract_features(bundle(resource), INDEX).issues


@pytest.mark.parametrize("pattern", ["_OF_A_RELATIVE", "_FORMERLY", "_IN_DOUBT", "_IN_REMISSION", "_OF_OTHER_BEHAVIOR"])
@given(st.data())
def test_every_wording_that_a_pattern_matches_is_looked_at(pattern: str, data: st.DataObject) -> None:
    wording = data.draw(st.from_regex(getattr(disclaimers, pattern), alphabet=st.characters(max_codepoint=0xFF)))
    assert disclaimers.telling_wordings_of({"text": wording}) or not wording.strip()
