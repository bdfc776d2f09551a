"""Pods that find no node: processors, memory, GPUs (absent, taken, or behind a taint), nodes that do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.facts import container_spec, events, grouped, note_of, one_line
from tumorcast_platform.cluster.diagnosis.finding import (
    Evidence,
    Finding,
    Weight,
    names,
    part_of,
    sentence,
    several,
    upgrade,
)  # fmt: skip
from tumorcast_platform.cluster.ray_states import cluster_names
from tumorcast_platform.cluster.reading import (
    Object,
    at,
    condition,
    items,
    label,
    mapping,
    name_of,
    quantity,
    text,
)  # fmt: skip
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import service_of

RUNBOOK = "gpu-pods-pending"
_INSUFFICIENT = re.compile(r"Insufficient ([\w./-]+?)(?=[,.\s]|$)")
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
    wanted = _gpus(pods[0])
    cause, steps, code = _gpu_case(snapshot, pods[0], wanted, told) if wanted else ("", (), "")
    if not cause:
        cause, steps, code = _other_case(pods[0], told)
    waits = _of_new_cluster(snapshot, pods[0])
    return Finding(
        code=code,
        weight=Weight.WORSE if waits else Weight.BROKEN,
        cause=f"{cause}{waits}",
        evidence=(Evidence(several(pods), told), *_nodes_evidence(snapshot, wanted)),
        steps=steps,
        runbook=RUNBOOK,
        about=names(pods) | ({label(pods[0], "ray.io/cluster")} if waits else set()),
    )


def _of_new_cluster(snapshot: ReleaseSnapshot, pod: Object) -> str:
    """That a pod belongs to an upgrade, in a sentence; empty where it does not."""
    for service in snapshot.of("RayService"):
        active, pending = cluster_names(service)
        if active and pending and label(pod, "ray.io/cluster") == pending:
            return " The upgrade waits for it; until then the old Ray cluster serves."
    return ""


def _gpus(pod: Object) -> str:
    """The resource by which a pod asks for a GPU; empty where it asks for none."""
    for container in items(pod, "spec", "containers"):
        for resource in mapping(container_spec(pod, text(container, "name")), "resources", "limits"):
            if "/" in resource and ("gpu" in resource or "mig-" in resource):
                return resource
    return ""


def _capacity(node: Object, resource: str) -> float:
    value = at(node, "status", "allocatable")
    return quantity(value.get(resource)) or 0.0 if isinstance(value, dict) else 0.0


def _gpu_case(snapshot: ReleaseSnapshot, pod: Object, gpu: str, told: str) -> tuple[str, tuple[str, ...], str]:
    what, nodes = sentence(part_of(pod)), snapshot.of("Node")
    with_gpu = [node for node in nodes if _capacity(node, gpu) > 0]
    value = _encoder_value(pod)
    if nodes and not with_gpu:
        return (
            f"{what} waits for a GPU, and no node offers {gpu}.",
            ("Add a node with GPUs and the device plugin, or see why the plugin does not offer them:",
             "$ kubectl describe nodes",
             "or run this encoder without one:", upgrade(snapshot, f"{value}.gpus=0")),
            "gpu-absent",
        )  # fmt: skip
    if taints := _untolerated(with_gpu, pod):
        return (
            f"{what} waits for a GPU: the nodes with {gpu} have a taint that it does not tolerate ({taints[0]}).",
            ("Let it tolerate the taint:",
             _tolerate(snapshot, value, taints[0])),
            "gpu-tainted",
        )  # fmt: skip
    if f"Insufficient {gpu}" in told and with_gpu:
        total = int(sum(_capacity(node, gpu) for node in with_gpu))
        return (
            f"{what} waits for a GPU: all {total} {gpu} of {len(with_gpu)} nodes are taken.",
            ("See who has them, then add a node, free one, or want fewer replicas:",
             "$ kubectl describe nodes --selector=" + _node_selector(with_gpu),
             upgrade(snapshot, f"{value}.replicas=N")),
            "gpu-taken",
        )  # fmt: skip
    if f"Insufficient {gpu}" in told and not nodes:
        return (
            f"{what} waits for a GPU: no node has {gpu} free. Whether any node has one was not to be read.",
            ("Ask somebody who may read nodes:", "$ kubectl describe nodes"),
            "gpu-insufficient",
        )
    return "", (), ""


def _untolerated(nodes: list[Object], pod: Object) -> list[str]:
    """The taint that keeps a pod from the nodes, if it keeps it from all of them."""
    found = [_first_untolerated(node, pod) for node in nodes]
    return sorted(set(found)) if found and all(found) else []


def _first_untolerated(node: Object, pod: Object) -> str:
    for taint in items(node, "spec", "taints"):
        if taint.get("effect") in ("NoSchedule", "NoExecute") and not any(
            _tolerates(t, taint) for t in items(pod, "spec", "tolerations")
        ):
            return f"{text(taint, 'key')}={text(taint, 'value')}:{text(taint, 'effect')}"
    return ""


def _tolerates(toleration: Object, taint: Object) -> bool:
    """https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration."""
    if text(toleration, "effect") not in ("", text(taint, "effect")):
        return False
    if text(toleration, "operator") == "Exists":
        return text(toleration, "key") in ("", text(taint, "key"))
    return text(toleration, "key") == text(taint, "key") and text(toleration, "value") == text(taint, "value")


def _tolerate(snapshot: ReleaseSnapshot, value: str, taint: str) -> str:
    key = taint.partition("=")[0]
    toleration = f'[{{"key": "{key}", "operator": "Exists"}}]'
    return upgrade(snapshot, "X").replace("--set X", f"--set-json '{value}.tolerations={toleration}'")


def _encoder_value(pod: Object) -> str:
    group = label(pod, "ray.io/group")
    service = service_of(pod) or "imaging"
    return f"{service}.encoders.{group.removeprefix('encoder-')}" if group.startswith("encoder-") else service


def _node_selector(nodes: list[Object]) -> str:
    product = label(nodes[0], "nvidia.com/gpu.product")
    return f"nvidia.com/gpu.product={product}" if product else f"kubernetes.io/hostname={name_of(nodes[0])}"


def _nodes_evidence(snapshot: ReleaseSnapshot, gpu: str) -> tuple[Evidence, ...]:
    if not gpu or not snapshot.of("Node"):
        return ()
    offers = [f"{name_of(n)} {int(_capacity(n, gpu))}" for n in snapshot.of("Node") if _capacity(n, gpu)]
    told = f"{gpu}: " + (", ".join(offers[:6]) if offers else f"none on {len(snapshot.of('Node'))} nodes")
    return (Evidence("Nodes", told),)


def _other_case(pod: Object, told: str) -> tuple[str, tuple[str, ...], str]:
    what = sentence(part_of(pod))
    lacking = list(dict.fromkeys(_INSUFFICIENT.findall(told)))
    look = ("See what the nodes have left:", "$ kubectl describe nodes")
    if lacking:
        words = " and ".join({"cpu": "processors", "memory": "memory"}.get(r, r) for r in lacking)
        asked = ", ".join(filter(None, (_requests(pod, resource) for resource in lacking)))
        return (
            f"{what} finds no node with enough {words}{f' (it asks for {asked})' if asked else ''}.",
            (*look, "then add a node, or let it ask for less in the values."),
            "no-room",
        )
    if "untolerated taint" in told or "didn't tolerate" in told:
        return f"{what} finds no node: those that there are have taints that it does not tolerate.", look, "tainted"
    if "node affinity" in told or "node(s) didn't match Pod's node" in told:
        return f"{what} finds no node: none has the labels that its nodeSelector asks for.", look, "no-such-node"
    if "topology spread" in told:
        return f"{what} finds no node that keeps its pods spread as the values ask.", look, "spread"
    return f"{what} finds no node.", look, "unschedulable"


def _requests(pod: Object, resource: str) -> str:
    asked = [
        f"{value} {resource}"
        for container in items(pod, "spec", "containers")
        if (value := mapping(container, "resources", "requests").get(resource)) and isinstance(value, str | int)
    ]
    return asked[0] if asked else ""
