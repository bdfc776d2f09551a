"""Reads a release from a cluster, once: what may be read, and why not the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from tumorcast_core.errors import (
    ClusterForbidden,
    ClusterKindNotFound,
    ClusterUnavailable,
    TumorcastError,
    Unauthenticated,
)
from tumorcast_platform.cluster.api import Cluster
from tumorcast_platform.cluster.log_filter import MOST_LINES, filtered
from tumorcast_platform.cluster.reading import Object, items, label, mapping, name_of, number, owner, text
from tumorcast_platform.cluster.snapshot import LogTail, ReleaseSnapshot, pruned
from tumorcast_platform.cluster.states import SERVICES

LABELED = (
    "Pod", "Deployment", "ReplicaSet", "Job", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget",
    "NetworkPolicy", "RayService", "ScaledObject", "Certificate",
)  # fmt: skip
"""Kinds whose objects carry the release's label."""
WHOLE = ("RayCluster", "EndpointSlice", "PersistentVolumeClaim", "ResourceQuota", "Event", "Node")
"""Kinds that are read whole and then reduced to what concerns the release."""
MOST_EVENTS = 500
MOST_LOGS = 12
MOST_SILENCES = 2
"""So many kinds may go without an answer before the rest is not asked for: each waits for its whole time-out."""
_RELEASE = "app.kubernetes.io/instance"


def observe(cluster: Cluster, release: str, *, logs: bool = True, now: datetime | None = None) -> ReleaseSnapshot:
    """A snapshot of a release. Secrets and the data of ConfigMaps are never asked for.

    Raises ``ClusterUnavailable`` and ``Unauthenticated`` where the API answers nothing at all; all else that cannot be
    read is noted in the snapshot.
    """
    objects: dict[str, list[Object]] = {}
    absent: list[str] = []
    unread: dict[str, str] = {}
    _read(cluster, release, objects, absent, unread)
    _autoscalers_of_keda(cluster, objects)
    _reduce(objects, release)
    tails = _logs(cluster, objects.get("Pod", []), unread) if logs else ()
    taken = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ReleaseSnapshot(cluster.namespace, release, taken, objects, tails, tuple(absent), unread)


def _read(
    cluster: Cluster, release: str, objects: dict[str, list[Object]], absent: list[str], unread: dict[str, str]
) -> None:
    """Fill the three with what each kind gives."""
    silent = 0
    for kind in (*LABELED, *WHOLE):
        if silent >= MOST_SILENCES:
            unread[kind] = "It was not asked for any more: the Kubernetes API had stopped answering."
            continue
        try:
            found = cluster.list(kind, selector=f"{_RELEASE}={release}" if kind in LABELED else "")
            objects[kind] = [pruned({"kind": kind, **item}) for item in found]
        except ClusterKindNotFound:
            absent.append(kind)
        except Unauthenticated:
            raise
        except TumorcastError as e:
            silent += isinstance(e, ClusterUnavailable)
            if isinstance(e, ClusterUnavailable) and not objects:
                raise
            unread[kind] = e.message


def _autoscalers_of_keda(cluster: Cluster, objects: dict[str, list[Object]]) -> None:
    """Add the HPAs that KEDA made for the release's ScaledObjects, should they lack the release's label."""
    known = {name_of(item) for item in objects.get("HorizontalPodAutoscaler", [])}
    for scaled in objects.get("ScaledObject", []):
        name = text(scaled, "status", "hpaName")
        if name and name not in known:
            try:
                found = cluster.get("HorizontalPodAutoscaler", name)
            except TumorcastError:
                continue
            objects.setdefault("HorizontalPodAutoscaler", []).append(
                pruned({"kind": "HorizontalPodAutoscaler", **found})
            )


def _reduce(objects: dict[str, list[Object]], release: str) -> None:
    """Of what was read whole, keep what concerns the release."""
    services = {name_of(item) for item in objects.get("Service", [])}
    ray = {name_of(item) for item in objects.get("RayService", [])}
    claims = {
        text(volume, "persistentVolumeClaim", "claimName")
        for pod in objects.get("Pod", [])
        for volume in items(pod, "spec", "volumes")
    }
    keep: dict[str, Callable[[Object], bool]] = {
        "EndpointSlice": lambda item: label(item, "kubernetes.io/service-name") in services,
        "RayCluster": lambda item: owner(item)[1] in ray or label(item, "ray.io/originated-from-cr-name") in ray,
        "PersistentVolumeClaim": lambda item: name_of(item) in claims or label(item, _RELEASE) == release,
        "Node": lambda _: True,
        "ResourceQuota": lambda _: True,
    }
    for kind, wanted in keep.items():
        if kind in objects:
            objects[kind] = [item for item in objects[kind] if wanted(item)]
    mine = {(kind, name_of(item)) for kind, found in objects.items() if kind != "Event" for item in found}
    events = [e for e in objects.get("Event", []) if _concerns(e, mine, release)]
    if "Event" in objects:
        objects["Event"] = sorted(events, key=last_seen)[-MOST_EVENTS:]


def _concerns(event: Object, mine: set[tuple[str, str]], release: str) -> bool:
    kind, name = text(event, "regarding", "kind"), text(event, "regarding", "name")
    own = (f"{release}-{service}" for service in SERVICES)  # not those of a release whose name goes on after this one's
    return (kind, name) in mine or any(name == each or name.startswith(f"{each}-") for each in own)


def last_seen(event: Object) -> str:
    """When an event was last seen, RFC 3339; empty where it does not say."""
    return (
        text(event, "series", "lastObservedTime")
        or text(event, "deprecatedLastTimestamp")
        or text(event, "eventTime")
        or text(event, "metadata", "creationTimestamp")
    )


def _logs(cluster: Cluster, pods: list[Object], unread: dict[str, str]) -> tuple[LogTail, ...]:
    """Log tails of containers that failed or restarted, or run and are not ready."""
    tails: list[LogTail] = []
    for pod in pods:
        for status in [*items(pod, "status", "initContainerStatuses"), *items(pod, "status", "containerStatuses")]:
            for previous in _worth_reading(status):
                if len(tails) >= MOST_LOGS:
                    return tuple(tails)
                name, container = name_of(pod), text(status, "name")
                try:
                    lines = filtered(cluster.log(name, container=container, lines=MOST_LINES, previous=previous))
                except (ClusterForbidden, ClusterUnavailable) as e:
                    unread.setdefault("logs", e.message)
                    return tuple(tails)
                except TumorcastError:
                    continue  # a container that has not begun has no log; the API answers 400
                tails.append(LogTail(name, container, previous, lines))
    return tuple(tails)


def _worth_reading(status: Object) -> tuple[bool, ...]:
    """Of which runs of a container the log is read: the previous one, this one, both or none."""
    state = mapping(status, "state")
    ended_badly = number(state, "terminated", "exitCode") != 0
    if number(status, "restartCount") > 0 and mapping(status, "lastState", "terminated"):
        return (True, False) if "running" in state and status.get("ready") is not True else (True,)
    if ended_badly or ("running" in state and status.get("ready") is not True):
        return (False,)
    return ()
