"""A snapshot → plain causes, the worst first; pure. Nothing is guessed: without evidence there is no finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tumorcast_platform.cluster.diagnosis.certificates import certificate_findings
from tumorcast_platform.cluster.diagnosis.configuration import configuration_findings
from tumorcast_platform.cluster.diagnosis.crashes import crash_findings
from tumorcast_platform.cluster.diagnosis.finding import Evidence, Finding, Weight
from tumorcast_platform.cluster.diagnosis.images import image_findings
from tumorcast_platform.cluster.diagnosis.jobs import job_findings
from tumorcast_platform.cluster.diagnosis.network import network_findings
from tumorcast_platform.cluster.diagnosis.nodes import node_findings
from tumorcast_platform.cluster.diagnosis.pending import pending_findings
from tumorcast_platform.cluster.diagnosis.probes import probe_findings
from tumorcast_platform.cluster.diagnosis.ray import ray_findings
from tumorcast_platform.cluster.diagnosis.ray_waits import ray_wait_findings
from tumorcast_platform.cluster.diagnosis.refusals import refusal_findings
from tumorcast_platform.cluster.diagnosis.scaling import scaling_findings
from tumorcast_platform.cluster.diagnosis.storage import storage_findings
from tumorcast_platform.cluster.ray_states import RayServiceState, ray_service_states
from tumorcast_platform.cluster.reading import label, name_of
from tumorcast_platform.cluster.scalers import Scaler
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import Health, ServiceState, service_of, service_states

__all__ = ["Diagnosis", "Evidence", "Finding", "Weight", "diagnose"]

RULES: tuple[Callable[[ReleaseSnapshot], Iterable[Finding]], ...] = (
    job_findings, configuration_findings, image_findings, refusal_findings, storage_findings, pending_findings,
    node_findings, crash_findings, ray_wait_findings, ray_findings, certificate_findings, probe_findings,
    network_findings, scaling_findings,
)  # fmt: skip
"""Causes before symptoms; of two findings about the same pods the earlier one is kept."""
SYMPTOMS = (
    "startup-probe", "readiness-probe", "liveness-probe", "upgrade-slow", "ray-head-restarts", "ray-operator-shut-out",
    "evicted", "serve-unhealthy", "autoscaler-without-metric",
)  # fmt: skip
"""Not told where an earlier finding is about one of the same objects."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found, what is not well although nothing was found, and what was looked at."""

    findings: tuple[Finding, ...]
    unexplained: tuple[ServiceState, ...]
    looked_at: tuple[str, ...]
    """``12 pods``, ``40 events`` …"""
    unread: dict[str, str]
    nothing_there: bool

    @property
    def well(self) -> bool:
        """Whether nothing is broken or worse than it should be."""
        notes = all(f.weight is Weight.NOTE for f in self.findings)
        return notes and not self.unexplained and not self.nothing_there


def diagnose(snapshot: ReleaseSnapshot) -> Diagnosis:
    """All findings of a snapshot, the worst first."""
    found: list[Finding] = []
    for rule in RULES:
        for finding in rule(snapshot):
            if not (finding.code in SYMPTOMS and any(finding.about & earlier.about for earlier in found)):
                found.append(finding)
    found.sort(key=lambda finding: -finding.weight)
    return Diagnosis(
        findings=tuple(found),
        unexplained=_unexplained(snapshot, found),
        looked_at=_looked_at(snapshot),
        unread=dict(snapshot.unread),
        nothing_there=not any(snapshot.of(k) for k in ("Deployment", "RayService", "Pod", "Job", "Service")),
    )


def _unexplained(snapshot: ReleaseSnapshot, found: list[Finding]) -> tuple[ServiceState, ...]:
    """Services that are not well, where no finding is about one of their objects."""
    explained: set[str] = set().union(*(f.about for f in found if f.weight > Weight.NOTE))
    rows = [s for s in service_states(snapshot) if not s.well and not explained & _behind(snapshot, s.service)]
    rows = [s for s in rows if s.health is not Health.UNKNOWN]  # told among what was not read
    if any(s.service.startswith("imaging") for s in rows):
        return tuple(rows)
    ray = [i for kind in ("RayService", "RayCluster", "Pod") for i in snapshot.of(kind)]
    if explained & {name_of(i) for i in ray if service_of(i) == "imaging"}:
        return tuple(rows)
    return (*rows, *(_unready(state) for state in ray_service_states(snapshot) if not (state.well or state.upgrading)))


def _unready(ray: RayServiceState) -> ServiceState:
    """A RayService that is not well although each of its groups is, as a row."""
    return ServiceState(f"RayService {ray.name}", 0, None, "", Scaler(), 0, Health.DEGRADED, detail=ray.told)


def _behind(snapshot: ReleaseSnapshot, row: str) -> set[str]:
    """Names of the objects behind a row of the status screen, such as ``gateway`` or ``imaging ct-lesion``."""
    service, _, group = row.partition(" ")
    groups = {"head": ("headgroup", ""), "": ("",)}.get(group, (group, f"encoder-{group}"))
    objects = [i for kind in ("Deployment", "ReplicaSet", "RayService") for i in snapshot.of(kind)]
    pods = [pod for pod in snapshot.of("Pod") if label(pod, "ray.io/group") in groups]
    named = {name_of(item) for item in (*objects, *pods) if service_of(item) == service}
    return named | ({name_of(cluster) for cluster in snapshot.of("RayCluster")} if group else set())


def _looked_at(snapshot: ReleaseSnapshot) -> tuple[str, ...]:
    kinds = ("Pod", "Deployment", "RayService", "Job", "HorizontalPodAutoscaler", "Certificate", "Node", "Event")
    counts = [(kind, len(snapshot.of(kind))) for kind in kinds if kind in snapshot.objects]
    counts.append(("log tail", len(snapshot.logs)))
    return tuple(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts if count)
