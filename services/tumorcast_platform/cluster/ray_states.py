"""Imaging's state: a RayService, its active and perhaps pending Ray cluster, and the pods of each group; pure."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

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
)
from tumorcast_platform.cluster.scalers import Scaler
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import Health, ServiceState, is_ready, restarts_of, service_of, version_of

HEAD = "headgroup"
"""KubeRay's name of the head's group."""
_WELL = ("RUNNING", "HEALTHY", "DOWNSCALING")
_FAILED = ("DEPLOY_FAILED", "UNHEALTHY")


@dataclass(frozen=True, slots=True)
class RayGroup:
    """One group of pods, and the Serve deployment that runs in it."""

    name: str
    pods: int
    low: int | None
    high: int | None
    spec: Object


def ray_states(snapshot: ReleaseSnapshot) -> list[ServiceState]:
    """A row for each group of each RayService: the head, the ingress, one encoder each."""
    return [
        _group_state(snapshot, service, group) for service in snapshot.of("RayService") for group in groups_of(service)
    ]


def groups_of(service: Object) -> list[RayGroup]:
    """The groups as the RayService wants them, the head first."""
    config = mapping(service, "spec", "rayClusterConfig")
    autoscaled = config.get("enableInTreeAutoscaling") is True
    head = RayGroup(HEAD, 1, None, None, mapping(config, "headGroupSpec", "template", "spec"))
    workers = [
        RayGroup(
            text(group, "groupName"),
            number(group, "replicas"),
            number(group, "minReplicas") if autoscaled else None,
            number(group, "maxReplicas") if autoscaled else None,
            mapping(group, "template", "spec"),
        )
        for group in items(config, "workerGroupSpecs")
    ]
    return [head, *workers]


def cluster_names(service: Object) -> tuple[str, str]:
    """Names of the active and of the pending Ray cluster; empty where there is none."""
    return tuple(  # type: ignore[return-value]
        text(service, "status", which, "rayClusterName") for which in ("activeServiceStatus", "pendingServiceStatus")
    )


def pods_of_group(snapshot: ReleaseSnapshot, cluster: str, group: str) -> list[Object]:
    """The pods of a group that are not on their way out."""
    return [
        pod
        for pod in snapshot.of("Pod")
        if label(pod, "ray.io/cluster") == cluster
        and (label(pod, "ray.io/group") == group or (group == HEAD and label(pod, "ray.io/node-type") == "head"))
        and not text(pod, "metadata", "deletionTimestamp")
    ]


def serve_status(service: Object, deployment: str) -> tuple[str, str]:
    """Status and message of one Serve deployment of the active cluster, or of the pending one before there is any."""
    for which in ("activeServiceStatus", "pendingServiceStatus"):
        for application in mapping(service, "status", which, "applicationStatuses").values():
            found = mapping(application, "serveDeploymentStatuses", deployment)
            if found:
                return text(found, "status"), text(found, "message")
    return "", ""


def _group_state(snapshot: ReleaseSnapshot, service: Object, group: RayGroup) -> ServiceState:
    active, pending = cluster_names(service)
    pods = pods_of_group(snapshot, active or pending, group.name)
    ready = sum(map(is_ready, pods))
    scaler, wanted = _scaler(service, group), _wanted(snapshot, active or pending, group)
    health, detail = _health(snapshot, service, group, ready, wanted)
    times = [text(condition(pod, "Ready"), "lastTransitionTime") for pod in pods if is_ready(pod)]
    newest = max(times, default="") if health is Health.READY else ""
    return ServiceState(
        service=f"{service_of(service) or name_of(service)} {_shown(group.name)}".strip(),
        ready=ready,
        wanted=wanted,
        version=version_of([mapping(pod, "spec") for pod in pods] or [group.spec]),
        scaler=scaler,
        restarts=restarts_of(pods),
        health=health,
        since=duration(seconds_between(newest, snapshot.taken_at)),
        detail=detail,
    )


def _shown(group: str) -> str:
    return "head" if group == HEAD else group.removeprefix("encoder-")


def _wanted(snapshot: ReleaseSnapshot, cluster: str, group: RayGroup) -> int:
    """Pods that there should be now; where Ray's autoscaler runs, it writes them into the RayCluster."""
    running = next((c for c in snapshot.of("RayCluster") if name_of(c) == cluster), {})
    for own in items(running, "spec", "workerGroupSpecs"):
        if text(own, "groupName") == group.name and group.low is not None:
            return number(own, "replicas", default=group.pods)
    return group.pods


def _health(snapshot: ReleaseSnapshot, service: Object, group: RayGroup, ready: int, wanted: int) -> tuple[Health, str]:
    if at(service, "spec", "suspend") is True:
        return Health.OFF, "suspended"
    status, _ = serve_status(service, group.name)
    if "Pod" in snapshot.unread:
        return Health.UNKNOWN, f"its pods could not be read{f'; Serve says {status}' if status else ''}"
    if status in _FAILED:
        return (Health.DOWN if not ready else Health.DEGRADED), f"Serve says {status}"
    if wanted == 0:
        return (Health.OFF, "no pod is needed now") if status in _WELL else (Health.DOWN, "no pod was asked for")
    if ready >= wanted and (status in _WELL or not status):
        return Health.READY, ""
    if status == "UPSCALING":
        return Health.UPDATING, "Ray Serve scales it up" + (f" to {wanted} pods" if wanted > ready else "")
    if status and status not in _WELL:
        return Health.UPDATING, f"Serve says {status}"
    return (Health.DOWN, "") if not ready else (Health.DEGRADED, f"{wanted - ready} of {wanted} pods are not ready")


def _scaler(service: Object, group: RayGroup) -> Scaler:
    if group.name == HEAD:
        return Scaler()
    serve = serve_deployment(service, group.name)
    bounds = mapping(serve, "autoscaling_config")
    if not bounds:
        return Scaler()
    low, high = number(bounds, "min_replicas", default=1), number(bounds, "max_replicas", default=1)
    return Scaler("Ray Serve", low, high)


def serve_deployment(service: Object, name: str) -> Object:
    """What the Serve configuration says about a deployment."""
    try:
        document = yaml.safe_load(text(service, "spec", "serveConfigV2"))
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    for application in items(document, "applications"):
        for deployment in items(application, "deployments"):
            if text(deployment, "name") == name:
                return deployment
    return {}


@dataclass(frozen=True, slots=True)
class RayServiceState:
    """A RayService as one line."""

    name: str
    well: bool
    told: str
    upgrading: bool = False
    """Whether a second Ray cluster is there, which is to take over."""


def ray_service_states(snapshot: ReleaseSnapshot) -> list[RayServiceState]:
    """The state of each RayService, an upgrade in progress included."""
    return [_ray_service(snapshot, service) for service in snapshot.of("RayService")]


def _ray_service(snapshot: ReleaseSnapshot, service: Object) -> RayServiceState:
    name = name_of(service)
    if at(service, "spec", "suspend") is True:
        return RayServiceState(name, True, "suspended")
    if not mapping(service, "status"):
        return RayServiceState(name, False, "has no status: no KubeRay operator has looked at it")
    ready = condition(service, "Ready")
    endpoints = number(service, "status", "numServeEndpoints")
    active, pending = cluster_names(service)
    parts = ["ready" if ready.get("status") == "True" else "not ready"]
    parts.append(f"{endpoints} serving pods" if endpoints != 1 else "1 serving pod")
    applications = mapping(service, "status", "activeServiceStatus", "applicationStatuses")
    parts += [f"Serve application {app} {text(of, 'status')}" for app, of in sorted(applications.items())]
    if pending and active:
        parts.append(_upgrade(snapshot, service, pending))
    seen = number(service, "status", "observedGeneration") >= number(service, "metadata", "generation")
    if not seen:
        parts.append("KubeRay has not yet looked at its last change")
    good = all(text(of, "status") in _WELL for of in applications.values())
    well = ready.get("status") == "True" and good and seen and not (pending and active)
    return RayServiceState(name, well, "; ".join(parts), upgrading=bool(pending and active))


def upgrade_seconds(snapshot: ReleaseSnapshot, service: Object) -> float | None:
    """For how long a second Ray cluster has been there; none where there is none or nobody knows."""
    active, pending = cluster_names(service)
    if not active or not pending:
        return None
    upgrading = condition(service, "UpgradeInProgress")
    began = text(upgrading, "lastTransitionTime") if upgrading.get("status") == "True" else ""
    made = next((c for c in snapshot.of("RayCluster") if name_of(c) == pending), {})
    return seconds_between(began or text(made, "metadata", "creationTimestamp"), snapshot.taken_at)


def _upgrade(snapshot: ReleaseSnapshot, service: Object, pending: str) -> str:
    pods = [p for p in snapshot.of("Pod") if label(p, "ray.io/cluster") == pending]
    applications = mapping(service, "status", "pendingServiceStatus", "applicationStatuses")
    serve = ", ".join(sorted({text(of, "status") for of in applications.values()} - {""}))
    seconds = upgrade_seconds(snapshot, service)
    since = f" for {duration(seconds)}" if seconds is not None else ""
    told = f"upgrading{since}: {sum(map(is_ready, pods))} of {len(pods)} pods of the new cluster ready"
    return f"{told}, its Serve application {serve}" if serve else told
