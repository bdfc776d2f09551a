"""Strict checks of manifests: Kubernetes drops unknown fields silently, so here every schema is closed first."""

from __future__ import annotations

import functools
import gzip
import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
from kubernetes_validate.utils import all_versions, schema_contents
from referencing import Registry, Resource

from support.helm import ROOT, Manifest

KUBERNETES = tuple(f"1.{minor}" for minor in range(29, 38))
"""The versions that the charts are for."""

CUSTOM = {
    "Certificate": "certificate_cert-manager.io_v1",
    "GRPCRoute": "grpcroute_gateway.networking.k8s.io_v1",
    "Gateway": "gateway_gateway.networking.k8s.io_v1",
    "HTTPRoute": "httproute_gateway.networking.k8s.io_v1",
    "Issuer": "issuer_cert-manager.io_v1",
    "RayJob": "rayjob_ray.io_v1",
    "RayService": "rayservice_ray.io_v1",
    "ScaledObject": "scaledobject_keda.sh_v1alpha1",
    "ServiceMonitor": "servicemonitor_monitoring.coreos.com_v1",
}
"""Custom resources whose schemas are at hand, by kind."""

Schema = dict[str, Any]


def crd_folder() -> Path:
    """Schemas of custom resources, in the folder TUMORCAST_SHARED or in ``shared`` beside the repository."""
    return Path(os.environ.get("TUMORCAST_SHARED", ROOT.parent / "shared")) / "schemas" / "crds"


@functools.cache
def custom_resource_schema(name: str) -> Schema:
    """A custom resource's schema, closed; ``metadata`` is any object."""
    raw = json.loads(gzip.decompress((crd_folder() / f"{name}.json.gz").read_bytes()))
    schema: Schema = closed(raw["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


def serve_schema() -> Schema:
    """Ray Serve's own schema of ``serveConfigV2``, closed; Ray itself ignores keys that it does not know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's, on import
        from ray.serve.schema import ServeDeploySchema
    schema: Schema = closed(ServeDeploySchema.model_json_schema())
    return schema


def closed(schema: Any) -> Any:
    """The same schema in which an object with ``properties`` takes no others, unless it says so."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    open_object = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and _is_object(schema) and not open_object:
        result["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        result["type"] = ["integer", "string"]
    return result


def _is_object(schema: Schema) -> bool:
    return schema.get("type") == "object"


def errors(instance: Any, schema: Schema) -> list[str]:
    """What is wrong, each as "path: message"; empty if nothing is."""
    found = jsonschema.Draft202012Validator(schema).iter_errors(instance)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def check_core(manifest: Manifest, version: str) -> None:
    """Raise ``kubernetes_validate.ValidationError`` unless the core kind is valid, without unknown fields.

    It does what ``kubernetes_validate.validate`` does, which reads its schemas anew each time.
    """
    try:
        _core_validator(manifest["apiVersion"], manifest["kind"], version).validate(manifest)
    except jsonschema.ValidationError as e:
        raise kubernetes_validate.ValidationError(e, version=version) from e


@functools.cache
def _core_validator(api_version: str, kind: str, version: str) -> jsonschema.Draft202012Validator:
    *group, name = api_version.split("/")
    prefix = f"{group[0].partition('.')[0]}-" if group else ""
    try:
        path = f"{_core_folder(version)}/{kind.lower()}-{prefix}{name}.json"
        return jsonschema.Draft202012Validator(schema_contents(path, version), registry=_core_definitions(version))
    except FileNotFoundError as e:
        raise kubernetes_validate.SchemaNotFoundError(kind, version, api_version) from e


def _core_folder(version: str) -> str:
    [known] = {each for each in all_versions() if each.startswith(f"{version}.")}
    return f"kubernetes-json-schema/v{known}-local-strict"


@functools.cache
def _core_definitions(version: str) -> Any:
    return Resource.from_contents(schema_contents(f"{_core_folder(version)}/_definitions.json", version)) @ Registry()


def check_custom(manifest: Manifest) -> list[str]:
    """What is wrong with a custom resource whose schema is at hand, as ``errors`` says it."""
    return errors(manifest, custom_resource_schema(CUSTOM[manifest["kind"]]))


def pod_templates(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """Every pod that a manifest makes, as {metadata, spec}: one, or one per group of a RayService."""
    match manifest["kind"]:
        case "Pod":
            yield manifest
        case "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job":
            yield manifest["spec"]["template"]
        case "CronJob":
            yield manifest["spec"]["jobTemplate"]["spec"]["template"]
        case "RayService":
            cluster = manifest["spec"]["rayClusterConfig"]
            for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
                yield group["template"]


def containers(manifest: Manifest) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every container of every pod, with its pod's spec; that of Ray's autoscaler, which KubeRay adds, included."""
    for number, pod in enumerate(pod_specs(manifest)):
        for container in (*pod["containers"], *pod.get("initContainers", ())):
            yield pod, container
        if manifest["kind"] == "RayService" and number == 0:
            cluster = manifest["spec"]["rayClusterConfig"]
            if cluster.get("enableInTreeAutoscaling"):
                yield (
                    pod,
                    {"name": "autoscaler", "image": pod["containers"][0]["image"], **cluster["autoscalerOptions"]},
                )


def pod_specs(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """The specs of these pods."""
    for template in pod_templates(manifest):
        yield template["spec"]


def pick(found: list[Manifest], kind: str, name: str) -> Manifest:
    """The one manifest of that kind and name."""
    [manifest] = [m for m in found if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    return manifest
