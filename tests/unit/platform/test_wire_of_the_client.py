"""What the client sends and reads, held against the gateway's own reader and writer."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from hypothesis import example as also
from hypothesis import given, settings
from hypothesis import strategies as st

from support.full_prognosis import FULL, SUMMARY
from support.prognoses import example, prognoses, summaries
from tumorcast_client import Retries
from tumorcast_core.errors import (
    Incident,
    InvalidInput,
    NotDicom,
    ResourceExhausted,
    ServiceUnavailable,
    TumorcastError,
    UnknownModel,
)
from tumorcast_core.prognosis import ModelSummary, Prognosis
from tumorcast_core.query import Document, FhirPatient, Query
from tumorcast_core.snapshot import Feature, Timepoint
from tumorcast_gateway.model import FileStart
from tumorcast_gateway.rest.multipart import Files, boundary_of
from tumorcast_gateway.rest.parsing import query_from
from tumorcast_platform.answers import model_from_json, model_to_json, prognosis_from_json, prognosis_to_json
from tumorcast_platform.client import Client, query_body
from tumorcast_platform.inputs import Case, Study

ONCE = Retries(times=0)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=50)
queries = st.builds(
    Query,
    model=texts,
    patient_id=texts,
    index_date=texts,
    horizons_days=st.lists(st.floats(1, 1e6), max_size=3).map(tuple),
    fhir=st.sampled_from(
        [
            *(b"", b'{"resourceType": "Patient", "x": 1.00}', b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": -Infinity}'),
            *(b'{"resourceType": "Patient"}\n{"n": 1.00}\r\n', '{"a": "é"}\n\n{"a": "\U0001f600"}'.encode()),
        ]
    ),
    fhir_server=st.none() | st.builds(FhirPatient, texts, texts),
    documents=st.lists(
        st.builds(Document, texts, texts, st.just("text/plain; charset=utf-8"), texts.map(str.encode)), max_size=2
    ).map(tuple),
    timepoints=st.lists(st.builds(Timepoint, role=texts, study_instance_uid=texts), max_size=2).map(tuple),
    features=st.lists(
        st.builds(Feature, texts, st.floats(-1e6, 1e6) | texts, texts, effective=texts, timepoint=texts), max_size=2
    ).map(tuple),
)


@settings(max_examples=40, deadline=None)
@given(queries)
def test_the_gateway_reads_the_very_query_that_was_meant(query: Query) -> None:
    assert query_from(query_body(query)) == query


@settings(max_examples=40, deadline=None)
@given(prognoses)
@also(FULL)
def test_an_answer_survives_the_way_through_json(prognosis: Prognosis) -> None:
    document = json.dumps(prognosis_to_json(prognosis), allow_nan=False).encode()
    assert prognosis_from_json(document) == prognosis


@settings(max_examples=40, deadline=None)
@given(summaries)
@also(SUMMARY)
def test_the_description_of_a_model_survives_the_way_through_json(model: ModelSummary) -> None:
    document = json.dumps(model_to_json(model), allow_nan=False).encode()
    assert model_from_json(document) == model


def test_each_estimate_stands_under_the_name_of_its_kind() -> None:
    endpoints = json.loads(json.dumps(prognosis_to_json(FULL)))["endpoints"]
    keys = ("probability", "survival", "competing_risks", "categories", "trajectory")
    filled = [[key for key in keys if endpoint[key] is not None] for endpoint in endpoints]
    assert filled == [["probability"], ["survival"], ["competing_risks"], ["categories"], ["trajectory"], []]


def test_a_limit_that_is_not_reached_is_null() -> None:
    answer = json.loads(json.dumps(prognosis_to_json(FULL)))
    assert answer["endpoints"][1]["survival"]["median_interval"] == {"lower": 200.0, "upper": None, "level": 0.95}


def test_an_input_is_described_so_that_a_stranger_can_map_a_table_onto_it() -> None:
    described = json.loads(json.dumps(model_to_json(SUMMARY)))["inputs"]
    assert described[1] == {
        "name": "albumin",
        "feature": "albumin",
        "group": "labs",
        "timepoint": "",
        "description": "Albumin in serum",
        "unit": "g/dL",
        "coding": {
            "system": "http://loinc.org",
            "code": "1751-7",
            "display": "Albumin [Mass/volume] in Serum or Plasma",
        },
        "categories": [],
        "plausible": [0.5, None],
        "training": None,
    }
    assert described[0]["training"] == [0.0, 212.5]
    assert (described[2]["categories"], described[2]["plausible"]) == (["absent", "present"], None)


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b"\xff", b'{"model": 1}'])
def test_an_answer_that_is_something_else_is_an_error(document: bytes) -> None:
    with pytest.raises(ServiceUnavailable):
        prognosis_from_json(document)
    with pytest.raises(ServiceUnavailable):
        model_from_json(document)


class FakeServer(httpx.BaseTransport):
    """Answers every request with the next of the given responses and keeps what was asked."""

    def __init__(self, *responses: httpx.Response) -> None:
        self.responses = list(responses)
        self.asked: list[tuple[str, httpx.Headers, bytes]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.url.path, request.headers, request.read()))
        return self.responses.pop(0)


def problem(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"status": status, "code": code, "detail": "As told."})


def test_files_are_uploaded_as_the_gateway_reads_them(tmp_path: Path) -> None:
    contents = [b"a" * 3_000_000, b"", b"\r\n--boundary\r\n"]
    files = [tmp_path / f"{i}.dcm" for i in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    server = FakeServer(httpx.Response(200, json={"studies": [], "refusals": []}))
    steps: list[tuple[int, int]] = []
    with Client("http://server", server) as client:
        client.upload(files, lambda done, total: steps.append((done, total)))
    path, headers, body = server.asked[0]
    assert path == "/v1/studies"
    parser = Files(boundary_of(headers["content-type"]))
    received: list[bytes] = []
    for piece in parser.feed(body):
        if isinstance(piece, FileStart):
            received.append(b"")
        else:
            received[-1] += piece
    parser.finish()
    assert received == contents
    assert steps[-1] == (3, 3)


def test_studies_are_uploaded_before_the_query_is_posted(tmp_path: Path) -> None:
    file = tmp_path / "a.dcm"
    file.write_bytes(b"x")
    answer = json.dumps(prognosis_to_json(example())).encode()
    server = FakeServer(httpx.Response(200, json={"studies": [], "refusals": []}), httpx.Response(200, content=answer))
    case = Case(Query("simulated"), (Study("baseline", "1.2", "", (file,)),))
    with Client("http://server", server) as client:
        assert json.loads(client.ask(case, lambda done, total: None)) == json.loads(answer)
    assert [path for path, _, _ in server.asked] == ["/v1/studies", "/v1/prognoses"]


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (problem(404, "UNKNOWN_MODEL"), UnknownModel),
        (problem(429, "RESOURCE_EXHAUSTED"), ResourceExhausted),
        (problem(500, "INCIDENT"), Incident),
        (problem(418, "TEAPOT"), Incident),
        (httpx.Response(502, content=b"<html>"), ServiceUnavailable),
        (httpx.Response(500, json=["odd"]), ServiceUnavailable),
        (httpx.Response(503, json={"code": 7, "detail": "odd"}), Incident),
    ],
)
def test_the_servers_error_is_told_as_ours(response: httpx.Response, error: type[TumorcastError]) -> None:
    with Client("http://server", FakeServer(response), ONCE) as client, pytest.raises(error):
        client.prognosis(Query("simulated"))


@pytest.mark.parametrize("status", [202, 409])
def test_a_refused_file_is_an_error_with_its_reason(status: int) -> None:
    refusal = {"position": 0, "code": "NOT_DICOM", "message": "The file is not DICOM."}
    server = FakeServer(httpx.Response(status, json={"studies": [], "refusals": [refusal]}))
    with Client("http://server", server) as client, pytest.raises(NotDicom, match="refused"):
        client.upload([], lambda done, total: None)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://[", "ftp://127.0.0.1"])
def test_a_server_that_cannot_be_reached_is_a_clear_error(url: str) -> None:
    with pytest.raises((ServiceUnavailable, InvalidInput)), Client(url, retries=ONCE) as client:
        client.prognosis(Query("simulated"))
