"""A change of one service's size is a change of that service's manifests, and of nothing else in them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from support.helm import Helm, Manifest
from support.schemas import pick


def by_name(manifests: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    return {(m["kind"], m["metadata"]["name"]): m for m in manifests}


def changed(before: Any, after: Any, path: str = "") -> set[str]:
    """Paths of the values that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = before.keys() | after.keys()
        return set().union(*(changed(before.get(k), after.get(k), f"{path}.{k}") for k in keys))
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return set().union(*(changed(b, a, f"{path}[{i}]") for i, (b, a) in enumerate(zip(before, after, strict=True))))
    return set() if before == after else {path}


@pytest.mark.parametrize("service", ["clinical", "notes", "fusion", "gateway"])
def test_more_replicas_of_a_service_change_one_number(helm: Helm, service: str):
    shared = {f"gateway.records.{secret}.existingSecret": secret.lower() for secret in ("database", "masterKey")}
    before, after = (by_name(helm.render(values=shared | more)) for more in ({}, {f"{service}.replicas": 7}))
    assert changed(before, after) == {f".{('Deployment', f'demo-{service}')}.spec.replicas"}
    assert after["Deployment", f"demo-{service}"]["spec"]["replicas"] == 7


@pytest.mark.parametrize(
    ("values", "group", "deployment"),
    [
        ({"imaging.ingress.replicas": 3, "imaging.studies.existingClaim": "studies"}, 0, 0),
        ({"imaging.encoders.ct-lesion.replicas": 3, "imaging.studies.existingClaim": "studies"}, 1, 1),
    ],
    ids=["ingress", "encoder"],
)
def test_more_replicas_of_an_imaging_group_change_its_pods_and_its_serve_replicas(
    helm: Helm, values: dict[str, Any], group: int, deployment: int
):
    before = by_name(helm.render(values={"imaging.studies.existingClaim": "studies"}))
    after = by_name(helm.render(values=values))
    key = ("RayService", "demo-imaging")
    spec = f".{key}.spec"
    assert changed(before, after) == {
        f"{spec}.rayClusterConfig.workerGroupSpecs[{group}].replicas",
        f"{spec}.serveConfigV2",
    }
    serve = [yaml.safe_load(m[key]["spec"]["serveConfigV2"]) for m in (before, after)]
    assert changed(*serve) == {f".applications[0].deployments[{deployment}].num_replicas"}
    assert after[key]["spec"]["rayClusterConfig"]["workerGroupSpecs"][group]["replicas"] == 3


def test_a_rollout_never_takes_a_pod_away_before_its_successor_is_ready(helm: Helm):
    for service in ("clinical", "notes", "fusion", "gateway"):
        rollout = pick(helm.render(), "Deployment", f"demo-{service}")["spec"]["strategy"]["rollingUpdate"]
        assert rollout == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_new_chart_version_alone_replaces_no_pod(helm: Helm):
    for manifest in helm.render():
        match manifest["kind"]:
            case "Deployment":
                templates = [manifest["spec"]["template"]]
                selector = manifest["spec"]["selector"]["matchLabels"]
                assert selector.items() <= templates[0]["metadata"]["labels"].items()
            case "RayService":
                cluster = manifest["spec"]["rayClusterConfig"]
                templates = [group["template"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]
            case _:
                continue
        for template in templates:
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & template["metadata"]["labels"].keys()
