"""Names, ports and settings that one chart writes are those that another chart, or the code, reads."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from support.helm import SERVICES, Helm, Manifest
from support.schemas import pick, pod_specs


def environment(pod: dict[str, Any]) -> dict[str, str]:
    return {e["name"]: e["value"] for e in pod["containers"][0]["env"] if "value" in e}


def service_ports(manifests: list[Manifest]) -> dict[str, set[int]]:
    """Ports by Service name, with the Service that KubeRay will make."""
    services = [m for m in manifests if m["kind"] == "Service"]
    services += [m["spec"]["serveService"] for m in manifests if m["kind"] == "RayService"]
    return {s["metadata"]["name"]: {port["port"] for port in s["spec"]["ports"]} for s in services}


def targets(manifests: list[Manifest]) -> dict[str, str]:
    [pod] = pod_specs(pick(manifests, "Deployment", "demo-gateway"))
    prefix, suffix = "TUMORCAST_GATEWAY_", "_TARGET"
    return {
        name.removeprefix(prefix).removesuffix(suffix).lower(): value
        for name, value in environment(pod).items()
        if name.endswith(suffix)
    }


def test_the_gateway_looks_for_each_service_where_it_is(helm: Helm):
    manifests = helm.render()
    found = targets(manifests)
    assert found.keys() == set(SERVICES) - {"gateway"}
    for service, target in found.items():
        assert target.startswith("dns:///")  # every pod's address, for round robin
        name, _, port = target.removeprefix("dns:///").partition(":")
        assert name == f"demo-{service}"
        assert int(port) in service_ports(manifests)[name]


def test_a_target_of_the_deployers_own_is_used(helm: Helm):
    values = {"gateway.targets.imaging": "dns:///imaging.radiology.svc:9000"}
    assert targets(helm.render(values=values))["imaging"] == "dns:///imaging.radiology.svc:9000"


@pytest.mark.parametrize("service", ["clinical", "notes", "fusion", "gateway"])
def test_a_service_object_leads_to_the_pods_ports(helm: Helm, service: str):
    manifests = helm.render()
    deployment = pick(manifests, "Deployment", f"demo-{service}")
    spec = pick(manifests, "Service", f"demo-{service}")["spec"]
    [pod] = pod_specs(deployment)
    assert spec["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    ports = {port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]}
    assert {port["targetPort"]: port["port"] for port in spec["ports"]} == ports


@pytest.mark.parametrize("service", ["clinical", "notes", "fusion", "imaging"])
def test_a_grpc_service_is_headless_so_that_clients_see_every_pod(helm: Helm, service: str):
    manifests = helm.render()
    if service == "imaging":
        spec = pick(manifests, "RayService", "demo-imaging")["spec"]["serveService"]["spec"]
    else:
        spec = pick(manifests, "Service", f"demo-{service}")["spec"]
    assert spec["clusterIP"] == "None"


@pytest.mark.parametrize("service", ["clinical", "notes", "fusion", "gateway"])
def test_start_readiness_and_life_are_probed_on_ports_that_the_pod_opens(helm: Helm, service: str):
    [pod] = pod_specs(pick(helm.render(), "Deployment", f"demo-{service}"))
    [container] = pod["containers"]
    names = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["grpc"]["port"] == names["grpc"]
    readiness = container["readinessProbe"]
    if service == "gateway":
        assert readiness["httpGet"] == {"path": "/healthz", "port": "http", "scheme": "HTTP"}
    else:
        assert readiness["grpc"]["port"] == names["grpc"]


@pytest.mark.parametrize("service", ["clinical", "notes", "fusion", "gateway"])
def test_the_code_listens_where_the_chart_says(helm: Helm, service: str, monkeypatch: pytest.MonkeyPatch):
    [pod] = pod_specs(pick(helm.render(), "Deployment", f"demo-{service}"))
    for name, value in environment(pod).items():
        monkeypatch.setenv(name, value)
    settings = importlib.import_module(f"tumorcast_{service}.settings").Settings()
    assert settings.host == "0.0.0.0"
    names = {port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]}
    assert settings.port == names["grpc"]
    if service == "gateway":
        assert settings.rest_port == names["http"]


@pytest.mark.parametrize("service", ["clinical", "notes", "fusion", "gateway"])
def test_each_setting_that_a_chart_writes_is_one_that_the_code_reads(helm: Helm, service: str):
    fields = importlib.import_module(f"tumorcast_{service}.settings").Settings.model_fields
    prefix = f"TUMORCAST_{service.upper()}_"
    for manifest in helm.render(service):
        for pod in pod_specs(manifest):
            written = {name.removeprefix(prefix).lower() for name in environment(pod) if name.startswith("TUMORCAST_")}
            assert written
            assert written <= fields.keys()


def test_every_object_says_what_it_belongs_to(helm: Helm):
    for manifest in helm.render(release="north"):
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "tumorcast"
        assert labels["app.kubernetes.io/instance"] == "north"
        assert manifest["metadata"]["name"] == f"north-{labels['app.kubernetes.io/name']}"
