"""Receptors, PD-L1, instability and burden: which answer gives which value, whatever form it has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import INDEX, LOINC, SNOMED, UCUM, bundle, concept, observation
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.terms.answers import value_sets
from tumorcast_core import catalog
from tumorcast_core.snapshot import Modality

NCI_THESAURUS = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
NCPI = "https://nih-ncpi.github.io/ncpi-fhir-ig/CodeSystem-ncit.html"
POSITIVE, NEGATIVE = concept(LOINC, "LA6576-8", "Positive"), concept(LOINC, "LA6577-6", "Negative")
ER, ER_PERCENT, PR, PR_PERCENT = "85337-4", "85329-1", "85339-0", "85325-9"
HER2_STATUS, HER2_STAIN, HER2_FISH = "48676-1", "85319-2", "85318-4"
MSI, MSI_STAIN, TMB, TMB_LEVEL = "81695-9", "62862-8", "94076-7", "94077-5"
PROTEINS = {"mlh1_protein": "81691-8", "msh2_protein": "81692-6", "msh6_protein": "81693-4", "pms2_protein": "81694-2"}


def read(*observations):
    """Values of genomic features, and the issue codes."""
    found = extract_features(bundle(*observations), INDEX)
    genomic = {f.name: f.value for f in found.features if catalog.entry(f.name).modality is Modality.GENOMICS}
    return genomic, [issue.code for issue in found.issues]


def coded(loinc, answer, id_="o1", **more):
    return observation(id_, loinc, valueCodeableConcept=answer, **more)


def percent(value, comparator="", unit="%"):
    quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    return quantity | ({"comparator": comparator} if comparator else {})


@pytest.mark.parametrize(
    ("loinc", "name"),
    [
        *((code, "estrogen_receptor") for code in ("16112-5", "40556-3", "85337-4")),
        *((code, "progesterone_receptor") for code in ("16113-3", "40557-1", "85339-0")),
    ],
)
@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (POSITIVE, "positive"),
        (NEGATIVE, "negative"),
        (concept(SNOMED, "10828004"), "positive"),
        (concept(SNOMED, "260385009"), "negative"),
        (concept(SNOMED, "52101004", "Present"), "positive"),
    ],
)
def test_a_coded_receptor_gives_its_status(loinc, name, answer, value):
    features, issues = read(coded(loinc, answer))
    assert (features[name], issues) == (value, [] if value == "positive" else ["NOT_DERIVED"])


@pytest.mark.parametrize(
    ("quantity", "expected", "issues"),
    [
        (percent(0), "negative", ["NOT_DERIVED"]),
        (percent(0.9), "negative", ["NOT_DERIVED"]),
        (percent(1), "positive", []),
        (percent(5), "positive", []),
        (percent(100), "positive", []),
        (percent(1, "<"), "negative", ["NOT_DERIVED"]),
        (percent(1, "<="), None, ["UNKNOWN_VALUE"]),
        (percent(10, "<"), None, ["UNKNOWN_VALUE"]),
        (percent(1, ">="), "positive", []),
        (percent(1, ">"), "positive", []),
        (percent(90, ">"), "positive", []),
        (percent(0.5, ">"), None, ["UNKNOWN_VALUE"]),
        (percent(0, ">="), None, ["UNKNOWN_VALUE"]),
        (percent(101), None, ["IMPLAUSIBLE_VALUE"]),
        (percent(30, unit="/100"), "positive", []),
        ({"value": 90}, None, ["UNKNOWN_UNIT"]),
        (percent(8, unit="{score}"), None, ["UNIT_MISMATCH"]),
        (percent(1, unit="{score}"), None, ["UNIT_MISMATCH"]),
        (percent(90, unit="fmol/mg"), None, ["UNIT_MISMATCH"]),
        ({"unit": "%"}, None, ["NO_VALUE"]),
    ],
)
@pytest.mark.parametrize(("loinc", "name"), [(ER, "estrogen_receptor"), (PR, "progesterone_receptor")])
def test_a_percentage_under_a_receptors_code_is_positive_from_one_percent(loinc, name, quantity, expected, issues):
    features, codes = read(observation(loinc=loinc, valueQuantity=quantity))
    assert (features.get(name), codes) == (expected, issues)


@given(thousandths=st.integers(0, 100_000), comparator=st.sampled_from(["", "<", "<=", ">", ">="]))
def test_a_bound_gives_a_status_only_if_all_that_it_allows_has_it(thousandths, comparator):
    value = thousandths / 1000
    allowed = {"": [value], "<": [0, value - 1e-6], "<=": [0, value], ">": [value + 1e-6, 100], ">=": [value, 100]}
    statuses = {"positive" if end >= 1 else "negative" for end in allowed[comparator]}
    features, _ = read(observation(loinc=ER, valueQuantity=percent(value, comparator)))
    assert features.get("estrogen_receptor") == (statuses.pop() if len(statuses) == 1 else None)


@pytest.mark.parametrize(
    ("loinc", "name"),
    [
        ("14228-1", "estrogen_receptor_percent"),
        (ER_PERCENT, "estrogen_receptor_percent"),
        ("14230-7", "progesterone_receptor_percent"),
        (PR_PERCENT, "progesterone_receptor_percent"),
        ("29593-1", "ki_67"),
        ("85330-9", "ki_67"),
        ("83053-9", "pd_l1_tumor_proportion_score"),
    ],
)
@pytest.mark.parametrize(
    ("more", "expected", "issues"),
    [
        ({"valueQuantity": percent(20)}, 20.0, []),
        ({"valueQuantity": percent(1, "<")}, 1.0, []),
        ({"valueQuantity": percent(3, unit="{score}")}, None, ["UNIT_MISMATCH"]),
        ({"valueQuantity": {"value": 20}}, None, ["UNKNOWN_UNIT"]),
        ({"valueInteger": 20}, None, ["UNKNOWN_UNIT"]),
        ({"valueQuantity": percent(120)}, None, ["IMPLAUSIBLE_VALUE"]),
        ({"valueCodeableConcept": POSITIVE}, None, ["VALUE_TYPE"]),
        ({"valueString": "20-30 %"}, None, ["VALUE_TYPE"]),
    ],
)
def test_a_percentage_of_cells_needs_its_unit(loinc, name, more, expected, issues):
    features, codes = read(observation(loinc=loinc, **more))
    assert (features.get(name), codes) == (expected, issues)


@pytest.mark.parametrize(
    ("more", "stain"),
    [
        ({"valueCodeableConcept": concept(LOINC, "LA6111-4", "0")}, "negative"),
        ({"valueCodeableConcept": concept(LOINC, "LA11841-6", "1+")}, "negative"),
        ({"valueCodeableConcept": concept(LOINC, "LA11842-4", "2+")}, "equivocal"),
        ({"valueCodeableConcept": concept(LOINC, "LA11843-2", "3+")}, "positive"),
        ({"valueCodeableConcept": NEGATIVE}, "negative"),
        ({"valueCodeableConcept": concept(LOINC, "LA11885-3", "Equivocal")}, "equivocal"),
        ({"valueCodeableConcept": {"text": "2+"}}, "equivocal"),
        ({"valueString": "3+"}, "positive"),
        ({"valueInteger": 0}, "negative"),
        ({"valueInteger": 2}, "equivocal"),
        ({"valueQuantity": {"value": 3, "unit": "{score}"}}, "positive"),
        ({"valueQuantity": {"value": 3}}, "positive"),
        ({"valueInteger": 4}, None),
        ({"valueQuantity": {"value": 2.5}}, None),
        ({"valueQuantity": {"value": 3, "unit": "%"}}, None),
        ({"valueQuantity": {"value": 2, "comparator": ">"}}, None),
        ({"valueCodeableConcept": concept(LOINC, "LA11843-2", "2+")}, None),
        ({"valueCodeableConcept": {"text": "indeterminate"}}, None),
    ],
)
@pytest.mark.parametrize("loinc", ["18474-7", HER2_STAIN])
def test_a_stain_for_her2_is_read_as_score_or_answer(loinc, more, stain):
    features, issues = read(observation(loinc=loinc, **more))
    assert features.get("her2_immune_stain") == features.get("her2_status") == stain
    assert bool(issues) or stain is not None


EQUIVOCAL, AMPLIFIED = concept(LOINC, "LA11842-4", "2+"), concept(LOINC, "LA6576-8")


@pytest.mark.parametrize(
    ("stain", "hybridization", "stated", "expected"),
    [
        (EQUIVOCAL, AMPLIFIED, None, "positive"),
        (EQUIVOCAL, NEGATIVE, None, "negative"),
        (EQUIVOCAL, None, None, "equivocal"),
        (None, AMPLIFIED, None, "positive"),
        (POSITIVE, AMPLIFIED, None, "positive"),
        (NEGATIVE, AMPLIFIED, None, None),
        (POSITIVE, NEGATIVE, None, None),
        (NEGATIVE, None, POSITIVE, "positive"),
    ],
)
def test_hybridization_decides_what_the_stain_leaves_open_and_an_interpretation_decides_all(
    stain, hybridization, stated, expected
):
    answers = {HER2_STAIN: stain, HER2_FISH: hybridization, HER2_STATUS: stated}
    observations = [coded(loinc, answer, id_=f"o{loinc}") for loinc, answer in answers.items() if answer]
    features, issues = read(*observations)
    assert features.get("her2_status") == expected
    assert ("NOT_DERIVED" in issues) == (expected is None)


def test_stains_of_one_time_that_differ_give_no_her2_status_in_any_order():
    stains = [coded(HER2_STAIN, POSITIVE, "one"), coded(HER2_STAIN, NEGATIVE, "two")]
    for order in (stains, stains[::-1]):
        features, issues = read(*order)
        assert "her2_status" not in features
        assert "NOT_DERIVED" in issues


def test_a_her2_status_that_is_derived_names_the_tests_it_follows_from():
    found = extract_features(
        bundle(coded(HER2_STAIN, EQUIVOCAL, "s"), coded(HER2_FISH, AMPLIFIED, "h", effectiveDateTime="2026-03-05"))
    )
    (status,) = [f for f in found.features if f.name == "her2_status"]
    assert (status.sources, status.source) == (("Observation/s", "Observation/h"), "")
    assert (status.formula, status.effective) == (
        "the immune stain; if that is equivocal, in situ hybridization",
        "2026-03-05",
    )


def test_a_components_score_does_not_rival_the_status_of_its_observation():
    parts = [{"code": concept(LOINC, HER2_STAIN), "valueCodeableConcept": EQUIVOCAL}]
    features, issues = read(coded(HER2_STATUS, POSITIVE, component=parts))
    assert features == {"her2_status": "positive", "her2_immune_stain": "equivocal"}
    assert issues == []


@pytest.mark.parametrize(
    ("loinc", "more", "expected", "issues"),
    [
        (MSI, {"valueCodeableConcept": concept(LOINC, "LA14122-8", "Stable")}, "stable", []),
        (MSI, {"valueCodeableConcept": concept(LOINC, "LA26202-4", "MSI-L")}, "low", []),
        (MSI, {"valueCodeableConcept": concept(LOINC, "LA26203-2", "MSI-H")}, "high", []),
        (MSI, {"valueCodeableConcept": concept(LOINC, "LA14123-6", "Unstable")}, "high", []),
        (MSI, {"valueCodeableConcept": concept(LOINC, "LA11884-6", "Indeterminate")}, None, ["NOT_CONCLUSIVE"]),
        (MSI, {"valueCodeableConcept": {"text": "MSS"}}, "stable", ["READ_FROM_TEXT"]),
        (MSI, {"valueString": "MSI-H"}, "high", ["READ_FROM_TEXT"]),
        (MSI, {"valueCodeableConcept": concept(LOINC, "LA26203-2", "Stable")}, None, ["CONFLICTING_CODES"]),
        (MSI, {"valueCodeableConcept": concept(LOINC, "LA6668-3", "Pathogenic")}, None, ["UNKNOWN_VALUE"]),
        (
            MSI,
            {"valueQuantity": percent(2.61), "interpretation": [concept(LOINC, "LA14122-8", "Stable")]},
            "stable",
            [],
        ),
        (MSI, {"valueQuantity": percent(2.61)}, None, ["VALUE_TYPE"]),
        (
            MSI,
            {"valueQuantity": percent(9), "interpretation": [concept(LOINC, "LA14122-8"), concept(LOINC, "LA26203-2")]},
            None,
            ["VALUE_TYPE"],
        ),
        (MSI_STAIN, {"valueCodeableConcept": concept(SNOMED, "10828004")}, "high", []),
        (MSI_STAIN, {"valueCodeableConcept": NEGATIVE}, "stable", []),
    ],
)
def test_microsatellite_instability_is_read_in_two_classes_or_three(loinc, more, expected, issues):
    features, codes = read(observation(loinc=loinc, **more))
    assert (features.get("microsatellite_instability"), codes) == (expected, issues)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["retained", "retained", "retained", "retained"], "proficient"),
        (["retained", "retained", "retained", None], None),
        (["lost", "retained", "retained", "lost"], "deficient"),
        ([None, None, "lost", None], "deficient"),
    ],
)
def test_mismatch_repair_is_deficient_if_a_protein_is_lost_and_proficient_only_if_all_four_are_retained(
    answers, expected
):
    coding = {"retained": POSITIVE, "lost": concept(LOINC, "LA9634-2", "Absent")}
    stated = {name: answer for name, answer in zip(PROTEINS, answers, strict=True) if answer}
    features, issues = read(*(coded(PROTEINS[name], coding[answer], id_=name[:4]) for name, answer in stated.items()))
    assert features == stated | ({"mismatch_repair": expected} if expected else {})
    assert issues == ([] if expected else ["NOT_DERIVED"])


@pytest.mark.parametrize(
    ("estrogen", "progesterone", "expected"),
    [
        (POSITIVE, POSITIVE, "positive"),
        (POSITIVE, NEGATIVE, "positive"),
        (NEGATIVE, POSITIVE, "positive"),
        (POSITIVE, None, "positive"),
        (None, POSITIVE, "positive"),
        (NEGATIVE, NEGATIVE, "negative"),
        (NEGATIVE, None, None),
        (None, NEGATIVE, None),
    ],
)
def test_hormone_receptors_are_positive_if_one_is_and_negative_only_if_both_are_known_to_be(
    estrogen, progesterone, expected
):
    answers = {ER: estrogen, PR: progesterone}
    features, issues = read(*(coded(loinc, answer, f"o{loinc}") for loinc, answer in answers.items() if answer))
    assert features.get("hormone_receptor_status") == expected
    assert issues == ([] if expected else ["NOT_DERIVED"])


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([coded(ER, POSITIVE, "again", effectiveDateTime="2026-03-10")], "positive"),
        ([coded(ER, POSITIVE, "again", effectiveDateTime="2026-01-10")], "negative"),
        ([coded(ER, POSITIVE, "again", effectiveDateTime="2026-04-10")], "negative"),
        ([coded(ER, POSITIVE, "again", effectiveDateTime="2026-03-10", status="preliminary")], "negative"),
        ([coded(ER, POSITIVE, "again", status="entered-in-error")], "negative"),
        ([coded(ER, POSITIVE, "again")], None),
        ([coded(ER, POSITIVE, "again"), coded(PR, POSITIVE, "later", effectiveDateTime="2026-03-10")], "positive"),
    ],
    ids=["later", "earlier", "after the index date", "preliminary", "an error", "of one time", "and the other"],
)
def test_of_conflicting_receptors_the_latest_final_one_counts_and_none_of_one_time(others, expected):
    observations = [coded(ER, NEGATIVE, "er"), coded(PR, NEGATIVE, "pr"), *others]
    for order in (observations, observations[::-1]):
        assert read(*order)[0].get("hormone_receptor_status") == expected


def test_a_hormone_receptor_status_names_the_receptors_it_follows_from_and_when():
    found = extract_features(
        bundle(coded(ER, POSITIVE, "er", effectiveDateTime="2026-02-01"), coded(PR, NEGATIVE, "pr")), INDEX
    )
    (status,) = [f for f in found.features if f.name == "hormone_receptor_status"]
    assert (status.sources, status.source, status.effective) == (("Observation/er",), "", "2026-02-01")
    assert status.formula == "positive if the estrogen or the progesterone receptor is, negative if both are"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Intact nuclear expression", "retained"),
        ("No loss of nuclear expression", "retained"),
        ("Loss of nuclear expression", "lost"),
    ],
)
def test_a_repair_proteins_wording_is_not_turned_around(answer, expected):
    features, issues = read(coded(PROTEINS["mlh1_protein"], {"text": answer}))
    assert features["mlh1_protein"] == expected
    assert "READ_FROM_TEXT" in issues


@pytest.mark.parametrize(
    ("more", "expected", "issues"),
    [
        ({"unit": "1/1000000{Nucleotide}"}, 12.0, []),
        ({"unit": "Mutations/Megabase", "code": "1/1000000{Base}", "system": UCUM}, 12.0, []),
        ({"unit": "mut/Mb"}, 12.0, []),
        ({}, None, ["UNKNOWN_UNIT"]),
        ({"unit": "%"}, None, ["UNIT_MISMATCH"]),
        ({"unit": "mut/exome"}, None, ["UNKNOWN_UNIT"]),
    ],
)
def test_mutational_burden_needs_a_unit_that_is_known(more, expected, issues):
    features, codes = read(observation(loinc=TMB, valueQuantity={"value": 12, **more}))
    assert (features.get("tumor_mutational_burden"), codes) == (expected, issues)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(concept(SNOMED, "62482003", "Low"), "low"), (concept(SNOMED, "75540009"), "high"), ({"text": "TMB-H"}, "high")],
)
def test_the_rank_of_a_burden_is_a_feature_of_its_own(answer, expected):
    assert read(coded(TMB_LEVEL, answer))[0] == {"tumor_mutational_burden_level": expected}


@pytest.mark.parametrize(
    ("system", "code", "unit", "name"),
    [
        (NCI_THESAURUS, "C184941", "%", "pd_l1_tumor_proportion_score"),
        (NCPI, "C184941", "%", "pd_l1_tumor_proportion_score"),
        (NCPI, "C176582", "{score}", "pd_l1_combined_positive_score"),
        (NCPI, "C199175", "%", "pd_l1_immune_cell_score"),
    ],
)
def test_each_score_of_pd_l1_is_a_component_of_its_own(system, code, unit, name):
    parts = [{"code": concept(system, code), "valueQuantity": {"value": 15, "unit": unit}}]
    stain = observation(code=concept(SNOMED, "1234806008"), valueString=None, component=parts)
    found = extract_features(bundle(stain), INDEX)
    assert [(f.name, f.value, f.source) for f in found.features if f.name == name] == [
        (name, 15.0, "Observation/o1#component[0]")
    ]


@pytest.mark.parametrize("loinc", ["83052-1", "83055-4", "83057-0", "83054-7"])
def test_a_pd_l1_status_whose_cut_off_depends_on_the_clone_is_no_score(loinc):
    assert read(coded(loinc, POSITIVE)) == ({}, ["UNMAPPED_CODE"])


@pytest.mark.parametrize("loinc", [ER, HER2_STATUS, MSI, PROTEINS["mlh1_protein"]])
@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"valueCodeableConcept": {"text": "Not tested"}}, "NOT_CONCLUSIVE"),
        ({"valueCodeableConcept": concept(SNOMED, "82334004")}, "NOT_CONCLUSIVE"),
        ({"valueCodeableConcept": {"text": "see comment"}}, "UNKNOWN_VALUE"),
        ({"valueString": None}, "NO_VALUE"),
        ({"valueString": None, "dataAbsentReason": {"text": "unknown"}}, "NO_VALUE"),
        ({"valueBoolean": True}, "VALUE_TYPE"),
    ],
)
def test_a_biomarker_without_a_result_gives_no_feature(loinc, more, code):
    assert read(observation(loinc=loinc, **more)) == ({}, [code])


def test_every_answer_set_of_a_genomic_feature_leads_to_its_categories():
    for name, entry in catalog.catalog().items():
        if entry.modality is Modality.GENOMICS and entry.answers:
            assert set(value_sets()[entry.answers].values()) == set(entry.categories), name
