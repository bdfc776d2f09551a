"""Whole records: the simulator's shape, whose record it is, versions, what is derived."""

import json

import pytest

from support.records import (
    INDEX,
    LOINC,
    SNOMED,
    bundle,
    codes,
    concept,
    issues_at,
    medication,
    observation,
    patient,
    values,
)
from tumorcast_clinical.model import extract_features
from tumorcast_core import catalog

# --- the simulator's shape -------------------------------------------------------------------------------------------


def test_a_record_as_the_simulator_writes_it_is_read_whole():
    data = bundle(
        observation("alb", "1751-7", 38.2, "g/L"),
        observation("ldh", "2532-0", 260, "U/L"),
        observation("neu", "751-8", 5.6, "K/uL"),
        observation("lym", "731-0", 1.4, "10*9/L"),
        observation("hgb", "718-7", 125, "g/L"),
        observation("tmb", "94076-7", 6.2, "1/1000000{Nucleotide}"),
        observation("kras", "21702-6", valueCodeableConcept=concept(LOINC, "LA9633-4", "Present")),
        observation("stage", "21908-9", valueCodeableConcept=concept(SNOMED, "258228008", "Stage IV")),
        observation("ecog", "89247-1", valueCodeableConcept=concept(LOINC, "LA9623-5")),
        medication("MedicationRequest", "m1", "32592"),
        medication("MedicationRequest", "m2", "1597876"),
    )
    found = extract_features(data, INDEX)
    assert {f.name: f.value for f in found.features} == {
        "albumin": 3.82,
        "lactate_dehydrogenase": 260.0,
        "neutrophil_count": 5.6,
        "lymphocyte_count": 1.4,
        "neutrophil_lymphocyte_ratio": pytest.approx(4.0),
        "hemoglobin": 12.5,
        "tumor_mutational_burden": 6.2,
        "kras_mutation": "present",
        "stage_group": "IV",
        "stage_iv": "present",
        "ecog_performance_status": 1.0,
        "age": 65.0,
        "sex": "male",
        "therapy_class": "chemoimmunotherapy",
        "checkpoint_inhibitor_class": "pd_1_or_pd_l1",
        "systemic_therapy": "immunotherapy",
        "systemic_therapy_start": 36.0,
        "line_of_therapy": 1.0,
    }
    assert found.issues == ()
    assert (found.patient_id, found.date) == ("p1", "2026-03-01")
    assert all(catalog.checked(feature) == feature for feature in found.features)


def test_a_feature_says_where_and_when_it_was_read():
    (feature,) = (f for f in extract_features(bundle(observation()), INDEX).features if f.name == "hemoglobin")
    assert (feature.source, feature.effective, feature.coding.code) == ("Observation/o1", "2026-03-01", "718-7")


def test_a_resource_without_id_is_named_by_its_full_url_else_by_its_place():
    nameless = observation(None)
    entry = {"resource": nameless, "fullUrl": "urn:uuid:6f1c"}
    data = json.dumps(
        {"resourceType": "Bundle", "type": "collection", "entry": [entry, {"resource": observation(None)}]}
    )
    sources = {f.source for f in extract_features(data.encode()).features}
    assert sources == {"urn:uuid:6f1c", "Bundle.entry[1].resource"}


def test_components_of_a_panel_are_features_of_their_own():
    components = [
        {"code": concept(LOINC, "751-8"), "valueQuantity": {"value": 6, "unit": "10*9/L"}},
        {"code": concept(LOINC, "9999-9"), "valueQuantity": {"value": 6, "unit": "10*9/L"}},
        {"code": concept(LOINC, "731-0"), "valueQuantity": {"value": 2, "unit": "furlong"}},
    ]
    panel = observation("cbc", "57021-8", valueQuantity=None, component=components)
    found = extract_features(bundle(panel), INDEX)
    assert [f.source for f in found.features if f.name == "neutrophil_count"] == ["Observation/cbc#component[0]"]
    assert issues_at(bundle(panel)) == {
        "Bundle.entry[1].resource.component[1].code": "UNMAPPED_CODE",
        "Bundle.entry[1].resource.component[2].valueQuantity": "UNKNOWN_UNIT",
    }


# --- the neutrophil-lymphocyte ratio ---------------------------------------------------------------------------------

NEU, LYM = ("neu", "751-8", 6, "10*9/L"), ("lym", "731-0", 2, "10*9/L")


def test_the_ratio_names_its_sources_and_formula():
    found = extract_features(bundle(observation(*NEU), observation(*LYM)), INDEX)
    (ratio,) = (f for f in found.features if f.name == "neutrophil_lymphocyte_ratio")
    assert (ratio.value, ratio.sources) == (3.0, ("Observation/neu", "Observation/lym"))
    assert ratio.formula == "neutrophil_count / lymphocyte_count"
    assert ratio.effective == "2026-03-01"


@pytest.mark.parametrize(
    ("neutrophils", "lymphocytes", "derived"),
    [
        ({}, {}, True),
        ({}, {"effectiveDateTime": "2026-03-02"}, False),
        ({"effectiveDateTime": "2026-03"}, {"effectiveDateTime": "2026-03"}, False),
        ({"effectiveDateTime": None}, {"effectiveDateTime": None}, False),
        ({"specimen": {"reference": "Specimen/1"}}, {"specimen": {"reference": "Specimen/2"}}, False),
        ({"specimen": {"reference": "Specimen/1"}}, {"specimen": {"reference": "Specimen/1"}}, True),
        ({}, {"status": "entered-in-error"}, False),
        ({}, {"valueQuantity": {"value": 2, "unit": "10*9/L", "comparator": "<"}}, False),
    ],
)
def test_the_ratio_is_derived_from_one_sample_only(neutrophils, lymphocytes, derived):
    data = bundle(observation(*NEU, **neutrophils), observation(*LYM, **lymphocytes))
    assert ("neutrophil_lymphocyte_ratio" in values(data)) is derived


def test_the_ratio_of_a_preliminary_count_is_preliminary():
    data = bundle(observation(*NEU, status="preliminary"), observation(*LYM))
    (ratio,) = (f for f in extract_features(data, INDEX).features if f.sources and f.name.startswith("neutro"))
    assert ratio.status == "preliminary"


def test_two_counts_of_one_moment_give_no_ratio():
    data = bundle(observation(*NEU), observation("neu2", "751-8", 7, "10*9/L"), observation(*LYM))
    assert "neutrophil_lymphocyte_ratio" not in values(data)
    assert "NOT_DERIVED" in codes(data)


# --- whose record ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "used", "issues"),
    [
        ({"subject": {"reference": "Patient/p1/_history/3"}}, True, []),
        ({"subject": {"reference": "https://ehr.example/fhir/Patient/p1"}}, True, []),
        ({"subject": {"reference": "urn:uuid:p1"}}, True, []),
        ({"subject": {"reference": "Patient/p2"}}, False, ["OTHER_PATIENT"]),
        ({"subject": {"reference": "Group/p1"}}, False, ["OTHER_PATIENT"]),
        ({"subject": {"reference": "#p1"}}, False, ["OTHER_PATIENT"]),
        ({"subject": {"identifier": {"system": "urn:mrn", "value": "7"}}}, False, ["OTHER_PATIENT"]),
        ({"subject": {"display": "A. Person"}}, True, ["NO_SUBJECT"]),
        ({"subject": None}, True, ["NO_SUBJECT"]),
        ({"focus": [{"reference": "RelatedPerson/mother"}]}, False, ["OTHER_PATIENT"]),
        ({"focus": [{"reference": "Condition/c1"}]}, True, []),
    ],
)
def test_an_observation_counts_only_for_its_own_patient(change, used, issues):
    data = bundle(observation(**change))
    assert ("hemoglobin" in values(data), codes(data)) == (used, issues)


def test_two_patients_are_never_mixed():
    found = extract_features(bundle(patient(id="p2"), observation()), INDEX)
    assert (found.features, found.patient_id) == ((), "")
    assert [issue.code for issue in found.issues] == ["SEVERAL_PATIENTS"] * 3
    assert [issue.message.split()[0] for issue in found.issues] == ["Patient/p1", "Patient/p2", "Observation/o1"]


def test_observations_of_two_unsent_patients_are_never_mixed():
    entries = [{"resource": observation(f"o{i}", subject={"reference": f"Patient/p{i}"})} for i in range(2)]
    data = json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries}).encode()
    assert extract_features(data).features == ()


def test_the_patient_may_be_known_by_reference_alone():
    found = extract_features(json.dumps(observation()).encode(), INDEX)
    assert (found.patient_id, [f.name for f in found.features]) == ("p1", ["hemoglobin"])


# --- versions --------------------------------------------------------------------------------------------------------


def test_a_resource_that_stands_twice_counts_once():
    data = bundle(observation(), observation())
    assert [f.name for f in extract_features(data, INDEX).features].count("hemoglobin") == 1
    assert codes(data) == ["DUPLICATE_RESOURCE"]


@pytest.mark.parametrize("swapped", [False, True])
def test_the_newer_version_of_a_resource_counts(swapped):
    versions = [
        observation(value=9, meta={"lastUpdated": "2026-03-02T10:00:00Z"}),
        observation(value=12, meta={"lastUpdated": "2026-03-02T11:30:00+02:00"}),
    ]
    data = bundle(*(reversed(versions) if swapped else versions))
    assert values(data)["hemoglobin"] == 9.0
    assert codes(data) == ["SUPERSEDED_VERSION"]


def test_versions_that_contradict_each_other_are_both_left_out():
    data = bundle(observation(value=9), observation(value=12))
    assert "hemoglobin" not in values(data)
    assert codes(data) == ["CONFLICTING_VERSIONS"] * 2


@pytest.mark.parametrize("full_url", [None, "https://ehr.example/Observation/o1"])
def test_what_a_history_deletes_is_not_used(full_url):
    entries = [
        {"fullUrl": full_url or "urn:x", "request": {"method": "DELETE", "url": "Observation/o1"}},
        {"fullUrl": full_url, "resource": observation()} if full_url else {"resource": observation()},
    ]
    data = json.dumps({"resourceType": "Bundle", "type": "history", "entry": entries}).encode()
    assert extract_features(data).features == ()
    assert "DELETED_RESOURCE" in codes(data)


def test_a_history_counts_its_first_version():
    data = bundle(observation(value=9), observation(value=12), type="history")
    assert values(data)["hemoglobin"] == 9.0


@pytest.mark.parametrize(
    ("full_url", "expected"),
    [
        ("https://ehr.example/fhir/Observation/o1", []),
        ("https://ehr.example/fhir/Observation/o2", ["FULL_URL_MISMATCH"]),
        ("https://ehr.example/fhir/Observation/o2/_history/1", []),
        ("urn:uuid:0b1e6a3c-9f3c-4e3e-8f3e-2f6d1c1f7a10", []),
        ("https://ehr.example/a-document/7", []),
    ],
)
def test_a_resource_under_the_full_url_of_another_id_is_doubted(full_url, expected):
    entries = [{"resource": patient()}, {"fullUrl": full_url, "resource": observation()}]
    data = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()
    assert values(data)["hemoglobin"] == 12.5
    assert codes(data) == expected
