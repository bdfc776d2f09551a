"""Newline-delimited JSON: a bad line costs itself, patients are never mixed, memory does not grow with the file."""

import io
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.records import INDEX, bundle, medication, observation, patient
from tumorcast_clinical.model import Limits, extract_features, extract_file
from tumorcast_clinical.model.record.entry import Report
from tumorcast_clinical.model.record.lines import Lines
from tumorcast_core.errors import PayloadTooLarge


def lines(*resources, end: bytes = b"\n") -> bytes:
    return end.join(r if isinstance(r, bytes) else json.dumps(r).encode() for r in resources)


RECORD = (patient(), observation(), observation("a", "1751-7", 38, "g/L"), medication())


def test_lines_give_the_features_of_the_same_bundle():
    assert extract_features(lines(*RECORD), INDEX).features == extract_features(bundle(*RECORD[1:]), INDEX).features


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n", b"\n  \n"])
def test_lines_may_end_as_files_do(end):
    found = extract_features(lines(*RECORD, end=end) + end, INDEX)
    assert {f.name for f in found.features} >= {"hemoglobin", "albumin", "age"}
    assert found.issues == ()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"resourceType": "Observation", "id": "x"', "MALFORMED_FHIR"),
        (b"\xff\xfe", "MALFORMED_FHIR"),
        (b"[1, 2]", "MALFORMED_FHIR"),
        (b'"text"', "MALFORMED_FHIR"),
        (b"{}", "MALFORMED_FHIR"),
        (b'{"resourceType": "Observation", "a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "MALFORMED_FHIR"),
        (json.dumps(observation("bad", bogus=1)).encode(), "INVALID_RESOURCE"),
        (json.dumps(observation("bad", value=12345.678)).encode().replace(b"12345.678", b"NaN"), "NOT_A_NUMBER"),
        (json.dumps(observation("bad", unit="furlong")).encode(), "UNKNOWN_UNIT"),
        (json.dumps(observation("bad", subject={"reference": "Patient/p2"})).encode(), "OTHER_PATIENT"),
        (b'{"resourceType": "Foo"}', "UNKNOWN_RESOURCE_TYPE"),
    ],
)
def test_a_bad_line_costs_itself_and_is_named(line, code):
    found = extract_features(lines(patient(), observation("a", "1751-7", 3.8), line, observation()), INDEX)
    assert {f.name for f in found.features} == {"age", "sex", "albumin", "hemoglobin"}
    (issue,) = found.issues
    assert (issue.code, issue.location.split()[:2]) == (code, ["line", "3"])


def test_an_element_of_a_line_is_located_below_its_resource():
    found = extract_features(lines(patient(), observation("bad", unit="furlong")), INDEX)
    assert [issue.location for issue in found.issues] == ["line 2 Observation.valueQuantity"]


def test_a_resource_without_id_is_named_by_its_line():
    found = extract_features(lines(patient(), observation(None)), INDEX)
    assert [f.source for f in found.features if f.name == "hemoglobin"] == ["line 2"]


def test_a_bundle_may_stand_on_a_line():
    found = extract_features(lines(patient(), bundle(observation())), INDEX)
    assert [f.source for f in found.features if f.name == "hemoglobin"] == ["Observation/o1"]
    assert [(i.code, i.location) for i in found.issues] == [("DUPLICATE_RESOURCE", "line 2 Bundle.entry[0].resource")]


def test_a_line_that_stands_twice_counts_once_and_the_newest_version_counts():
    old = observation(value=9, meta={"versionId": "1"})
    new = observation(value=10, meta={"versionId": "2"})
    found = extract_features(lines(patient(), new, old, new, patient()), INDEX)
    assert [f.value for f in found.features if f.name == "hemoglobin"] == [10.0]
    assert sorted(i.code for i in found.issues) == ["DUPLICATE_RESOURCE"] * 2 + ["SUPERSEDED_VERSION"]


def test_two_patients_are_never_mixed_and_one_can_be_chosen():
    other = observation("b", value=9, subject={"reference": "Patient/p2"})
    data = lines(patient(), patient(id="p2"), observation(), other)
    found = extract_features(data, INDEX)
    assert (found.features, [i.code for i in found.issues]) == ((), ["SEVERAL_PATIENTS"])
    chosen = extract_features(data, INDEX, patient_id="p2")
    assert [f.source for f in chosen.features if f.name == "hemoglobin"] == ["Observation/b"]
    assert chosen.patient_id == "p2"


def test_a_medication_is_found_wherever_it_stands():
    drug = {"resourceType": "Medication", "id": "d", "code": {"text": "oxaliplatin"}}
    order = medication(medicationCodeableConcept=None, medicationReference={"reference": "Medication/d"})
    for record in ((patient(), drug, order), (order, patient(), drug)):
        found = extract_features(lines(*record), INDEX)
        assert [f.value for f in found.features if f.name == "therapy_class"] == ["chemotherapy"]


def test_one_pretty_printed_resource_is_not_taken_for_lines():
    data = json.dumps(json.loads(bundle(observation())), indent=2).encode()
    assert {f.name for f in extract_features(data, INDEX).features} == {"hemoglobin", "age", "sex"}


@settings(max_examples=50, deadline=None)
@given(st.permutations(RECORD))
def test_the_order_of_lines_does_not_matter(record):
    assert extract_features(lines(*record), INDEX).features == extract_features(lines(*RECORD), INDEX).features


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file_larger_than_the_limit_is_read_if_it_is_of_lines(tmp_path: Path):
    file = tmp_path / "record.ndjson"
    file.write_bytes(lines(*RECORD))
    found = extract_file(file, INDEX, Limits(max_bytes=600))
    assert found.features == extract_features(lines(*RECORD), INDEX).features


def test_a_bundle_larger_than_the_limit_is_refused_unread(tmp_path: Path):
    file = tmp_path / "record.json"
    with file.open("wb") as sparse:
        sparse.truncate(10 << 30)
    with pytest.raises(PayloadTooLarge):
        extract_file(file, limits=Limits(max_bytes=1 << 20))


def test_a_line_without_end_is_not_read_to_the_end_to_learn_what_it_is():
    class Endless(io.RawIOBase):
        read_bytes = 0

        def readable(self) -> bool:
            return True

        def readline(self, size: int | None = -1, /) -> bytes:
            self.read_bytes += size or 0
            return b"0" * (size or 0)

    endless = Endless()
    assert not Lines(lambda: endless, Limits(max_bytes=1 << 20)).are_ndjson()
    assert endless.read_bytes < 100 << 20


def test_a_line_longer_than_the_limit_costs_itself(tmp_path: Path):
    file = tmp_path / "record.ndjson"
    file.write_bytes(lines(patient(), observation(note=[{"text": "x" * 10_000}]), observation("a", "1751-7", 3.8)))
    found = extract_file(file, INDEX, Limits(max_bytes=5_000))
    assert {f.name for f in found.features} == {"age", "sex", "albumin"}
    assert [(i.code, i.location) for i in found.issues] == [("PAYLOAD_TOO_LARGE", "line 2")]


def _peak_mib(file: Path) -> float:
    tracemalloc.start()
    try:
        found = extract_file(file, INDEX, Limits(max_bytes=100_000))
        assert len([f for f in found.features if f.name == "albumin"]) == 1
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Report, "MOST_ISSUES", 100)
    unread = [{"resourceType": "Encounter", "id": "e"} | {"status": "finished", "class": {"code": "AMB"}}]
    few, many = tmp_path / "few.ndjson", tmp_path / "many.ndjson"
    for file, count in ((few, 1_000), (many, 8_000)):
        others = (unread[0] | {"id": f"e{i}", "text": {"status": "empty", "div": "<div/>"}} for i in range(count))
        file.write_bytes(lines(patient(), observation("a", "1751-7", 3.8), *others))
    _peak_mib(few)
    assert _peak_mib(many) < _peak_mib(few) + 0.5


def test_issues_beyond_a_number_are_counted_by_code(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Report, "MOST_ISSUES", 3)
    found = extract_features(bundle(*(observation(f"o{i}", unit="furlong") for i in range(8))), INDEX)
    assert [i.code for i in found.issues] == ["UNKNOWN_UNIT"] * 4
    assert found.issues[-1].message.startswith("5 further issues")
