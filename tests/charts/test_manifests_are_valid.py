"""Everything that the charts render is valid where it will be sent, unknown fields included."""

from __future__ import annotations

import copy
from typing import Any

import kubernetes_validate
import pytest

from support.helm import APPLICATIONS, SERVICES, Helm, settings
from support.schemas import KUBERNETES, check_core, errors, pick


@pytest.mark.parametrize("chart", APPLICATIONS)
def test_a_chart_lints_and_renders_by_itself(helm: Helm, chart: str):
    assert "0 chart(s) failed" in helm.run("lint", "--strict", f"charts/{chart}", *settings(chart, {}))
    assert helm.render(chart)


@pytest.mark.parametrize("version", KUBERNETES)
def test_core_objects_are_valid_in_each_kubernetes_version(helm: Helm, version: str):
    core = [m for m in helm.render() if m["kind"] != "RayService"]
    assert sorted({m["kind"] for m in core}) == ["Deployment", "Service"]
    for manifest in core:
        check_core(manifest, version)


def test_the_check_of_core_objects_refuses_a_misspelled_field(helm: Helm):
    broken = pick(helm.render(), "Deployment", "demo-clinical")
    broken["spec"]["template"]["spec"]["automountServiceAcountToken"] = False
    with pytest.raises(kubernetes_validate.ValidationError, match="automountServiceAcountToken"):
        check_core(broken, KUBERNETES[-1])


def test_the_rayservice_is_valid(helm: Helm, rayservice_schema: dict[str, Any]):
    assert errors(pick(helm.render(), "RayService", "demo-imaging"), rayservice_schema) == []


@pytest.mark.parametrize(
    "values",
    [
        {
            "imaging.encoders.ct-lesion.gpus": 1,
            "imaging.encoders.ct-lesion.tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        },
        {"imaging.studies.existingClaim": "studies", "imaging.ingress.replicas": 3},
        {"global.imagePullSecrets": ["registry"], "global.imageRegistry": "registry.example.org/tumorcast"},
    ],
)
def test_the_rayservice_is_valid_with_other_values(
    helm: Helm, rayservice_schema: dict[str, Any], values: dict[str, Any]
):
    assert errors(pick(helm.render(values=values), "RayService", "demo-imaging"), rayservice_schema) == []


def test_the_check_of_custom_resources_refuses_a_misspelled_field(helm: Helm, rayservice_schema: dict[str, Any]):
    good = pick(helm.render(), "RayService", "demo-imaging")
    deep = copy.deepcopy(good)
    deep["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]["nodeSelectors"] = {}
    [error] = errors(deep, rayservice_schema)
    assert "nodeSelectors" in error
    good["spec"]["serveConfig"] = ""
    [error] = errors(good, rayservice_schema)
    assert "serveConfig" in error


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_alone_renders_what_it_renders_under_the_umbrella(helm: Helm, service: str):
    together = [m for m in helm.render() if m["metadata"]["labels"]["app.kubernetes.io/name"] == service]
    assert helm.render(service) == together


def test_a_service_that_is_switched_off_renders_nothing(helm: Helm):
    names = {m["metadata"]["labels"]["app.kubernetes.io/name"] for m in helm.render(values={"notes.enabled": False})}
    assert names == set(SERVICES) - {"notes"}


def test_helm_3_and_helm_4_render_the_same(helms: list[Helm]):
    if len({helm.version.split(".")[0] for helm in helms}) < 2:
        pytest.skip("needs Helm 3 and Helm 4: run `make tools`")
    first, *others = [helm.render() for helm in helms]
    assert all(other == first for other in others)


def test_the_notes_name_the_gateway_that_was_installed(helm: Helm):
    if helm.version.startswith("v3"):
        pytest.skip("Helm 3 shows notes only where it reaches a cluster")
    arguments = settings("tumorcast", {})
    notes = helm.run("install", "north", "charts/tumorcast", "--dry-run=client", *arguments).partition("NOTES:")[2]
    gateway = pick(helm.render(release="north"), "Service", "north-gateway")
    assert f"service/{gateway['metadata']['name']} 8080:{gateway['spec']['ports'][0]['port']}" in notes
