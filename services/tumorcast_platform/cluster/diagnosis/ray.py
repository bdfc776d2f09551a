"""RayServices: no operator, applications that fail or are unhealthy, heads that restart, upgrades that do not end."""

from __future__ import annotations

from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.facts import one_line
from tumorcast_platform.cluster.diagnosis.finding import Evidence, Finding, Weight, kubectl, names, rollback
from tumorcast_platform.cluster.ray_states import HEAD, cluster_names, pods_of_group, upgrade_seconds
from tumorcast_platform.cluster.reading import (
    Object,
    at,
    condition,
    duration,
    mapping,
    name_of,
    number,
    seconds_between,
    text,
)  # fmt: skip
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import containers, restarts_of

RUNBOOK = "imaging-upgrade-stuck"
UPGRADE_IS_LONG_S = 1200.0
"""An upgrade starts a whole Ray cluster: image pulls and models take minutes, 20 of them are too many."""
OPERATOR_IS_LATE_S = 60.0
_FAILED = ("DEPLOY_FAILED", "UNHEALTHY")


def ray_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """What is wrong with each RayService."""
    for service in snapshot.of("RayService"):
        if at(service, "spec", "suspend") is True:
            continue
        if not mapping(service, "status"):
            yield from _no_operator(snapshot, service)
            continue
        yield from _refused(snapshot, service)
        for which in ("activeServiceStatus", "pendingServiceStatus"):
            yield from _applications(snapshot, service, which)
        yield from _head_restarts(snapshot, service)
        yield from _long_upgrade(snapshot, service)


def _no_operator(snapshot: ReleaseSnapshot, service: Object) -> Iterator[Finding]:
    age = seconds_between(text(service, "metadata", "creationTimestamp"), snapshot.taken_at)
    if age is not None and age < OPERATOR_IS_LATE_S:
        return
    name = name_of(service)
    yield Finding(
        code="no-ray-operator",
        weight=Weight.BROKEN,
        cause="Nobody has looked at imaging's RayService: the KubeRay operator is not installed, does not run, or does "
        "not watch this namespace.",
        evidence=(Evidence(f"RayService {name}", f"no status {duration(age)} after it was made".replace("  ", " ")),),
        steps=("See whether the operator runs, and which namespaces it watches:",
               "$ kubectl get deployments --all-namespaces --selector=app.kubernetes.io/name=kuberay-operator"),
        runbook=RUNBOOK,
        about=frozenset({name}),
    )  # fmt: skip


def _refused(snapshot: ReleaseSnapshot, service: Object) -> Iterator[Finding]:
    ready = condition(service, "Ready")
    if ready.get("status") != "False" or ready.get("reason") not in ("ValidationFailed", "InitializingTimeout"):
        return
    late = ready.get("reason") == "InitializingTimeout"
    yield Finding(
        code="ray-service-refused",
        weight=Weight.BROKEN,
        cause="Imaging did not start in the time that it has."
        if late
        else "KubeRay takes imaging's RayService for wrong.",
        evidence=(Evidence(f"RayService {name_of(service)}", one_line(text(ready, "message"))),),
        steps=("See what the operator says:", kubectl(snapshot, f"describe rayservice {name_of(service)}")),
        runbook=RUNBOOK,
        about=frozenset({name_of(service)}),
    )


def _applications(snapshot: ReleaseSnapshot, service: Object, which: str) -> Iterator[Finding]:
    active, pending = cluster_names(service)
    serving = which == "pendingServiceStatus" and bool(active)
    cluster = pending if which == "pendingServiceStatus" else active
    for name, application in sorted(mapping(service, "status", which, "applicationStatuses").items()):
        status = text(application, "status")
        if status not in _FAILED:
            continue
        yield Finding(
            code="serve-deploy-failed" if status == "DEPLOY_FAILED" else "serve-unhealthy",
            weight=Weight.WORSE if serving else Weight.BROKEN,
            cause=_cause(status, serving),
            evidence=_serve_evidence(service, cluster, name, application),
            steps=_serve_steps(snapshot, service, cluster, serving),
            runbook=RUNBOOK,
            about=frozenset(filter(None, (cluster, name_of(service)))) | _pods(snapshot, cluster, application),
        )


def _pods(snapshot: ReleaseSnapshot, cluster: str, application: Object) -> frozenset[str]:
    """The pods of the deployments that are not healthy: what is wrong with them explains the application."""
    return names(
        pod
        for deployment, status in mapping(application, "serveDeploymentStatuses").items()
        if text(status, "status") not in ("HEALTHY", "")
        for pod in pods_of_group(snapshot, cluster, deployment)
    )


def _cause(status: str, serving: bool) -> str:
    if serving:
        failed = "cannot start its application" if status == "DEPLOY_FAILED" else "has an unhealthy application"
        return f"Imaging's upgrade is stuck: the new Ray cluster {failed}. The old one still serves."
    if status == "DEPLOY_FAILED":
        return "Imaging does not serve: Ray Serve could not deploy its application."
    return "Imaging is unhealthy: replicas of its Serve application fail their checks or do not come up."


def _serve_evidence(service: Object, cluster: str, name: str, application: Object) -> tuple[Evidence, ...]:
    where = f"RayService {name_of(service)}, Ray cluster {cluster}"
    told = [
        Evidence(where, one_line(f"application {name} {text(application, 'status')}: {_message(application)}", 500))
    ]
    for deployment, status in sorted(mapping(application, "serveDeploymentStatuses").items()):
        if text(status, "status") not in ("HEALTHY", ""):
            told.append(
                Evidence(
                    f"Serve deployment {deployment}", one_line(f"{text(status, 'status')}: {_message(status)}", 500)
                )
            )
    return tuple(told[:4])


def _message(status: object) -> str:
    """The end of a message: with a traceback, the exception stands last."""
    told = text(status, "message").strip()
    lines = [line for line in told.splitlines() if line.strip()]
    if "Traceback" in told and lines:
        return f"{lines[0].strip()} … {lines[-1].strip()}" if len(lines) > 1 else lines[0]
    return told or "no message"


def _serve_steps(snapshot: ReleaseSnapshot, service: Object, cluster: str, serving: bool) -> tuple[str, ...]:
    head = next((name_of(pod) for pod in pods_of_group(snapshot, cluster, HEAD)), "")
    look = kubectl(snapshot, f"exec {head} --container=ray -- serve status") if head else ""
    first = look or kubectl(snapshot, f"describe rayservice {name_of(service)}")
    if serving:
        way_back = "or go back; the old one serves until a new Ray cluster of that revision does:"
        return ("See what Serve says in full:", first, way_back, rollback(snapshot))
    return ("See what Serve says in full:", first)


def _head_restarts(snapshot: ReleaseSnapshot, service: Object) -> Iterator[Finding]:
    active, _ = cluster_names(service)
    heads = [pod for pod in pods_of_group(snapshot, active, HEAD) if active]
    count = restarts_of(heads)
    ended = [
        text(status, "lastState", "terminated", "finishedAt")
        for pod in heads
        for status in containers(pod)
        if number(status, "restartCount")
    ]
    age = seconds_between(max(ended, default=""), snapshot.taken_at)
    if count < 2 or age is None or age > 86_400:
        return
    yield Finding(
        code="ray-head-restarts",
        weight=Weight.WORSE,
        cause="Imaging's Ray head keeps restarting; without fault tolerance each time takes the whole cluster with it.",
        evidence=(Evidence(f"Pod {name_of(heads[0])}", f"restarted {count} times, the last time {duration(age)} ago"),),
        steps=("See how it ended:",
               kubectl(snapshot, f"logs {name_of(heads[0])} --container=ray --previous --tail=50")),
        runbook=RUNBOOK,
        about=frozenset({name_of(heads[0])}),
    )  # fmt: skip


def _long_upgrade(snapshot: ReleaseSnapshot, service: Object) -> Iterator[Finding]:
    seconds = upgrade_seconds(snapshot, service)
    if seconds is None or seconds < UPGRADE_IS_LONG_S:
        return
    active, pending = cluster_names(service)
    yield Finding(
        code="upgrade-slow",
        weight=Weight.WORSE,
        cause=f"Imaging has been upgrading for {duration(seconds)} without an end. The old Ray cluster still serves.",
        evidence=(Evidence(f"RayService {name_of(service)}", f"active {active}, pending {pending}"),),
        steps=("See what the new cluster waits for:",
               kubectl(snapshot, f"get pods --selector=ray.io/cluster={pending}"),
               "or go back; the old one serves until a new Ray cluster of that revision does:", rollback(snapshot)),
        runbook=RUNBOOK,
        about=frozenset({pending}),
    )  # fmt: skip
