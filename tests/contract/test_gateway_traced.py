"""One query through the whole gateway: one trace over all services, counts by reason, and nobody's data in either."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from support.gateway import Fakes
from support.gateway_served import Served, served
from tumorcast.common.v1 import snapshot_pb2
from tumorcast.notes.v1.notes_service_pb2 import Document
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core import telemetry
from tumorcast_core.errors import ServiceUnavailable
from tumorcast_core.telemetry import metrics

SECRET = "MRN-0815-Jane-Doe"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
FOREIGN = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "tracestate": f"ehr={SECRET}", "baggage": f"p={SECRET}"}
QUERY = {
    "model": "simulated",
    "patient_id": SECRET,
    "index_date": "2026-03-04",
    "fhir": {"resourceType": "Bundle", "id": SECRET},
    "documents": [{"id": SECRET, "date": "2026-03-01", "text": SECRET}],
    "timepoints": [{"role": "baseline", "study_instance_uid": "1.2.3"}],
}
INNER = {
    "fusion/GetModel",
    "fusion/PredictPrognosis",
    "imaging/EncodeStudy",
    "clinical/ExtractFeatures",
    "notes/EncodeNotes",
}


def spans_of(ask: Callable[[Served], Awaitable[Any]], fakes: Fakes | None = None) -> list[ReadableSpan]:
    async def go() -> None:
        async with served(fakes) as gateway:
            await ask(gateway)

    exporter = InMemorySpanExporter()
    with telemetry.tracing_to(exporter, "gateway"):
        asyncio.run(go())
    return list(exporter.get_finished_spans())


async def over_rest(gateway: Served) -> None:
    response = await gateway.http.post("/v1/prognoses", json=QUERY, headers=FOREIGN)
    assert response.is_success, response.text


async def over_grpc(gateway: Served) -> None:
    request = pb.CreatePrognosisRequest(
        model="simulated",
        patient_id=SECRET,
        index_date="2026-03-04",
        fhir=json.dumps(QUERY["fhir"]).encode(),
        documents=[Document(id=SECRET, date="2026-03-01", content=SECRET.encode())],
        timepoints=[snapshot_pb2.Timepoint(role="baseline", study_instance_uid="1.2.3")],
    )
    await gateway.grpc.CreatePrognosis(request, metadata=list(FOREIGN.items()))


@pytest.mark.parametrize(
    ("ask", "door"), [(over_rest, "POST /v1/prognoses"), (over_grpc, "gateway/CreatePrognosis")], ids=["rest", "grpc"]
)
def test_a_query_is_one_trace_over_all_services_and_not_the_callers_own(
    ask: Callable[[Served], Awaitable[None]], door: str
) -> None:
    spans = spans_of(ask)
    (root,) = [span for span in spans if span.parent is None]
    assert root.name == door
    assert {span.context.trace_id for span in spans} == {root.context.trace_id}
    assert format(root.context.trace_id, "032x") != TRACE
    for kind in ("CLIENT", "SERVER"):
        assert {span.name for span in spans if span.kind.name == kind} - {door} == INNER
    parents = {span.context.span_id: span for span in spans}
    for span in spans:
        if span.kind.name == "SERVER" and span is not root:
            assert parents[span.parent.span_id].name == span.name
    said = "".join(span.to_json() for span in spans) + telemetry.exposition()
    assert SECRET not in said
    assert {key for span in spans for key in span.attributes} <= {a.value for a in telemetry.Attribute}


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_source_that_fails_and_a_model_that_is_none_are_counted_by_reason() -> None:
    fakes = Fakes()
    fakes.notes.error = ServiceUnavailable(f"about {SECRET}")
    narrower = {"source": "notes", "code": "SERVICE_UNAVAILABLE"}
    unknown = {"service": "gateway", "door": "rest", "method": "POST /v1/prognoses", "code": "UNKNOWN_MODEL"}
    before = value("tumorcast_source_failures_total", **narrower), value("tumorcast_requests_total", **unknown)

    async def ask(gateway: Served) -> None:
        await over_rest(gateway)
        response = await gateway.http.post("/v1/prognoses", json={**QUERY, "model": SECRET})
        assert response.status_code == 404

    spans = spans_of(ask, fakes)
    assert value("tumorcast_source_failures_total", **narrower) == before[0] + 1
    assert value("tumorcast_requests_total", **unknown) == before[1] + 1
    (failed,) = [s for s in spans if s.name == "notes/EncodeNotes" and s.kind.name == "SERVER"]
    assert failed.attributes["tumorcast.reason"] == "SERVICE_UNAVAILABLE"
    assert SECRET not in "".join(span.to_json() for span in spans) + telemetry.exposition()


def test_probes_leave_no_trace() -> None:
    async def ask(gateway: Served) -> None:
        for path in ("/healthz", "/readyz"):
            await gateway.http.get(path)

    assert spans_of(ask) == []


def test_a_refusal_over_grpc_is_counted_by_its_reason() -> None:
    labels = {"service": "gateway", "door": "grpc", "method": "CreatePrognosis", "code": "UNKNOWN_MODEL"}
    before = value("tumorcast_requests_total", **labels)

    async def ask(gateway: Served) -> None:
        with pytest.raises(grpc.aio.AioRpcError):
            await gateway.grpc.CreatePrognosis(pb.CreatePrognosisRequest(model=SECRET, fhir=b"{}"))

    spans_of(ask)
    assert value("tumorcast_requests_total", **labels) == before + 1
