"""What must not matter: order, paging, spelling of units and of JSON, form of references, and what is of others."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import isclose
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.records import INDEX, LOINC, Resource, bundle, concept, medication, observation, patient, procedure
from support.rich_record import SERVER, bundle_of, entry_of, lines_of, name_of, rich_bundle, rich_resources, subject
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.terms.analytes import analytes
from tumorcast_clinical.model.units.convert import factors_to, known_units
from tumorcast_core.catalog import CatalogEntry
from tumorcast_core.snapshot import Extraction, Feature, Modality

RESOURCES = rich_resources()
RANDOM = st.randoms(use_true_random=False)
_LATER = ("2026-03-29", "2026-04", "2027", "2026-03-30T00:00:00Z")


@cache
def whole() -> Extraction:
    """What is read of the rich record as it stands."""
    return extract_features(rich_bundle(), INDEX)


def told(extraction: Extraction) -> Counter[tuple[str, str, str]]:
    """The issues without their places."""
    return Counter((issue.severity.value, issue.code, issue.message) for issue in extraction.issues)


def is_same(found: Extraction) -> bool:
    """Whether everything but the places of issues is as in the rich record."""
    assert found.features == whole().features
    assert told(found) == told(whole())
    return (found.patient_id, found.date) == (whole().patient_id, whole().date)


def shuffled(random: Random) -> list[Resource]:
    return random.sample(RESOURCES, len(RESOURCES))


# --- order, paging and form of the file ------------------------------------------------------------------------------


@settings(max_examples=20)
@given(RANDOM)
def test_the_order_of_entries_changes_nothing(random):
    assert is_same(extract_features(bundle_of([entry_of(r) for r in shuffled(random)]), INDEX))


@settings(max_examples=20)
@given(RANDOM, st.lists(st.integers(0, len(RESOURCES)), max_size=6))
def test_the_pages_of_an_answer_are_one_record(random, cuts):
    entries = [entry_of(resource) for resource in shuffled(random)]
    edges = [0, *sorted(cut for cut in cuts if cut), len(entries)]
    parts = [entries[a:b] for a, b in pairwise(edges) if a < b]
    assert is_same(extract_features([bundle_of(part, "searchset") for part in parts], INDEX))


@settings(max_examples=20)
@given(RANDOM, st.sampled_from([b"\n", b"\r\n", b"\n\n"]), st.booleans())
def test_newline_delimited_json_says_the_same_as_a_bundle(random, newline, marked):
    lines = lines_of(shuffled(random)).replace(b"\n", newline)
    assert is_same(extract_features((b"\xef\xbb\xbf" if marked else b"") + lines, INDEX))


@pytest.mark.parametrize("kind", ["collection", "searchset", "document", "transaction", "batch", "message"])
def test_the_type_of_the_bundle_does_not_matter(kind):
    assert is_same(extract_features(rich_bundle(kind), INDEX))


def reordered(node: Any, random: Random) -> Any:
    if isinstance(node, dict):
        return {key: reordered(node[key], random) for key in random.sample(list(node), len(node))}
    return [reordered(item, random) for item in node] if isinstance(node, list) else node


@settings(max_examples=20)
@given(RANDOM, st.sampled_from([{}, {"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}]), st.booleans())
def test_blanks_escapes_and_the_order_of_keys_change_nothing(random, style, ascii_only):
    root = reordered(json.loads(rich_bundle()), random)
    text = json.dumps(root, ensure_ascii=ascii_only, **style)
    assert is_same(extract_features(f"\r\n\t {text}\n".encode(), INDEX))


# --- references ------------------------------------------------------------------------------------------------------


def urn_of(name: str) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def referring(node: Any, names: dict[str, str]) -> Any:
    """The same with other references to what has these names."""
    if isinstance(node, dict):
        return {
            key: names.get(value, value) if key == "reference" else referring(value, names)
            for key, value in node.items()
        }
    return [referring(item, names) for item in node] if isinstance(node, list) else node


@pytest.mark.parametrize(
    ("full_urls", "references"),
    [("urn", "urn"), *((url, form) for url in ("absolute", "none") for form in ("relative", "absolute", "versioned"))],
)
def test_the_form_of_references_changes_nothing(full_urls, references):
    forms = {"absolute": f"{SERVER}/{{}}", "versioned": "{}/_history/1", "relative": "{}"}
    names = [*map(name_of, RESOURCES), "Patient/p2"]
    known = {name: urn_of(name) if references == "urn" else forms[references].format(name) for name in names}
    entries = [entry_of(resource) for resource in RESOURCES]
    for entry in entries:
        name = name_of(entry["resource"])
        entry["resource"] = referring(entry["resource"], known)
        if full_urls == "none":
            del entry["fullUrl"]
        elif full_urls == "urn":
            entry["fullUrl"] = urn_of(name)
    assert is_same(extract_features(bundle_of(entries), INDEX))


# --- what is added or taken away -------------------------------------------------------------------------------------

_NEW = st.sampled_from(
    [
        observation("new-lab", value=9.1),
        observation("new-gene", "81695-9", valueCodeableConcept=concept(LOINC, "LA26203-2")),
        observation("new-stage", "21908-9", valueCodeableConcept=concept("http://snomed.info/sct", "258228008")),
        medication("MedicationAdministration", "new-dose", "1547545"),
        medication("MedicationRequest", "new-order", "1547545"),
        medication("MedicationStatement", "new-words", "32592"),
        procedure(concept("http://snomed.info/sct", "392021009"), id="new-surgery"),
        {
            "resourceType": "Condition",
            "id": "new-condition",
            "code": concept("http://hl7.org/fhir/sid/icd-10-cm", "C61"),
        },
    ]
)
_DATES = {
    "Observation": "effectiveDateTime",
    "MedicationAdministration": "effectiveDateTime",
    "MedicationRequest": "authoredOn",
    "MedicationStatement": "effectiveDateTime",
    "Procedure": "performedDateTime",
    "Condition": "recordedDate",
}


@settings(max_examples=20)
@given(st.lists(_NEW, min_size=1, max_size=4, unique_by=name_of), st.sampled_from(_LATER), RANDOM)
def test_what_is_dated_after_the_index_date_changes_no_feature(new, when, random):
    later = [{"status": "final", **subject("p1"), **r, _DATES[r["resourceType"]]: when} for r in new]
    for resource in later:
        if resource["resourceType"] == "Condition":
            del resource["status"]
    resources = random.sample(both := [*RESOURCES, *later], len(both))
    found = extract_features(bundle_of(map_entries(resources)), INDEX)
    assert found.features == whole().features
    assert Counter(i.code for i in found.issues)["AFTER_INDEX_DATE"] == after_index(whole()) + len(later)


def map_entries(resources: list[Resource]) -> list[Resource]:
    return [entry_of(resource) for resource in resources]


def after_index(extraction: Extraction) -> int:
    return sum(issue.code == "AFTER_INDEX_DATE" for issue in extraction.issues)


@settings(max_examples=20)
@given(
    st.lists(_NEW, min_size=1, max_size=4, unique_by=name_of),
    st.sampled_from(
        ["Patient/p2", f"{SERVER}/Patient/p2", "urn:uuid:0b1e6a3c-9f3c-4e3e-8f3e-2f6d1c1f7a10", "Group/p1"]
    ),
    RANDOM,
)
def test_what_is_of_another_patient_changes_no_feature(new, reference, random):
    theirs = [resource | {"subject": {"reference": reference}} for resource in new]
    resources = random.sample(both := [*RESOURCES, *theirs], len(both))
    found = extract_features(bundle_of(map_entries(resources)), INDEX)
    assert found.features == whole().features
    for resource in theirs:
        assert any(i.message.startswith(name_of(resource)) and i.severity == "error" for i in found.issues)


@settings(max_examples=20)
@given(RANDOM, st.booleans())
def test_another_patient_changes_nothing_where_one_is_asked_for(random, lines):
    stranger = patient(id="p2", gender="female", birthDate="1999-01-01", deceasedBoolean=True)
    resources = random.sample(both := [*RESOURCES, stranger], len(both))
    data = lines_of(resources) if lines else bundle_of(map_entries(resources))
    found = extract_features(data, INDEX, patient_id="p1")
    assert found.features == whole().features
    assert [i.code for i in found.issues if i.message.startswith("Patient/p2")] == ["OTHER_PATIENT"]


_IRRELEVANT = st.sampled_from(
    [
        {"resourceType": "Organization", "id": "clinic", "name": "Clinic"},
        {"resourceType": "Practitioner", "id": "doctor"},
        {"resourceType": "Device", "id": "analyzer"},
        {"resourceType": "Appointment", "id": "visit-2", "status": "booked", "participant": [{"status": "accepted"}]},
        {"resourceType": "Location", "id": "ward"},
        observation("cholesterol", "9999-1", value=190, unit="mg/dL"),
        {"resourceType": "Nonsense", "id": "x"},
        observation("broken", status="definitely"),
    ]
)


@settings(max_examples=20)
@given(st.lists(_IRRELEVANT, min_size=1, max_size=8, unique_by=name_of), RANDOM)
def test_what_no_feature_reads_changes_no_feature_and_is_told(new, random):
    resources = random.sample(both := [*RESOURCES, *new], len(both))
    found = extract_features(bundle_of(map_entries(resources)), INDEX)
    assert found.features == whole().features
    assert sum((told(found) - told(whole())).values()) == len(new)


def without_source(feature: Feature, name: str) -> bool:
    return all(source.split("#")[0] != name for source in (feature.source, *feature.sources))


UNREAD = ["Encounter/visit", "DiagnosticReport/report", "Specimen/s1", "Observation/local", "Observation/unmapped"]
UNREAD += ["Condition/refuted", "FamilyMemberHistory/mother", "Procedure/biopsy", "Observation/future"]


@pytest.mark.parametrize("name", UNREAD)
def test_leaving_out_what_is_not_used_changes_no_feature_and_only_its_own_issues(name):
    found = extract_features(bundle_of(map_entries([r for r in RESOURCES if name_of(r) != name])), INDEX)
    assert found.features == whole().features
    gone = told(whole()) - told(found)
    assert all(message.startswith(f"{name} ") for _, _, message in gone)
    assert not told(found) - told(whole())


@pytest.mark.parametrize(
    "name", ["Observation/ecog", "Observation/msi", "Observation/tmb", "Observation/cm", "Procedure/radiation"]
)
def test_leaving_out_a_result_takes_only_what_names_it(name):
    found = extract_features(bundle_of(map_entries([r for r in RESOURCES if name_of(r) != name])), INDEX)
    assert found.features == tuple(f for f in whole().features if without_source(f, name))
    assert found.features != whole().features


# --- units -----------------------------------------------------------------------------------------------------------


def numeric_labs() -> list[tuple[CatalogEntry, str]]:
    """Every number that an Observation may state, with the first LOINC that does."""
    found = {}
    for (system, code), (entry, _) in analytes().items():
        if system == LOINC and entry.modality is Modality.LABS and not entry.categories and not entry.integer:
            found.setdefault(entry.name, (entry, code))
    return list(found.values())


def usual(entry: CatalogEntry) -> Fraction:
    """A number in the middle of the catalog's range, with few digits."""
    low, high = entry.range
    middle = (max(low, 0.0) + high) / 2 if high != float("inf") else 50.0
    return Fraction(f"{middle:.2g}") if middle < 10 else Fraction(round(middle))


def spelled(entry: CatalogEntry) -> list[tuple[str, Fraction]]:
    """Every spelling of the alias table that converts to the entry's unit, with its factor."""
    factors = factors_to(entry)
    return [(s, u.size * factors[u.dimension]) for s, u in known_units().items() if u.dimension in factors and s]


def decimal_of(number: Fraction) -> Decimal | None:
    """The number as JSON can write it, if it ends."""
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return Decimal(number.numerator) / Decimal(number.denominator) if rest == 1 else None


def written(number: Fraction) -> tuple[str, bool]:
    """The number as JSON, and whether that is all of it."""
    exact = decimal_of(number)
    return f"{exact or Decimal(number.numerator) / Decimal(number.denominator):f}", exact is not None


@pytest.mark.parametrize(("entry", "code"), numeric_labs(), ids=lambda value: getattr(value, "name", ""))
def test_every_spelling_of_a_unit_gives_the_very_same_number(entry, code):
    """Of each spelling a result of another day, so that none is another's rival."""
    spellings, expected = spelled(entry), float(usual(entry))
    days = [(date(2020, 1, 1) + timedelta(days=i)).isoformat() for i in range(len(spellings))]
    results = [
        observation(f"o{i}", code, effectiveDateTime=day, valueQuantity={"value": f"@{i}@", "unit": spelling})
        for i, (day, (spelling, _)) in enumerate(zip(days, spellings, strict=True))
    ]
    data = bundle(*results)
    numbers = [written(usual(entry) / factor) for _, factor in spellings]
    for i, (number, _) in enumerate(numbers):
        data = data.replace(f'"@{i}@"'.encode(), number.encode())
    found = {f.source: f.value for f in extract_features(data, INDEX).features}
    for i, (spelling, (_, exact)) in enumerate(zip(spellings, numbers, strict=True)):
        value = found.get(f"Observation/o{i}")
        assert isinstance(value, float), spelling
        assert value == expected if exact else isclose(value, expected, rel_tol=1e-15), spelling


@settings(max_examples=20)
@given(RANDOM)
def test_other_spellings_of_its_units_change_nothing_in_the_record(random):
    resources = [json.loads(json.dumps(resource)) for resource in RESOURCES]
    seed = random.getrandbits(64)
    for resource in resources:
        of_name = Random(f"{seed} {name_of(resource)}")  # copies of one resource stay copies
        for node in (resource, *resource.get("component", ())):
            respelled(node.get("valueQuantity", {}), of_name)
    assert is_same(extract_features(bundle_of(map_entries(resources)), INDEX))


def respelled(quantity: Resource, random: Random) -> None:
    """Give the quantity another spelling of the very same unit."""
    unit = known_units().get(quantity.get("unit", ""))
    if unit:
        alike = [spelling for spelling, other in known_units().items() if other == unit and spelling]
        quantity["unit"] = random.choice(alike)
        quantity.pop("code", None)
        quantity.pop("system", None)
