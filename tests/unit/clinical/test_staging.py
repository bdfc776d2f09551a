"""TNM, stage groups and grades: each from its own code, and never from another staging's answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import INDEX, LOINC, SNOMED, Resource, bundle, codes, concept, diagnosis, observation
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.terms.answers import value_sets

AJCC_8, UICC_8 = "American Joint Committee on Cancer", "Union for International Cancer Control"
MCODE = Path(__file__).parents[4] / "shared" / "data" / "fhir_mcode"
AJCC, UICC = "http://cancerstaging.org", "https://www.uicc.org/resources/tnm"


def read(system: str, code: str, answer: Resource, **more: object) -> tuple[dict[str, object], list[str]]:
    """Features of one Observation, and the codes of its issues."""
    resource = observation(code=concept(system, code), valueCodeableConcept=answer, **more)
    extraction = extract_features(bundle(resource), INDEX)
    issues = [i.code for i in extraction.issues if "entry[1]" in i.location]
    return {f.name: f.value for f in extraction.features if f.source.startswith("Observation/")}, issues


@pytest.mark.parametrize(
    ("code", "answer", "name", "expected"),
    [
        ((LOINC, "21905-5"), concept(AJCC, "cT2a"), "clinical_t_category", "T2"),
        ((LOINC, "21905-5"), concept(AJCC, "T4d"), "clinical_t_category", "T4"),
        ((LOINC, "21905-5"), concept(UICC, "T1mi"), "clinical_t_category", "T1"),
        ((SNOMED, "399504009"), concept(SNOMED, "1228938002", f"{AJCC_8} cT3 (qualifier value)"),
         "clinical_t_category", "T3"),
        ((SNOMED, "399504009"), concept(SNOMED, "1352976004", f"{UICC_8} cT3c (qualifier value)"),
         "clinical_t_category", "T3"),
        ((SNOMED, "399504009"), concept(SNOMED, "23351008", "T1 category (finding)"), "clinical_t_category", "T1"),
        ((SNOMED, "399504009"), concept(SNOMED, "1228884006"), "clinical_t_category", "Tis"),
        ((SNOMED, "399504009"), concept(SNOMED, "1222604002"), "clinical_t_category", "TX"),
        ((LOINC, "21906-3"), concept(SNOMED, "1229974002"), "clinical_n_category", "N1"),
        ((LOINC, "21906-3"), concept(AJCC, "cNX"), "clinical_n_category", "NX"),
        ((LOINC, "21907-1"), concept(AJCC, "cM0(i+)"), "clinical_m_category", "M0"),
        ((SNOMED, "399387003"), concept(SNOMED, "1229910003"), "clinical_m_category", "M1"),
        ((LOINC, "21899-0"), concept(AJCC, "pTis(DCIS)"), "pathologic_t_category", "Tis"),
        ((SNOMED, "384625004"), concept(SNOMED, "1229852009"), "pathologic_t_category", "T2"),
        ((LOINC, "21900-6"), concept(AJCC, "pN1a(sn)"), "pathologic_n_category", "N1"),
        ((SNOMED, "371494008"), concept(SNOMED, "1352621009"), "pathologic_n_category", "N0"),
        ((SNOMED, "371497001"), concept(SNOMED, "1229916009"), "pathologic_m_category", "M1"),
        ((SNOMED, "78873005"), concept(UICC, "T3"), "t_category", "T3"),
        ((SNOMED, "277206009"), concept(AJCC, "pN2"), "n_category", "N2"),
        ((LOINC, "21913-9"), concept(SNOMED, "55440008"), "m_category", "M1"),
        ((SNOMED, "399537006"), concept(UICC, "IIIA"), "stage_group", "III"),
        ((SNOMED, "399588009"), concept(SNOMED, "1222841004"), "stage_group", "IV"),
        ((SNOMED, "399390009"), concept(SNOMED, "1352890002"), "stage_group", "I"),
        ((LOINC, "21914-7"), concept(AJCC, "2B"), "stage_group", "II"),
    ],
)  # fmt: skip
def test_a_staging_observation_gives_one_category(code, answer, name, expected):
    assert read(*code, answer) == ({name: expected}, [])


@pytest.mark.parametrize(
    ("code", "answer", "issue"),
    [
        ((LOINC, "21905-5"), concept(AJCC, "pT2"), "UNKNOWN_VALUE"),
        ((LOINC, "21899-0"), concept(AJCC, "cT2"), "UNKNOWN_VALUE"),
        ((LOINC, "21899-0"), concept(AJCC, "ypT2"), "UNKNOWN_VALUE"),
        ((LOINC, "21899-0"), concept(AJCC, "rpT2"), "UNKNOWN_VALUE"),
        ((LOINC, "21905-5"), concept(AJCC, "aT2"), "UNKNOWN_VALUE"),
        ((LOINC, "21905-5"), concept(SNOMED, "1229852009"), "UNKNOWN_VALUE"),
        ((LOINC, "21905-5"), concept(AJCC, "cN2"), "UNKNOWN_VALUE"),
        ((LOINC, "21905-5"), concept(AJCC, "cT2N1M0"), "UNKNOWN_VALUE"),
        ((LOINC, "21905-5"), concept(AJCC, "cT5"), "UNKNOWN_VALUE"),
        ((LOINC, "21905-5"), concept("", "", text="T2 or T3"), "UNKNOWN_VALUE"),
        ((LOINC, "21907-1"), concept(AJCC, "cM2"), "UNKNOWN_VALUE"),
        ((SNOMED, "399504009"), concept(SNOMED, "1228938002", "cT2"), "CONFLICTING_CODES"),
        ((SNOMED, "399504009"), concept(SNOMED, "1228938002", "pT3"), "CONFLICTING_CODES"),
        ((SNOMED, "399537006"), concept(SNOMED, "1222605001"), "UNKNOWN_VALUE"),
        ((LOINC, "21905-5"), {"coding": [{"system": AJCC, "code": "cT2"}, {"system": UICC, "code": "T3"}]},
         "CONFLICTING_CODES"),
    ],
)  # fmt: skip
def test_an_answer_of_another_staging_is_refused(code, answer, issue):
    assert read(*code, answer) == ({}, [issue])


def test_a_category_in_words_alone_is_marked():
    assert read(LOINC, "21905-5", concept("", "", text="T2")) == ({"clinical_t_category": "T2"}, ["READ_FROM_TEXT"])


def test_a_stage_group_with_members_gives_one_feature_each():
    """FHIR R4 hasMember names Observations of their own; the group repeats none of them."""
    parts = [
        observation("t", code=concept(SNOMED, "399504009"), valueCodeableConcept=concept(AJCC, "cT3")),
        observation("n", code=concept(SNOMED, "399534004"), valueCodeableConcept=concept(AJCC, "cN1")),
        observation("m", code=concept(SNOMED, "399387003"), valueCodeableConcept=concept(AJCC, "cM0")),
    ]
    group = observation(
        "g",
        code=concept(SNOMED, "399537006"),
        valueCodeableConcept=concept(AJCC, "3A"),
        hasMember=[{"reference": f"Observation/{part['id']}"} for part in parts],
    )
    found = extract_features(bundle(group, *parts), INDEX).features
    assert [(f.name, f.value, f.source) for f in found if f.source.startswith("Observation/")] == [
        ("clinical_m_category", "M0", "Observation/m"),
        ("clinical_n_category", "N1", "Observation/n"),
        ("clinical_t_category", "T3", "Observation/t"),
        ("stage_group", "III", "Observation/g"),
    ]


@pytest.mark.parametrize(
    ("code", "answer", "expected"),
    [
        ((LOINC, "33732-9"), concept(SNOMED, "1663004", "G2 grade"), {"histologic_grade": "G2"}),
        ((SNOMED, "371469007"), concept(SNOMED, "1228851006"), {"histologic_grade": "G3"}),
        ((SNOMED, "371469007"), concept(SNOMED, "12619005"), {"histologic_grade": "GX"}),
        ((LOINC, "44648-4"), concept(LOINC, "LA27824-4", "Nottingham grade 2"), {"histologic_grade": "G2"}),
        (("http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "C18000"), concept(SNOMED, "1286893008"),
         {"histologic_grade": "intermediate"}),
        ((LOINC, "94734-1"), concept(SNOMED, "1279716004"), {"gleason_grade_group": "3"}),
        ((SNOMED, "1812491000004107"), concept(SNOMED, "1279720000"), {"gleason_grade_group": "5"}),
    ],
)  # fmt: skip
def test_a_grade_is_read_from_its_answer(code, answer, expected):
    assert read(*code, answer) == (expected, [])


@pytest.mark.parametrize("loinc", ["33732-9", "44648-4", "94734-1"])
def test_a_bare_number_is_no_grade(loinc):
    """Nottingham sums run from 3 to 9 and Gleason sums from 6 to 10: a number alone may be either."""
    assert codes(bundle(observation(loinc=loinc, valueInteger=3))) == ["VALUE_TYPE"]


@given(st.sampled_from("tnm"), st.sampled_from(["clinical", "pathologic"]))
def test_no_snomed_answer_belongs_to_two_categories_or_to_both_bases(axis, basis):
    other = {"clinical": "pathologic", "pathologic": "clinical"}[basis]
    mine, theirs = (
        {key: member for key, member in value_sets()[f"{name}_{axis}"].items() if len(key[1]) > 8}
        for name in (basis, other)
    )
    assert not mine.keys() & theirs.keys()
    assert all(value_sets()[f"any_{axis}"][key] == member for key, member in mine.items())


@pytest.mark.parametrize(
    ("code", "expected", "issues"),
    [
        ("8500/3", {"histology": "ductal_carcinoma"}, []),
        ("8071/3", {"histology": "squamous_cell_carcinoma"}, []),
        ("8500/2", {}, ["IN_SITU_NEOPLASM"]),
        ("8140/0", {}, ["BENIGN_NEOPLASM"]),
        ("8140/6", {}, ["UNUSED_ELEMENT"]),
        ("9999/3", {}, ["UNKNOWN_VALUE"]),
        ("C34.1", {}, ["UNKNOWN_VALUE"]),
    ],
)
def test_a_morphology_observation_gives_the_histology_of_what_is_malignant(code, expected, issues):
    answer = concept("http://terminology.hl7.org/CodeSystem/icd-o-3", code)
    assert read(LOINC, "59847-4", answer) == (expected, issues)


@pytest.mark.parametrize(
    ("reference", "issues"),
    [
        ("Observation/g", ["STAGE_IN_ASSESSMENT"]),
        ("https://fhir.example/r4/Observation/g/_history/2", ["STAGE_IN_ASSESSMENT"]),
        ("Observation/lost", ["STAGE_IN_ASSESSMENT", "STAGE_NOT_READ"]),
    ],
)
def test_a_stage_whose_assessment_the_record_does_not_hold_is_told(reference, issues):
    group = observation("g", code=concept(SNOMED, "399537006"), valueCodeableConcept=concept(AJCC, "3A"))
    stage = {"summary": concept(AJCC, "3A"), "assessment": [{"reference": reference}]}
    cancer = diagnosis(("http://hl7.org/fhir/sid/icd-10-cm", "C34.11"), stage=[stage])
    assert codes(bundle(group, cancer)) == issues


@pytest.mark.skipif(not MCODE.is_dir(), reason="the mCODE bundles of ../shared/data are not here")
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (
            "trial_matching/TrialMatching_Patient01.json",
            {"primary_cancer": "breast", "histology": "ductal_carcinoma", "stage_group": "IV"}
            | {f"metastasis_{site}": "present" for site in ("bone", "liver", "lymph_node")}
            | {"ecog_performance_status": 1.0},
        ),
        (
            "trial_matching/TrialMatching_Patient02.json",
            {"primary_cancer": "breast", "histology": "ductal_carcinoma", "stage_group": "IV"}
            | {"metastasis_bone": "present", "ecog_performance_status": 1.0},
        ),
        (
            "extraction_fixtures/csv-staging-bundle.json",
            {
                "clinical_t_category": "T3",
                "clinical_n_category": "N3",
                "clinical_m_category": "M0",
                "stage_group": "III",
            },
        ),
        ("extraction_fixtures/csv-cancer-disease-status-bundle.json", {"disease_status": "complete_remission"}),
    ],
)
def test_the_mcode_bundles_give_their_disease_and_stage(file, expected):
    names = ("primary_cancer", "histology", "stage_group", "ecog_performance_status", "disease_status")
    found = {f.name: f.value for f in extract_features((MCODE / file).read_bytes()).features}
    assert {
        name: value
        for name, value in found.items()
        if name in names or name.startswith("metastasis_") or name.endswith("_category")
    } == expected
