"""The imaging chart's RayService, taken apart as KubeRay and Ray read it."""

from __future__ import annotations

import json
import shlex
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from support.helm import Helm, Manifest, Values
from support.schemas import closed, errors, pick, serve_schema


@dataclass
class ImagingRelease:
    """What `helm template demo charts/imaging` gives for some values."""

    manifests: list[Manifest]

    @classmethod
    def of(cls, helm: Helm, values: Values | None = None) -> ImagingRelease:
        return cls(helm.render("imaging", values))

    @cached_property
    def rayservice(self) -> Manifest:
        return pick(self.manifests, "RayService", "demo-imaging")

    @cached_property
    def serve_config(self) -> dict[str, Any]:
        return dict(yaml.safe_load(self.rayservice["spec"]["serveConfigV2"]))

    @property
    def application(self) -> dict[str, Any]:
        [application] = self.serve_config["applications"]
        return dict(application)

    @property
    def cluster(self) -> dict[str, Any]:
        return dict(self.rayservice["spec"]["rayClusterConfig"])

    @property
    def head(self) -> dict[str, Any]:
        return dict(self.cluster["headGroupSpec"])

    @property
    def groups(self) -> dict[str, dict[str, Any]]:
        """Worker groups by name."""
        return {group["groupName"]: group for group in self.cluster["workerGroupSpecs"]}

    @property
    def deployments(self) -> dict[str, dict[str, Any]]:
        """Serve deployments by name."""
        return {deployment["name"]: deployment for deployment in self.application["deployments"]}

    def all(self, kind: str) -> dict[str, Manifest]:
        return {m["metadata"]["name"]: m for m in self.manifests if m["kind"] == kind}

    def node_types(self) -> dict[str, dict[str, Any]]:
        """What Ray's own autoscaler makes of the cluster: resources and bounds of each group's pods."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray's, on import
            from ray.autoscaler._private.kuberay import autoscaling_config as kuberay
        derived = kuberay._derive_autoscaling_config_from_ray_cr(
            {"metadata": {"name": "demo-imaging", "namespace": "default"}, "spec": self.cluster}
        )
        return dict(derived["available_node_types"])


def serve_errors(config: dict[str, Any]) -> list[str]:
    """What Ray does not know in a Serve configuration; in `autoscaling_config` its own schema takes any key."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's, on import
        from ray.serve.config import AutoscalingConfig
    scaling = closed(AutoscalingConfig.model_json_schema())
    found = errors(config, serve_schema())
    for application in config["applications"]:
        for deployment in application["deployments"]:
            found += errors(deployment.get("autoscaling_config", {}), scaling)
    return found


def pod(group: dict[str, Any]) -> dict[str, Any]:
    return dict(group["template"]["spec"])


def container(group: dict[str, Any]) -> dict[str, Any]:
    """Ray's container: the first, as KubeRay takes it."""
    return dict(pod(group)["containers"][0])


def environment(group: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(group)["env"]}


def custom_resources(group: dict[str, Any]) -> dict[str, float]:
    """What a group's `ray start` offers, read as bash and then Ray read it."""
    [word] = shlex.split(group["rayStartParams"]["resources"])
    return dict(json.loads(word))
