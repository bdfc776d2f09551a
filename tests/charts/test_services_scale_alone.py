"""A change of one service's size is a change of that service's manifests, and of nothing else in them."""

from __future__ import annotations

from typing import Any

import pytest

from support.chart_releases import DATABASE, PROMETHEUS, SIGN_IN, TLS, Settings
from support.helm import Helm, Manifest

GRPC = ("clinical", "notes", "fusion", "gateway")
SHARED = SIGN_IN | DATABASE | TLS
"""Several gateways need a database."""


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


def changes(helm: Helm, before: Settings, after: Settings) -> set[str]:
    return changed(*(by_name(helm.render(values=SHARED | values)) for values in (before, after)))


def place(kind: str, service: str) -> str:
    return f".{(kind, f'demo-{service}')}"


@pytest.mark.parametrize("service", GRPC)
def test_more_replicas_of_a_service_change_one_number(one_helm: Helm, service: str):
    found = changes(one_helm, {}, {f"{service}.replicas": 7})
    assert found == {f"{place('Deployment', service)}.spec.replicas"}


@pytest.mark.parametrize("service", GRPC)
@pytest.mark.parametrize(
    ("by", "kind", "fields"),
    [
        ("hpa", "HorizontalPodAutoscaler", {"minReplicas": "minReplicas", "maxReplicas": "maxReplicas"}),
        ("keda", "ScaledObject", {"minReplicas": "minReplicaCount", "maxReplicas": "maxReplicaCount"}),
    ],
)
def test_other_bounds_of_an_autoscaler_change_one_number(
    one_helm: Helm, service: str, by: str, kind: str, fields: dict[str, str]
):
    on = {
        f"{service}.autoscaling.enabled": True,
        f"{service}.autoscaling.by": by,
        f"{service}.autoscaling.keda.prometheusUrl": PROMETHEUS,
    }
    for value, name in fields.items():
        found = changes(one_helm, on, on | {f"{service}.autoscaling.{value}": 9})
        fallback = {f"{place(kind, service)}.spec.fallback.replicas"} if value == "minReplicas" else set()
        assert found - fallback == {f"{place(kind, service)}.spec.{name}"}


@pytest.mark.parametrize("service", GRPC)
def test_an_autoscaler_comes_in_place_of_the_number_of_pods(one_helm: Helm, service: str):
    found = changes(one_helm, {}, {f"{service}.autoscaling.enabled": True})
    deployment = place("Deployment", service)
    own = {f"{deployment}.spec.replicas", f"{deployment}.metadata.annotations"}
    assert found == own | {place("HorizontalPodAutoscaler", service)}


@pytest.mark.parametrize("service", GRPC)
def test_replicas_count_for_nothing_beside_an_autoscaler(one_helm: Helm, service: str):
    on = {f"{service}.autoscaling.enabled": True}
    assert changes(one_helm, on, on | {f"{service}.replicas": 5}) == set()


@pytest.mark.parametrize(
    "values",
    [
        {"imaging.ingress.replicas": 3},
        {"imaging.encoders.ct-lesion.replicas": 3},
        {"imaging.encoders.ct-lesion.autoscaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 5}},
    ],
    ids=["ingress", "encoder", "encoder that scales itself"],
)
def test_the_size_of_imaging_is_in_imagings_manifests_alone(one_helm: Helm, values: Settings):
    base = {"imaging.studies.existingClaim": "studies"}
    found = changes(one_helm, base, base | values)
    assert found
    assert all("'demo-imaging" in path for path in found)


def test_what_kubernetes_and_keda_are_told_is_what_the_values_say(one_helm: Helm):
    told = {"enabled": True, "minReplicas": 3, "maxReplicas": 7, "targetCPUPercent": 55, "scaleDownSeconds": 120}
    values = {f"notes.autoscaling.{key}": value for key, value in told.items()}
    keda = {
        "notes.autoscaling.by": "keda",
        "notes.autoscaling.keda": {"prometheusUrl": PROMETHEUS, "callsPerReplica": 2.5},
    }
    spec = by_name(one_helm.render(values=values))["HorizontalPodAutoscaler", "demo-notes"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 7)
    [metric] = spec["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 55}
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 120
    spec = by_name(one_helm.render(values=values | keda))["ScaledObject", "demo-notes"]["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"], spec["fallback"]["replicas"]) == (3, 7, 3)
    [trigger] = spec["triggers"]
    assert trigger["metadata"]["serverAddress"] == PROMETHEUS
    assert trigger["metadata"]["threshold"] == "2.5"
    assert (
        spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 120
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"notes.autoscaling.minReplicas": 8, "notes.autoscaling.maxReplicas": 7}, "minReplicas of notes is more than"),
        ({"notes.autoscaling.enabled": True, "notes.autoscaling.by": "keda"}, "keda.prometheusUrl (notes)"),
        ({"gateway.autoscaling.enabled": True}, "gateway"),
    ],
)
def test_an_autoscaler_that_could_not_work_is_refused(one_helm: Helm, values: Settings, said: str):
    assert said in one_helm.refusal(values=values)
