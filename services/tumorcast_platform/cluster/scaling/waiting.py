"""Until a service has the replicas that it was told to have."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tumorcast_core.errors import ClusterUnavailable, DeadlineExceeded
from tumorcast_platform.cluster.scaling.acting import group_pods, is_ready
from tumorcast_platform.cluster.scaling.parts import part_of
from tumorcast_platform.cluster.scaling.plan import Object, Plan
from tumorcast_platform.cluster.scaling.ray import live_clusters

if TYPE_CHECKING:
    from tumorcast_platform.cluster.api import Cluster

POLL_S = 2.0


def wait_until_scaled(
    cluster: Cluster,
    plan: Plan,
    timeout_s: float,
    *,
    say: Callable[[str], None] = lambda _text: None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until exactly so many pods are ready; an API that fails meanwhile is asked again.

    Raises ``DeadlineExceeded``, which says what was missing last.
    """
    until = time.monotonic() + timeout_s
    while True:
        try:
            missing = _missing(cluster, plan)
        except ClusterUnavailable as e:
            missing = e.message
        if not missing:
            return
        if time.monotonic() >= until:
            raise DeadlineExceeded(f"Not within {timeout_s:.0f} s: {missing} Try tumorcast platform diagnose.")
        say(missing)
        sleep(min(POLL_S, max(0.0, until - time.monotonic())))


def _missing(cluster: Cluster, plan: Plan) -> str:
    """What is not as it should be, in a sentence; empty where all is."""
    if plan.after is None:
        return ""
    if plan.target.service == "imaging":
        return _missing_of_ray(cluster, plan)
    return missing_of_deployment(cluster.get("Deployment", plan.name), plan.after)


def missing_of_deployment(found: Object, wanted: int) -> str:
    """What a Deployment lacks, in a sentence; empty where nothing does."""
    status = found.get("status") or {}
    if int(status.get("observedGeneration", 0)) < int(found["metadata"].get("generation", 0)):
        return "The change has not been seen by its controller yet."
    if int(found["spec"].get("replicas", 1)) != wanted:
        return f"The Deployment asks for {found['spec'].get('replicas', 1)} pods, {wanted} are wanted."
    ready, every = int(status.get("readyReplicas", 0)), int(status.get("replicas", 0))
    updated = int(status.get("updatedReplicas", 0))
    if (ready, every, updated) != (wanted, wanted, wanted):
        leaving = f", {every - wanted} are still to go" if every > wanted else ""
        return f"{ready} of {wanted} pods are ready{leaving}."
    return ""


def _missing_of_ray(cluster: Cluster, plan: Plan) -> str:
    found = cluster.get("RayService", plan.name)
    names = live_clusters(found)
    if not names:
        return "The RayService has no Ray cluster yet."
    pods = group_pods(cluster, names[0], plan.group)
    ready = sum(map(is_ready, pods))
    if ready != plan.pods or len(pods) != plan.pods:
        return f"{ready} of {plan.pods} pods of group {plan.group} are ready, {len(pods)} are there."
    name = part_of(found, plan.target).name
    state, message = _serve_state(found, name)
    return "" if state == "HEALTHY" else f"Ray Serve says {state} of {name}{f': {message}' if message else ''}."


def _serve_state(rayservice: Object, name: str) -> tuple[str, str]:
    """Status and message of a Serve deployment in the active cluster."""
    applications = (rayservice["status"].get("activeServiceStatus") or {}).get("applicationStatuses") or {}
    for application in applications.values():
        found = (application.get("serveDeploymentStatuses") or {}).get(name)
        if found:
            return str(found.get("status", "nothing")), str(found.get("message", ""))
    return "nothing", ""
