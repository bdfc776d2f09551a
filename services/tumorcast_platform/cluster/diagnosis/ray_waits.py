"""What a RayService waits for while no pod fails: an operator that does not reach the head, pods nobody asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.finding import Evidence, Finding, Weight, kubectl, names, upgrade
from tumorcast_platform.cluster.ray_states import (
    HEAD,
    cluster_names,
    groups_of,
    pods_of_group,
    serve_deployment,
    serve_status,
)
from tumorcast_platform.cluster.reading import (
    Object,
    at,
    condition,
    duration,
    items,
    label,
    mapping,
    name_of,
    number,
    seconds_between,
    text,
)  # fmt: skip
from tumorcast_platform.cluster.scaling.parts import replicas_of_a_pod
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import is_ready

RUNBOOK = "imaging-upgrade-stuck"
OPERATOR_IS_LATE_S = 180.0
"""KubeRay gives the application to a head within seconds of its being ready."""
_WAITS = ("UPDATING", "UPSCALING")


def ray_wait_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """What each RayService that KubeRay has looked at waits for."""
    for service in snapshot.of("RayService"):
        if mapping(service, "status") and at(service, "spec", "suspend") is not True:
            yield from _operator_is_shut_out(snapshot, service)
            yield from _replicas_without_pods(snapshot, service)


def _operator_is_shut_out(snapshot: ReleaseSnapshot, service: Object) -> Iterator[Finding]:
    active, pending = cluster_names(service)
    which, cluster = ("pendingServiceStatus", pending) if pending else ("activeServiceStatus", active)
    heads = [pod for pod in pods_of_group(snapshot, cluster, HEAD) if cluster and is_ready(pod)]
    if not heads or mapping(service, "status", which, "applicationStatuses"):
        return
    since = seconds_between(text(condition(heads[0], "Ready"), "lastTransitionTime"), snapshot.taken_at)
    if since is None or since < OPERATOR_IS_LATE_S:
        return
    told = f"ready for {duration(since)}, and Ray cluster {cluster} has no Serve application"
    still = " The old Ray cluster still serves." if active and pending else ""
    yield Finding(
        code="ray-operator-shut-out",
        weight=Weight.WORSE if still else Weight.BROKEN,
        cause="Imaging's Ray head is ready, but the KubeRay operator does not tell it what to serve: it does not reach "
        f"the head's port 8265, or has stopped.{still}",
        evidence=(Evidence(f"Pod {name_of(heads[0])}", told),),
        steps=("See in which namespace the operator runs, and what it says:",
               "$ kubectl get pods --all-namespaces --selector=app.kubernetes.io/name=kuberay-operator",
               "then name that namespace, which the network policy lets in (kuberay-system unless told otherwise):",
               upgrade(snapshot, "imaging.operator.namespace=NAMESPACE")),
        runbook=RUNBOOK,
        about=frozenset({name_of(service), cluster})
        | names(pod for pod in snapshot.of("Pod") if label(pod, "ray.io/cluster") == cluster),
    )  # fmt: skip


def _replicas_without_pods(snapshot: ReleaseSnapshot, service: Object) -> Iterator[Finding]:
    active, _ = cluster_names(service)
    running = next((c for c in snapshot.of("RayCluster") if active and name_of(c) == active), {})
    held = {text(g, "groupName"): number(g, "replicas") for g in items(running, "spec", "workerGroupSpecs")}
    for group in groups_of(service):
        serve = serve_deployment(service, group.name)
        bounds = mapping(serve, "autoscaling_config")
        replicas = number(bounds, "min_replicas", default=1) if bounds else number(serve, "num_replicas", default=1)
        status, message = serve_status(service, group.name)
        pods = math.ceil(replicas / replicas_of_a_pod(service, group.name))
        if status in _WAITS and group.name in held and held[group.name] < pods:
            yield _waits(snapshot, service, group.name, replicas, held[group.name], pods, message or status)


def _waits(
    snapshot: ReleaseSnapshot, service: Object, group: str, replicas: int, held: int, pods: int, told: str
) -> Finding:
    active, _ = cluster_names(service)
    part = group.removeprefix("encoder-")
    target = "imaging" if group == "ingress" else f"imaging/{part}"
    head = next((name_of(pod) for pod in pods_of_group(snapshot, active, HEAD)), "HEAD")
    if at(service, "spec", "rayClusterConfig", "enableInTreeAutoscaling") is True:
        why = "Ray's autoscaler has not asked for more."
        steps = ("It does within a minute; if it does not, see what it says:",
                 kubectl(snapshot, f"logs {head} --container=autoscaler --tail=50"))  # fmt: skip
    else:
        why = "KubeRay gives a running Ray cluster no new number of pods, and Ray's autoscaler is off."
        steps = ("Say the number to the Ray cluster, too:",
                 f"$ tumorcast platform scale {target} {replicas} --namespace {snapshot.namespace}"
                 + ("" if snapshot.release == "tumorcast" else f" --release {snapshot.release}"))  # fmt: skip
    return Finding(
        code="replicas-without-pods",
        weight=Weight.WORSE,
        cause=f"Imaging's {part} is to have {replicas} replicas, which need {pods} pods, but its Ray cluster has "
        f"{held}: {why}",
        evidence=(Evidence(f"RayService {name_of(service)}, Serve deployment {group}", told),),
        steps=steps,
        runbook=RUNBOOK,
        about=names(pods_of_group(snapshot, active, group)) | {name_of(service), active},
    )
