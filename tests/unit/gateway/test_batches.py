"""The JSON body of a batch, and of small documents."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_api.bodies import FeedbackBody, OutcomeBody, PatientSearchBody
from tumorcast_api.bodies.jobs import JOB_EXAMPLE
from tumorcast_api.bodies.remarks import FEEDBACK_EXAMPLE, OUTCOME_EXAMPLE
from tumorcast_core.errors import MalformedRequest, NoInput, PayloadTooLarge, TumorcastError
from tumorcast_gateway.rest.parsing import document_from, queries_from, query_from

ONE = {"model": "m", "fhir": {"a": 1}}
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_the_documented_batch_is_read_as_its_queries_are() -> None:
    queries = queries_from(json.dumps(JOB_EXAMPLE).encode())
    assert queries == tuple(query_from(json.dumps(query).encode()) for query in JOB_EXAMPLE["queries"])


def test_records_of_a_batch_come_out_byte_for_byte() -> None:
    records = [b'{"value": 1.00, "value": 2.0}', b'{"queries":  [1e5]}', b'{"value": 1.00, "value": 2.0}']
    body = b'{ "queries" :[' + b",".join(b'{"model":"m","fhir":' + record + b"}" for record in records) + b"]}"
    assert [query.fhir for query in queries_from(body)] == records


@given(st.lists(_json, max_size=4))
def test_any_batch_is_read_or_refused_with_a_place_but_never_breaks(parts: list[object]) -> None:
    body = json.dumps({"queries": [ONE, *parts]}).encode()
    if parts:
        with pytest.raises(TumorcastError, match=r"queries\[1\]"):
            queries_from(body)
    else:
        assert len(queries_from(body)) == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", MalformedRequest),
        (b"{}", MalformedRequest),
        (b"[]", MalformedRequest),
        (b'{"queries": null}', MalformedRequest),
        (b'{"queries": {"model": "m"}}', MalformedRequest),
        (b'{"queries": [{"model": "m", "fhir": {}}], "queries": []}', MalformedRequest),
        (b'{"queries": [], "more": 1}', MalformedRequest),
        (b'{"queries": [{"model": "m", "model": "n", "fhir": {}}]}', MalformedRequest),
        (b'{"queries": [{"model": "m", "fhir": {}}, {"model": "m"}]}', NoInput),
        (b'{"queries": [' + b",".join([b'{"model": "m", "fhir": {}}'] * 1001) + b"]}", PayloadTooLarge),
        (b'{"queries": ' + b"[" * 100_000 + b"}", MalformedRequest),
    ],
)
def test_a_batch_against_its_schema_is_refused(body: bytes, error: type[TumorcastError]) -> None:
    with pytest.raises(error):
        queries_from(body)


def test_the_examples_of_small_documents_are_read() -> None:
    feedback = document_from(FeedbackBody, json.dumps(FEEDBACK_EXAMPLE).encode())
    outcome = document_from(OutcomeBody, json.dumps(OUTCOME_EXAMPLE).encode())
    assert feedback.model_dump() == FEEDBACK_EXAMPLE
    assert outcome.model_dump(exclude_defaults=True) == OUTCOME_EXAMPLE


@given(st.binary(max_size=40) | _json.map(lambda value: json.dumps(value).encode()))
def test_any_other_document_is_refused(body: bytes) -> None:
    for kind in (FeedbackBody, OutcomeBody, PatientSearchBody):
        with pytest.raises(MalformedRequest):
            document_from(kind, body)
