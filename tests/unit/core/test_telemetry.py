"""Spans and metrics hold names of the code, codes and counts; what a caller sends never becomes one of them."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from tumorcast_core import telemetry
from tumorcast_core.errors import MalformedFhir
from tumorcast_core.telemetry import metrics
from tumorcast_core.telemetry.tracing import span

SECRET = "MRN-0815-Jane-Doe"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def spans(work: Any, **environment: str) -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    with telemetry.tracing_to(exporter, "notes"):
        work()
    return list(exporter.get_finished_spans())


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_call_continues_the_trace_of_a_service_of_ours() -> None:
    seen = []

    def work() -> None:
        with telemetry.answering("notes", "EncodeNotes", {"traceparent": PARENT}):
            seen.append(telemetry.trace_id())
            with telemetry.asking("fusion", "PredictPrognosis"):
                seen.extend(telemetry.outgoing())

    inner, outer = spans(work)
    assert (outer.name, inner.name) == ("notes/EncodeNotes", "fusion/PredictPrognosis")
    assert seen[0] == TRACE == format(outer.context.trace_id, "032x")
    assert inner.parent.span_id == outer.context.span_id
    assert seen[1] == ("traceparent", f"00-{TRACE}-{inner.context.span_id:016x}-01")


@pytest.mark.parametrize("header", ["", SECRET, "00-" + "0" * 32 + "-" + "0" * 16 + "-01", b"\xff", None])
def test_a_header_that_is_none_starts_a_new_trace(header: object) -> None:
    def work() -> None:
        with telemetry.answering("notes", "EncodeNotes", {"traceparent": header, "tracestate": f"x={SECRET}"}):
            assert [name for name, _ in telemetry.outgoing()] == ["traceparent"]

    (only,) = spans(work)
    assert only.parent is None
    assert SECRET not in only.to_json()


def test_an_exception_leaves_its_reason_code_and_no_text() -> None:
    def work() -> None:
        for error in (ValueError(SECRET), MalformedFhir(SECRET), asyncio.CancelledError(SECRET)):
            with pytest.raises(type(error)), telemetry.answering("notes", "EncodeNotes", {}):
                raise error

    found = spans(work)
    assert [one.attributes["tumorcast.reason"] for one in found] == ["INCIDENT", "MALFORMED_FHIR", "CANCELLED"]
    assert not any(one.events or one.status.description for one in found)
    assert SECRET not in "".join(one.to_json() for one in found)


def test_only_what_is_listed_can_be_said_of_a_span() -> None:
    def work() -> None:
        with telemetry.answering("notes", "EncodeNotes", {}):
            telemetry.note(telemetry.Attribute.COUNT, 3)
            with pytest.raises(ValueError, match="patient"):
                telemetry.note("patient.id", SECRET)  # type: ignore[arg-type]

    (only,) = spans(work)
    assert set(only.attributes) <= {attribute.value for attribute in telemetry.Attribute}
    assert only.attributes["tumorcast.count"] == 3


def test_where_spans_go_nowhere_there_are_none() -> None:
    with telemetry.answering("notes", "EncodeNotes", {"traceparent": PARENT}):
        assert telemetry.trace_id() == ""
        assert telemetry.outgoing() == []


def test_requests_are_counted_by_method_and_reason() -> None:
    labels = {"service": "notes", "door": "grpc", "method": "Counted"}
    for code in ("OK", "OK", "NO_INPUT"):
        with telemetry.answering("notes", "Counted", {}) as outcome:
            assert value("tumorcast_requests_in_flight", service="notes", door="grpc") == 1
            outcome.code = code
    assert value("tumorcast_requests_total", **labels, code="OK") == 2
    assert value("tumorcast_requests_total", **labels, code="NO_INPUT") == 1
    assert value("tumorcast_request_seconds_count", **labels) == 3
    assert value("tumorcast_requests_in_flight", service="notes", door="grpc") == 0


def test_a_service_that_nobody_has_called_tells_that_it_answers_no_call() -> None:
    with telemetry.running("uncalled", SimpleNamespace(metrics_host="", metrics_port=0)):
        assert 'tumorcast_requests_in_flight{door="grpc",service="uncalled"} 0.0' in telemetry.exposition()


def test_the_event_loops_lag_is_seen() -> None:
    async def go() -> None:
        async with telemetry.watching_loop("blocked"):
            await asyncio.sleep(0)
            time.sleep(0.75)  # noqa: ASYNC251 - it blocks the loop, which is what is looked at
            await asyncio.sleep(0.01)

    asyncio.run(go())
    assert value("tumorcast_event_loop_lag_seconds_count", service="blocked") == 1
    assert value("tumorcast_event_loop_lag_seconds_sum", service="blocked") == pytest.approx(0.25, abs=0.1)


Scope = dict[str, Any]


class _Route:
    path = "/v1/prognoses/{id}"


def rest(status: int, scope: Scope | None = None, **left: Any) -> Scope:
    """One request through the middleware, answered with a status."""
    scope = {"type": "http", "method": "GET", "path": f"/v1/prognoses/{SECRET}", "headers": [], **(scope or {})}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope.update(left)
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def nothing(*_: Any) -> Any:
        return {"type": "http.request"}

    asyncio.run(telemetry.RestTelemetry(app, "gateway", frozenset({"/healthz"}))(scope, nothing, nothing))
    return scope


def test_a_rest_request_is_recorded_by_its_template_and_never_by_its_url() -> None:
    def work() -> None:
        header = (b"traceparent", PARENT.encode())
        rest(200, {"headers": [header], "query_string": SECRET.encode()}, route=_Route())
        rest(404)
        rest(422, route=_Route(), **{telemetry.REASON: "NO_INPUT"})
        rest(200, {"path": "/healthz"})
        rest(200, {"method": SECRET})

    found = spans(work)
    assert [(one.name, one.attributes["tumorcast.reason"]) for one in found] == [
        ("GET /v1/prognoses/{id}", "OK"),
        ("GET unmatched", "NOT_FOUND"),
        ("GET /v1/prognoses/{id}", "NO_INPUT"),
        ("OTHER unmatched", "OK"),
    ]
    assert SECRET not in "".join(one.to_json() for one in found) + telemetry.exposition()


def test_a_callers_own_trace_is_not_continued() -> None:
    (only,) = spans(lambda: rest(200, {"headers": [(b"traceparent", PARENT.encode())]}))
    assert only.parent is None
    assert format(only.context.trace_id, "032x") != TRACE
    assert not only.links


def test_a_span_outside_of_any_call_is_a_root() -> None:
    def work() -> None:
        with span("alone", SpanKind.INTERNAL, {}, None):
            pass

    (only,) = spans(work)
    assert only.parent is None
