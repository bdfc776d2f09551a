"""What a FHIR server may not do: hold the service up, fill its memory, or pass off as a record what is none."""

import gzip
import json
import threading
import time
import tracemalloc
import zlib

import pytest
from starlette.responses import Response

from support.fetching import fetch, names, resources_of, told
from support.fhir_server import (
    FHIR_JSON,
    at,
    fhir,
    searchset,
    served_fhir,
    silent,
    trickling,
    zipped,
)
from support.records import observation, patient
from tumorcast_core.errors import (
    DeadlineExceeded,
    PayloadTooLarge,
    ServiceUnavailable,
    TumorcastError,
)

OWN = [patient(), *(observation(f"o{i}") for i in range(4))]
MIB = 1 << 20


# Pages without end


def test_a_next_link_in_a_circle_ends_with_a_doubt() -> None:
    with served_fhir(OWN) as server:
        server.faults = [at("page=1", searchset(patient(), next_url="?page=0"))]
        server.faults += [at("page=0", searchset(observation("o7"), next_url="?page=1"))]
        server.faults += [at("everything", searchset(observation("o8"), next_url="?page=1"))]
        record = fetch(server)
    assert told(record) == [("warning", "REPEATED_PAGE")]
    assert names(record) == ["Observation/o7", "Observation/o8", "Patient/p1"]


def test_an_empty_page_that_leads_to_itself_ends_with_a_doubt() -> None:
    faults = [at("page=1", searchset(next_url="?page=1")), at("everything", searchset(*OWN, next_url="?page=1"))]
    with served_fhir(faults=faults) as server:
        record = fetch(server)
    assert told(record) == [("warning", "REPEATED_PAGE")]
    assert len(server.requests) == 2


def test_one_page_under_ever_new_links_ends_with_a_doubt() -> None:
    with served_fhir() as server:
        server.faults = [lambda path, request: searchset(*OWN, next_url=f"?page={len(server.requests)}")]
        record = fetch(server)
    assert told(record) == [("warning", "REPEATED_PAGE")]
    assert len(server.requests) == 2
    assert len(record.pages) == 1


@pytest.mark.parametrize("everything", [True, False])
def test_pages_beyond_the_limit_are_told_as_missing(everything) -> None:
    with served_fhir(OWN, everything=everything, page_size=1) as server:
        record = fetch(server, max_pages=3)
    assert ("error", "TOO_MANY_PAGES") in told(record)
    assert sum(r["resourceType"] == "Observation" for r in resources_of(record)) == (2 if everything else 3)


def test_empty_pages_without_end_are_bounded() -> None:
    with served_fhir() as server:
        server.faults = [lambda path, request: searchset(next_url=f"?page={len(server.requests)}")]
        server.faults.insert(0, lambda path, request: fhir(patient()) if path == "Patient/p1" else None)
        record = fetch(server, max_pages=20)
    assert ("error", "TOO_MANY_PAGES") in told(record)
    assert len(server.requests) == 21


# Bytes without end


def peak_mib_of(work) -> float:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_is_too_large_before_it_fills_the_memory() -> None:
    bomb = zipped(b" " * (200 * MIB))
    assert len(bomb.body) < MIB

    def work():
        with served_fhir(faults=[at("", bomb)]) as server, pytest.raises(PayloadTooLarge):
            fetch(server, max_bytes=4 * MIB)

    assert peak_mib_of(work) < 30


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"{}")[:-9],
        gzip.compress(json.dumps(patient()).encode())[:-4],
        gzip.compress(b"{}") + b"more",
        gzip.compress(json.dumps(patient()).encode()) * 2,
        b"no gzip at all",
        zlib.compress(b"{}"),
        b"",
    ],
    ids=["cut header", "cut end", "more behind it", "twice", "no gzip", "zlib", "empty"],
)
def test_damaged_compression_is_no_answer(body) -> None:
    answer = Response(body, headers={"Content-Encoding": "gzip"}, media_type=FHIR_JSON)
    with served_fhir(faults=[at("", answer)]) as server, pytest.raises(ServiceUnavailable):
        fetch(server)


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "deflate", "zstd", "x"])
def test_an_encoding_that_was_not_asked_for_is_no_answer(encoding) -> None:
    answer = Response(gzip.compress(gzip.compress(b"{}")), headers={"Content-Encoding": encoding})
    with served_fhir(faults=[at("", answer)]) as server, pytest.raises(ServiceUnavailable, match="cannot be read"):
        fetch(server)


def test_a_record_beyond_the_limit_is_too_large_however_it_is_paged() -> None:
    many = [patient(), *(observation(f"o{i}", note=[{"text": "x" * 1000}]) for i in range(300))]
    with served_fhir(many, page_size=20) as server, pytest.raises(PayloadTooLarge):
        fetch(server, max_bytes=100_000)


def test_where_everything_is_too_large_what_features_come_from_may_still_fit() -> None:
    scan = {
        "resourceType": "DocumentReference",
        "id": "x1",
        "status": "current",
        "subject": {"reference": "Patient/p1"},
    }
    scan["content"] = [{"attachment": {"data": "A" * 100_000}}]
    with served_fhir(OWN, everything=False, page_size=1) as server:
        needed_bytes = sum(map(len, fetch(server).pages))
    with served_fhir([*OWN, scan], page_size=1) as server:
        record = fetch(server, max_bytes=needed_bytes + 100)
    assert names(record) == sorted(f"{r['resourceType']}/{r['id']}" for r in OWN)
    assert told(record)[0] == ("information", "SEARCHED_BY_TYPE")
    assert "more than the limit" in record.issues[0].message


# Time without end


@pytest.mark.parametrize("answer", [trickling, silent])
@pytest.mark.parametrize("part", ["", "everything"])
def test_the_deadline_is_a_hard_bound(answer, part) -> None:
    start = time.monotonic()
    with served_fhir(OWN, faults=[at(part, answer)]) as server, pytest.raises(DeadlineExceeded):
        fetch(server, seconds=0.7, retries=3)
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("answer", [trickling, silent])
def test_what_came_before_the_deadline_is_kept_and_the_rest_is_said_to_be_missing(answer) -> None:
    start = time.monotonic()
    with served_fhir(OWN, faults=[at("everything", Response(status_code=404)), at("Condition", answer)]) as server:
        record = fetch(server, seconds=1.5, retries=3)
    assert time.monotonic() - start < 3
    assert {name.split("/")[0] for name in names(record)} >= {"Patient", "Observation"}
    assert ("error", "FHIR_SEARCH_FAILED") in told(record)
    assert not any(name.startswith("Condition/") for name in names(record))


def test_a_deadline_that_has_passed_sends_nothing() -> None:
    with served_fhir(OWN) as server, pytest.raises(DeadlineExceeded):
        fetch(server, seconds=0)
    assert server.requests == []


def test_a_server_that_trickles_is_left_when_the_time_for_the_record_is_over() -> None:
    start = time.monotonic()
    with served_fhir(OWN, faults=[at("", trickling)]) as server, pytest.raises(ServiceUnavailable, match="too slow"):
        fetch(server, longest_s=0.5)
    assert time.monotonic() - start < 3


def test_what_came_before_the_time_was_over_is_used_and_the_rest_told() -> None:
    with served_fhir(OWN, everything=False, faults=[at("Condition?", trickling)]) as server:
        server.resources.append({"resourceType": "Procedure", "id": "s1", "subject": {"reference": "Patient/p1"}})
        record = fetch(server, longest_s=1)
    assert "Observation/o1" in names(record)
    failed = [issue.message.split()[0] for issue in record.issues if issue.code == "FHIR_SEARCH_FAILED"]
    assert failed == ["Condition", "Procedure"]


def test_a_server_that_computes_everything_for_too_long_is_searched() -> None:
    with served_fhir(OWN, faults=[at("everything", silent)]) as server:
        record = fetch(server, timeout_s=0.5)
    assert len(names(record)) == len(OWN)
    assert told(record)[0] == ("information", "SEARCHED_BY_TYPE")


# Answers that are none


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Bundle xmlns='http://hl7.org/fhir'/>",
        b'{"resourceType": "Bundle", "entry": [',
        b"[" * 100_000,
        b'{"resourceType": "Patient", "x": ' + b'{"x":' * 100_000,
        b"\xff\xfe{}",
        b"null",
        b"[]",
        b'"Bundle"',
        b"{}",
        b'{"resourceType": 7}',
        b'{"resourceType": "Patient"}',
        b'{"resourceType": "Patient", "id": "p2"}',
        b'{"resourceType": "Bundle", "type": "searchset"}',
    ],
)
def test_an_answer_that_is_no_record_is_an_error_of_the_call(body) -> None:
    with served_fhir(faults=[at("", Response(body, media_type=FHIR_JSON))]) as server, pytest.raises(TumorcastError):
        fetch(server)


@pytest.mark.parametrize(
    "more",
    [
        {"link": [7, None, {"relation": "next"}, {"relation": "next", "url": 7}, {"url": "?x"}]},
        {"link": {"relation": "next", "url": "?x"}},
        {"total": "many"},
        {"total": -1},
        {"total": True},
        {"total": 10**400},
        {"total": 1e400},
        {"search": 7},
    ],
)
def test_oddities_around_the_entries_change_nothing(more) -> None:
    page = {"resourceType": "Bundle", "entry": [7, None, {}, {"resource": 7}, *({"resource": r} for r in OWN)]} | more
    with served_fhir(OWN, faults=[at("everything", fhir(page))]) as server:
        record = fetch(server)
    assert (len(record.pages), record.issues) == (1, ())


def test_a_byte_order_mark_is_no_reason_to_refuse() -> None:
    body = b"\xef\xbb\xbf" + searchset(*OWN).body
    with served_fhir(faults=[at("everything", Response(body))]) as server:
        assert fetch(server).pages == (body,)


def test_the_test_server_leaves_no_thread() -> None:
    before = threading.active_count()
    with served_fhir(OWN, faults=[at("", trickling)]) as server, pytest.raises(DeadlineExceeded):
        fetch(server, seconds=0.3)
    assert threading.active_count() <= before + 1  # a pool's idle thread
