"""Every service in turn is killed under load: no wrong answer, no lost job, and it comes back by itself.

An answer is right if it is what the same query gives when all is well and the sources that it did not use are left out.
"""

from __future__ import annotations

import itertools
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from support.otlp_collector import Collector, otlp_collector
from support.patients import GROUPS, complete_patient, probabilities, status_of
from support.steady_load import JSON, Asked, ask, steady_load
from support.up import Up, alive, eventually, up
from tumorcast_core.query import Query
from tumorcast_platform.client import Client, query_body
from tumorcast_platform.inputs import Question, gather, patient_folder

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]

SERVICES = ("imaging", "clinical", "notes", "fusion", "gateway")
SOURCES = ("baseline", "follow_up", "clinical", "notes")
PASSING = {"SERVICE_UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"}
"""What a source that was killed is told with."""
REFUSED = PASSING | {"UNREACHABLE", "STORE_UNAVAILABLE"}
"""What a whole query may get meanwhile."""
RECOVERY_S = 120
JOB_S = 180
JOB_QUERIES = 24
GRANTED_S = 5.0
COMPLETE = frozenset(GROUPS)


@dataclass(frozen=True)
class Expected:
    """What is right: the query, and the probabilities that each set of used groups gives."""

    query: Query
    by_groups: dict[frozenset[str], list[float]]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with otlp_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def metrics_ports() -> dict[str, int]:
    with ExitStack() as held:
        sockets = {name: held.enter_context(socket.socket()) for name in SERVICES}
        for one in sockets.values():
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in sockets.items()}


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector, metrics_ports: dict[str, int]
) -> Iterator[Up]:
    ports = {f"TUMORCAST_{name.upper()}_METRICS_PORT": str(port) for name, port in metrics_ports.items()}
    more = {
        "TUMORCAST_GATEWAY_DEADLINE_S": "10",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "500",
    }
    with up(tmp_path_factory.mktemp("up") / "data", **ports, **more) as running:
        yield running


@pytest.fixture(scope="module")
def expected(running: Up, tmp_path_factory: pytest.TempPathFactory) -> Expected:
    """Ask for every subset of the sources while all is well."""
    case = gather(Question("simulated"), patient_folder(complete_patient(tmp_path_factory.mktemp("patients"))))
    with Client(running.rest) as client:
        first = json.loads(client.ask(case, lambda _done, _all: None))
    query = replace(case.query, index_date=first["index_date"])
    found = {}
    for left_out in itertools.chain.from_iterable(itertools.combinations(SOURCES, n) for n in range(len(SOURCES))):
        asked = ask(running.rest, "reference", query_body(without(query, left_out)), 60)
        assert asked.status == 200, asked.document
        found[used(asked.document)] = probabilities(asked.document)
    assert COMPLETE in found
    return Expected(query, found)


def without(query: Query, sources: tuple[str, ...]) -> Query:
    return replace(
        query,
        timepoints=tuple(t for t in query.timepoints if t.role not in sources),
        fhir=b"" if "clinical" in sources else query.fhir,
        documents=() if "notes" in sources else query.documents,
    )


def used(answer: dict[str, Any]) -> frozenset[str]:
    return frozenset(group for group in GROUPS if status_of(answer, group) == "used")


SOURCE_OF = {"ct_baseline": "imaging", "ct_follow_up": "imaging", "notes": "notes"}


def assert_right(answer: dict[str, Any], expected: Expected, wanted: frozenset[str]) -> None:
    """The numbers are those of the groups that it says it used, and every other group's failure is told."""
    groups = used(answer)
    assert groups in expected.by_groups, groups
    assert probabilities(answer) == pytest.approx(expected.by_groups[groups], abs=1e-9)
    failed = {(issue["origin"], issue["code"]) for issue in answer["issues"] if issue["severity"] == "error"}
    for group in wanted - groups:
        source = SOURCE_OF.get(group, "clinical")
        assert {code for origin, code in failed if origin == source} & PASSING, (group, failed)


def test_one_trace_goes_through_all_services_ray_serve_included(
    running: Up, expected: Expected, collector: Collector
) -> None:
    assert ask(running.rest, "all", query_body(expected.query), 60).status == 200
    wanted = {f"tumorcast-{name}" for name in SERVICES}

    def whole() -> bool:
        services: dict[str, set[str]] = {}
        for span in collector.spans():
            services.setdefault(span.trace_id, set()).add(span.service)
        return wanted in services.values()

    assert eventually(whole, 10)


def test_every_service_tells_its_metrics(running: Up, expected: Expected, metrics_ports: dict[str, int]) -> None:
    texts = {
        name: httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text for name, port in metrics_ports.items()
    }
    for name, text in texts.items():
        counted = [
            row
            for row in text.splitlines()
            if row.startswith("tumorcast_requests_total{") and f'service="{name}"' in row
        ]
        assert any('code="OK"' in row for row in counted), name
        assert "process_resident_memory_bytes" in text
    assert 'replica="' in texts["imaging"]
    assert 'tumorcast_breaker_state{backend="imaging",state="closed"} 1.0' in texts["gateway"]
    assert 'tumorcast_model_endpoints_total{model="simulated",status="predicted"}' in texts["fusion"]
    assert 'tumorcast_job_queries{state="waiting"} 0.0' in texts["gateway"]
    assert not any(t.study_instance_uid in text for t in expected.query.timepoints for text in texts.values())


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_killed_under_load_costs_no_wrong_answer_and_no_job_and_comes_back(
    running: Up, expected: Expected, service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bodies = {
        "all": query_body(expected.query),
        "labs and notes": query_body(without(expected.query, ("baseline", "follow_up"))),
    }
    wanted = {"all": COMPLETE, "labs and notes": COMPLETE - {"ct_baseline", "ct_follow_up"}}
    before = {name: running.service(name).pid for name in SERVICES}
    with steady_load(running.rest, bodies, patience_s=GRANTED_S) as load:
        time.sleep(2)
        job = begun_job(running, bodies["all"])
        killed = running.service(service)
        killed_s = time.monotonic()
        killed.send_signal(signal.SIGKILL)
        assert eventually(lambda: not alive(killed), 5)

        def recovered() -> bool:
            whole = [one for one in load.since(killed_s) if is_whole(one, wanted)]
            return running.ready() and {one.kind for one in whole[-4:]} == set(bodies)

        assert eventually(recovered, RECOVERY_S)
        time.sleep(2)
    after = load.since(killed_s)
    for one in load.asked:
        if one.status == 200:
            assert_right(one.document, expected, wanted[one.kind])
        else:
            assert one.code in REFUSED, one
        assert one.took_s < GRANTED_S + 3
    assert all(is_whole(one, wanted) for one in after[-4:])
    pids = {name: running.service(name).pid for name in SERVICES}
    assert {name for name in SERVICES if pids[name] != before[name]} == {service}
    finished_job(running, job, expected)
    job_s = time.monotonic() - killed_s
    with capsys.disabled():
        print("\n" + report(service, after, wanted, killed_s, job_s))  # noqa: T201 - numbers are printed


def is_whole(one: Asked, wanted: dict[str, frozenset[str]]) -> bool:
    return one.status == 200 and used(one.document) == wanted[one.kind]


def report(service: str, after: list[Asked], wanted: dict[str, frozenset[str]], killed_s: float, job_s: float) -> str:
    """Errors, narrower answers, and seconds until every answer was whole again."""
    errors = [one for one in after if one.status != 200]
    narrower = [one for one in after if one.status == 200 and not is_whole(one, wanted)]
    last = max((one.at_s + one.took_s for one in (*errors, *narrower)), default=killed_s)
    codes = {code: sum(one.code == code for one in errors) for code in sorted({one.code for one in errors})}
    longest = max(one.took_s for one in after)
    return (
        f"{service} killed: {len(after)} queries, {len(errors)} errors {codes or ''}, {len(narrower)} narrower, "
        f"all whole again after {last - killed_s:.1f} s; the longest took {longest:.1f} s; "
        f"its job was done after {job_s:.1f} s"
    )


def begun_job(running: Up, body: bytes) -> str:
    """A job of which some queries are answered and others under way."""
    queries = b", ".join([body] * JOB_QUERIES)
    response = httpx.post(f"{running.rest}/v1/jobs", content=b'{"queries": [' + queries + b"]}", headers=JSON)
    assert response.status_code in (201, 202), response.text
    job = str(response.json()["job_id"])
    assert eventually(lambda: httpx.get(f"{running.rest}/v1/jobs/{job}").json()["answered"] > 0, 20)
    return job


def finished_job(running: Up, job: str, expected: Expected) -> None:
    """Wait for it; every query of it has its right answer."""
    url = f"{running.rest}/v1/jobs/{job}"
    assert eventually(lambda: httpx.get(url).json()["state"] == "completed", JOB_S), httpx.get(url).text
    results = httpx.get(f"{url}/results", params={"page_size": 100}).json()["results"]
    assert [one["position"] for one in results] == list(range(JOB_QUERIES))
    for one in results:
        assert one["prognosis_id"], one
        answer = httpx.get(f"{running.rest}/v1/prognoses/{one['prognosis_id']}").json()
        assert_right(answer, expected, COMPLETE)
