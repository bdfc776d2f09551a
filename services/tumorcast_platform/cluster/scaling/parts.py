"""The parts of imaging that scale: a Ray Serve deployment each, and the worker group whose pods hold its replicas."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tumorcast_core.errors import NotFound
from tumorcast_platform.cluster.scaling.plan import INGRESS, Object, Target, refused
from tumorcast_platform.cluster.scaling.serve_text import Path, deployments

AUTOSCALING = "autoscaling_config"


@dataclass(frozen=True, slots=True)
class Part:
    """One Serve deployment and the worker group whose pods hold its replicas."""

    name: str
    """Of the Serve deployment."""
    deployment: Mapping[str, Any]
    group: Mapping[str, Any]
    per_pod: int
    """Replicas that one pod holds."""

    @property
    def group_name(self) -> str:
        """Of the worker group."""
        return str(self.group["groupName"])

    @property
    def autoscaled(self) -> bool:
        """Whether Ray Serve decides on the number."""
        return bool(self.deployment.get(AUTOSCALING)) or self.deployment.get("num_replicas") == "auto"

    def bound(self, key: str) -> int:
        """A bound of the autoscaler; Ray Serve's default is 1."""
        return int((self.deployment.get(AUTOSCALING) or {}).get(key, 1))

    def pods(self, replicas: int) -> int:
        """Pods that hold so many replicas."""
        return math.ceil(replicas / self.per_pod)

    def numbers(self, low: int, high: int, initial: int | None) -> dict[Path, int]:
        """What to write into Serve's configuration for an autoscaled part."""
        found: dict[Path, int] = {(AUTOSCALING, "min_replicas"): low, (AUTOSCALING, "max_replicas"): high}
        has_initial = (self.deployment.get(AUTOSCALING) or {}).get("initial_replicas") is not None
        return found | ({(AUTOSCALING, "initial_replicas"): initial} if has_initial and initial is not None else {})


def part_of(rayservice: Object, target: Target) -> Part:
    """Find what is meant. Raises ``NotFound`` where the RayService has no such part, ``Conflict`` if it has no pods."""
    every = deployments(rayservice["spec"]["serveConfigV2"])
    name = INGRESS if target.part == INGRESS else f"encoder-{target.part}"
    if name not in every:
        encoders = sorted(key.removeprefix("encoder-") for key in every if key.startswith("encoder-"))
        raise NotFound(f"The release has no {target}; its encoders are: {', '.join(encoders) or 'in the ingress'}.")
    demand = _demand(every[name])
    for group in rayservice["spec"]["rayClusterConfig"].get("workerGroupSpecs") or ():
        offer = _offer(group)
        if demand and all(offer.get(key, 0) >= need for key, need in demand.items() if need):
            per_pod = min(int(offer[key] / need + 1e-9) for key, need in demand.items() if need)
            return Part(name, every[name], group, per_pod)
    raise refused(f"No worker group of the RayService offers what the deployment {name} needs.")


def replicas_of_a_pod(rayservice: Object, group: str) -> int:
    """Replicas that a pod of a worker group offers room for, by the custom resource that has the group's name."""
    groups = ((rayservice.get("spec") or {}).get("rayClusterConfig") or {}).get("workerGroupSpecs") or ()
    parameters = next((one.get("rayStartParams") or {} for one in groups if one.get("groupName") == group), {})
    return max(1, int(_custom(parameters.get("resources", "")).get(group, 1)))


def _demand(deployment: Mapping[str, Any]) -> dict[str, float]:
    """What one replica takes of Ray: custom resources and GPUs. Processors are left out: a pod may have spare ones."""
    options = deployment.get("ray_actor_options") or {}
    found = {str(key): float(value) for key, value in (options.get("resources") or {}).items()}
    return found | ({"GPU": float(options["num_gpus"])} if options.get("num_gpus") else {})


def _offer(group: Mapping[str, Any]) -> dict[str, float]:
    """What one pod of a worker group offers to Ray: custom resources, and GPUs as KubeRay counts them."""
    parameters = group.get("rayStartParams") or {}
    found = _custom(parameters.get("resources", ""))
    gpus = float(parameters["num-gpus"]) if "num-gpus" in parameters else _gpus(group)
    return found | ({"GPU": gpus} if gpus else {})


def _custom(text: str) -> dict[str, float]:
    r"""Custom resources of ``ray start``, which KubeRay takes as JSON in quotes.

    >>> _custom('"{\\"ingress\\": 1}"')
    {'ingress': 1.0}
    """
    try:
        found = json.loads(text) if text else {}
        found = json.loads(found) if isinstance(found, str) else found
        return {str(key): float(value) for key, value in found.items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def _gpus(group: Mapping[str, Any]) -> float:
    """GPUs of a pod; a slice of one (MIG) counts as one."""
    limits = (group["template"]["spec"]["containers"][0].get("resources") or {}).get("limits") or {}
    return float(sum(int(value) for key, value in limits.items() if "gpu" in key or "/mig-" in key))
