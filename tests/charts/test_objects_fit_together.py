"""What one object of a release says of another is so: targets, selectors, ports, and whatever a pod mounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from support.chart_releases import Release
from support.helm import Helm, Manifest
from support.network import Pod, pods, selects
from support.schemas import containers, pick, pod_specs

SCALERS = {"HorizontalPodAutoscaler", "ScaledObject"}


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [m for m in manifests if m["kind"] in kinds]


def chosen(manifests: list[Manifest], selector: dict[str, Any]) -> list[Pod]:
    return [pod for pod in pods(manifests) if selects(selector, pod.labels)]


def owners(found: list[Pod]) -> set[str]:
    return {pod.labels["app.kubernetes.io/name"] for pod in found}


def test_names_are_unique(rendered: list[Manifest]):
    names = [(m["apiVersion"], m["kind"], m["metadata"]["name"]) for m in rendered]
    assert len(names) == len(set(names))


def test_every_object_says_what_it_belongs_to(rendered: list[Manifest]):
    for manifest in rendered:
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "tumorcast"
        assert labels["app.kubernetes.io/instance"] == "demo"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["helm.sh/chart"].endswith(f"-{labels['app.kubernetes.io/version']}")
        assert manifest["metadata"]["name"].startswith("demo-")
        assert len(manifest["metadata"]["name"]) <= 63
        assert "namespace" not in manifest["metadata"]


def test_an_autoscalers_target_is_a_deployment_that_names_no_replicas(rendered: list[Manifest]):
    scaled = []
    for scaler in of_kind(rendered, *SCALERS):
        target = scaler["spec"]["scaleTargetRef"]
        deployment = pick(rendered, target["kind"], target["name"])
        assert target["apiVersion"] == deployment["apiVersion"]
        assert "replicas" not in deployment["spec"]
        scaled.append(target["name"])
    assert len(scaled) == len(set(scaled))
    for deployment in of_kind(rendered, "Deployment"):
        assert ("replicas" in deployment["spec"]) == (deployment["metadata"]["name"] not in scaled)


def test_an_autoscaler_that_watches_processors_finds_requests_for_them(rendered: list[Manifest]):
    for scaler in of_kind(rendered, "HorizontalPodAutoscaler"):
        [pod] = pod_specs(pick(rendered, "Deployment", scaler["spec"]["scaleTargetRef"]["name"]))
        assert all(container["resources"]["requests"]["cpu"] for container in pod["containers"])


def test_keda_asks_for_the_load_of_the_pods_that_it_scales(rendered: list[Manifest]):
    for scaler in of_kind(rendered, "ScaledObject"):
        name = scaler["metadata"]["name"]
        [trigger] = scaler["spec"]["triggers"]
        query = trigger["metadata"]["query"]
        assert f'pod=~"{name}-.+"' in query
        assert f'service="{name.removeprefix("demo-")}"' in query
        assert query.startswith("sum(tumorcast_requests_in_flight{")
        assert trigger["metadata"]["ignoreNullValues"] == "false"  # pods that nobody reads are not idle


def test_the_metric_that_keda_asks_for_is_one_that_the_code_has():
    from tumorcast_core.telemetry import metrics

    [family] = metrics.in_flight.collect()
    assert family.name == "tumorcast_requests_in_flight"
    assert set(metrics.in_flight._labelnames) >= {"service"}


def test_a_budget_counts_exactly_the_pods_of_one_workload(rendered: list[Manifest]):
    budgets = of_kind(rendered, "PodDisruptionBudget")
    counted = [pod.name for budget in budgets for pod in chosen(rendered, budget["spec"]["selector"])]
    assert len(counted) == len(set(counted))  # evictions of a pod under two budgets are refused
    standing = {pod.name for manifest in of_kind(rendered, "Deployment", "RayService") for pod in pods([manifest])}
    assert standing - {"demo-imaging-headgroup"} <= set(counted) <= standing
    for budget in budgets:
        assert len(owners(chosen(rendered, budget["spec"]["selector"]))) == 1


def test_a_service_object_leads_to_the_pods_of_its_service_and_to_ports_that_they_open(rendered: list[Manifest]):
    for manifest in of_kind(rendered, "Service"):
        found = chosen(rendered, {"matchLabels": manifest["spec"]["selector"]})
        assert owners(found) == {manifest["metadata"]["labels"]["app.kubernetes.io/name"]}
        for port in manifest["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            assert any(target in {*pod.ports, *pod.ports.values()} for pod in found)


def test_a_service_monitor_finds_one_service_that_has_its_ports(rendered: list[Manifest]):
    monitors = of_kind(rendered, "ServiceMonitor")
    for monitor in monitors:
        found = [
            service
            for service in of_kind(rendered, "Service")
            if selects(monitor["spec"]["selector"], service["metadata"]["labels"])
        ]
        for endpoint in monitor["spec"]["endpoints"]:
            assert len([s for s in found if endpoint["port"] in {port["name"] for port in s["spec"]["ports"]}]) == 1
    watched = {m["metadata"]["labels"]["app.kubernetes.io/name"] for m in monitors}
    answering = {
        m["metadata"]["labels"]["app.kubernetes.io/name"] for m in of_kind(rendered, "Deployment", "RayService")
    }
    assert watched in (set(), answering)


def test_every_pod_that_stands_offers_metrics(rendered: list[Manifest]):
    for manifest in of_kind(rendered, "Deployment", "RayService"):
        assert all("metrics" in pod.ports for pod in pods([manifest]))


def test_ports_of_a_pod_are_different(rendered: list[Manifest]):
    for manifest in rendered:
        for pod in pod_specs(manifest):
            ports = [port for container in pod["containers"] for port in container.get("ports", ())]
            assert len({port["containerPort"] for port in ports}) == len(ports) == len({port["name"] for port in ports})


def test_probes_ask_ports_that_the_container_opens(rendered: list[Manifest]):
    for manifest in of_kind(rendered, "Deployment"):
        for pod in pod_specs(manifest):
            [container] = pod["containers"]
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            for name in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = container[name]
                asked = probe["grpc"]["port"] if "grpc" in probe else probe["httpGet"]["port"]
                assert asked in {*ports, *ports.values()}
                assert name != "livenessProbe" or probe["failureThreshold"] * probe["periodSeconds"] >= 30


def test_routes_lead_to_services_that_are_there(rendered: list[Manifest]):
    ports = {m["metadata"]["name"]: m["spec"]["ports"] for m in of_kind(rendered, "Service")}
    for route in of_kind(rendered, "HTTPRoute", "GRPCRoute"):
        for backend in (backend for rule in route["spec"]["rules"] for backend in rule["backendRefs"]):
            assert backend["port"] in {port["port"] for port in ports[backend["name"]]}
    for ingress in of_kind(rendered, "Ingress"):
        for path in (path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]):
            service = path["backend"]["service"]
            names = {*(port["name"] for port in ports[service["name"]])}
            assert service["port"].get("name") in names or service["port"].get("number") in {
                port["port"] for port in ports[service["name"]]
            }


def references(pod: dict[str, Any], container: dict[str, Any]) -> Iterator[str]:
    """Names of the Secrets, ConfigMaps and claims that a container needs."""
    for volume in pod.get("volumes", ()):
        sources = volume.get("projected", {}).get("sources", [volume])
        for source in sources:
            if "secret" in source:
                yield source["secret"].get("secretName") or source["secret"]["name"]
            if "configMap" in source:
                yield source["configMap"]["name"]
            if "persistentVolumeClaim" in source:
                yield source["persistentVolumeClaim"]["claimName"]
    for variable in container.get("env", ()):
        for key in ("secretKeyRef", "configMapKeyRef"):
            if key in variable.get("valueFrom", {}):
                yield variable["valueFrom"][key]["name"]
    yield from (secret["name"] for secret in pod.get("imagePullSecrets", ()))


def made_by(manifests: list[Manifest]) -> set[str]:
    """Names of what the release makes: its own objects, and the Secrets that its Certificates lead to."""
    own = {m["metadata"]["name"] for m in of_kind(manifests, "Secret", "ConfigMap", "PersistentVolumeClaim")}
    return own | {m["spec"]["secretName"] for m in of_kind(manifests, "Certificate")}


def named_in(values: Any) -> set[str]:
    """Every text that stands in the values."""
    if isinstance(values, dict):
        return set().union(*map(named_in, values.values()))
    if isinstance(values, list):
        return set().union(*map(named_in, values))
    return {values} if isinstance(values, str) else set()


def test_what_a_pod_mounts_is_rendered_or_named_by_the_values(release: Release, rendered: list[Manifest]):
    import yaml

    named = named_in(dict(release.values)) | {"kube-root-ca.crt"}  # which Kubernetes puts into every namespace
    for file in release.files:
        named |= named_in(yaml.safe_load(file.read_text(encoding="utf-8")))
    for manifest in rendered:
        for pod, container in containers(manifest):
            assert set(references(pod, container)) <= named | made_by(rendered)


def test_each_certificate_has_an_issuer_and_names_its_service(rendered: list[Manifest], release: Release):
    issuers = {(m["kind"], m["metadata"]["name"]) for m in of_kind(rendered, "Issuer")}
    named = named_in(dict(release.values))
    for certificate in of_kind(rendered, "Certificate"):
        issuer = certificate["spec"]["issuerRef"]
        assert (issuer["kind"], issuer["name"]) in issuers or issuer["name"] in named
        if certificate["metadata"]["name"].endswith("-ca"):
            continue
        names = certificate["spec"]["dnsNames"]
        assert certificate["spec"].get("commonName", names[0]) in names
        assert len(certificate["spec"].get("commonName", "")) <= 64


def test_services_let_in_the_name_that_the_gateway_shows(one_helm: Helm):
    manifests = one_helm.render(values={"global.mtls.enabled": True})
    gateway = pick(manifests, "Certificate", "demo-gateway")["spec"]
    for service in ("clinical", "notes", "fusion"):
        [pod] = pod_specs(pick(manifests, "Deployment", f"demo-{service}"))
        env = {variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]}
        assert env[f"TUMORCAST_{service.upper()}_PEER_CLIENTS"] == f'["{gateway["commonName"]}"]'
    assert gateway["commonName"] == "demo-gateway.default.svc"
    assert {"server auth", "client auth"} <= set(gateway["usages"])


def test_a_common_name_stays_within_its_64_characters(one_helm: Helm):
    release = "r" * 53
    [certificate] = [
        m
        for m in one_helm.render("clinical", {"global.mtls.enabled": True}, release)
        if m["kind"] == "Certificate" and m["metadata"]["name"].endswith("-clinical")
    ]
    assert certificate["spec"]["commonName"] == f"{release}-clinical"


def test_the_gateway_reaches_each_service_under_a_name_of_its_certificate(one_helm: Helm):
    manifests = one_helm.render(values={"global.mtls.enabled": True})
    [pod] = pod_specs(pick(manifests, "Deployment", "demo-gateway"))
    env = {variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]}
    for service in ("clinical", "notes", "fusion", "imaging"):
        host = env[f"TUMORCAST_GATEWAY_{service.upper()}_TARGET"].removeprefix("dns:///").rpartition(":")[0]
        assert host in pick(manifests, "Certificate", f"demo-{service}")["spec"]["dnsNames"]
