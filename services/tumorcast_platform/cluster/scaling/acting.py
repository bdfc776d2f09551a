"""Plans sent to the cluster: read, patch, and again where somebody was faster; pods that leave are emptied first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tumorcast_core.errors import ClusterConflict, ClusterForbidden, ClusterKindNotFound, DeadlineExceeded
from tumorcast_platform.cluster.scaling import deployments, ray
from tumorcast_platform.cluster.scaling.checks import warnings_of
from tumorcast_platform.cluster.scaling.plan import Object, Patch, Plan, Target, refused

if TYPE_CHECKING:
    from tumorcast_platform.cluster.api import Cluster

ATTEMPTS = 5
EMPTY_WITHIN_S = 180.0
Say = Callable[[str], None]


def planned(
    cluster: Cluster, release: str, target: Target, replicas: int | None, *, override: bool = False
) -> tuple[Plan, Sequence[Object]]:
    """What to do for so many replicas (none: give the number back to the autoscaler), and the live RayClusters."""
    name = f"{release}-{target.service}"
    if target.service == "imaging":
        found = cluster.get("RayService", name)
        live = [cluster.get("RayCluster", each) for each in ray.live_clusters(found)]
        if replicas is None:
            return ray.plan_release(target, found, live), live
        plan = ray.plan_replicas(target, found, replicas, live, override=override)
        return _warned(cluster, plan, ray.pod_spec(found, plan.group)), live
    found = cluster.get("Deployment", name)
    hpas = cluster.list("HorizontalPodAutoscaler")
    scaled = _scaled_objects(cluster, name, hpas)
    if replicas is None:
        return deployments.plan_release(target, found, hpas, scaled), []
    plan = deployments.plan_replicas(target, found, replicas, hpas, scaled, override=override)
    return _warned(cluster, plan, found["spec"]["template"]["spec"]), []


def scale(
    cluster: Cluster,
    release: str,
    target: Target,
    replicas: int | None,
    *,
    override: bool = False,
    say: Say = lambda _text: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Plan:
    """Do it; gives what was done.

    Somebody who changes the same objects meanwhile is met by reading again, a few times; then ``ClusterConflict``.
    Raises ``Conflict`` where it must not be, ``DeadlineExceeded`` where a pod that is to go does not get empty.
    """
    before: int | None = None
    for attempt in range(ATTEMPTS):
        plan, live = planned(cluster, release, target, replicas, override=override)
        before = plan.before if attempt == 0 else before
        try:
            _send(cluster, plan, live, say, sleep)
        except ClusterConflict:
            if attempt == ATTEMPTS - 1:
                raise
            sleep(0.2 * 2**attempt)
            continue
        return replace(plan, before=before)
    raise AssertionError("the last attempt returns or raises")


def _send(cluster: Cluster, plan: Plan, live: Sequence[Object], say: Say, sleep: Callable[[float], None]) -> None:
    """The live RayClusters come first, so that what stands in the RayService is still true of it where one fails."""
    shrinking = {one["metadata"]["name"] for one in live if ray.shrinking(plan, one)}
    for patch in sorted(plan.patches, key=lambda patch: patch.kind != "RayCluster"):
        if not (patch.kind == "RayCluster" and patch.name in shrinking):
            _patch(cluster, patch)
    for name in sorted(shrinking):
        leaving = _emptied(cluster, plan, name, say, sleep)
        _patch(cluster, ray.cluster_patch(cluster.get("RayCluster", name), plan.group, plan.numbers, leaving))


def _emptied(cluster: Cluster, plan: Plan, name: str, say: Say, sleep: Callable[[float], None]) -> list[str]:
    """The pods that may go: those that Ray Serve has emptied, which is when their readiness ends.

    KubeRay would take any pod, also one that is at work while an empty one stays.
    """
    say("waiting until Ray Serve has emptied the pods that are to go")
    until = time.monotonic() + EMPTY_WITHIN_S
    while True:
        pods = [pod for pod in group_pods(cluster, name, plan.group) if not pod["metadata"].get("deletionTimestamp")]
        surplus = len(pods) - (plan.pods or 0)
        empty = sorted(str(pod["metadata"]["name"]) for pod in pods if not is_ready(pod))
        if surplus <= len(empty):
            return empty[: max(surplus, 0)]
        if time.monotonic() > until:
            break
        sleep(2.0)
    if plan.shared:
        return []
    raise DeadlineExceeded(
        f"Ray Serve has fewer replicas to keep now, but no pod of group {plan.group} got empty in "
        f"{EMPTY_WITHIN_S:.0f} s, so none was taken away. Look with tumorcast platform status, then run this again."
    )


def group_pods(cluster: Cluster, raycluster: str, group: str) -> Sequence[Object]:
    """The pods of one worker group."""
    selector = {"ray.io/cluster": raycluster, "ray.io/group": group}
    found = cluster.list("Pod", selector=",".join(f"{key}={value}" for key, value in selector.items()))
    return [pod for pod in found if selector.items() <= (pod["metadata"].get("labels") or {}).items()]


def is_ready(pod: Object) -> bool:
    """Whether a pod takes calls."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _patch(cluster: Cluster, patch: Patch) -> None:
    cluster.patch(patch.kind, patch.name, dict(patch.body), subresource=patch.subresource)


def _scaled_objects(cluster: Cluster, deployment: str, hpas: Sequence[Object]) -> Sequence[Object]:
    """KEDA's objects; none where KEDA is not installed, or where it may not be read and no HPA tells of it.

    A cluster answers 403, not 404, about kinds that it does not have to whoever has no rule for them.
    """
    try:
        return cluster.list("ScaledObject")
    except ClusterKindNotFound:
        return []
    except ClusterForbidden:
        if name := deployments.made_by_keda(deployment, hpas):
            raise refused(f"KEDA's ScaledObject {name} owns this number, and you may not read ScaledObjects.") from None
        return []


def _warned(cluster: Cluster, plan: Plan, pod: dict[str, Any]) -> Plan:
    notes = warnings_of(cluster, plan, pod)
    return replace(plan, notes=(*plan.notes, *notes)) if notes else plan
