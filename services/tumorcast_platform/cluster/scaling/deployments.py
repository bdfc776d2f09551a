"""How many pods a Deployment has: by its scale subresource, or by holding the autoscaler that owns the number.

An autoscaler that is told to hold keeps its object and its metrics:

- HorizontalPodAutoscaler: ``minReplicas = maxReplicas = N``; the bounds that it had stand in an annotation. It cannot
  hold 0; with 0 replicas in the Deployment it stands still by itself, until the number is above 0 again
  (https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/, implicit maintenance mode).
- KEDA: the annotation ``autoscaling.keda.sh/paused-replicas`` (https://keda.sh/docs/latest/concepts/scaling-deployments/).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tumorcast_platform.cluster.scaling.plan import (
    RELEASE_HINT,
    Object,
    Patch,
    Plan,
    Target,
    annotation,
    guarded,
    held_bounds,
    refused,
)

PAUSED_AT = "autoscaling.keda.sh/paused-replicas"
_DATABASE = ("TUMORCAST_GATEWAY_DATABASE_URL", "TUMORCAST_GATEWAY_DATABASE_URL_FILE")


def plan_replicas(
    target: Target,
    deployment: Object,
    replicas: int,
    hpas: Sequence[Object] = (),
    scaled: Sequence[Object] = (),
    *,
    override: bool = False,
) -> Plan:
    """So many replicas; raises ``Conflict`` where an autoscaler decides and no ``override``, or where it cannot be."""
    _allowed(target, deployment, replicas)
    name = deployment["metadata"]["name"]
    if keda := owner_of(name, scaled):
        return _paused(target, name, keda, replicas, override=override)
    if hpa := owner_of(name, hpas):
        return _held(target, deployment, hpa, replicas, override=override)
    before = _replicas(deployment)
    return Plan(
        target,
        name,
        before,
        replicas,
        f"the scale subresource of Deployment {name}",
        (_scale(name, replicas),),
        tuple(_told_of_zero(target, replicas)),
        (f"{target.service}.replicas={replicas}",),
    )


def plan_release(target: Target, deployment: Object, hpas: Sequence[Object], scaled: Sequence[Object]) -> Plan:
    """The number given back to the autoscaler that is held. Raises ``Conflict`` where none is."""
    name = deployment["metadata"]["name"]
    before = _replicas(deployment)
    if keda := owner_of(name, scaled):
        if PAUSED_AT not in (keda["metadata"].get("annotations") or {}):
            raise refused(f"KEDA's ScaledObject {keda['metadata']['name']} is not held at a number.")
        body = {"metadata": {"annotations": {PAUSED_AT: None}}}
        through = f"annotation {PAUSED_AT} of ScaledObject {keda['metadata']['name']}"
        return Plan(target, name, before, None, through, (_patch_of("ScaledObject", keda, body),))
    if hpa := owner_of(name, hpas):
        bounds = _bounds_before(hpa)
        spec = {key: (bounds or hpa["spec"]).get(key) for key in ("minReplicas", "maxReplicas")}
        asleep = before == 0
        if bounds is None and not asleep:
            raise refused(f"HorizontalPodAutoscaler {hpa['metadata']['name']} is not held at a number.")
        own = {"metadata": annotation(None), "spec": spec}
        patches = [_patch_of("HorizontalPodAutoscaler", hpa, own)] if bounds else []
        patches += [_scale(name, spec["minReplicas"] or 1)] if asleep else []
        through = f"minReplicas and maxReplicas of HorizontalPodAutoscaler {hpa['metadata']['name']}"
        return Plan(target, name, before, None, through, tuple(patches))
    raise refused(f"No autoscaler owns the replicas of Deployment {name}.")


def owner_of(deployment: str, autoscalers: Sequence[Object]) -> Object | None:
    """The autoscaler (HorizontalPodAutoscaler or ScaledObject) that aims at a Deployment.

    A HorizontalPodAutoscaler that KEDA made is none of its own: its ScaledObject is.
    """
    for found in autoscalers:
        aim = (found.get("spec") or {}).get("scaleTargetRef") or {}
        owners = {owner.get("kind") for owner in found["metadata"].get("ownerReferences") or ()}
        if aim.get("kind", "Deployment") == "Deployment" and aim.get("name") == deployment:
            return None if "ScaledObject" in owners else found
    return None


def made_by_keda(deployment: str, hpas: Sequence[Object]) -> str:
    """Name of the ScaledObject of which KEDA made an HPA for the Deployment; empty where there is none."""
    for hpa in hpas:
        if (hpa["spec"].get("scaleTargetRef") or {}).get("name") == deployment:
            for owner in hpa["metadata"].get("ownerReferences") or ():
                if owner.get("kind") == "ScaledObject":
                    return str(owner.get("name"))
    return ""


def _allowed(target: Target, deployment: Object, replicas: int) -> None:
    if target.service == "gateway" and replicas > 1 and not _has_database(deployment):
        raise refused(
            "This gateway keeps its records on its own disk, so a second one would not see them. "
            "Give it PostgreSQL first (gateway.records.database.existingSecret, charts/README.md)."
        )


def _has_database(deployment: Object) -> bool:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    entries = [entry for container in containers for entry in container.get("env") or ()]
    return any(e["name"] in _DATABASE and (e.get("value") or e.get("valueFrom")) for e in entries)


def _held(target: Target, deployment: Object, hpa: Object, replicas: int, *, override: bool) -> Plan:
    name, spec = hpa["metadata"]["name"], hpa["spec"]
    low, high = spec.get("minReplicas", 1), spec["maxReplicas"]
    held = _bounds_before(hpa)
    if not override and held is None:
        raise refused(
            f"HorizontalPodAutoscaler {name} scales {target} between {low} and {high} and would undo this. "
            f"Change its bounds ({target.service}.autoscaling of the values), or hold it at {replicas} with "
            f"--override; {RELEASE_HINT} gives the number back."
        )
    through = f"minReplicas and maxReplicas of HorizontalPodAutoscaler {name}"
    patches: tuple[Patch, ...]
    keep: tuple[str, ...] = ()
    if replicas == 0:
        patches = (_scale(deployment["metadata"]["name"], 0),)
        through = f"the scale subresource of Deployment {deployment['metadata']['name']}"
        note = f"HorizontalPodAutoscaler {name} stands still as long as there is no replica; {RELEASE_HINT} wakes it."
    else:
        bounds = held or {"minReplicas": low, "maxReplicas": high}
        hold = {"metadata": annotation(bounds), "spec": {"minReplicas": replicas, "maxReplicas": replicas}}
        patches = (_patch_of("HorizontalPodAutoscaler", hpa, hold),)
        patches += (_scale(deployment["metadata"]["name"], replicas),) if _replicas(deployment) == 0 else ()
        keep = tuple(f"{target.service}.autoscaling.{key}={replicas}" for key in ("minReplicas", "maxReplicas"))
        note = (
            f"HorizontalPodAutoscaler {name} is held at {replicas}; {RELEASE_HINT} gives it back "
            f"{bounds.get('minReplicas')} to {bounds.get('maxReplicas')}."
        )
    before = _replicas(deployment)
    notes = (note, *_told_of_zero(target, replicas))
    return Plan(target, deployment["metadata"]["name"], before, replicas, through, patches, notes, keep)


def _bounds_before(hpa: Object) -> dict[str, Any] | None:
    """The bounds of an HPA that is held now; none where it is not, or a helm upgrade has given it new ones since."""
    bounds, spec = held_bounds(hpa), hpa["spec"]
    return bounds if spec.get("minReplicas", 1) == spec["maxReplicas"] else None


def _paused(target: Target, deployment: str, keda: Object, replicas: int, *, override: bool) -> Plan:
    name, spec = keda["metadata"]["name"], keda["spec"]
    paused = (keda["metadata"].get("annotations") or {}).get(PAUSED_AT)
    low, high = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100)
    if not override and paused is None:
        raise refused(
            f"KEDA's ScaledObject {name} scales {target} between {low} and {high} and would undo this. "
            f"Change its bounds ({target.service}.autoscaling of the values), or hold it at {replicas} with "
            f"--override; {RELEASE_HINT} gives the number back."
        )
    body = {"metadata": {"annotations": {PAUSED_AT: str(replicas)}}}
    notes = (
        f"KEDA holds {target} at {replicas} until {RELEASE_HINT}. A helm upgrade leaves this annotation alone.",
        *_told_of_zero(target, replicas),
    )
    before = int(paused) if paused and paused.isdecimal() else None
    through = f"annotation {PAUSED_AT} of ScaledObject {name}"
    return Plan(target, deployment, before, replicas, through, (_patch_of("ScaledObject", keda, body),), notes)


def _told_of_zero(target: Target, replicas: int) -> Iterator[str]:
    if replicas == 0:
        lost = (
            "nobody gets an answer" if target.service in ("gateway", "fusion") else "answers are narrower, and say so"
        )
        yield f"Without {target}, {lost}."


def _scale(deployment: str, replicas: int) -> Patch:
    return Patch("Deployment", deployment, {"spec": {"replicas": replicas}}, "scale")


def _patch_of(kind: str, found: Object, body: dict[str, Any]) -> Patch:
    return Patch(kind, found["metadata"]["name"], guarded(found, body))


def _replicas(deployment: Object) -> int:
    return int(deployment["spec"].get("replicas", 1))
