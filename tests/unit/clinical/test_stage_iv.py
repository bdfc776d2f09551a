"""Stage IV: from the stage group, else from distant spread; what the record contradicts is left open."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import INDEX, LOINC, SNOMED, Resource, bundle, concept, diagnosis, features, observation
from tumorcast_clinical.model import extract_features

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CLINICAL_STAGE, PATHOLOGIC_STAGE = "21908-9", "21902-2"
C_M, P_M, ANY_M = "21907-1", "21901-4", "21913-9"
REFUTED = {"verificationStatus": concept(VERIFICATION, "refuted")}
BONE, NODES, ELSEWHERE, LUNG, SKIN, PERITONEUM = "C79.51", "C77.1", "C79.89", "C78.01", "C79.2", "C78.6"


def staged(group: str, id_: str = "s", loinc: str = CLINICAL_STAGE, **more: Any) -> Resource:
    return observation(id_, loinc, valueCodeableConcept={"text": f"Stage {group}"}, **more)


def category(answer: str, loinc: str = C_M, id_: str = "m", **more: Any) -> Resource:
    return observation(id_, loinc, valueCodeableConcept=concept("http://cancerstaging.org", answer), **more)


def disease(code: str, **more: Any) -> Resource:
    return diagnosis((ICD10, code), **{"id": code.replace(".", "-"), **more})


def stage(*resources: Resource, index: str = INDEX) -> str | None:
    found = features(bundle(*resources), "stage_iv", index)
    assert len(found) <= 1
    return str(found[0].value) if found else None


def told(*resources: Resource) -> bool:
    issues = extract_features(bundle(*resources), INDEX).issues
    return any(issue.code == "NOT_DERIVED" and "stage_iv" in issue.message for issue in issues)


@pytest.mark.parametrize(
    ("group", "expected"), [("I", "absent"), ("IIA", "absent"), ("IIIC", "absent"), ("IVB", "present")]
)
@pytest.mark.parametrize("loinc", [CLINICAL_STAGE, PATHOLOGIC_STAGE])
def test_the_stage_group_decides(group: str, expected: str, loinc: str) -> None:
    (feature,) = features(bundle(staged(group, loinc=loinc, effectiveDateTime="2026-02-03")), "stage_iv")
    assert (feature.value, feature.sources, feature.source) == (expected, ("Observation/s",), "")
    assert (feature.effective, feature.status) == ("2026-02-03", "")
    assert feature.formula == "present if the stage group is IV, absent if it is I, II or III"


def test_the_stage_of_a_condition_counts_with_its_mark() -> None:
    remission = {"clinicalStatus": concept(CLINICAL, "remission")}
    own = disease("C34.11", stage=[{"summary": {"text": "Stage IV"}}], **remission)
    (feature,) = features(bundle(own), "stage_iv")
    assert (feature.value, feature.status, feature.sources) == ("present", "remission", ("Condition/C34-11#stage[0]",))


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([staged("II", "a", effectiveDateTime="2024-01-01"), staged("IV", "b")], "present"),
        ([staged("IV", "a"), staged("III", "b", effectiveDateTime="2026-04-01")], "present"),
        ([staged("II", "a"), staged("IV", "b", status="preliminary", effectiveDateTime="2026-03-05")], "absent"),
        ([staged("II", "a"), staged("III", "b", PATHOLOGIC_STAGE)], "absent"),
        ([staged("IV", "a"), staged("III", "b", PATHOLOGIC_STAGE)], None),
        ([staged("IV", "a"), category("cM0")], "present"),
        ([staged("IV", status="entered-in-error")], None),
        ([disease("C34.11", stage=[{"summary": {"text": "Stage IV"}}], **REFUTED)], None),
    ],
    ids=["later", "after index", "preliminary", "both below", "one time", "stage IVA of M0", "error", "refuted"],
)
def test_the_latest_final_stage_group_counts(resources: list[Resource], expected: str | None) -> None:
    assert {stage(*order) for order in permutations(resources)} == {expected}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([category("cM1b")], "present"),
        ([category("pM1", P_M)], "present"),
        ([category("M1", ANY_M)], "present"),
        ([category("cM0")], None),
        ([category("cM0"), category("pM1", P_M, "p")], "present"),
        ([category("cM0", effectiveDateTime="2025-01-01"), category("cM1", id_="later")], "present"),
        ([category("cM1", effectiveDateTime="2026-05-01")], None),
        ([disease("C34.11"), disease(BONE)], "present"),
        ([disease("C34.11"), disease(NODES)], None),
        ([disease("C34.11"), disease(ELSEWHERE)], None),
        ([disease("C34.11"), disease(LUNG)], None),
        ([disease("C18.2"), disease(LUNG)], "present"),
        ([disease("C18.2"), disease("C34.11"), disease(LUNG)], None),
        ([disease("C43.5"), disease(SKIN)], None),
        ([disease("C56.1"), disease(PERITONEUM)], None),
        ([disease("C16.0"), disease(PERITONEUM)], "present"),
        ([disease("C62.11"), disease(LUNG), category("cM1")], None),
        ([disease("C73"), disease(BONE)], None),
        ([disease("C71.1"), category("M1", ANY_M)], None),
        ([disease("C34.11"), disease(BONE, **REFUTED)], None),
        ([disease("C34.11"), disease(BONE, recordedDate="2026-04-02")], None),
        ([disease("C34.11"), disease(BONE, clinicalStatus=concept(CLINICAL, "resolved"))], None),
    ],
)
def test_without_a_stage_group_distant_spread_makes_it_stage_iv(
    resources: list[Resource], expected: str | None
) -> None:
    assert {stage(*resources), stage(*resources[::-1])} == {expected}


@pytest.mark.parametrize(
    "resources",
    [
        [disease("C50.911"), staged("II", effectiveDateTime="2020-01-01"), disease(BONE)],
        [staged("III"), category("cM1")],
        [category("cM0"), disease(BONE)],
        [category("cM1"), category("pM0", P_M, "p")],
        [staged("IV", "a"), staged("III", "b")],
    ],
)
def test_what_the_record_contradicts_is_left_open_and_told(resources: list[Resource]) -> None:
    assert (stage(*resources), told(*resources)) == (None, True)


def test_spread_names_what_states_it_and_the_latest_of_it() -> None:
    resources = [disease("C34.11"), disease(BONE), category("cM1", effectiveDateTime="2026-03-02")]
    (feature,) = features(bundle(*resources), "stage_iv")
    assert (feature.sources, feature.effective) == (("Condition/C79-51", "Observation/m"), "2026-03-02")
    assert feature.formula == "present since a distant metastasis or M1 is stated; no stage group is"


def test_a_metastasis_in_remission_still_says_stage_iv_and_is_marked() -> None:
    (feature,) = features(bundle(disease(BONE, clinicalStatus=concept(CLINICAL, "remission"))), "stage_iv")
    assert (feature.value, feature.status) == ("present", "remission")
    (feature,) = features(
        bundle(disease(BONE, clinicalStatus=concept(CLINICAL, "remission")), disease("C79.31")), "stage_iv"
    )
    assert (feature.status, feature.sources) == ("", ("Condition/C79-31",))


def test_a_metastasis_that_a_later_finding_denies_says_nothing() -> None:
    denied = observation(code=concept(SNOMED, "94222008"), valueCodeableConcept=concept(LOINC, "LA9634-2", "Absent"))
    assert stage(denied, disease(BONE)) is None


@given(st.lists(st.sampled_from(["I", "II", "III", "IV"]), min_size=1, max_size=5, unique=True))
def test_stages_of_one_time_give_a_value_only_if_they_agree_on_it(groups: list[str]) -> None:
    values = {"present" if group == "IV" else "absent" for group in groups}
    found = stage(*(staged(group, f"s{group}") for group in groups))
    assert found == (values.pop() if len(values) == 1 else None)
