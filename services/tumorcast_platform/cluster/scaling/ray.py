"""How many replicas an encoder or the ingress has: Ray Serve's number and the pods to hold them.

Both stand in the RayService, so one patch changes both. Of it KubeRay takes Serve's configuration alone to the running
Ray cluster: a change of replicas, minReplicas or maxReplicas of a worker group neither makes a new RayCluster nor
changes the one that runs (kuberay#2331, "intended"; #4568). So the same numbers go to the live RayClusters as well.
The bounds that an autoscaled part had stand in an annotation of the RayService while it is held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tumorcast_platform.cluster.scaling.parts import AUTOSCALING, Part, part_of
from tumorcast_platform.cluster.scaling.plan import (
    INGRESS,
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
from tumorcast_platform.cluster.scaling.serve_text import Path, arguments, with_numbers

_BOUNDS = ("min_replicas", "max_replicas")
_POD_BOUNDS = ("minReplicas", "maxReplicas")


def live_clusters(rayservice: Object) -> list[str]:
    """Names of the RayClusters that run for a RayService now: the active one, and during an upgrade the next."""
    status = rayservice.get("status") or {}
    both = [status.get(f"{which}ServiceStatus") or {} for which in ("active", "pending")]
    return [str(one["rayClusterName"]) for one in both if one.get("rayClusterName")]


def plan_replicas(
    target: Target, rayservice: Object, replicas: int, live: Sequence[Object] = (), *, override: bool = False
) -> Plan:
    """So many replicas; ``live`` are the RayClusters that run.

    Raises ``Conflict`` where Ray Serve decides (and no ``override``), or where it cannot be.
    """
    part = part_of(rayservice, target)
    _allowed(target, rayservice, part, replicas)
    pods, held = part.pods(replicas), _held(rayservice, part)
    notes = _told_of_state(rayservice, part, replicas)
    if not part.autoscaled:
        numbers: dict[Path, int] = {("num_replicas",): replicas}
        group = _following(part, pods)
        before = int(part.deployment.get("num_replicas") or 1)
        plan = _plan(target, rayservice, part, numbers, group, live)
        fixed = (f"{_values_path(target)}.replicas={replicas}",)
        return replace(plan, before=before, after=replicas, notes=notes, keep=fixed, pods=pods)
    if not override and part.name not in held:
        raise refused(
            f"Ray Serve scales {target} between {part.bound('min_replicas')} and {part.bound('max_replicas')} and "
            f"would undo this. Change its bounds ({_values_path(target)}.autoscaling of the values), or hold it at "
            f"{replicas} with --override; {RELEASE_HINT} gives the number back."
        )
    held.setdefault(part.name, _bounds_of(part))
    numbers = part.numbers(replicas, replicas, replicas)
    plan = _plan(target, rayservice, part, numbers, _making_room(part, pods), live, held)
    keep = tuple(f"{_values_path(target)}.autoscaling.{key}={replicas}" for key in _POD_BOUNDS)
    notes += (f"Ray Serve is held at {replicas}; {RELEASE_HINT} gives it back its bounds.",)
    return replace(plan, after=replicas, notes=notes, keep=keep, pods=pods)


def plan_release(target: Target, rayservice: Object, live: Sequence[Object] = ()) -> Plan:
    """The bounds given back to Ray Serve's autoscaler. Raises ``Conflict`` where it is not held."""
    part = part_of(rayservice, target)
    held = _held(rayservice, part)
    if part.name not in held:
        raise refused(f"Ray Serve is not held at a number of {target}.")
    bounds = held.pop(part.name)
    try:
        numbers = part.numbers(bounds["min_replicas"], bounds["max_replicas"], bounds.get("initial_replicas"))
        group = {key: int(bounds[key]) for key in _POD_BOUNDS}
    except (KeyError, TypeError, ValueError) as e:
        raise refused(f"What stands in the annotation of {rayservice['metadata']['name']} is not what was kept.") from e
    return _plan(target, rayservice, part, numbers, group, live, held)


def _held(rayservice: Object, part: Part) -> dict[str, Any]:
    """The bounds kept for each part that is held; without this one where a helm upgrade has given it new ones since."""
    held = held_bounds(rayservice) or {}
    if part.bound("min_replicas") != part.bound("max_replicas"):
        held.pop(part.name, None)
    return held


def pod_spec(rayservice: Object, group: str) -> dict[str, Any]:
    """The pods' spec of a worker group."""
    found = _group(rayservice["spec"]["rayClusterConfig"]["workerGroupSpecs"], group)
    return dict(found["template"]["spec"]) if found else {}


def shrinking(plan: Plan, raycluster: Object) -> bool:
    """Whether pods of the live cluster must go; Ray's own autoscaler, where it is on, takes them away by itself."""
    if raycluster["spec"].get("enableInTreeAutoscaling") or plan.pods is None:
        return False
    group = _group(raycluster["spec"].get("workerGroupSpecs") or (), plan.group)
    return group is not None and int(group.get("replicas", 0)) > plan.pods


def cluster_patch(raycluster: Object, group: str, numbers: Mapping[str, int], leaving: Sequence[str] = ()) -> Patch:
    """The patch of a live RayCluster; ``leaving`` are the pods that KubeRay is to take away first."""
    now = _group(raycluster["spec"]["workerGroupSpecs"], group) or {}
    changed: dict[str, Any] = dict(numbers)
    if raycluster["spec"].get("enableInTreeAutoscaling") and changed.get("replicas", 0) < int(now.get("replicas", 0)):
        changed.pop("replicas", None)  # Ray's autoscaler writes it, and knows which pods are idle
    if leaving:
        changed["scaleStrategy"] = {"workersToDelete": list(leaving)}
    body = {"spec": {"workerGroupSpecs": _groups(raycluster["spec"]["workerGroupSpecs"], group, changed)}}
    return Patch("RayCluster", raycluster["metadata"]["name"], guarded(raycluster, body))


def _plan(
    target: Target,
    rayservice: Object,
    part: Part,
    numbers: Mapping[Path, int],
    group: Mapping[str, int],
    live: Sequence[Object],
    held: Mapping[str, Any] | None = None,
) -> Plan:
    """The patches. A list goes whole, so all groups are in it; ``held`` none leaves the annotation alone."""
    spec = {
        "serveConfigV2": with_numbers(rayservice["spec"]["serveConfigV2"], part.name, numbers),
        "rayClusterConfig": {
            "workerGroupSpecs": _groups(
                rayservice["spec"]["rayClusterConfig"]["workerGroupSpecs"], part.group_name, group
            )
        },
    }
    body = {"spec": spec} if held is None else {"metadata": annotation(held), "spec": spec}
    name = rayservice["metadata"]["name"]
    patches = [Patch("RayService", name, guarded(rayservice, body))]
    patches += [
        cluster_patch(cluster, part.group_name, group)
        for cluster in live
        if group and _group(cluster["spec"].get("workerGroupSpecs") or (), part.group_name) is not None
    ]
    changed = ", ".join(".".join(path) for path in numbers)
    where = "".join(f", and in RayCluster {patch.name}" for patch in patches[1:])
    pods = f" and {', '.join(group)} of group {part.group_name}" if group else ""
    through = f"{changed} of {part.name}{pods} in RayService {name}{where}"
    plan = Plan(target, name, None, None, through, tuple(patches))
    return replace(plan, group=part.group_name, numbers=dict(group), shared=part.per_pod > 1)


def _following(part: Part, pods: int) -> dict[str, int]:
    """``replicas`` of a group with a fixed number, and each bound that stood at the old number."""
    old = int(part.group.get("replicas", 0))
    bounds = {key: pods for key in _POD_BOUNDS if part.group.get(key) == old}
    return {"replicas": pods, **bounds}


def _making_room(part: Part, pods: int) -> dict[str, int]:
    """Bounds of a group that Ray's autoscaler fills: as they are where so many pods lie within them."""
    low, high = (int(part.group[key]) for key in _POD_BOUNDS)
    return {} if low <= pods <= high else dict.fromkeys(_POD_BOUNDS, pods)


def _groups(groups: Sequence[Object], name: str, changed: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**one, **changed} if one["groupName"] == name else dict(one) for one in groups]


def _group(groups: Sequence[Object], name: str) -> Object | None:
    return next((one for one in groups if one["groupName"] == name), None)


def _bounds_of(part: Part) -> dict[str, int]:
    bounds = {key: part.bound(key) for key in _BOUNDS}
    if (initial := (part.deployment.get(AUTOSCALING) or {}).get("initial_replicas")) is not None:
        bounds["initial_replicas"] = int(initial)
    return bounds | {key: int(part.group[key]) for key in _POD_BOUNDS}


def _allowed(target: Target, rayservice: Object, part: Part, replicas: int) -> None:
    if replicas < 1:
        raise refused(
            "Ray Serve keeps at least one replica. To do without imaging: helm upgrade … --set imaging.enabled=false; "
            "without one encoder: --set imaging.encoders.NAME=null."
        )
    if part.deployment.get("num_replicas") == "auto" and not part.deployment.get(AUTOSCALING):
        raise refused(f"{part.name} has num_replicas: auto without bounds of its own. Change it by helm upgrade.")
    if target.part == INGRESS and replicas > 1 and _studies_of_its_own(rayservice, part):
        raise refused(
            "Each ingress of this release keeps uploaded studies in a folder of its own pod, so a second one would not "
            "see them. Give them a shared claim (imaging.studies.existingClaim) or a PACS first."
        )


def _studies_of_its_own(rayservice: Object, part: Part) -> bool:
    """Whether studies lie in a folder that lives and dies with one pod."""
    store = str(arguments(rayservice["spec"]["serveConfigV2"]).get("study_store", ""))
    if store.startswith(("http://", "https://")):
        return False
    volumes = part.group["template"]["spec"].get("volumes") or ()
    return any(volume["name"] == "studies" and "emptyDir" in volume for volume in volumes)


def _told_of_state(rayservice: Object, part: Part, replicas: int) -> tuple[str, ...]:
    notes, pods = [], part.pods(replicas)
    if (rayservice.get("status") or {}).get("pendingServiceStatus", {}).get("rayClusterName"):
        notes.append("An upgrade is under way; both Ray clusters get the new number of pods while it lasts.")
    if rayservice["spec"].get("suspend"):
        notes.append("The RayService is suspended: no pod starts before that ends.")
    if part.per_pod > 1:
        notes.append(f"A pod of {part.group_name} holds {part.per_pod} replicas: {replicas} need {pods} pods.")
    most = _following(part, pods).get("maxReplicas", part.group.get("maxReplicas"))
    if not part.autoscaled and most is not None and pods > int(most):
        raise refused(f"Group {part.group_name} has a maximum of {most} pods.")
    return tuple(notes)


def _values_path(target: Target) -> str:
    return "imaging.ingress" if target.part == INGRESS else f"imaging.encoders.{target.part}"
