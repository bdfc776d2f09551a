"""What is left out and said; bytes that mean harm; properties that hold for any record."""

import json
import math
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.records import (
    INDEX,
    LOINC,
    SNOMED,
    bundle,
    codes,
    concept,
    condition,
    issues_at,
    medication,
    observation,
    patient,
    values,
)
from tumorcast_clinical.model import Limits, extract_features
from tumorcast_core import catalog, wire
from tumorcast_core.errors import MalformedFhir, PayloadTooLarge, TumorcastError
from tumorcast_core.snapshot import Severity

MCODE = Path(__file__).parents[4] / "shared" / "data" / "fhir_mcode"


# --- what is left out, and said --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "code", "severity"),
    [
        (
            {"resourceType": "Flag", "status": "active", "code": concept("", "", text="x")}
            | {"subject": {"reference": "Patient/p1"}},
            "UNUSED_RESOURCE",
            "information",
        ),
        ({"resourceType": "Foo"}, "UNKNOWN_RESOURCE_TYPE", "error"),
        ({"resourceType": "DomainResource"}, "UNKNOWN_RESOURCE_TYPE", "error"),
        ({"resourceType": "Quantity"}, "UNKNOWN_RESOURCE_TYPE", "error"),
        ({"resourceType": "Observation"}, "INVALID_RESOURCE", "error"),
        (observation(bogus=1), "INVALID_RESOURCE", "error"),
        (
            observation(modifierExtension=[{"url": "http://x", "valueBoolean": True}]),
            "UNKNOWN_MODIFIER_EXTENSION",
            "error",
        ),
        (observation(implicitRules="http://x"), "IMPLICIT_RULES", "error"),
        (observation(contained=[{"resourceType": "Foo", "id": "x"}]), "INVALID_RESOURCE", "error"),
        (observation(contained=[{"resourceType": "Specimen", "id": "x"}]), "UNUSED_RESOURCE", "information"),
        (
            {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]},
            "OPERATION_OUTCOME",
            "warning",
        ),
        (
            {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]},
            "OPERATION_OUTCOME",
            "error",
        ),
        (patient(deceasedBoolean=True), "CONFLICTING_VERSIONS", "error"),
    ],
)
def test_a_resource_that_is_not_used_is_said(resource, code, severity):
    issue = next(i for i in extract_features(bundle(resource), INDEX).issues if i.code == code)
    assert issue.severity == severity
    assert issue.location.startswith("Bundle.entry[")
    assert issue.origin == "clinical"


def test_one_bad_entry_costs_only_itself():
    data = bundle(observation("bad", bogus=1), observation("good", "1751-7", 3.8))
    assert values(data)["albumin"] == 3.8
    (issue,) = extract_features(data, INDEX).issues
    assert (issue.location, issue.severity) == ("Bundle.entry[1].resource", Severity.ERROR)
    assert issue.message.startswith("Observation/bad ")


def test_an_invalid_element_is_located():
    data = bundle(observation(valueQuantity={"value": True, "unit": "g/dL"}))
    assert issues_at(data) == {"Bundle.entry[1].resource.valueQuantity.value": "INVALID_RESOURCE"}


def test_an_issue_never_repeats_what_the_record_says():
    secret = "Jane-Doe-19600520"
    data = bundle(
        observation(**{secret: 1}),
        observation("o2", unit=secret),
        observation("o3", "21908-9", valueCodeableConcept=concept("", "", text=secret)),
        {"resourceType": secret},
        {"resourceType": "JaneDoe"},
    )
    found = extract_features(data, INDEX)
    assert len(found.issues) >= 4
    for said in (text for issue in found.issues for text in (issue.message, issue.location)):
        assert secret not in said
        assert "Jane" not in said


# --- hostile bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"   ", b"null", b"[]", b"1", b'"x"', b"{}", b"{", b'{"resourceType": 1}', b"\xff\xfe", b"<Bundle/>"),
        *(bundle(observation())[:-20], bundle(observation()) + b"x", b'{"resourceType": "Bundle", "entry": {}}'),
        *(b'{"resourceType": "Bundle", "type": "collection", "type": "batch"}', "{}".encode("utf-16")),
        *(b"[" * 100_000, b'{"a":' * 4000 + b"1" + b"}" * 4000),
    ],
)
def test_a_file_that_is_no_fhir_json_is_refused(data):
    with pytest.raises(MalformedFhir) as caught:
        extract_features(data)
    assert len(caught.value.message) < 200


def test_too_much_is_refused():
    with pytest.raises(PayloadTooLarge):
        extract_features(b" " * 1001, limits=Limits(max_bytes=1000))
    with pytest.raises(PayloadTooLarge):
        extract_features(bundle(observation(), observation("o2")), limits=Limits(max_entries=2))


def nested(levels: int) -> bytes:
    """An Observation with an extension within an extension within ..., as raw JSON."""
    deep = b'[{"url":"x","extension":' * levels + b'[{"url":"x","valueString":"y"}]' + b"}]" * levels
    return json.dumps(observation("deep", extension=0)).encode().replace(b'"extension": 0', b'"extension":' + deep)


@pytest.mark.parametrize("levels", [60, 300, 4000, 40_000])
def test_a_deep_extension_costs_its_entry_and_is_said(levels):
    good = json.dumps(observation("good", "1751-7", 3.8)).encode()
    data = bundle().replace(b"]}", b',{"resource":' + nested(levels) + b'},{"resource":' + good + b"}]}")
    found = extract_features(data, INDEX)
    assert {f.name for f in found.features} == {"age", "albumin", "sex"}
    assert [(i.code, i.location.startswith("Bundle.entry[1]")) for i in found.issues] == [("NESTED_TOO_DEEP", True)]


@pytest.mark.parametrize("levels", [4000, 40_000])
def test_a_single_resource_that_is_too_deep_is_refused(levels):
    with pytest.raises(MalformedFhir, match="deeper"):
        extract_features(nested(levels))


@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "9" * 5000,
        "1" + "0" * 500,
        "0." + "1" * 500,
        "1e-999999999",
        "0e999999999",
        "1e-" + "9" * 20,
    ],
)
def test_a_number_that_json_does_not_know_costs_its_entry(number):
    data = bundle(observation(value=12345.678), observation("good", "1751-7", 3.8)).replace(
        b"12345.678", number.encode()
    )
    assert "hemoglobin" not in values(data)
    assert values(data)["albumin"] == 3.8
    assert codes(data) == ["NOT_A_NUMBER"]


def test_a_key_that_stands_twice_costs_its_entry():
    data = bundle(observation(value=12.5), observation("good", "1751-7", 3.8)).replace(
        b'"value": 12.5', b'"value": 12.5, "value": 9'
    )
    assert "hemoglobin" not in values(data)
    assert issues_at(data) == {"Bundle.entry[1].resource.valueQuantity": "DUPLICATE_KEY"}


def test_an_empty_bundle_is_a_warning():
    for entries in ({}, {"entry": []}):
        found = extract_features(json.dumps({"resourceType": "Bundle", "type": "collection", **entries}).encode())
        assert [(i.code, i.severity) for i in found.issues] == [("EMPTY_BUNDLE", Severity.WARNING)]


def test_a_bundle_that_is_one_page_of_several_or_of_no_type_is_pointed_out():
    assert codes(bundle(link=[{"relation": "next", "url": "http://x"}])) == ["FURTHER_PAGES"]
    assert codes(bundle(type="heap")) == ["BUNDLE_TYPE_UNKNOWN"]


def test_rules_and_modifiers_of_a_bundle_that_are_not_known_are_never_ignored():
    with pytest.raises(MalformedFhir, match="implicit rules"):
        extract_features(bundle(observation(), implicitRules="http://example.org/rules"))
    modified = {"resource": observation("a", "1751-7", 3.8), "modifierExtension": [{"url": "http://example.org/not"}]}
    data = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": [modified, {"resource": observation()}]})
    assert values(data.encode()) == {"hemoglobin": 12.5}
    assert issues_at(data.encode())["Bundle.entry[0]"] == "UNKNOWN_MODIFIER_EXTENSION"


@pytest.mark.parametrize("kind", ["collection", "searchset", "document", "transaction", "history", "batch"])
def test_every_kind_of_bundle_is_read(kind):
    assert values(bundle(observation(), type=kind))["hemoglobin"] == 12.5


def test_entries_without_a_readable_resource_are_told_apart():
    entries = [
        1,
        None,
        {},
        {"resource": 1},
        {"resource": {}},
        {"resource": {"resourceType": 3}},
        {"request": {"method": "GET", "url": "x"}},
    ]
    data = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}).encode()
    assert codes(data) == ["INVALID_ENTRY"] * 2 + ["NO_RESOURCE"] + ["INVALID_RESOURCE"] * 3 + ["NO_RESOURCE"]


def leaves_only_tumorcast_errors(data: bytes, index_date: str = "") -> None:
    begun = time.monotonic()
    try:
        found = extract_features(data, index_date)
    except TumorcastError:
        return
    finally:
        assert time.monotonic() - begun < 5
    for feature in found.features:
        wire.feature_to(feature).SerializeToString()
        assert catalog.checked(feature) == feature
        assert isinstance(feature.value, str) or math.isfinite(feature.value)
    for issue in found.issues:
        wire.issue_to(issue).SerializeToString()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_leave_only_tumorcast_errors(data):
    leaves_only_tumorcast_errors(data)


_KEYS = st.sampled_from(
    [
        *("resourceType", "id", "entry", "resource", "code", "coding", "system", "valueQuantity", "value", "unit"),
        *(
            "subject",
            "reference",
            "component",
            "effectiveDateTime",
            "meta",
            "stage",
            "contained",
            "birthDate",
            "status",
        ),
    ]
)
_LEAVES = st.sampled_from(
    [
        None,
        True,
        0,
        -1.5,
        1e300,
        "",
        "Observation",
        "Patient",
        "Bundle",
        LOINC,
        "718-7",
        "final",
        "g/dL",
        "2026-13",
        "\ud800",
    ]
)
_TREES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6), max_leaves=40
)


@pytest.mark.parametrize(
    "changes",
    [{"id": "\ud800"}, {"code": {"resourceType": "\ud800"}}, {"note": [{"text": "\udfff"}]}, {"\ud800": 1}],
    ids=["id", "nested", "text", "key"],
)
def test_half_a_surrogate_pair_costs_its_resource_only_and_can_be_told(changes):
    found = extract_features(bundle(observation() | changes, observation("o2", "1751-7", 3.9, "g/dL")), INDEX)
    assert [f.name for f in found.features] == ["age", "albumin", "sex"]
    assert [i.code for i in found.issues if i.location.startswith("Bundle.entry[1]")] == ["NOT_TEXT"]
    assert all(wire.issue_to(issue).SerializeToString() for issue in found.issues)


@settings(max_examples=300, deadline=None)
@given(
    _TREES,
    st.dictionaries(_KEYS, _TREES, max_size=4),
    st.sampled_from(["Observation", "Patient", "MedicationRequest", "Condition"]),
)
def test_random_json_leaves_only_tumorcast_errors(tree, changes, kind):
    leaves_only_tumorcast_errors(json.dumps(tree).encode())
    base = {
        "Observation": observation(),
        "Patient": patient(),
        "MedicationRequest": medication(),
        "Condition": condition(),
    }[kind]
    leaves_only_tumorcast_errors(bundle(base | changes), INDEX)
    leaves_only_tumorcast_errors(json.dumps(base | changes).encode(), INDEX)


NEU, LYM = ("neu", "751-8", 6, "10*9/L"), ("lym", "731-0", 2, "10*9/L")
RECORD = [
    *(observation(*NEU), observation(*LYM), observation("a", "1751-7", 38, "g/L"), observation("x", "9999-9")),
    *(observation("s", "21908-9", valueCodeableConcept=concept(SNOMED, "258228008")), observation("o", unit="furlong")),
    *(medication(), medication(id_="m2", rxnorm="1547545"), medication(id_="m3", status="stopped"), condition()),
    *(observation("late", effectiveDateTime="2027"), observation("other", subject={"reference": "Patient/p2"})),
    *(observation("twice"), observation("twice"), observation("v", value=9), observation("v", value=10)),
]


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_entries_does_not_matter(shuffler: random.Random):
    shuffled = RECORD.copy()
    shuffler.shuffle(shuffled)
    first, second = extract_features(bundle(*RECORD), INDEX), extract_features(bundle(*shuffled), INDEX)
    assert first.features == second.features
    assert sorted((i.code, i.message) for i in first.issues) == sorted((i.code, i.message) for i in second.issues)
    assert (first.patient_id, first.date) == (second.patient_id, second.date)


@pytest.mark.skipif(not MCODE.is_dir(), reason="the mCODE bundles of ../shared/data are not here")
@pytest.mark.parametrize("file", sorted(MCODE.rglob("*.json")), ids=lambda file: file.stem)
def test_every_resource_of_an_mcode_bundle_gives_a_feature_or_an_issue(file):
    data = file.read_bytes()
    try:
        found = extract_features(data)
    except MalformedFhir:
        assert isinstance(json.loads(data), list)  # the extraction fixtures' answers are arrays, not FHIR
        return
    sources = {source.split("#")[0] for f in found.features for source in (f.source, *f.sources)}
    for i, entry in enumerate(json.loads(data)["entry"]):
        resource, place = entry["resource"], f"Bundle.entry[{i}].resource"
        names = {f"{resource['resourceType']}/{resource.get('id')}", entry.get("fullUrl"), place}
        assert names & sources or any(issue.location.startswith(place) for issue in found.issues)
