"""A snapshot → the state of each service: pods, version, who scales it, since when; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tumorcast_platform.cluster.reading import (
    Object,
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
from tumorcast_platform.cluster.scalers import Scaler, scaler_of
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot

SERVICES = ("gateway", "imaging", "clinical", "notes", "fusion")
"""In the order in which they are shown."""


class Health(StrEnum):
    """How one service does."""

    READY = "ready"
    UPDATING = "updating"
    DEGRADED = "degraded"
    DOWN = "down"
    OFF = "off"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One row of the status screen."""

    service: str
    ready: int
    wanted: int | None
    """None where nobody says how many there should be."""
    version: str
    scaler: Scaler
    restarts: int
    health: Health
    since: str = ""
    """How long it has been so, in words; empty where that is not known."""
    detail: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing is to be done."""
        return self.health in (Health.READY, Health.OFF)


def service_of(item: Object) -> str:
    """Which service (or errand, such as ``gateway-migration``) an object belongs to, by its label."""
    return label(item, "app.kubernetes.io/name")


def pods_of(snapshot: ReleaseSnapshot, service: str) -> list[Object]:
    """The pods of a service that are not on their way out."""
    return [p for p in snapshot.of("Pod") if service_of(p) == service and not text(p, "metadata", "deletionTimestamp")]


def is_ready(pod: Object) -> bool:
    """Whether a pod takes calls."""
    return condition(pod, "Ready").get("status") == "True" and not text(pod, "metadata", "deletionTimestamp")


def containers(pod: Object) -> list[Object]:
    """The statuses of all containers, init containers first."""
    return [*items(pod, "status", "initContainerStatuses"), *items(pod, "status", "containerStatuses")]


def restarts_of(pods: Iterable[Object]) -> int:
    """How often containers of the pods were started anew."""
    return sum(number(c, "restartCount") for pod in pods for c in containers(pod))


def version_of(specs: Iterable[Object]) -> str:
    """The image tags of pod specs (their first container), in words."""
    tags: list[str] = []
    for spec in specs:
        for container in items(spec, "containers")[:1]:
            tag = tag_of(text(container, "image"))
            tags += [tag] if tag and tag not in tags else []
    return ", ".join(tags[:3])


def tag_of(image: str) -> str:
    """The tag or the shortened digest of an image.

    >>> tag_of("reg:5000/a/tumorcast-notes:0.1.0"), tag_of("a@sha256:0123456789abcdef"), tag_of("reg:5000/a")
    ('0.1.0', 'sha256:0123456789ab', 'latest')
    """
    if "@" in image:
        return image.rpartition("@")[2][:19]
    last = image.rpartition("/")[2]
    return last.partition(":")[2] or "latest" if image else ""


def service_states(snapshot: ReleaseSnapshot) -> list[ServiceState]:
    """The rows of all services that are installed."""
    from tumorcast_platform.cluster.ray_states import ray_states

    found = [_deployment_state(snapshot, d) for d in snapshot.of("Deployment") if service_of(d)]
    found += ray_states(snapshot)
    return sorted(found, key=lambda s: (_order(s.service), s.service != "imaging head", s.service))


def _order(service: str) -> int:
    first = service.partition(" ")[0]
    return SERVICES.index(first) if first in SERVICES else len(SERVICES)


def _deployment_state(snapshot: ReleaseSnapshot, deployment: Object) -> ServiceState:
    service = service_of(deployment)
    pods = pods_of(snapshot, service)
    wanted = number(deployment, "spec", "replicas", default=1)
    ready = number(deployment, "status", "readyReplicas")
    health, detail = _deployment_health(deployment, wanted, ready)
    return ServiceState(
        service=service,
        ready=ready,
        wanted=wanted,
        version=version_of([mapping(deployment, "spec", "template", "spec")]),
        scaler=scaler_of(snapshot, name_of(deployment)),
        restarts=restarts_of(pods),
        health=health,
        since=_since(snapshot, deployment, pods, health),
        detail=detail,
    )


def _deployment_health(deployment: Object, wanted: int, ready: int) -> tuple[Health, str]:
    if wanted == 0:
        return Health.OFF, "scaled to 0"
    updated = number(deployment, "status", "updatedReplicas")
    seen = number(deployment, "status", "observedGeneration") >= number(deployment, "metadata", "generation")
    progressing = condition(deployment, "Progressing")
    stuck = progressing.get("reason") == "ProgressDeadlineExceeded"
    if ready >= wanted and updated >= wanted and seen and not stuck:
        return Health.READY, ""
    if ready == 0:
        return Health.DOWN, ""
    if stuck:
        return Health.DEGRADED, "the update does not get on"
    if updated < wanted or not seen:
        return Health.UPDATING, f"{updated} of {wanted} pods updated"
    return Health.DEGRADED, f"{wanted - ready} of {wanted} pods are not ready"


def _since(snapshot: ReleaseSnapshot, deployment: Object, pods: list[Object], health: Health) -> str:
    """A service is ready since its newest pod is, updating since it has new pods, down since the Deployment says so."""
    if health is Health.READY:
        times = [text(condition(pod, "Ready"), "lastTransitionTime") for pod in pods if is_ready(pod)]
    elif health is Health.UPDATING:
        times = [text(pod, "metadata", "creationTimestamp") for pod in pods]
    else:
        times = [text(condition(deployment, "Available"), "lastTransitionTime")]
    return duration(seconds_between(max(times, default=""), snapshot.taken_at))


@dataclass(frozen=True, slots=True)
class MigrationState:
    """A migration of the database that is under way or failed; one that succeeded leaves nothing."""

    job: str
    failed: bool


def migration_state(snapshot: ReleaseSnapshot) -> MigrationState | None:
    """The migration that Helm waits for, or that stopped it; none where there is none."""
    for job in snapshot.of("Job"):
        if name_of(job).endswith("-migration") and condition(job, "Complete").get("status") != "True":
            return MigrationState(name_of(job), condition(job, "Failed").get("status") == "True")
    return None
