"""Names, ports and settings that one chart writes are those that another chart, or the code, reads."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from support.chart_releases import RELEASES, presets
from support.helm import SERVICES, Helm, Manifest
from support.schemas import pick, pod_specs
from tumorcast_core.rpc.lines import LOOK_S


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


def test_the_gateway_looks_for_each_service_where_it_is(one_helm: Helm):
    manifests = one_helm.render()
    found = targets(manifests)
    assert found.keys() == set(SERVICES) - {"gateway"}
    for service, target in found.items():
        assert target.startswith("dns:///")  # every pod's address, for round robin
        name, _, port = target.removeprefix("dns:///").partition(":")
        assert name == f"demo-{service}"
        assert int(port) in service_ports(manifests)[name]


def test_a_target_of_the_deployers_own_is_used(one_helm: Helm):
    values = {"gateway.targets.imaging": "dns:///imaging.radiology.svc:9000"}
    assert targets(one_helm.render(values=values))["imaging"] == "dns:///imaging.radiology.svc:9000"


@pytest.mark.parametrize("service", ["clinical", "notes", "fusion", "gateway"])
def test_a_service_object_leads_to_the_pods_ports(one_helm: Helm, service: str):
    manifests = one_helm.render()
    deployment = pick(manifests, "Deployment", f"demo-{service}")
    spec = pick(manifests, "Service", f"demo-{service}")["spec"]
    [pod] = pod_specs(deployment)
    assert spec["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    ports = {port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]}
    assert ports.pop("health") == 50059  # for kubelets alone
    assert {port["targetPort"]: port["port"] for port in spec["ports"]} == ports


@pytest.mark.parametrize("service", ["clinical", "notes", "fusion", "imaging"])
def test_a_grpc_service_is_headless_so_that_clients_see_every_pod(one_helm: Helm, service: str):
    manifests = one_helm.render()
    if service == "imaging":
        spec = pick(manifests, "RayService", "demo-imaging")["spec"]["serveService"]["spec"]
    else:
        spec = pick(manifests, "Service", f"demo-{service}")["spec"]
    assert spec["clusterIP"] == "None"


@pytest.mark.parametrize("mtls", [False, True])
@pytest.mark.parametrize("service", ["clinical", "notes", "fusion", "gateway"])
def test_start_readiness_and_life_are_asked_on_the_port_of_health_which_stays_in_clear(
    one_helm: Helm, service: str, mtls: bool
):
    manifests = one_helm.render(values={"global.mtls.enabled": mtls})
    [pod] = pod_specs(pick(manifests, "Deployment", f"demo-{service}"))
    [container] = pod["containers"]
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["grpc"] == {"port": 50059}
    readiness = container["readinessProbe"]
    if service == "gateway":
        assert readiness["httpGet"] == {"path": "/healthz", "port": "http", "scheme": "HTTP"}
    else:
        assert readiness["grpc"] == {"port": 50059}


@pytest.mark.parametrize("service", ["clinical", "notes", "fusion", "gateway"])
def test_the_code_listens_where_the_chart_says(one_helm: Helm, service: str, monkeypatch: pytest.MonkeyPatch):
    [pod] = pod_specs(pick(one_helm.render(), "Deployment", f"demo-{service}"))
    for name, value in environment(pod).items():
        monkeypatch.setenv(name, value)
    settings = importlib.import_module(f"tumorcast_{service}.settings").Settings()
    assert settings.host == "0.0.0.0"
    names = {port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]}
    assert (settings.port, settings.health_port) == (names["grpc"], names["health"])
    assert (settings.metrics_host, settings.metrics_port) == ("0.0.0.0", names["metrics"])
    if service == "gateway":
        assert settings.rest_port == names["http"]


def test_each_setting_that_a_chart_writes_is_one_that_the_code_reads(rendered: list[Manifest]):
    for manifest in (m for m in rendered if m["kind"] == "Deployment"):
        service = manifest["metadata"]["labels"]["app.kubernetes.io/name"]
        fields = importlib.import_module(f"tumorcast_{service}.settings").Settings.model_fields
        prefix = f"TUMORCAST_{service.upper()}_"
        for pod in pod_specs(manifest):
            ours = {name for name in environment(pod) if name.startswith("TUMORCAST_")}
            assert ours
            read = fields.keys() | {f"{name}_file" for name in fields}  # a secret by its file
            assert {name.removeprefix(prefix).lower() for name in ours} <= read


@pytest.mark.parametrize("service", ["clinical", "notes", "fusion", "gateway"])
def test_the_code_takes_the_certificates_that_the_chart_mounts(
    one_helm: Helm, service: str, monkeypatch: pytest.MonkeyPatch
):
    manifests = one_helm.render(values={"global.mtls.enabled": True})
    [pod] = pod_specs(pick(manifests, "Deployment", f"demo-{service}"))
    for name, value in environment(pod).items():
        monkeypatch.setenv(name, value)
    settings = importlib.import_module(f"tumorcast_{service}.settings").Settings()
    [secret] = [volume["secret"] for volume in pod["volumes"] if volume["name"] == "mtls"]
    assert secret["secretName"] == pick(manifests, "Certificate", f"demo-{service}")["spec"]["secretName"]
    [folder] = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "mtls"]
    files = (settings.peer_certificate, settings.peer_key, settings.peer_ca)
    assert [str(file) for file in files] == [f"{folder}/{name}" for name in ("tls.crt", "tls.key", "ca.crt")]
    assert settings.peer_clients == (() if service == "gateway" else ("demo-gateway.default.svc",))


@pytest.mark.parametrize("preset", ["defaults", *presets()])
def test_a_pod_is_forgotten_by_dns_before_it_ends(one_helm: Helm, preset: str):
    """Addresses of headless Services come from DNS: caches keep them for 30 s, and the gateway looks each second."""
    manifests = RELEASES[preset].render(one_helm)
    headless = {m["metadata"]["name"] for m in manifests if m["kind"] == "Service" and "clusterIP" in m["spec"]}
    found = [m for m in manifests if m["kind"] == "Deployment" and m["metadata"]["name"] in headless]
    assert len(found) == 3
    for deployment in found:
        [pod] = pod_specs(deployment)
        [_, seconds] = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        assert int(seconds) >= 30 + LOOK_S
