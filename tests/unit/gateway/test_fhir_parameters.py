"""Parameters of ``$prognosis``: read strictly, the record byte for byte; whatever else comes is refused in words."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorcast_core.errors import MalformedRequest, PayloadTooLarge, TumorcastError
from tumorcast_core.query import Query
from tumorcast_gateway.fhir.parameters import KNOWN, from_body, from_url

Json = dict[str, Any]
MODEL = {"name": "model", "valueString": "simulated"}
EHR = "https://ehr.example.org/fhir"


def read(*given: Json, subject: str = "", server: str = "") -> Query:
    body = json.dumps({"resourceType": "Parameters", "parameter": [MODEL, *given]}).encode()
    return from_body(body, subject, server)


def part(name: str, **value: Any) -> Json:
    return {"name": name} | value


@pytest.mark.parametrize(
    "record",
    [
        b'{"resourceType":"Bundle","x":1.00}',
        b'{"resourceType" : "Bundle", "x" : 1.00 , "a":1, "a":2}',
        b'{"resourceType":"Bundle","entry":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"text": "\\u00e4 \xc3\xa4"}',
        b"{}",
    ],
)
def test_the_record_is_the_bytes_that_came(record: bytes) -> None:
    body = b'{"resourceType":"Parameters","parameter":[{"name":"record","resource":' + record + b"}]}"
    assert from_body(body).fhir == record


def test_everything_that_can_be_given_is_read() -> None:
    query = read(
        {"name": "subject", "valueReference": {"reference": "Patient/17"}},
        {"name": "index-date", "valueDate": "2026-03-04"},
        {"name": "horizon", "valueInteger": 90},
        {"name": "horizon", "valueDecimal": 180.5},
        {"name": "horizon", "valueDuration": {"value": 2, "system": "http://unitsofmeasure.org", "code": "wk"}},
        {"name": "horizon", "valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "a"}},
        {
            "name": "document",
            "part": [
                part("id", valueString="n1"),
                part("date", valueDate="2026-03-01"),
                part("text", valueString="Hi"),
            ],
        },
        {
            "name": "document",
            "part": [
                part(
                    "attachment",
                    valueAttachment={"contentType": "text/html", "data": base64.b64encode(b"<p>Hi</p>").decode()},
                )
            ],
        },
        {
            "name": "timepoint",
            "part": [
                part("role", valueCode="baseline"),
                part("date", valueDate="2026-02-04"),
                part("study", valueIdentifier={"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}),
                part("segmentation", valueReference={"identifier": {"value": "1.2.3.4"}}),
            ],
        },
    )
    assert (query.model, query.patient_id, query.index_date) == ("simulated", "17", "2026-03-04")
    assert query.horizons_days == (90.0, 180.5, 14.0, 365.25)
    assert [(d.id, d.date, d.content) for d in query.documents] == [
        ("n1", "2026-03-01", b"Hi"),
        ("", "", b"<p>Hi</p>"),
    ]
    assert [d.content_type for d in query.documents] == ["text/plain; charset=utf-8", "text/html"]
    (timepoint,) = query.timepoints
    assert (timepoint.role, timepoint.study_instance_uid, timepoint.segmentation_uid) == (
        "baseline",
        "1.2.3",
        "1.2.3.4",
    )
    query.check()


@pytest.mark.parametrize(
    "subject",
    [
        {"valueReference": {"reference": "Patient/17"}},
        {"valueReference": {"reference": f"{EHR}/Patient/17"}},
        {"valueReference": {"identifier": {"system": "urn:mrn", "value": "17"}}},
        {"valueIdentifier": {"value": "17"}},
        {"valueString": "17"},
        {"valueId": "17"},
        {"valueUri": "Patient/17"},
    ],
)
@pytest.mark.parametrize("name", ["subject", "patient"])
def test_the_patient_may_be_named_in_any_way_that_fhir_has(name: str, subject: Json) -> None:
    assert read({"name": name} | subject).patient_id == "17"
    assert read({"name": name} | subject, subject="17").patient_id == "17"
    with pytest.raises(MalformedRequest):
        read({"name": name} | subject, subject="18")


def test_a_patient_without_a_record_is_fetched_from_the_server() -> None:
    query = read(subject="17", server=EHR)
    assert query.fhir_server is not None
    assert (query.fhir_server.base_url, query.fhir_server.patient_id) == (EHR, "17")
    assert read(subject="17").fhir_server is None
    assert read(server=EHR).fhir_server is None
    body = b'{"resourceType":"Parameters","parameter":[{"name":"record","resource":{}}]}'
    assert from_body(body, "17", EHR).fhir_server is None


def test_a_url_gives_the_primitive_parameters() -> None:
    query = from_url(
        [("model", "m"), ("index-date", "2026-03-04"), ("horizon", "90"), ("horizon", "180"), ("_format", "json")],
        "17",
        EHR,
    )
    assert (query.model, query.index_date, query.horizons_days) == ("m", "2026-03-04", (90.0, 180.0))


@pytest.mark.parametrize(
    "pair", [("record", "x"), ("horizon", "soon"), ("horizon", "nan"), ("horizon", "inf"), ("x", "")]
)
def test_a_url_gives_nothing_else(pair: tuple[str, str]) -> None:
    with pytest.raises(MalformedRequest):
        from_url([pair], "17")


@pytest.mark.parametrize(
    "given",
    [
        {"name": "model", "valueString": "again"},
        {"name": "surprise", "valueString": "x"},
        {"name": "index-date", "valueInteger": 5},
        {"name": "index-date", "valueDate": 5},
        {"name": "index-date"},
        {"name": "index-date", "valueDate": "2026-03-04", "valueString": "2026-03-04"},
        {"name": 5},
        {},
        {"name": "horizon", "valueDecimal": "90"},
        {"name": "horizon", "valueDecimal": True},
        {"name": "horizon", "valueQuantity": {"value": 90, "code": "d"}},
        {"name": "horizon", "valueQuantity": {"value": 90, "system": "http://unitsofmeasure.org", "code": "mg"}},
        {"name": "horizon", "valueInteger": 10**400},
        {"name": "record", "valueString": "{}"},
        {"name": "record"},
        {"name": "subject", "valueReference": {"reference": "Group/17"}},
        {"name": "subject", "valueReference": {"reference": "17"}},
        {"name": "subject", "valueReference": {"reference": "Patient/"}},
        {"name": "subject", "valueReference": {"identifier": 5}},
        {"name": "subject", "valueReference": "Patient/17"},
        {"name": "subject", "valueIdentifier": {}},
        {"name": "document", "valueString": "x"},
        {"name": "document", "part": []},
        {"name": "document", "part": {}},
        {"name": "document", "part": ["x"]},
        {"name": "document", "part": [{"name": "text", "valueString": "x"}, {"name": "attachment"}]},
        {"name": "document", "part": [{"name": "text", "valueString": "x"}, {"name": "text", "valueString": "y"}]},
        {"name": "document", "part": [{"name": "attachment", "valueAttachment": {"data": "***"}}]},
        {"name": "document", "part": [{"name": "attachment", "valueAttachment": {"url": "http://x"}}]},
        {"name": "timepoint", "part": [{"name": "study", "valueIdentifier": {"system": "urn:other", "value": "1.2"}}]},
        {"name": "timepoint", "part": [{"name": "surprise", "valueString": "1.2"}]},
    ],
)
def test_what_is_not_understood_is_refused_without_its_words(given: Json) -> None:
    with pytest.raises(MalformedRequest) as refused:
        read(given)
    for value in ("surprise", "again", "Group", "***"):
        assert value not in refused.value.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"resourceType": "Bundle"}',
        b'{"resourceType": "Parameters", "parameter": {}}',
        b'{"resourceType": "Parameters", "parameter": null}',
        b'{"resourceType": "Parameters", "resourceType": "Parameters"}',
        b'{"resourceType": "Parameters", "parameter": [{"name": "model", "name": "record", "valueString": "x"}]}',
        b'{"resourceType": "Parameters", "parameter": [{"name": "record", "resource": {}, "resource": {"a": 1}}]}',
        b'{"resourceType": "Parameters", "parameter": [{"name": "model", "valueString": "\xff"}]}',
        b'{"resourceType": "Parameters", "parameter": [{"name": "horizon", "valueDecimal": NaN}]}',
        b'{"resourceType": "Parameters", "parameter": [{"name": "model", "valueString": "\\ud800"}]}',
        b'{"resourceType": "Parameters", "x": ' + b"[" * 100_000,
        b'{"resourceType": "Parameters", "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"resourceType": "Parameters", "parameter": [{"name": "model", "x": '
        + b"[" * 50_000
        + b"]" * 50_000
        + b"}]}",
    ],
    ids=range(15),
)
def test_what_is_no_parameters_resource_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        from_body(body)


def test_more_parameters_than_any_query_has_are_refused_before_they_are_read() -> None:
    with pytest.raises(PayloadTooLarge):
        read(*[{"name": "horizon", "valueDecimal": 1}] * 2_000)


def test_a_second_resource_is_refused() -> None:
    with pytest.raises(MalformedRequest):
        read(*[{"name": "record", "resource": {"a": 1}}] * 2)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
values = st.recursive(scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v, max_size=3))
WORDS = """name part resource valueString valueReference valueIdentifier valueQuantity valueDecimal valueAttachment
valueDate reference identifier value system code data contentType"""
words = st.sampled_from(WORDS.split())
names = st.sampled_from([*sorted(KNOWN), "role", "study", "text", "attachment", "surprise"])
fields = st.dictionaries(words, values | names, max_size=4)
hostile = st.builds(lambda found, name: found | {"name": name}, fields, names | values)


@settings(max_examples=400, deadline=None)
@given(st.lists(hostile | values, max_size=4), st.sampled_from(["", "17"]), st.sampled_from(["", EHR]))
def test_no_parameters_raise_anything_but_a_tumorcast_error(given: list[Any], subject: str, server: str) -> None:
    body = json.dumps({"resourceType": "Parameters", "parameter": given}).encode()
    with contextlib.suppress(TumorcastError):
        from_body(body, subject, server).check()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_bytes_raise_anything_but_a_malformed_request(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        from_body(body)
