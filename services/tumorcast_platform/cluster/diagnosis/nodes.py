"""Nodes that are down or under pressure, and pods that were evicted."""

from __future__ import annotations

from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.facts import events, note_of, one_line, recent
from tumorcast_platform.cluster.diagnosis.finding import Evidence, Finding, Weight, kubectl, names, several
from tumorcast_platform.cluster.reading import Object, condition, name_of, text
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import is_ready

_PRESSURES = {"MemoryPressure": "memory", "DiskPressure": "disk", "PIDPressure": "process ids"}


def node_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """One finding for each node of the release that is not well, and one for evictions."""
    used = {text(pod, "spec", "nodeName") for pod in snapshot.of("Pod")}
    for node in snapshot.of("Node"):
        if name_of(node) in used:
            yield from _node(snapshot, node)
    if "Node" not in snapshot.objects:
        yield from _told_by_pods(snapshot)
    evicted = [p for p in snapshot.of("Pod") if text(p, "status", "reason") == "Evicted" and _lately(snapshot, p)]
    if evicted:
        yield Finding(
            code="evicted",
            weight=Weight.WORSE,
            cause="Pods were evicted, because their node ran out of something.",
            evidence=(Evidence(several(evicted), one_line(text(evicted[0], "status", "message"))),),
            steps=("See which pods and nodes:", kubectl(snapshot, "get pods --field-selector=status.phase=Failed")),
            runbook="service-down",
            about=names(evicted),
        )


def _told_by_pods(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """What events about pods say of nodes, where these may not be read."""
    lost: dict[str, list[Object]] = {}
    for pod in sorted(snapshot.of("Pod"), key=name_of):
        if not is_ready(pod) and events(snapshot, kind="Pod", name=name_of(pod), reason="NodeNotReady"):
            lost.setdefault(text(pod, "spec", "nodeName"), []).append(pod)
    for node, pods in sorted(lost.items()):
        told = note_of(events(snapshot, kind="Pod", name=name_of(pods[0]), reason="NodeNotReady")[0])
        yield Finding("node-down", Weight.BROKEN, f"Node {node} does not answer, and this release has pods on it.",
                      (Evidence(several(pods), f"NodeNotReady: {told}"),),
                      ("See what the node says, or ask somebody who may:", f"$ kubectl describe node {node}"),
                      "service-down", names(pods))  # fmt: skip


def _lately(snapshot: ReleaseSnapshot, pod: Object) -> bool:
    times = [text(condition(pod, kind), "lastTransitionTime") for kind in ("DisruptionTarget", "Ready", "PodScheduled")]
    known = [time for time in times if time] or [text(pod, "status", "startTime")]
    return recent(max(known), snapshot)


def _node(snapshot: ReleaseSnapshot, node: Object) -> Iterator[Finding]:
    name, ready = name_of(node), condition(node, "Ready")
    here = names(pod for pod in snapshot.of("Pod") if text(pod, "spec", "nodeName") == name)
    count = f"{len(here)} pods of this release are on it" if len(here) != 1 else "one pod of this release is on it"
    step = ("See what the node says:", f"$ kubectl describe node {name}")
    if ready and ready.get("status") != "True":
        told = one_line(f"{text(ready, 'reason')}: {text(ready, 'message')}")
        yield Finding("node-down", Weight.BROKEN, f"Node {name} does not answer; {count}.",
                      (Evidence(f"Node {name}", told),), step, "service-down", here)  # fmt: skip
    for kind, what in _PRESSURES.items():
        pressure = condition(node, kind)
        if pressure.get("status") == "True":
            told = one_line(f"{text(pressure, 'reason')}: {text(pressure, 'message')}")
            yield Finding("node-pressure", Weight.WORSE, f"Node {name} runs out of {what}; {count}.",
                          (Evidence(f"Node {name}", told),), step, "service-down", here)  # fmt: skip
