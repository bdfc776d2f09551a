"""Strict checks of manifests: Kubernetes drops unknown fields silently, so here every schema is closed first."""

from __future__ import annotations

import gzip
import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate

from support.helm import ROOT, Manifest

KUBERNETES = ("1.29", "1.31", "1.33", "1.35", "1.37")
"""The oldest and newest version that the charts are for, and some between."""

Schema = dict[str, Any]


def crd_folder() -> Path:
    """Schemas of custom resources, in the folder TUMORCAST_SHARED or in ``shared`` beside the repository."""
    return Path(os.environ.get("TUMORCAST_SHARED", ROOT.parent / "shared")) / "schemas" / "crds"


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
    """Raise ``kubernetes_validate.ValidationError`` unless the core kind is valid, without unknown fields."""
    kubernetes_validate.validate(manifest, version, strict=True)


def pod_specs(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """Every pod spec in a manifest: a Deployment's one, a RayService's one per group."""
    match manifest["kind"]:
        case "Deployment":
            yield manifest["spec"]["template"]["spec"]
        case "RayService":
            cluster = manifest["spec"]["rayClusterConfig"]
            for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
                yield group["template"]["spec"]


def pick(found: list[Manifest], kind: str, name: str) -> Manifest:
    """The one manifest of that kind and name."""
    [manifest] = [m for m in found if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    return manifest
