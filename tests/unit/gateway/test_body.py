"""The JSON body of a query."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tumorcast_api.bodies import EXAMPLE, SERVER_EXAMPLE
from tumorcast_core.errors import MalformedRequest
from tumorcast_core.query import Document, FhirPatient
from tumorcast_core.snapshot import Coding, Feature, PlannedTherapy, Timepoint
from tumorcast_gateway.rest.parsing import query_from

_blank = st.text(" \t\r\n", max_size=2)
_string = st.text(st.characters(exclude_categories=["Cs"]), max_size=5).map(json.dumps)
_scalar = st.one_of(
    st.sampled_from(["null", "true", "1.00", "1e5", "-0", "0.10", "123456789012345678901234567890", '"\\u00e9"']),
    _string,
)


def _object(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """JSON text of an object: any blanks, any names, also twice."""
    names = st.sampled_from(['"a"', '"a"', '"\\u0061"', '""'])
    pairs = st.lists(st.tuples(names, _blank, values, _blank).map(lambda p: f"{p[0]}{p[1]}:{p[2]}{p[3]}"), max_size=4)
    return st.tuples(_blank, pairs).map(lambda p: "{" + p[0] + ",".join(p[1]) + "}")


_json = st.recursive(_scalar, lambda v: _object(v) | st.lists(v, max_size=3).map(lambda x: "[" + ",".join(x) + "]"))


@given(_object(_json), _blank, _blank)
@example('{"value": 1.00, "value": 2.0, "deep": ' + "[" * 500 + "]" * 500 + "}", "", "")
def test_the_record_comes_out_byte_for_byte(fhir: str, before: str, after: str) -> None:
    body = f'{{"model": "m", "fhir":{before}{fhir}{after}, "patient_id": "p"}}'
    query = query_from(body.encode())
    assert query.fhir == fhir.encode()
    assert (query.model, query.patient_id) == ("m", "p")


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode) | _json.map(str.encode))
def test_any_other_body_is_refused_or_read_but_never_breaks(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        query_from(body)


def test_the_documented_example_is_read() -> None:
    query = query_from(json.dumps(EXAMPLE).encode())
    assert query.model == "simulated"
    assert query.horizons_days == (90.0, 180.0)
    assert json.loads(query.fhir) == EXAMPLE["fhir"]


def test_a_patient_on_a_server_is_read() -> None:
    query = query_from(json.dumps(SERVER_EXAMPLE).encode())
    assert query.fhir_server == FhirPatient("https://ehr.example.org/fhir", "17")
    assert query.record == query.fhir_server


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example('{"resourceType": "Patient", "n": 1.00}\n{"resourceType": "Basic"}\n')
@example("model")
@example("fhir")
def test_ndjson_comes_out_of_its_string(text: str) -> None:
    for ascii_ in (True, False):
        body = f'{{"model": "m", "fhir": {json.dumps(text, ensure_ascii=ascii_)}, "patient_id": "model"}}'
        query = query_from(body.encode())
        assert (query.model, query.fhir, query.patient_id) == ("m", text.encode(), "model")


def test_every_field_reaches_the_query() -> None:
    body = {
        "model": "m",
        "index_date": "2026-03-04",
        "fhir": None,
        "documents": [
            {"id": "1", "date": "2026", "content_type": "text/html; charset=latin-1", "text": "é", "timepoint": "t"}
        ],
        "timepoints": [{"role": "t", "date": "2026-01-01", "study_instance_uid": "1.2", "segmentation_uid": "1.3"}],
        "features": [
            {"name": "albumin", "number": 4, "unit": "g/dL", "coding": {"system": "s", "code": "c", "display": "d"}},
            {
                "name": "sex",
                "category": "male",
                "effective": "2026",
                "source": "x",
                "timepoint": "t",
                "status": "preliminary",
            },
            {"name": "pain", "comparator": "<"},
        ],
        "planned_therapies": [{"coding": {"code": "c"}, "therapy_class": "chemotherapy", "start_date": "2026-04"}],
    }
    query = query_from(json.dumps(body).encode())
    assert query.fhir == b""
    assert query.documents == (Document("1", "2026", "text/html; charset=utf-8", "é".encode(), "t"),)
    assert query.timepoints == (Timepoint("t", "2026-01-01", "1.2", "1.3"),)
    assert query.features == (
        Feature("albumin", 4.0, "g/dL", Coding("s", "c", "d")),
        Feature("sex", "male", effective="2026", source="x", timepoint="t", status="preliminary"),
        Feature("pain", None, comparator="<"),
    )
    assert query.planned_therapies == (PlannedTherapy(Coding("", "c"), "chemotherapy", "2026-04"),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"model": "m"',
        b'{"model": "m", "fhir": "\\ud800"}',
        b'{"model": "m", "fhir": "\xff"}',
        b'{"model": "m", "fhir": 7}',
        b'{"model": "m", "fhir_server": "https://ehr/fhir/Patient/1"}',
        b'{"model": "m", "fhir_server": {"base_url": "https://ehr/fhir"}}',
        b'{"model": "m", "fhir_server": {"base_url": "https://ehr/fhir", "patient_id": 1}}',
        b'{"model": "m", "fhir_server": {"base_url": "https://ehr/fhir", "patient_id": "1", "token": "x"}}',
        b'{"model": "m", "fhir": [1]}',
        b'{"model": "m", "fhir": {"a": NaN}}',
        b'{"model": "m", "fhir": {"a": 1,}}',
        b'{"model": "m", "fhir": ' + b"[" * 100_000 + b"}",
        b'{"model": "m", "horizons_days": [NaN]}',
        b'{"model": "m", "horizons_days": [1e999]}',
        b'{"model": "m", "horizons_days": [true]}',
        b'{"model": "m", "horizons_days": ["90"]}',
        b'{"model": 7}',
        b'{"model": "m", "model_name": "m"}',
        b'{"model": "m", "documents": [{"text": "\xff"}]}',
        b'{"model": "m", "documents": [{"text": "\\ud800"}]}',
        b'{"model": "\\ud800"}',
        b'{"\\ud800": "m"}',
        b'{"model": "m", "features": [{"name": "albumin", "number": false}]}',
        b'{"model": "m", "features": [{"name": "albumin", "number": 1, "category": "x"}]}',
        b'{"model": "m", "features": {}}',
    ],
)
def test_a_body_against_its_schema_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        query_from(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "a", "model": "b"}',
        b'{"model": "a", "m\\u006fdel": "b"}',
        b'{"model": "a", "fhir": {"a": 1}, "fhir": {"b": 1}}',
        b'{"model": "a", "fhir": {"a": 1}, "fhir": {"a": 1}}',
        b'{"model": "a", "fhir": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b', "fhir": {"b": 1}}',
        b'{"model": "a", "features": [{"name": "albumin", "number": 3.9, "number": 0.9}]}',
        b'{"model": "a", "fhir": "a", "fhir": "b"}',
        b'{"model": "a", "fhir_server": {"base_url": "https://a", "base_url": "https://b", "patient_id": "1"}}',
    ],
)
def test_a_key_that_stands_twice_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        query_from(body)


def test_keys_of_the_record_are_the_clinical_services_matter() -> None:
    assert query_from(b'{"model": "a", "fhir": {"a": 1, "a": 2}}').fhir == b'{"a": 1, "a": 2}'
