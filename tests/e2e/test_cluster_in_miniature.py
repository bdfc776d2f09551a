"""A release in miniature under load: pods are killed, paused, cut off, added and replaced; queries keep flowing.

Two replicas of each of the five services are real processes in network namespaces, found by a DNS server that answers
as a headless Service does, with TLS between them. Imaging is its servicer without Ray. Numbers are printed.
"""

from __future__ import annotations

import datetime
import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.miniature import PORTS, REST_PORT, Miniature, Pod, miniature, on_node
from support.namespaces import inside, why_not
from support.patients import GROUPS, complete_patient, probabilities, status_of
from tumorcast_platform.client import Client, query_body
from tumorcast_platform.inputs import Question, gather, patient_folder

WHY_NOT = why_not()
pytestmark = [
    pytest.mark.debian,  # iproute2; and nothing beside it, for it takes times
    pytest.mark.slow,
    pytest.mark.timeout(280),
    pytest.mark.skipif(bool(WHY_NOT), reason=f"a cluster in miniature {WHY_NOT}"),
]
CALLERS = 3
EVERY_S = 0.1
BACKENDS = ("imaging", "fusion", "clinical", "notes")
ROLLED = ("clinical", "notes", "fusion")


@dataclass(frozen=True)
class Asked:
    """One query as a caller behind a load balancer sees it: sent to the other gateway if the first broke off."""

    at_s: float
    took_s: float
    outcome: str


class Load:
    """Callers that ask in turn for as long as it lasts."""

    def __init__(self, release: Miniature, body: bytes, expected: list[float]) -> None:
        self._release, self._body, self._expected = release, body, expected
        self.asked: list[Asked] = []
        self._waiting: dict[int, float] = {}
        self._goes_on = True
        self._threads = [inside(release.bridge.node, self._call, n) for n in range(CALLERS)]

    def since(self, at_s: float) -> list[Asked]:
        """What was asked from then until now, answers awaited."""
        now = time.monotonic()
        while min(self._waiting.values()) < now:
            time.sleep(0.02)
        return [one for one in self.asked if at_s <= one.at_s < now]

    def end(self) -> None:
        self._goes_on = False
        for thread in self._threads:
            thread.join(30)

    def _call(self, number: int) -> None:
        turn = number
        with httpx.Client(timeout=15, trust_env=False) as http:
            while self._goes_on:
                began = self._waiting[number] = time.monotonic()
                outcome = self._ask(http, turn)
                if outcome == "UNREACHABLE":
                    outcome = self._ask(http, turn + 1)
                self.asked.append(Asked(began, time.monotonic() - began, outcome))
                turn += 1
                time.sleep(EVERY_S)
            self._waiting[number] = math.inf

    def _ask(self, http: httpx.Client, turn: int) -> str:
        gateways = self._release.of("gateway")
        url = f"http://{gateways[turn % len(gateways)].address}:{REST_PORT}/v1/prognoses"
        try:
            answer = http.post(url, content=self._body, headers={"Content-Type": "application/json"})
        except httpx.TransportError:
            return "UNREACHABLE"
        document = answer.json()
        if answer.status_code != 201:
            return str(document.get("code", answer.status_code))
        missing = [group for group in GROUPS if status_of(document, group) != "used"]
        if missing:
            return f"narrower: {', '.join(missing)}"
        return "OK" if probabilities(document) == pytest.approx(self._expected, abs=1e-9) else "WRONG"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Miniature]:
    with miniature(tmp_path_factory.mktemp("cluster")) as made:
        for _ in range(2):
            for service in PORTS:
                made.start(service)
        whole(made)
        yield made


@pytest.fixture(scope="module")
def load(release: Miniature, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    body, document = on_node(release, lambda: first_answer(release, tmp_path_factory.mktemp("patients")))
    assert all(status_of(document, group) == "used" for group in GROUPS)
    made = Load(release, body, probabilities(document))
    time.sleep(1)
    yield made
    made.end()


def first_answer(release: Miniature, folder: Path) -> tuple[bytes, dict[str, Any]]:
    """Store a patient's studies and ask for the first time; the query that then names them, and its answer."""
    case = gather(Question("simulated"), patient_folder(complete_patient(folder)))
    with Client(f"http://{release.of('gateway')[0].address}:{REST_PORT}") as client:
        document = json.loads(client.ask(case, lambda _done, _all: None))
    return query_body(replace(case.query, index_date=document["index_date"])), document


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def said(line: str) -> None:
        with capsys.disabled():
            print("\n" + line)  # noqa: T201 - numbers are printed

    return said


def told(after: list[Asked]) -> str:
    """What callers saw: failures by kind, the usual and the longest query."""
    failed = [one for one in after if one.outcome != "OK"]
    kinds = {kind: sum(one.outcome == kind for one in failed) for kind in sorted({one.outcome for one in failed})}
    usual = sorted(one.took_s for one in after)[len(after) // 2]
    longest = max(one.took_s for one in after)
    return f"{len(after)} queries, failed {kinds or 'none'}, p50 {usual:.2f} s, longest {longest:.2f} s"


def failures(after: list[Asked]) -> list[str]:
    return [one.outcome for one in after if one.outcome != "OK"]


def test_both_replicas_of_every_service_take_calls(release: Miniature, load: Load, say: Any) -> None:
    began = time.monotonic()
    time.sleep(3)
    counts = on_node(release, lambda: {pod.name: release.calls(pod) for pod in release.pods})
    say(f"all well: {told(load.since(began))}; calls {counts}")
    assert min(counts.values()) > 0
    assert failures(load.since(began)) == []


@pytest.mark.parametrize("service", [*BACKENDS, "gateway"])
def test_a_killed_replica_costs_no_query_and_is_left_within_a_second(
    release: Miniature, load: Load, service: str, say: Any
) -> None:
    victim = release.of(service)[0]
    began = time.monotonic()
    victim.process.send_signal(signal.SIGKILL)
    victim.process.wait()
    time.sleep(2)
    after = load.since(began - 1)
    release.remove(victim)
    say(f"{service} killed: {told(after)}; calls sent again after {broken_off(release, began)} s")
    release.start(service)
    assert failures(after) == []
    assert max(broken_off(release, began), default=0) < 1


@pytest.mark.parametrize("service", ["clinical", "fusion"])
def test_a_paused_replica_is_given_up_and_comes_back(release: Miniature, load: Load, service: str, say: Any) -> None:
    victim = release.of(service)[0]
    whole(release)
    calls, began = calls_of(release, victim), time.monotonic()
    victim.process.send_signal(signal.SIGSTOP)
    time.sleep(4)
    after = load.since(began - 1)
    say(f"{service} paused: {told(after)}; calls sent again after {broken_off(release, began)} s")
    victim.process.send_signal(signal.SIGCONT)
    back_s = first_call_s(release, victim, time.monotonic(), calls)
    say(f"{service} goes on: called again after {back_s:.1f} s")
    assert back_s < 5
    assert_given_up(release, after, began)


@pytest.mark.parametrize("service", ["notes", "imaging"])
def test_a_replica_that_the_network_swallows_is_given_up_and_comes_back(
    release: Miniature, load: Load, service: str, say: Any
) -> None:
    victim = release.of(service)[0]
    whole(release)
    calls, began = calls_of(release, victim), time.monotonic()
    release.bridge.cut(victim.namespace)
    time.sleep(4)
    after = load.since(began - 1)
    say(f"{service} cut off: {told(after)}; calls sent again after {broken_off(release, began)} s")
    release.bridge.mend(victim.namespace)
    back_s = first_call_s(release, victim, time.monotonic(), calls)
    say(f"{service} mended: called again after {back_s:.1f} s")
    assert back_s < 10
    assert_given_up(release, after, began)


def test_a_third_replica_takes_calls_within_seconds(release: Miniature, load: Load, say: Any) -> None:
    began = time.monotonic()
    added = {service: release.start(service) for service in ("notes", "clinical")}
    took = {}
    for service, pod in added.items():
        took[service] = round(first_call_s(release, pod, release.ready_s(pod)), 1)
    say(f"third replicas: first call {took} s after they were ready; {told(load.since(began))}")
    assert max(took.values()) < 4
    assert failures(load.since(began)) == []
    assert release.end_gently(added.values()) == {0}


def test_a_rolling_restart_costs_no_query(release: Miniature, load: Load, say: Any) -> None:
    whole(release)
    began = time.monotonic()
    old = [pod for service in ROLLED for pod in release.of(service)]
    for turn in (0, 1):
        leaving = old[turn::2]
        for pod in leaving:
            release.start(pod.service)
        whole(release)
        assert release.end_gently(leaving) == {0}
    time.sleep(1)
    say(f"rolling restart in {time.monotonic() - began:.0f} s: {told(load.since(began))}")
    assert failures(load.since(began)) == []


def broken_off(release: Miniature, since_s: float) -> list[float]:
    """Seconds from then until each call that broke off and was sent to another replica, as the gateways' logs tell."""
    began = datetime.datetime.now(datetime.UTC).timestamp() - (time.monotonic() - since_s)
    lines = [
        line for pod in release.of("gateway") for line in pod.log.read_text().splitlines() if "called again" in line
    ]
    times = [datetime.datetime.fromisoformat(json.loads(line)["time"]).timestamp() - began for line in lines]
    return sorted(round(at, 2) for at in times if at >= 0)


def assert_given_up(release: Miniature, after: list[Asked], began: float) -> None:
    """No query failed or took long, and none was sent to a silent replica any more after three seconds."""
    assert failures(after) == []
    assert max(one.took_s for one in after) < 5
    assert max(broken_off(release, began), default=0) < 3


def whole(release: Miniature) -> None:
    """Wait until all pods are ready."""
    for pod in release.pods:
        release.ready_s(pod)


def calls_of(release: Miniature, pod: Pod) -> int:
    return int(str(on_node(release, lambda: release.calls(pod))))


def first_call_s(release: Miniature, pod: Pod, since_s: float, before: int = 0) -> float:
    """Seconds from then until the pod has answered more calls than before."""

    def wait() -> float:
        while time.monotonic() < since_s + 30:
            with suppress(httpx.TransportError):
                if release.calls(pod) > before:
                    return time.monotonic() - since_s
            time.sleep(0.05)
        raise AssertionError(f"{pod.name} got no calls")

    return float(str(on_node(release, wait)))
