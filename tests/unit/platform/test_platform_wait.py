"""Waiting for a release: until it is ready, until the time is over, or until it is clear that it will not be."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.recordings import find, pods, recording
from tumorcast_core.errors import ClusterUnavailable
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.waiting import Outcome, wait


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def waited(*seen: ReleaseSnapshot | Exception, timeout_s: float = 30.0) -> tuple[Outcome, list[str]]:
    """What waiting gives where these snapshots are seen, the last one for good; and what it said."""
    clock, said = Clock(), []
    rest: Iterator[ReleaseSnapshot | Exception] = iter(seen)
    last = seen[-1]

    def observe() -> ReleaseSnapshot:
        found = next(rest, last)
        if isinstance(found, Exception):
            raise found
        return found

    return wait(observe, timeout_s=timeout_s, told=said.append, clock=clock, sleep=clock.sleep), said


def test_a_release_that_is_ready_is_not_waited_for() -> None:
    outcome, said = waited(recording("healthy"))
    assert (outcome.ready, outcome.seconds, said) == (True, 0.0, [])


def test_it_says_once_what_it_waits_for_and_ends_when_all_is_ready() -> None:
    outcome, said = waited(recording("gpu-pending"), recording("gpu-pending"), recording("healthy"))
    assert outcome.ready
    assert outcome.seconds == 6.0
    assert said == ["Waiting for imaging ct-lesion (1 of 3 pods, Ray Serve scales it up to 3 pods)."]


def test_the_time_is_over_and_it_says_what_is_missing() -> None:
    outcome, _ = waited(recording("gpu-pending"), timeout_s=10)
    assert not outcome.ready
    assert outcome.waits_for == ("imaging ct-lesion (1 of 3 pods, Ray Serve scales it up to 3 pods)",)
    assert not outcome.hopeless
    assert 10 <= outcome.seconds < 11


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("image-pull", "image-missing"),
        ("migration-failed", "migration-failed"),
        ("upgrade-stuck", "serve-deploy-failed"),
        ("out-of-memory", "out-of-memory"),
    ],
)
def test_what_does_not_heal_ends_the_waiting_at_the_second_look(name: str, code: str) -> None:
    outcome, _ = waited(recording(name), timeout_s=900)
    assert not outcome.ready
    assert code in [finding.code for finding in outcome.hopeless]
    assert outcome.seconds == 3.0


def test_what_was_hopeless_once_and_is_well_then_is_well() -> None:
    outcome, _ = waited(recording("image-pull"), recording("healthy"))
    assert outcome.ready


def _soft(snapshot: ReleaseSnapshot) -> None:
    for pod in (*pods(snapshot, "tumorcast-clinical-"), *pods(snapshot, "tumorcast-imaging-")):
        for status in pod["status"]["containerStatuses"]:
            status["restartCount"] = min(status["restartCount"], 2)


def _secret_comes(_: ReleaseSnapshot) -> None:
    return None


@pytest.mark.parametrize(("name", "change"), [("out-of-memory", _soft), ("missing-secret", _secret_comes)])
def test_what_may_heal_is_waited_for(name: str, change: Callable[[ReleaseSnapshot], None]) -> None:
    snapshot = recording(name)
    change(snapshot)
    outcome, _ = waited(snapshot, snapshot, recording("healthy"))
    assert outcome.ready


def test_a_migration_that_runs_is_waited_for() -> None:
    running = recording("migration-failed")
    find(running, "Job", "tumorcast-gateway-migration")["status"] = {"active": 1}
    outcome, said = waited(running, recording("healthy"))
    assert outcome.ready
    assert said == ["Waiting for Job tumorcast-gateway-migration."]


def test_a_change_that_kuberay_has_not_seen_is_waited_for() -> None:
    changed = recording("healthy")
    find(changed, "RayService", "tumorcast-imaging")["metadata"]["generation"] = 2
    outcome, said = waited(changed, recording("healthy"))
    assert outcome.ready
    assert "KubeRay has not yet looked at its last change" in said[0]


def test_a_cluster_that_does_not_answer_for_a_while_is_asked_again() -> None:
    outcome, said = waited(ClusterUnavailable("Nothing answers."), recording("healthy"))
    assert outcome.ready
    assert said == ["Nothing answers."]


def test_a_cluster_that_never_answers_is_told_when_the_time_is_over() -> None:
    with pytest.raises(ClusterUnavailable):
        waited(ClusterUnavailable("Nothing answers."), timeout_s=9)


def test_a_release_that_is_not_there_is_waited_for() -> None:
    empty = ReleaseSnapshot("ward", "tumorcast", "2026-01-01T00:00:00Z")
    outcome, said = waited(empty, recording("healthy"))
    assert outcome.ready
    assert said == ["Waiting for the release to be there."]
