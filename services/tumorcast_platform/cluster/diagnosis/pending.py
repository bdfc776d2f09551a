"""Pods that find no node: processors, memory, GPUs (absent, taken, or behind a taint), nodes that do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.facts import (
    events,
    grouped,
    left,
    note_of,
    one_line,
    still_serving,
)
from tumorcast_platform.cluster.diagnosis.finding import (
    Evidence,
    Finding,
    Weight,
    names,
    part_of,
    rollback,
    sentence,
    several,
)  # fmt: skip
from tumorcast_platform.cluster.diagnosis.gpus import Case, gpu_case, gpu_evidence, gpu_of
from tumorcast_platform.cluster.ray_states import cluster_names
from tumorcast_platform.cluster.reading import (
    Object,
    condition,
    items,
    label,
    mapping,
    name_of,
    text,
)  # fmt: skip
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot

RUNBOOK = "gpu-pods-pending"
_INSUFFICIENT = re.compile(r"Insufficient ([\w./-]+?)(?=[,.\s]|$)")
_OTHER = (
    (r"untolerated taint|didn't tolerate", "tainted", ": those that there are have taints that it does not tolerate"),
    (r"node affinity|didn't match Pod's node", "no-such-node", ": none has the labels that its nodeSelector asks for"),
    (r"topology spread", "spread", " that keeps its pods spread as the values ask"),
    (r"Too many pods", "too-many-pods", ": all hold as many pods as they may"),
)
_VOLUME = re.compile(r"(?i)persistentvolumeclaim|volume node affinity|unbound immediate")


def pending_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """One finding for each service whose pods find no node."""
    unplaced = [pod for pod in snapshot.of("Pod") if told_by_scheduler(snapshot, pod)]
    unplaced = [pod for pod in unplaced if not _VOLUME.search(told_by_scheduler(snapshot, pod))]  # see storage.py
    for pods in grouped(unplaced, lambda pod: f"{part_of(pod)} {label(pod, 'ray.io/cluster')}"):
        yield _finding(snapshot, pods, told_by_scheduler(snapshot, pods[0]))


def told_by_scheduler(snapshot: ReleaseSnapshot, pod: Object) -> str:
    """Why the scheduler finds no node for a pod; empty where it has one or was not asked."""
    if text(pod, "status", "phase") != "Pending" or text(pod, "spec", "nodeName"):
        return ""
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable" and text(scheduled, "message"):
        return one_line(text(scheduled, "message"), 500)
    found = events(snapshot, kind="Pod", name=name_of(pod), reason="FailedScheduling")
    return note_of(found[0]) if found else ""


def _finding(snapshot: ReleaseSnapshot, pods: list[Object], told: str) -> Finding:
    gpu = gpu_of(pods[0])
    case = gpu_case(snapshot, pods[0], gpu, told) if gpu else None
    why = case or _other_case(pods[0], told)
    waits = _of_new_cluster(snapshot, pods[0])
    return Finding(
        code=why.code,
        weight=Weight.WORSE if waits or left(snapshot, pods) else Weight.BROKEN,
        cause=f"{why.cause}{waits or still_serving(snapshot, pods)}",
        evidence=(Evidence(several(pods), told), *gpu_evidence(snapshot, gpu)),
        steps=why.steps if not waits else _with_a_way_back(snapshot, why.steps),
        runbook=RUNBOOK,
        about=names(pods) | ({label(pods[0], "ray.io/cluster")} if waits else set()),
    )


def _with_a_way_back(snapshot: ReleaseSnapshot, steps: tuple[str, ...]) -> tuple[str, ...]:
    """An upgrade needs twice the pods for a while, and so does the way back: KubeRay makes a new Ray cluster for it."""
    return (
        *steps[:2],
        "or go back, which needs room for a second Ray cluster, too, of that revision:",
        rollback(snapshot),
    )


def _of_new_cluster(snapshot: ReleaseSnapshot, pod: Object) -> str:
    """That a pod belongs to an upgrade, in a sentence; empty where it does not."""
    for service in snapshot.of("RayService"):
        active, pending = cluster_names(service)
        if active and pending and label(pod, "ray.io/cluster") == pending:
            return " The upgrade waits for it; until then the old Ray cluster serves."
    return ""


def _other_case(pod: Object, told: str) -> Case:
    what = sentence(part_of(pod))
    look = ("See what the nodes have left:", "$ kubectl describe nodes")
    if lacking := list(dict.fromkeys(_INSUFFICIENT.findall(told))):
        words = " and ".join({"cpu": "processors", "memory": "memory"}.get(r, r) for r in lacking)
        asked = ", ".join(filter(None, (_requests(pod, resource) for resource in lacking)))
        cause = f"{what} finds no node with enough {words}{f' (it asks for {asked})' if asked else ''}."
        return Case("no-room", cause, (*look, "then add a node, or let it ask for less in the values."))
    for pattern, code, why in _OTHER:
        if re.search(pattern, told):
            return Case(code, f"{what} finds no node{why}.", look)
    return Case("unschedulable", f"{what} finds no node.", look)


def _requests(pod: Object, resource: str) -> str:
    asked = [
        f"{value} {resource}"
        for container in items(pod, "spec", "containers")
        if (value := mapping(container, "resources", "requests").get(resource)) and isinstance(value, str | int)
    ]
    return asked[0] if asked else ""
