"""What follows from results that belong together: counts, ratios, scores, body measures."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import INDEX, SNOMED, bundle, concept, observation, patient
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.derived import FORMULAS
from tumorcast_core.catalog import catalog, entry


def lab(name, value, **more):
    """An Observation of that catalog entry in its canonical unit; its id is the name unless one is given."""
    known = entry(name)
    if "specimen" in more:
        more["specimen"] = {"reference": more["specimen"]}
    id_ = more.pop("id", name.replace("_", "-"))
    return observation(id_, known.codings[0].code, value, known.unit or "1", **more)


def finding(code, answer, **more):
    return observation(f"f{code}", code=concept(SNOMED, code), valueCodeableConcept=answer, **more)


def derived(*resources, index_date=INDEX):
    """Derived features by name, without what is of the Patient alone, and the codes of the issues."""
    found = extract_features(bundle(*resources), index_date)
    features = {f.name: f for f in found.features if f.sources and f.name != "age"}
    return features, [issue.code for issue in found.issues]


BLOOD = {"neutrophil_count": 6, "lymphocyte_count": 2, "platelet_count": 250, "monocyte_count": 0.5}


@pytest.mark.parametrize(
    ("results", "name", "expected"),
    [
        (BLOOD, "neutrophil_lymphocyte_ratio", 3),
        (BLOOD, "platelet_lymphocyte_ratio", 125),
        (BLOOD, "lymphocyte_monocyte_ratio", 4),
        (BLOOD, "systemic_immune_inflammation_index", 750),
        ({"neutrophil_count": 6, "leukocyte_count": 9}, "derived_neutrophil_lymphocyte_ratio", 2),
        ({"neutrophil_percentage": 60, "leukocyte_count": 8}, "neutrophil_count", 4.8),
        ({"lymphocyte_percentage": 25, "leukocyte_count": 8}, "lymphocyte_count", 2),
        ({"monocyte_percentage": 5, "leukocyte_count": 8}, "monocyte_count", 0.4),
        ({"eosinophil_percentage": 2, "leukocyte_count": 8}, "eosinophil_count", 0.16),
        ({"basophil_percentage": 1, "leukocyte_count": 8}, "basophil_count", 0.08),
        (
            {"neutrophil_percentage": 60, "lymphocyte_percentage": 25, "leukocyte_count": 8},
            "neutrophil_lymphocyte_ratio",
            2.4,
        ),
        # 0.66 log10(17.104) - 0.085 * 40 = 0.81384 - 3.4
        ({"total_bilirubin": 1, "albumin": 4}, "albi_score", -2.58616),
        ({"total_bilirubin": 1, "albumin": 4}, "albi_grade", 2),
        ({"total_bilirubin": 0.5, "albumin": 4.5}, "albi_grade", 1),
        ({"total_bilirubin": 6, "albumin": 2.5}, "albi_grade", 3),
        ({"calcium": 8, "albumin": 2}, "corrected_calcium", 9.6),
        ({"c_reactive_protein": 5, "albumin": 3}, "modified_glasgow_prognostic_score", 0),
        ({"c_reactive_protein": 10, "albumin": 3}, "modified_glasgow_prognostic_score", 0),
        ({"c_reactive_protein": 10.1, "albumin": 3.5}, "modified_glasgow_prognostic_score", 1),
        ({"c_reactive_protein": 12, "albumin": 3.4}, "modified_glasgow_prognostic_score", 2),
        # of a man of 65 years: 65 * 40 / (200 * 5)
        ({"aspartate_aminotransferase": 40, "alanine_aminotransferase": 25, "platelet_count": 200}, "fib_4", 2.6),
        # 142 * (1 / 0.9)^-1.2 * 0.9938^65 = 142 * 0.881234 * 0.667474
        ({"creatinine": 1}, "estimated_glomerular_filtration_rate", 83.5245),
        # 142 * (0.6 / 0.9)^-0.302 * 0.9938^65 = 142 * 1.130263 * 0.667474
        ({"creatinine": 0.6}, "estimated_glomerular_filtration_rate", 107.128),
    ],
)
def test_what_follows_from_results_of_one_moment_is_derived(results, name, expected):
    features, _ = derived(*(lab(*result) for result in results.items()))
    assert features[name].value == pytest.approx(expected, rel=1e-5)
    assert features[name].source == ""
    assert features[name].effective == "2026-03-01"
    assert features[name].formula
    stated = {f"Observation/{result.replace('_', '-')}" for result in results}
    assert set(features[name].sources) <= stated | {"Patient/p1"}
    assert features[name].sources


def test_the_filtration_rate_of_a_woman_is_derived():
    # 142 * (0.9 / 0.7)^-1.2 * 0.9938^55 * 1.012 = 142 * 0.739651 * 0.710305 * 1.012
    woman = patient(gender="female", birthDate="1970-06-01")
    entries = [{"resource": resource} for resource in (woman, lab("creatinine", 0.9))]
    data = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()
    (rate,) = (f for f in extract_features(data, INDEX).features if f.name == "estimated_glomerular_filtration_rate")
    assert rate.value == pytest.approx(75.499, rel=1e-4)
    assert rate.sources == ("Observation/creatinine", "Patient/p1")


@pytest.mark.parametrize(
    "person", [{"gender": None}, {"gender": "unknown"}, {"birthDate": None}, {"birthDate": "2010-01-01"}]
)
def test_a_patient_of_unknown_age_or_sex_or_under_18_has_no_filtration_rate(person):
    entries = [{"resource": resource} for resource in (patient(**person), lab("creatinine", 0.9))]
    data = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()
    found = extract_features(data, INDEX)
    assert not [f for f in found.features if f.name == "estimated_glomerular_filtration_rate"]
    assert "NOT_DERIVED" in [issue.code for issue in found.issues]


def test_sources_of_what_was_derived_from_derived_counts_are_observations():
    features, _ = derived(
        lab("neutrophil_percentage", 60), lab("lymphocyte_percentage", 20), lab("leukocyte_count", 10)
    )
    ratio = features["neutrophil_lymphocyte_ratio"]
    assert ratio.sources == (
        "Observation/neutrophil-percentage",
        "Observation/leukocyte-count",
        "Observation/lymphocyte-percentage",
    )


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ((lab("neutrophil_count", 5), lab("neutrophil_percentage", 60), lab("leukocyte_count", 8)), "neutrophil_count"),
        (
            (lab("estimated_glomerular_filtration_rate", 70), lab("creatinine", 1)),
            "estimated_glomerular_filtration_rate",
        ),
        (
            (
                lab("estimated_glomerular_filtration_rate", 70, effectiveDateTime="2026-03-01T11:00:00Z"),
                lab("creatinine", 1, effectiveDateTime="2026-03-01T08:00:00Z"),
            ),
            "estimated_glomerular_filtration_rate",
        ),
        ((lab("corrected_calcium", 9), lab("calcium", 8), lab("albumin", 3)), "corrected_calcium"),
    ],
)
def test_what_the_record_states_is_not_derived_again(stated, name):
    found = extract_features(bundle(*stated), INDEX).features
    (feature,) = (f for f in found if f.name == name)
    assert feature.source
    assert not feature.sources


SPECIMEN, OTHER = {"specimen": "Specimen/1"}, {"specimen": "Specimen/2"}
MORNING, EVENING = {"effectiveDateTime": "2026-03-01T07:00:00Z"}, {"effectiveDateTime": "2026-03-01T19:00:00Z"}


@pytest.mark.parametrize(
    ("first", "second", "counts_derive", "scores_derive"),
    [
        ({}, {}, True, True),
        (SPECIMEN, SPECIMEN, True, True),
        (SPECIMEN, OTHER, False, True),
        (MORNING, EVENING, False, True),
        ({"effectiveDateTime": "2026-03-02"}, {}, False, False),
        ({"effectiveDateTime": "2026-03"}, {"effectiveDateTime": "2026-03"}, False, False),
        ({"effectiveDateTime": None}, {"effectiveDateTime": None}, False, False),
        ({"status": "entered-in-error"}, {}, False, False),
        ({"specimen": "#s"}, {"specimen": "#s"}, False, True),
    ],
)
def test_counts_need_one_sample_and_scores_one_day(first, second, counts_derive, scores_derive):
    features, _ = derived(lab("platelet_count", 250, **first), lab("lymphocyte_count", 2, **second))
    assert ("platelet_lymphocyte_ratio" in features) is counts_derive
    features, _ = derived(lab("total_bilirubin", 1, **first), lab("albumin", 4, **second))
    assert ("albi_score" in features) is scores_derive


def test_a_score_of_results_of_different_times_is_dated_by_their_day():
    features, _ = derived(lab("total_bilirubin", 1, **MORNING), lab("albumin", 4, **EVENING))
    assert features["albi_score"].effective == "2026-03-01"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("final", "final", ""),
        ("final", "amended", "amended"),
        ("corrected", "amended", "amended"),
        ("amended", "preliminary", "preliminary"),
        ("unknown", "preliminary", "unknown"),
    ],
)
def test_a_derived_feature_is_as_sure_as_its_least_sure_source(first, second, expected):
    features, _ = derived(lab("total_bilirubin", 1, status=first), lab("albumin", 4, status=second))
    assert {features[name].status for name in ("albi_score", "albi_grade")} == {expected}


def bound(name, value, comparator, **more):
    unit = entry(name).unit
    return lab(name, value, valueQuantity={"value": value, "unit": unit, "comparator": comparator}, **more)


@pytest.mark.parametrize(
    ("results", "name"),
    [
        ((bound("total_bilirubin", 0.2, "<"), lab("albumin", 4)), "albi_score"),
        ((lab("total_bilirubin", 1), lab("albumin", 4), lab("albumin", 3.9, id="again")), "albi_score"),
        ((bound("platelet_count", 5, "<"), lab("lymphocyte_count", 2)), "platelet_lymphocyte_ratio"),
        ((lab("neutrophil_count", 6), lab("leukocyte_count", 6)), "derived_neutrophil_lymphocyte_ratio"),
        ((lab("neutrophil_count", 7), lab("leukocyte_count", 6)), "derived_neutrophil_lymphocyte_ratio"),
        ((bound("c_reactive_protein", 20, "<"), lab("albumin", 4)), "modified_glasgow_prognostic_score"),
    ],
)
def test_bounds_ambiguity_and_implausible_results_are_told_and_give_nothing(results, name):
    found = extract_features(bundle(*results), INDEX)
    assert name not in {f.name for f in found.features}
    assert [i for i in found.issues if i.code == "NOT_DERIVED" and name in i.message]


@pytest.mark.parametrize(
    ("comparator", "value", "albumin", "expected"),
    [("<", 5, 3, 0), ("<=", 10, 3, 0), (">", 300, 3, 2), (">=", 300, 4, 1)],
)
def test_a_bound_may_decide_a_score_in_steps(comparator, value, albumin, expected):
    features, _ = derived(bound("c_reactive_protein", value, comparator), lab("albumin", albumin))
    assert features["modified_glasgow_prognostic_score"].value == expected


def test_a_day_with_several_samples_gives_a_score_of_each():
    features = extract_features(
        bundle(
            *(
                lab("total_bilirubin", value, id=f"b{i}", **when)
                for i, (value, when) in enumerate(((1, MORNING), (9, EVENING)))
            ),
            *(
                lab("albumin", value, id=f"a{i}", **when)
                for i, (value, when) in enumerate(((4, MORNING), (2.5, EVENING)))
            ),
        ),
        INDEX,
    ).features
    assert [(f.value, f.effective[11:13]) for f in features if f.name == "albi_grade"] == [(2.0, "07"), (3.0, "19")]


def test_one_result_that_hinders_many_formulas_is_told_once():
    resources = [lab(*result) for result in BLOOD.items() if result[0] != "lymphocyte_count"]
    _, issues = derived(*resources, bound("lymphocyte_count", 0.1, "<"))
    assert issues == ["NOT_DERIVED"]


LIVER = ("total_bilirubin", "albumin", "international_normalized_ratio")
ABSENT, MILD, SEVERE = (concept(SNOMED, code) for code in ("2667000", "255604002", "24484000"))
MODERATE, PRESENT = concept(SNOMED, "6736007"), concept(SNOMED, "52101004")


@pytest.mark.parametrize(
    ("results", "ascites", "encephalopathy", "expected"),
    [
        ((1, 4, 1), ABSENT, ABSENT, (5, "A")),
        ((2, 3.5, 1.7), ABSENT, ABSENT, (8, "B")),
        ((3, 2.8, 2.3), ABSENT, ABSENT, (8, "B")),
        ((3.1, 2.7, 2.4), MILD, MILD, (13, "C")),
        ((1.9, 3.6, 1.6), MODERATE, ABSENT, (7, "B")),
        ((4, 2, 3), SEVERE, SEVERE, (15, "C")),
        ((1, 4, 1), PRESENT, ABSENT, None),
        ((1, 4, 1), ABSENT, MODERATE, None),
        ((1, 4, 1), ABSENT, None, None),
        ((1, 4, 1), None, None, None),
    ],
)
def test_child_pugh_is_derived_only_where_the_record_states_both_findings(results, ascites, encephalopathy, expected):
    findings = (("389026000", ascites), ("13920009", encephalopathy))
    features, issues = derived(
        *(lab(*result) for result in zip(LIVER, results, strict=True)),
        *(finding(code, answer) for code, answer in findings if answer),
    )
    if expected is None:
        assert "child_pugh_score" not in features
        assert issues == ["NOT_DERIVED"]
    else:
        assert (features["child_pugh_score"].value, features["child_pugh_class"].value) == expected


def test_a_stated_child_pugh_class_and_score_are_read():
    found = extract_features(
        bundle(
            finding("3191000175106", concept(SNOMED, "710066005")),
            observation("score", "98152-2", valueInteger=8, effectiveDateTime="2026-02-01"),
        ),
        INDEX,
    ).features
    read = [(f.name, f.value, f.source) for f in found if f.name.startswith("child_pugh") and f.source]
    assert read == [
        ("child_pugh_class", "B", "Observation/f3191000175106"),
        ("child_pugh_score", 8.0, "Observation/score"),
    ]


@pytest.mark.parametrize(
    ("height", "weight", "measures"),
    [
        ({}, {}, (20.0, 1.8257419)),
        ({"effectiveDateTime": "2019-01-01"}, {}, (20.0, 1.8257419)),
        ({"effectiveDateTime": "2026-03-20"}, {}, (20.0, 1.8257419)),
        ({"effectiveDateTime": "2026-03-29"}, {}, None),
        ({"effectiveDateTime": None}, {}, None),
        ({"status": "preliminary"}, {}, None),
        ({}, {"effectiveDateTime": "2026"}, None),
    ],
)
def test_body_mass_index_and_surface_area_follow_from_weight_and_height(height, weight, measures):
    # 60 kg and 173.205 cm: 60 / 3 = 20; Mosteller's 200 cm and 60 kg: sqrt(12000 / 3600) = 1.8257419
    features, _ = derived(lab("body_height", 173.205081, **height), lab("body_weight", 60, **weight))
    surface = (60 * 173.205081 / 3600) ** 0.5
    found = [features.get(name) for name in ("body_mass_index", "body_surface_area")]
    assert [f and f.value for f in found] == (
        [None, None] if measures is None else [pytest.approx(20), pytest.approx(surface)]
    )
    assert {f.effective for f in found if f} <= {"2026-03-01"}


def test_mostellers_example_is_met():
    features, _ = derived(lab("body_height", 180), lab("body_weight", 80))
    assert features["body_surface_area"].value == pytest.approx(2.0)
    assert features["body_surface_area"].sources == ("Observation/body-weight", "Observation/body-height")


def test_a_stated_body_mass_index_is_not_derived_again():
    features, _ = derived(lab("body_height", 180), lab("body_weight", 80), lab("body_mass_index", 24))
    assert features.keys() == {"body_surface_area"}


def test_heights_of_one_day_that_differ_give_no_body_measure():
    features, issues = derived(lab("body_height", 180), lab("body_height", 170, id="h2"), lab("body_weight", 80))
    assert features == {}
    assert "NOT_DERIVED" in issues


@pytest.mark.parametrize(("day", "count"), [("2026-03-01", 2), ("2025-12-01", 0)])
def test_the_height_of_one_who_grows_must_be_of_the_same_day(day, count):
    height = lab("body_height", 150, effectiveDateTime=day)
    entries = [{"resource": r} for r in (patient(birthDate="2012-01-01"), height, lab("body_weight", 45))]
    found = extract_features(
        json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode(), INDEX
    )
    assert len([f for f in found.features if f.name in ("body_mass_index", "body_surface_area")]) == count


def test_every_formula_takes_and_gives_features_of_the_catalog_in_the_units_it_computes_in():
    for formula in FORMULAS:
        assert formula.name in catalog()
        assert formula.inputs == {name: entry(name).unit for name in formula.inputs}, formula.name


def test_no_message_repeats_a_value():
    found = extract_features(bundle(bound("lymphocyte_count", 0.37, "<"), lab("neutrophil_count", 5.31)), INDEX)
    assert not [issue for issue in found.issues if "37" in issue.message or "31" in issue.message]


SAMPLES = st.lists(
    st.tuples(
        st.sampled_from(["neutrophil_count", "lymphocyte_count", "platelet_count", "albumin", "total_bilirubin"]),
        st.integers(1, 6),
        st.integers(1, 3),
        st.sampled_from(["final", "amended", "preliminary"]),
    ),
    max_size=12,
)


@given(SAMPLES, st.randoms(use_true_random=False))
def test_the_order_of_results_changes_nothing_derived(samples, order: random.Random):
    resources = [
        lab(name, value, id=f"o{i}", status=status, effectiveDateTime=f"2026-03-0{day}")
        for i, (name, value, day, status) in enumerate(samples)
    ]
    shuffled = order.sample(resources, len(resources))
    assert extract_features(bundle(*shuffled), INDEX).features == extract_features(bundle(*resources), INDEX).features


@given(st.integers(5, 99), st.integers(5, 99), st.integers(1, 9))
def test_a_ratio_does_not_change_when_both_counts_are_scaled(above, below, factor):
    def ratio(scale):
        features, _ = derived(lab("neutrophil_count", above * scale / 10), lab("lymphocyte_count", below * scale / 10))
        found = features.get("neutrophil_lymphocyte_ratio")
        return found and found.value

    assert ratio(1) == pytest.approx(ratio(factor))
