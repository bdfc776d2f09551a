"""Pods that run and are not ready: which probe fails, on which port, and what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.facts import (
    container_spec,
    events,
    grouped,
    left,
    note_of,
    still_serving,
    times,
)
from tumorcast_platform.cluster.diagnosis.finding import (
    Evidence,
    Finding,
    Weight,
    kubectl,
    names,
    part_of,
    sentence,
    several,
)  # fmt: skip
from tumorcast_platform.cluster.reading import Object, at, mapping, name_of, text
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import is_ready

_PROBE = re.compile(r"(Startup|Readiness|Liveness) probe (?:failed|errored)", re.IGNORECASE)
_CONTAINER = re.compile(r"containers\{(.+?)\}")


def probe_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """One finding for each service and kind of probe."""
    failing: dict[str, Object] = {}
    for pod in snapshot.of("Pod"):
        if not is_ready(pod) and text(pod, "status", "phase") == "Running":
            found = [e for e in events(snapshot, kind="Pod", name=name_of(pod), reason="Unhealthy") if _kind(e)]
            if found:
                failing[name_of(pod)] = found[0]
    pods = [pod for pod in snapshot.of("Pod") if name_of(pod) in failing]
    for group in grouped(pods, lambda pod: f"{part_of(pod)} {_kind(failing[name_of(pod)])}"):
        yield _finding(snapshot, group, failing[name_of(group[0])])


def _kind(event: Object) -> str:
    match = _PROBE.search(note_of(event))
    return match[1].lower() if match else ""


def _finding(snapshot: ReleaseSnapshot, pods: list[Object], event: Object) -> Finding:
    kind, what = _kind(event), part_of(pods[0])
    container = _CONTAINER.search(text(event, "regarding", "fieldPath"))
    name = container[1] if container else ""
    where = _where(mapping(container_spec(pods[0], name), f"{kind}Probe"))
    cause = {
        "startup": f"{sentence(what)} does not get through its start",
        "liveness": f"{sentence(what)} does not answer the question whether it lives",
        "readiness": f"{sentence(what)} runs, but says that it is not ready, so nothing is sent to it",
    }[kind]
    steps = kubectl(snapshot, f"logs {name_of(pods[0])}{f' --container={name}' if name else ''} --tail=50")
    return Finding(
        code=f"{kind}-probe",
        weight=Weight.WORSE if left(snapshot, pods) else Weight.BROKEN,
        cause=f"{cause} ({kind} probe{where}).{still_serving(snapshot, pods)}",
        evidence=(Evidence(several(pods), f"{note_of(event)} ({times(event)} times)"),),
        steps=("See what it is doing or waiting for:", steps),
        runbook="service-down",
        about=names(pods),
    )


def _where(probe: Object) -> str:
    """Which way a probe goes.

    >>> _where({"grpc": {"port": 50059}}), _where({"httpGet": {"path": "/healthz", "port": "http"}})
    (', gRPC port 50059', ', GET /healthz on port http')
    """
    if "grpc" in probe:
        return f", gRPC port {_shown(at(probe, 'grpc', 'port'))}"
    if "httpGet" in probe:
        return f", GET {text(probe, 'httpGet', 'path')} on port {_shown(at(probe, 'httpGet', 'port'))}"
    if "tcpSocket" in probe:
        return f", TCP port {_shown(at(probe, 'tcpSocket', 'port'))}"
    return ", a command in the container" if "exec" in probe else ""


def _shown(port: object) -> str:
    return str(port) if isinstance(port, str | int) else "unknown"
