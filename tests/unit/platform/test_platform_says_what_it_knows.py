"""What ``status`` and ``diagnose`` say where much is missing: pods, rights, applications; and of another release."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from support.recordings import Object, event, find, pods, recording
from tumorcast_platform.cluster.diagnosis import Weight, diagnose
from tumorcast_platform.cluster.observing import _reduce
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import Health, service_states
from tumorcast_platform.render import as_text
from tumorcast_platform.render.platform_diagnosis import diagnosis_page
from tumorcast_platform.render.platform_status import is_well, status_page


def first_line(snapshot: ReleaseSnapshot, page: str = "status") -> str:
    lines = status_page(snapshot) if page == "status" else diagnosis_page(snapshot, diagnose(snapshot))
    return as_text(lines).splitlines()[0]


def imaging(snapshot: ReleaseSnapshot) -> Object:
    return find(snapshot, "RayService", "tumorcast-imaging")


def without(snapshot: ReleaseSnapshot, *kinds: str) -> ReleaseSnapshot:
    """The same to a reader who may not list some kinds."""
    left = {kind: found for kind, found in snapshot.objects.items() if kind not in kinds}
    return replace(snapshot, objects=left, unread={kind: f"You may not list {kind}." for kind in kinds})


def test_pods_that_may_not_be_read_are_not_called_down() -> None:
    snapshot = without(recording("healthy"), "Pod")
    rows = {state.service: state.health for state in service_states(snapshot)}
    assert rows["imaging ingress"] is Health.UNKNOWN
    assert rows["gateway"] is Health.READY
    assert first_line(snapshot) == "Not everything could be read."
    assert first_line(snapshot, "diagnose") == "Nothing wrong was found in what could be read."
    assert not is_well(snapshot)


def test_a_release_of_which_nothing_may_be_read_is_not_called_absent() -> None:
    snapshot = without(recording("healthy"), *recording("healthy").objects)
    assert first_line(snapshot, "diagnose") == "Nothing of this release could be read."


def test_a_ray_cluster_without_workers_and_without_an_application_is_down() -> None:
    snapshot = recording("healthy")
    for group in snapshot.of("RayCluster")[0]["spec"]["workerGroupSpecs"]:
        group["replicas"] = 0
    snapshot.objects["Pod"] = [p for p in snapshot.of("Pod") if "-worker-" not in p["metadata"]["name"]]
    imaging(snapshot)["status"]["activeServiceStatus"].pop("applicationStatuses")
    assert first_line(snapshot) == "Imaging ct-lesion and imaging ingress are down."
    assert [finding.code for finding in diagnose(snapshot).findings] == ["ray-operator-shut-out"]


def test_a_ray_service_that_is_not_ready_is_told_although_each_of_its_groups_is() -> None:
    snapshot = recording("healthy")
    for condition in imaging(snapshot)["status"]["conditions"]:
        condition["status"] = "False"
    diagnosis = diagnose(snapshot)
    assert not diagnosis.well
    assert [row.service for row in diagnosis.unexplained] == ["RayService tumorcast-imaging"]


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        (True, "The migration of the database failed, so nothing was installed."),
        (False, "The migration of the database runs; nothing is installed before it ends."),
    ],
)
def test_a_first_installation_that_waits_for_its_migration_is_told_as_that(failed: bool, told: str) -> None:
    snapshot = recording("migration-failed")
    hooks = {kind: [i for i in snapshot.of(kind) if "migration" in i["metadata"]["name"]] for kind in ("Job", "Pod")}
    if not failed:
        hooks["Job"][0]["status"] = {"active": 1}
    assert first_line(replace(snapshot, objects=hooks)) == told


def test_events_of_a_release_whose_name_goes_on_after_this_one_are_left_out() -> None:
    of_another: dict[str, Any] = {"kind": "ReplicaSet", "metadata": {"name": "tumorcast-test-gateway-6d9"}}
    own: dict[str, Any] = {"kind": "ReplicaSet", "metadata": {"name": "tumorcast-gateway-6d9"}}
    objects = {"Event": [event(item, "FailedCreate", "exceeded quota: small") for item in (of_another, own)]}
    _reduce(objects, "tumorcast")
    assert [e["regarding"]["name"] for e in objects["Event"]] == ["tumorcast-gateway-6d9"]


def test_without_the_right_to_read_nodes_events_about_pods_tell_of_a_lost_node() -> None:
    snapshot = without(recording("healthy"), "Node")
    [first, *_] = pods(snapshot, "tumorcast-fusion-")
    node = first["spec"]["nodeName"]
    lost = [pod for pod in snapshot.of("Pod") if pod["spec"].get("nodeName") == node]
    for pod in lost:
        for condition in pod["status"]["conditions"]:
            condition["status"] = "False" if condition["type"] == "Ready" else condition["status"]
    snapshot.objects["Event"] = [event(pod, "NodeNotReady", "Node is not ready") for pod in lost]
    [finding] = diagnose(snapshot).findings
    assert (finding.code, finding.weight) == ("node-down", Weight.BROKEN)
    assert node in finding.cause


@pytest.mark.parametrize(
    ("autoscaler", "words", "step"),
    [
        (False, "Ray's autoscaler is off", "tumorcast platform scale imaging/ct-lesion 3"),
        (True, "has not asked for more", "--container=autoscaler"),
    ],
)
def test_replicas_that_no_pod_was_made_for_are_told_with_who_should_have(
    autoscaler: bool, words: str, step: str
) -> None:
    snapshot = recording("replicas-without-pods")
    imaging(snapshot)["spec"]["rayClusterConfig"]["enableInTreeAutoscaling"] = autoscaler
    [finding] = diagnose(snapshot).findings
    assert finding.code == "replicas-without-pods"
    assert words in finding.cause
    assert any(step in each for each in finding.steps)


def test_a_replica_that_is_added_to_a_pod_with_room_for_it_is_no_finding() -> None:
    snapshot = recording("replicas-without-pods")
    for group in imaging(snapshot)["spec"]["rayClusterConfig"]["workerGroupSpecs"]:
        group["rayStartParams"]["resources"] = json.dumps(json.dumps({group["groupName"]: 4}))
    assert not diagnose(snapshot).findings


def test_a_head_that_was_just_made_is_not_told_as_cut_off() -> None:
    snapshot = recording("operator-shut-out")
    [head] = [pod for pod in snapshot.of("Pod") if "-head-" in pod["metadata"]["name"]]
    for condition in head["status"]["conditions"]:
        condition["lastTransitionTime"] = "2026-11-20T03:11:00Z"
    assert "ray-operator-shut-out" not in {finding.code for finding in diagnose(snapshot).findings}
