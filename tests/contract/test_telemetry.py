"""What leaves a process: metrics that Prometheus reads, spans that a collector is sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest

from support.otlp_collector import Collector, Sent, otlp_collector
from tumorcast_core import telemetry


@pytest.fixture
def scraped() -> Iterator[str]:
    with telemetry.serving_metrics("127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}/metrics"


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def test_prometheus_reads_them_with_version_and_process(scraped: str) -> None:
    with telemetry.answering("notes", "EncodeNotes", {}):
        pass
    text = fetch(scraped)
    assert "tumorcast_build_info{version=" in text
    assert "process_resident_memory_bytes" in text
    assert "tumorcast_request_seconds_bucket" in text


def test_replicas_are_told_apart() -> None:
    with telemetry.answering("imaging", "EncodeStudy", {}):
        pass
    texts = {"one": telemetry.exposition(), "two": telemetry.exposition()}
    with telemetry.serving_metrics("127.0.0.1", 0, telemetry.merged(lambda: texts)) as port:
        text = fetch(f"http://127.0.0.1:{port}/metrics")
    rows = [row for row in text.splitlines() if row.startswith("tumorcast_requests_total{") and "imaging" in row]
    assert {'replica="one"' in row for row in rows} == {True, False}
    assert text.count("# TYPE tumorcast_requests_total counter") == 1


PROGRAM = """
import json, sys
from types import SimpleNamespace
from tumorcast_core import telemetry
with telemetry.running("notes", SimpleNamespace(metrics_host="127.0.0.1", metrics_port=0)):
    with telemetry.answering("notes", "EncodeNotes", {}):
        print(json.dumps({"trace": telemetry.trace_id()}))
"""


def traced_process(**environment: str) -> str:
    plain = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**plain, **environment},
    )
    trace: str = json.loads(done.stdout)["trace"]
    return trace


@pytest.fixture
def collector() -> Iterator[Collector]:
    with otlp_collector() as collector:
        yield collector


def test_spans_reach_the_collector_that_the_environment_names(collector: Collector) -> None:
    trace = traced_process(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert collector.paths == ["/v1/traces"]
    assert collector.spans() == [Sent("tumorcast-notes", trace, "notes/EncodeNotes")]


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_TRACES_SAMPLER": "always_off"},
        {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
        {"OTEL_SDK_DISABLED": "true"},
    ],
)
def test_the_standard_variables_switch_traces_off(collector: Collector, environment: dict[str, str]) -> None:
    traced_process(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **environment)
    assert not collector.bodies


def test_without_an_endpoint_there_are_no_traces() -> None:
    assert traced_process() == ""


def test_a_collector_that_is_down_holds_nothing_up() -> None:
    began = time.monotonic()
    assert traced_process(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert time.monotonic() - began < 10
