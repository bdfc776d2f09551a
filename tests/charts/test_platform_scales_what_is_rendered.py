"""``tumorcast platform scale`` and ``helm upgrade`` with the arguments that it prints come to the same objects."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from support.helm import Helm
from support.schemas import pick
from tumorcast_core.errors import Conflict
from tumorcast_platform.cluster.scaling import deployments, ray
from tumorcast_platform.cluster.scaling.plan import Plan, Target

AUTOSCALED = {"encoders.ct-lesion.autoscaling": {"enabled": True, "minReplicas": 1, "maxReplicas": 6}}
SHARED = {"encoders.ct-lesion.gpus": 1, "encoders.ct-lesion.replicasPerPod": 4, "encoders.ct-lesion.replicas": 4}
CLAIM = {"studies.existingClaim": "studies"}


def merged(found: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(found) if isinstance(found, dict) else {}
    for key, value in patch.items():
        result[key] = merged(result.get(key), value)
    return result


def values_of(plan: Plan, service: str) -> dict[str, Any]:
    """What the command prints for helm, as values of the service's own chart."""
    pairs = (argument.partition("=") for argument in plan.keep)
    return {path.removeprefix(f"{service}."): json.loads(value) for path, _, value in pairs}


def read(manifest: dict[str, Any]) -> dict[str, Any]:
    """The spec of a RayService with Serve's configuration as an object, and without what KubeRay looks at at the start
    only: ``replicas`` of a group that Ray's autoscaler moves."""
    spec = json.loads(json.dumps(manifest["spec"]))
    spec["serveConfigV2"] = yaml.safe_load(spec["serveConfigV2"])
    for group in spec["rayClusterConfig"]["workerGroupSpecs"]:
        if spec["rayClusterConfig"]["enableInTreeAutoscaling"]:
            del group["replicas"]
    return dict(spec)


@pytest.mark.parametrize(
    ("values", "target", "replicas", "override"),
    [
        ({}, "imaging/ct-lesion", 3, False),
        ({"autoscaler.enabled": False}, "imaging/ct-lesion", 3, False),
        (CLAIM, "imaging", 3, False),
        (SHARED, "imaging/ct-lesion", 6, False),
        (AUTOSCALED, "imaging/ct-lesion", 4, True),
    ],
    ids=["encoder", "without-autoscaler", "ingress", "shared", "autoscaled"],
)
def test_an_encoder_scaled_is_what_helm_would_render(
    helm: Helm, values: dict[str, Any], target: str, replicas: int, override: bool
) -> None:
    before = pick(helm.render("imaging", values), "RayService", "demo-imaging")
    before["metadata"]["resourceVersion"] = "1"
    plan = ray.plan_replicas(Target.of(target), before, replicas, override=override)
    [patch] = plan.patches
    upgraded = pick(helm.render("imaging", values | values_of(plan, "imaging")), "RayService", "demo-imaging")
    assert read(merged(before, patch.body)) == read(upgraded)


@pytest.mark.parametrize("service", ["clinical", "notes", "fusion"])
def test_a_deployment_scaled_is_what_helm_would_render(helm: Helm, service: str) -> None:
    name = f"demo-{service}"
    before = pick(helm.render(service), "Deployment", name)
    plan = deployments.plan_replicas(Target.of(service), before, 5)
    upgraded = pick(helm.render(service, values_of(plan, service)), "Deployment", name)
    assert merged(before, plan.patches[0].body) == upgraded


def test_a_hpa_held_is_what_helm_would_render(helm: Helm) -> None:
    on = {"autoscaling.enabled": True}
    found = helm.render("clinical", on)
    deployment, hpa = (pick(found, kind, "demo-clinical") for kind in ("Deployment", "HorizontalPodAutoscaler"))
    hpa["metadata"]["resourceVersion"] = "1"
    plan = deployments.plan_replicas(Target.of("clinical"), deployment, 4, [hpa], override=True)
    upgraded = helm.render("clinical", on | values_of(plan, "clinical"))
    assert (
        merged(hpa, plan.patches[0].body)["spec"] == pick(upgraded, "HorizontalPodAutoscaler", "demo-clinical")["spec"]
    )


def test_keda_is_found_by_what_the_chart_renders(helm: Helm) -> None:
    on = {"autoscaling.enabled": True, "autoscaling.by": "keda", "autoscaling.keda.prometheusUrl": "http://p:9090"}
    found = helm.render("clinical", on)
    [keda] = [m for m in found if m["kind"] == "ScaledObject"]
    deployment = pick(found, "Deployment", "demo-clinical")
    assert deployments.owner_of(deployment["metadata"]["name"], [keda]) is keda


def test_the_gateway_of_the_chart_is_refused_a_second_pod_until_it_has_a_database(helm: Helm) -> None:
    target = Target.of("gateway")
    with pytest.raises(Conflict):
        deployments.plan_replicas(target, pick(helm.render("gateway"), "Deployment", "demo-gateway"), 2)
    values = {"records.database.existingSecret": "db", "records.masterKey.existingSecret": "key"}
    values |= {"global.networkPolicy.enabled": False}
    shared = pick(helm.render("gateway", values), "Deployment", "demo-gateway")
    assert deployments.plan_replicas(target, shared, 2).after == 2
