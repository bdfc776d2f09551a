"""Hostile and real-world records of clinical answers, variants and the Patient, with what must come of each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.record_cases import ENTRY, NONE, Case, Expected, check, named
from support.records import INDEX, LOINC, SNOMED, Resource, bundle, concept, condition, observation, patient
from tumorcast_clinical.model import extract_features

HGNC = "http://www.genenames.org/geneId"


def answered(loinc: str, answer: Any, **more: Any) -> Resource:
    """An Observation with a string, a boolean, an integer or a CodeableConcept as its value."""
    kinds = {str: "valueString", bool: "valueBoolean", int: "valueInteger", dict: "valueCodeableConcept"}
    return observation(loinc=loinc, **{kinds[type(answer)]: answer}, **more)


# --- answers in the forms that hospitals send ------------------------------------------------------------------------

TEXT = [("READ_FROM_TEXT", "")]
OPEN = ("NOT_DERIVED", "")
UNKNOWN = [("UNKNOWN_VALUE", "")]


@pytest.mark.parametrize(
    ("loinc", "answer", "expected", "issues"),
    [
        ("89247-1", "1", {"ecog_performance_status": (1,)}, TEXT),
        ("89247-1", "ECOG 2", {"ecog_performance_status": (2,)}, TEXT),
        ("89247-1", "0-1", NONE, UNKNOWN),
        ("89247-1", 6, NONE, [("IMPLAUSIBLE_VALUE", "")]),
        ("89243-0", concept(LOINC, "LA29178-3"), {"karnofsky_performance_status": (70,)}, []),
        ("89243-0", concept(LOINC, "LA29178-3", "KPS 80"), NONE, [("CONFLICTING_CODES", "")]),
        ("89243-0", "80%", {"karnofsky_performance_status": (80,)}, TEXT),
        ("89243-0", "80-90", NONE, UNKNOWN),
        ("21908-9", "Stage IIIA", {"stage_group": ("III",)}, TEXT),
        ("21908-9", "unresectable", NONE, UNKNOWN),
        ("21905-5", "cT2a", {"clinical_t_category": ("T2",)}, TEXT),
        ("21905-5", "pT2a", NONE, UNKNOWN),
        ("21905-5", "T2N1M0", NONE, UNKNOWN),
        ("33732-9", "G2", {"histologic_grade": ("G2",)}, TEXT),
        ("72166-2", {"text": "Never"}, {"smoking_status": ("never",)}, TEXT),
        ("72166-2", {"text": "Every Day"}, {"smoking_status": ("current",)}, TEXT),
        ("72166-2", {"text": "Never Assessed"}, NONE, UNKNOWN),
        ("72166-2", {"text": "Passive Smoke Exposure - Never Smoker"}, NONE, UNKNOWN),
        (
            "16112-5",
            "Positive (90%)",
            {"estrogen_receptor": ("positive",), "hormone_receptor_status": ("positive",)},
            TEXT,
        ),
        ("16112-5", "Negative (90%)", NONE, UNKNOWN),
        ("16112-5", "Negative (<1%)", {"estrogen_receptor": ("negative",)}, [*TEXT, OPEN]),
        ("18474-7", "2+ (equivocal)", {"her2_immune_stain": ("equivocal",), "her2_status": ("equivocal",)}, TEXT),
        ("18474-7", "IHC 3+", {"her2_immune_stain": ("positive",), "her2_status": ("positive",)}, TEXT),
        ("18474-7", "Negative (3+)", NONE, UNKNOWN),
        ("89247-1", "WHO PS 1", {"ecog_performance_status": (1,)}, TEXT),
        ("21739-8", "Detected", {"tp53_mutation": ("present",)}, TEXT),
        ("21665-5", True, {"egfr_mutation": ("present",)}, []),
        ("21665-5", False, {"egfr_mutation": ("absent",)}, []),
        ("21665-5", "Exon 19 deletion", NONE, UNKNOWN),
    ],
)
def test_an_answer_is_read_in_its_form_or_told(
    loinc: str, answer: Any, expected: Expected, issues: list[tuple[str, str]]
) -> None:
    check(Case(loinc, [answered(loinc, answer)], expected, issues))


def test_a_stage_by_another_method_is_no_stage_group() -> None:
    by_rai = answered("21908-9", {"text": "Stage II"}, method={"text": "Rai staging"})
    check(Case("Rai", [by_rai], NONE, [("STAGE_NOT_READ", "method")]))


@pytest.mark.parametrize(
    ("answer", "expected"), [("373573001", "present"), ("373572006", "absent"), ("2667000", "absent")]
)
def test_a_finding_of_a_metastasis_is_present_or_absent(answer: str, expected: str) -> None:
    finding = observation(code=concept(SNOMED, "94222008"), valueCodeableConcept=concept(SNOMED, answer))
    check(Case(answer, [finding], {"metastasis_bone": (expected,)}, []))


@pytest.mark.parametrize("unit", ["pack-years", "Pack years", "{PackYears}", "{pack}.a", "pack year", "py"])
def test_pack_years_are_read_however_the_unit_is_spelled(unit: str) -> None:
    smoked = observation(
        code=concept(SNOMED, "401201003"), valueQuantity={"value": 20, "unit": unit, "comparator": ">"}
    )
    check(Case(unit, [smoked], {"smoking_pack_years": (20, "", ">")}, []))


# --- variants --------------------------------------------------------------------------------------------------------


def variant(symbol: str, hgnc: int, *components: Resource) -> Resource:
    gene = {"code": concept(LOINC, "48018-6"), "valueCodeableConcept": concept(HGNC, f"HGNC:{hgnc}", symbol)}
    pathogenic = {"code": concept(LOINC, "53037-8"), "valueCodeableConcept": concept(LOINC, "LA6668-3")}
    parts = [gene, pathogenic, *components]
    return observation(loinc="69548-6", valueCodeableConcept=concept(LOINC, "LA9633-4"), component=parts)


def source_class(code: str) -> Resource:
    return {"code": concept(LOINC, "48002-0"), "valueCodeableConcept": concept(LOINC, code)}


COPIES = {"code": concept(LOINC, "82155-3"), "valueQuantity": {"value": 12, "unit": "1"}}
WILD_TYPE = {"code": concept(LOINC, "48005-3"), "valueCodeableConcept": {"text": "Wild type"}}
AMPLIFIED = {"code": concept(LOINC, "48019-4"), "valueCodeableConcept": {"text": "amplification"}}


@named(
    [
        Case("copies alone are no mutation", [variant("ERBB2", 3430, COPIES)], NONE, [("VARIANT_NOT_READ", "")]),
        Case(
            "an amplification", [variant("ERBB2", 3430, COPIES, AMPLIFIED)], {"erbb2_amplification": ("present",)}, []
        ),
        Case(
            "BRCA1 of no stated origin",
            [variant("BRCA1", 1100)],
            {"brca1_mutation": ("present",)},
            [("SOURCE_CLASS_NOT_STATED", "")],
        ),
        Case("somatic", [variant("BRCA1", 1100, source_class("LA6684-0"))], {"brca1_mutation": ("present",)}, []),
        Case(
            "inherited",
            [variant("BRCA1", 1100, source_class("LA6683-2"))],
            {"brca1_germline_mutation": ("present",)},
            [],
        ),
        Case("a protein that is wild type", [variant("KRAS", 6407, WILD_TYPE)], NONE, [("VARIANT_NOT_READ", "")]),
        Case("EGFR needs no origin", [variant("EGFR", 3236)], {"egfr_mutation": ("present",)}, []),
    ]
)
def test_a_variant_is_of_the_kind_and_origin_that_it_states(case: Case) -> None:
    check(case)


# --- the Patient -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "index", "death", "issues"),
    [
        ({"deceasedDateTime": "2026-03"}, INDEX, "2026-03", ["DATE_NOT_CERTAIN"]),
        ({"deceasedDateTime": "2025"}, INDEX, "2025", []),
        ({"deceasedDateTime": "2027"}, INDEX, None, ["AFTER_INDEX_DATE"]),
        ({"deceasedDateTime": "2026-03-28T23:30:00-05:00"}, INDEX, "2026-03-28T23:30:00-05:00", []),
        ({"deceasedDateTime": "2026-03-29T00:30:00+02:00"}, INDEX, None, ["AFTER_INDEX_DATE"]),
        ({"deceasedDateTime": "2099-01-01"}, "", None, ["AGE_UNKNOWN", "FUTURE_DATE"]),
        ({"deceasedDateTime": "1950-01-01"}, INDEX, "1950-01-01", ["BEFORE_BIRTH"]),
        ({"deceasedDateTime": "2026-13-45"}, INDEX, None, ["INVALID_RESOURCE"]),
        ({"deceasedBoolean": "true"}, INDEX, None, ["INVALID_RESOURCE"]),
        ({"deceasedBoolean": True, "deceasedDateTime": "2026-01-01"}, INDEX, None, ["INVALID_RESOURCE"]),
    ],
)
def test_a_death_is_read_as_precisely_as_it_is_dated(
    more: Resource, index: str, death: str | None, issues: list[str]
) -> None:
    extraction = extract_features(json.dumps(patient(**more)).encode(), index)
    found = [feature.effective for feature in extraction.features if feature.name == "death"]
    assert (found, [issue.code for issue in extraction.issues]) == ([] if death is None else [death], issues)


def test_a_result_after_the_death_is_told() -> None:
    entries = [{"resource": patient(deceasedDateTime="2026-01-01")}, {"resource": observation()}]
    record = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()
    told = [(issue.code, issue.location) for issue in extract_features(record, INDEX).issues]
    assert told == [("AFTER_DEATH", ENTRY.format(1))]


@pytest.mark.parametrize(
    ("status", "read"), [("refuted", False), ("differential", False), ("entered-in-error", False), ("confirmed", True)]
)
def test_a_stage_of_a_refuted_cancer_is_none(status: str, read: bool) -> None:
    verification = concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", status)
    stage = observation(
        "s", "21908-9", focus=[{"reference": "Condition/c1"}], valueCodeableConcept=concept(SNOMED, "258228008")
    )
    found = extract_features(bundle(stage, condition(verificationStatus=verification, stage=[])), INDEX)
    assert ("stage_group" in {feature.name for feature in found.features}) is read
    told = {(issue.code, issue.location) for issue in found.issues}
    assert (("CONDITION_NOT_CONFIRMED", "Bundle.entry[1].resource.focus[0]") in told) is not read
