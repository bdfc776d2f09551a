"""The cancer type in 16 groups: from site and histology, nothing where they do not tell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import INDEX, Resource, bundle, concept, diagnosis, features, observation
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.derived import cancer_type
from tumorcast_core.catalog import catalog

ICD10, ICD_O_3 = "http://hl7.org/fhir/sid/icd-10-cm", "http://terminology.hl7.org/CodeSystem/icd-o-3"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
MORPHOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
REMISSION = {"clinicalStatus": concept(CLINICAL, "remission")}
ADENO, SMALL_CELL, SQUAMOUS, UNSPECIFIED = "8140/3", "8041/3", "8070/3", "8010/3"


def cancer(code: str, morphology: str = "", id_: str = "", **more: Any) -> Resource:
    stated = [{"url": MORPHOLOGY, "valueCodeableConcept": concept(ICD_O_3, morphology)}] if morphology else None
    return diagnosis((ICD10, code), id=id_ or code.replace(".", "-"), extension=stated, **more)


def pathology(morphology: str, id_: str = "path", **more: Any) -> Resource:
    return observation(id_, "59847-4", valueCodeableConcept=concept(ICD_O_3, morphology), **more)


def group(*resources: Resource, index: str = INDEX) -> str | None:
    found = features(bundle(*resources), "immunotherapy_cancer_type", index)
    assert len(found) <= 1
    return str(found[0].value) if found else None


def told(*resources: Resource) -> bool:
    issues = extract_features(bundle(*resources), INDEX).issues
    return any(issue.code == "NOT_DERIVED" and "immunotherapy_cancer_type" in issue.message for issue in issues)


@pytest.mark.parametrize(
    ("code", "morphology", "expected"),
    [
        ("C34.11", ADENO, "non_small_cell_lung"),
        ("C34.11", SQUAMOUS, "non_small_cell_lung"),
        ("C34.11", "8046/3", "non_small_cell_lung"),
        ("C34.11", "8012/3", "non_small_cell_lung"),
        ("C34.11", "8560/3", "non_small_cell_lung"),
        ("C34.11", SMALL_CELL, "small_cell_lung"),
        ("C34.11", "", None),
        ("C34.11", UNSPECIFIED, None),
        ("C34.11", "8240/3", None),  # carcinoid
        ("C34.11", "8013/3", None),  # large cell neuroendocrine carcinoma
        ("C34.11", "8800/3", None),  # sarcoma
        ("C43.5", "", "melanoma"),
        ("C64.1", "", "renal"),
        ("C64.1", "8310/3", "renal"),
        ("C64.1", "8960/3", None),  # nephroblastoma
        ("C64.1", "8120/3", None),  # urothelial
        ("C67.9", "", "bladder"),
        ("C67.9", "8120/3", "bladder"),
        ("C67.9", SMALL_CELL, None),
        ("C10.9", "", "head_and_neck"),
        ("C10.9", SQUAMOUS, "head_and_neck"),
        ("C07", "8200/3", None),  # adenoid cystic carcinoma of a salivary gland
        ("C16.2", "", "gastric"),
        ("C16.2", "8490/3", "gastric"),
        ("C16.2", "8936/3", None),  # gastrointestinal stromal tumor
        ("C22.0", "", "hepatobiliary"),
        ("C22.1", "", "hepatobiliary"),
        ("C23", ADENO, "hepatobiliary"),
        ("C49.9", "", "sarcoma"),
        ("C49.9", "8850/3", "sarcoma"),
        ("C41.9", "9180/3", "sarcoma"),
        ("C41.9", "", None),
        ("C18.2", "", "colorectal"),
        ("C18.2", "8480/3", "colorectal"),
        ("C18.2", "8246/3", None),  # neuroendocrine carcinoma
        ("C54.1", "", "endometrial"),
        ("C54.1", "8380/3", "endometrial"),
        ("C54.1", "8980/3", "endometrial"),  # carcinosarcoma
        ("C54.2", "8890/3", None),  # leiomyosarcoma
        ("C15.5", ADENO, "esophageal"),
        ("C56.1", "8441/3", "ovarian"),
        ("C56.1", "9060/3", None),  # dysgerminoma
        ("C45.0", "", "mesothelioma"),
        ("C25.0", "", "pancreatic"),
        ("C25.4", "8150/3", None),  # islet cell
        ("C50.911", "8500/3", "breast"),
        ("C50.911", "9120/3", None),  # angiosarcoma
        ("C61", "", None),
        ("C53.9", "", None),
        ("C73", "", None),
        ("C80.1", "", None),
        ("C69.30", "8720/3", None),  # melanoma of the eye
        ("C78.7", "", None),
        ("D12.6", "", None),
    ],
)
def test_site_and_histology_give_the_group(code: str, morphology: str, expected: str | None) -> None:
    assert group(cancer(code, morphology)) == expected
    assert not told(cancer(code, morphology))


def test_the_groups_are_those_of_the_catalog_and_all_of_their_inputs_are_categories() -> None:
    table = cancer_type._GROUPS
    assert {name for groups in table.values() for name in groups} == set(
        catalog()["immunotherapy_cancer_type"].categories
    )
    assert set(table) <= set(catalog()["primary_cancer"].categories)
    histologies = {h for groups in table.values() for members in groups.values() for h in members} - {""}
    assert histologies <= set(catalog()["histology"].categories)


@pytest.mark.parametrize("site", sorted(cancer_type._GROUPS))
def test_no_histology_of_a_site_is_of_two_groups(site: str) -> None:
    members = [histology for found in cancer_type._GROUPS[site].values() for histology in found]
    assert len(members) == len(set(members))


def test_it_names_cancer_and_histology_and_is_dated_by_the_later() -> None:
    (feature,) = features(
        bundle(cancer("C34.11", recordedDate="2026-01-01"), pathology(ADENO)), "immunotherapy_cancer_type"
    )
    assert (feature.value, feature.effective) == ("non_small_cell_lung", "2026-03-01")
    assert (feature.sources, feature.source) == (("Condition/C34-11", "Observation/path"), "")
    assert feature.formula == "group of the primary cancer's site, by its histology where the site has several"


@pytest.mark.parametrize(
    ("resources", "expected", "is_told"),
    [
        ([cancer("C34.11"), cancer("C34.90", ADENO)], "non_small_cell_lung", False),
        ([cancer("C34.11", ADENO), cancer("C34.90", SQUAMOUS)], "non_small_cell_lung", False),
        ([cancer("C34.11", ADENO), cancer("C34.90", SMALL_CELL)], None, True),
        ([cancer("C34.11", ADENO), pathology(SMALL_CELL)], None, True),
        ([cancer("C34.11", ADENO), pathology(SMALL_CELL, status="preliminary")], "non_small_cell_lung", False),
        ([cancer("C34.11", ADENO), pathology(SMALL_CELL, status="entered-in-error")], "non_small_cell_lung", False),
        (
            [cancer("C34.11", ADENO), pathology(SMALL_CELL, effectiveDateTime="2026-04-01")],
            "non_small_cell_lung",
            False,
        ),
        ([cancer("C34.11"), pathology(UNSPECIFIED)], None, False),
        ([cancer("C34.11", ADENO), pathology(UNSPECIFIED)], "non_small_cell_lung", False),
        ([cancer("C22.0"), cancer("C23")], "hepatobiliary", False),
        ([cancer("C34.11", ADENO), cancer("C50.911")], None, True),
        ([cancer("C34.11", ADENO), cancer("C61")], None, True),
        ([cancer("C50.911"), cancer("C18.2"), pathology(ADENO)], None, True),
        ([cancer("C34.11", ADENO), cancer("C50.911", **REMISSION)], "non_small_cell_lung", False),
        ([cancer("C34.11", SMALL_CELL, **REMISSION), cancer("C34.90", ADENO)], "non_small_cell_lung", False),
        ([cancer("C34.11", SMALL_CELL, **REMISSION), cancer("C34.90")], None, False),
        ([cancer("C50.911", verificationStatus=concept(VERIFICATION, "refuted"))], None, False),
        ([cancer("C64.1"), cancer("C50.911", verificationStatus=concept(VERIFICATION, "refuted"))], "renal", False),
        ([cancer("C64.1"), cancer("C50.911", clinicalStatus=concept(CLINICAL, "resolved"))], "renal", False),
        ([cancer("C64.1"), cancer("C50.911", recordedDate="2026-04-02")], "renal", False),
        ([cancer("C64.1", recordedDate="2026-04-02")], None, False),
        ([pathology(ADENO)], None, False),
    ],
)
def test_several_statements_give_a_group_only_if_they_agree(
    resources: list[Resource], expected: str | None, is_told: bool
) -> None:
    assert {group(*resources), group(*resources[::-1])} == {expected}
    assert told(*resources) == is_told


@pytest.mark.parametrize("mark", ["remission", "relapse", "recurrence"])
def test_the_mark_of_the_only_cancer_is_kept(mark: str) -> None:
    (feature,) = features(bundle(cancer("C64.1", clinicalStatus=concept(CLINICAL, mark))), "immunotherapy_cancer_type")
    assert (feature.value, feature.status) == ("renal", mark)


SITES = st.lists(st.sampled_from(["C34.11", "C64.1", "C22.0", "C23", "C61", "C50.911"]), min_size=1, max_size=4)


@given(SITES, st.sampled_from(["", ADENO]), st.randoms(use_true_random=False))
def test_the_order_of_conditions_does_not_matter(sites: list[str], morphology: str, random: Any) -> None:
    resources = [cancer(code, morphology, f"c{i}") for i, code in enumerate(sites)]
    assert group(*resources) == group(*random.sample(resources, len(resources)))


def test_a_loinc_histology_observation_alone_decides_for_the_only_site() -> None:
    assert group(cancer("C34.11"), pathology(SMALL_CELL)) == "small_cell_lung"
