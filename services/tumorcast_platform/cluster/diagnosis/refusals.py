"""Pods that are not even made: a quota, Pod Security, an admission webhook, a service account that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.facts import events, note_of, one_line
from tumorcast_platform.cluster.diagnosis.finding import Evidence, Finding, Weight, kubectl
from tumorcast_platform.cluster.reading import condition, name_of, text
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot

_MADE_BY = ("ReplicaSet", "Job", "RayCluster", "StatefulSet")


def refusal_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """One finding for each reason why pods are refused."""
    told: dict[str, dict[str, str]] = {}
    for where, message in _refused(snapshot):
        if code := _code(message):
            told.setdefault(code, {}).setdefault(where, message)
    for code, objects in sorted(told.items()):
        first = next(iter(objects.values()))
        cause, steps = _words(snapshot, code, first)
        evidence = tuple(Evidence(where, message) for where, message in list(objects.items())[:3])
        about = frozenset(where.rpartition(" ")[2] for where in objects)
        yield Finding(code, Weight.BROKEN, cause, evidence, steps, _runbook(code), about)


def _refused(snapshot: ReleaseSnapshot) -> Iterator[tuple[str, str]]:
    for kind in _MADE_BY:
        for event in events(snapshot, kind=kind):
            if text(event, "type") == "Warning" and "fail" in text(event, "reason").lower():
                yield f"{kind} {text(event, 'regarding', 'name')}", note_of(event)
    for replica_set in snapshot.of("ReplicaSet"):
        failure = condition(replica_set, "ReplicaFailure")
        if failure.get("status") == "True":
            yield f"ReplicaSet {name_of(replica_set)}", one_line(text(failure, "message"))


def _code(message: str) -> str:
    if "exceeded quota" in message:
        return "quota-exceeded"
    if "violates PodSecurity" in message:
        return "pod-security"
    if re.search(r"maximum \w+ usage per|minimum \w+ usage per", message):
        return "limit-range"
    if "admission webhook" in message or "ValidatingAdmissionPolicy" in message:
        return "admission"
    if "serviceaccount" in message.lower() and "not found" in message:
        return "no-service-account"
    return ""


def _words(snapshot: ReleaseSnapshot, code: str, message: str) -> tuple[str, tuple[str, ...]]:
    match code:
        case "quota-exceeded":
            quota = re.search(r"exceeded quota: ([\w.-]+)", message)
            name = quota[1] if quota else ""
            return (
                f"Pods are not made: the namespace's quota {name} is used up.",
                ("See what is used, then ask for more or scale something down:",
                 kubectl(snapshot, f"describe resourcequota {name}".rstrip())),
            )  # fmt: skip
        case "pod-security":
            return (
                "Pods are not made: they break the namespace's Pod Security standard.",
                ("The charts' own pods meet `restricted`; look for what was added to them, by values or by a webhook:",
                 kubectl(snapshot, f"get namespace {snapshot.namespace} --show-labels")),
            )  # fmt: skip
        case "limit-range":
            return (
                "Pods are not made: what they ask for is outside the namespace's LimitRange.",
                ("See the bounds, then change the values or the bounds:", kubectl(snapshot, "describe limitrange")),
            )
        case "no-service-account":
            return (
                "Pods are not made: their service account is not there.",
                ("Install the release again, which makes it:", f"$ helm get manifest {snapshot.release}"
                 f" --namespace {snapshot.namespace}"),
            )  # fmt: skip
    return (
        "Pods are not made: an admission webhook or policy of this cluster refuses them.",
        ("Its message says what it wants; ask whoever runs it:", "$ kubectl get validatingwebhookconfigurations"),
    )


def _runbook(code: str) -> str:
    return "gpu-pods-pending" if code == "quota-exceeded" else "service-down"
