"""How callers reach the gateway: Ingress, Gateway API and load balancer lead to its doors, in the protocol of each."""

from __future__ import annotations

from typing import Any

import pytest

from support.helm import Helm, Manifest
from support.schemas import pick

INGRESS = {
    "ingress.enabled": True,
    "ingress.className": "nginx",
    "ingress.host": "tumorcast.example.org",
    "ingress.annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "2048m"},
    "ingress.tls.secretName": "public-tls",
    "ingress.grpc.host": "grpc.example.org",
    "ingress.grpc.annotations": {"nginx.ingress.kubernetes.io/backend-protocol": "GRPC"},
}
ROUTES = {
    "gatewayApi.enabled": True,
    "gatewayApi.host": "tumorcast.example.org",
    "gatewayApi.grpcHost": "grpc.example.org",
}
OWN_GATEWAY = ROUTES | {
    "gatewayApi.gateway.className": "cilium",
    "gatewayApi.gateway.tlsSecret": "public-tls",
    "gatewayApi.gateway.annotations": {"cert-manager.io/issuer": "letsencrypt"},
}
THEIR_GATEWAY = ROUTES | {
    "gatewayApi.parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
}


def ports(manifests: list[Manifest]) -> dict[str, dict[str, Any]]:
    return {port["name"]: port for port in pick(manifests, "Service", "demo-gateway")["spec"]["ports"]}


@pytest.mark.parametrize(
    ("values", "http", "grpc"),
    [({}, "http", "kubernetes.io/h2c"), ({"tls.existingSecret": "gateway-tls"}, "https", "https")],
)
def test_the_service_says_what_its_doors_speak(helm: Helm, values: dict[str, Any], http: str, grpc: str):
    found = ports(helm.render("gateway", values))
    assert (found["http"]["appProtocol"], found["grpc"]["appProtocol"]) == (http, grpc)


def test_an_ingress_leads_each_name_to_its_door(helm: Helm):
    manifests = helm.render("gateway", INGRESS)
    for name, host, door, annotation in (
        ("demo-gateway", "tumorcast.example.org", "http", "proxy-body-size"),
        ("demo-gateway-grpc", "grpc.example.org", "grpc", "backend-protocol"),
    ):
        ingress = pick(manifests, "Ingress", name)
        assert [annotation in key for key in ingress["metadata"]["annotations"]] == [True]
        spec = ingress["spec"]
        assert spec["ingressClassName"] == "nginx"
        assert spec["tls"] == [{"hosts": [host], "secretName": "public-tls"}]
        [rule] = spec["rules"]
        assert rule["host"] == host
        [path] = rule["http"]["paths"]
        assert path["backend"]["service"] == {"name": "demo-gateway", "port": {"name": door}}
        assert door in ports(manifests)


def test_without_a_name_for_grpc_there_is_no_way_to_it(helm: Helm):
    for values in (INGRESS | {"ingress.grpc.host": ""}, OWN_GATEWAY | {"gatewayApi.grpcHost": ""}):
        manifests = helm.render("gateway", values)
        ways = [m for m in manifests if m["kind"] in ("Ingress", "HTTPRoute", "GRPCRoute")]
        assert len(ways) == 1
        assert sum(len(m["spec"]["listeners"]) for m in manifests if m["kind"] == "Gateway") <= 1


def test_the_controllers_own_certificate_is_used_where_no_secret_is_named(helm: Helm):
    spec = pick(helm.render("gateway", INGRESS | {"ingress.tls.secretName": ""}), "Ingress", "demo-gateway")["spec"]
    assert spec["tls"] == [{"hosts": ["tumorcast.example.org"]}]


def test_a_gateway_of_the_release_has_a_listener_for_each_route(helm: Helm):
    manifests = helm.render("gateway", OWN_GATEWAY)
    gateway = pick(manifests, "Gateway", "demo-gateway")
    assert gateway["metadata"]["annotations"] == {"cert-manager.io/issuer": "letsencrypt"}
    listeners = {listener["name"]: listener for listener in gateway["spec"]["listeners"]}
    doors = {port["name"]: port["port"] for port in ports(manifests).values()}
    for kind, door in (("HTTPRoute", "http"), ("GRPCRoute", "grpc")):
        spec = pick(manifests, kind, "demo-gateway")["spec"]
        [parent] = spec["parentRefs"]
        listener = listeners[parent["sectionName"]]
        assert parent["name"] == "demo-gateway"
        assert spec["hostnames"] == [listener["hostname"]]
        assert listener["protocol"] == "HTTPS"
        assert listener["tls"]["certificateRefs"] == [{"name": "public-tls"}]
        assert [rule["backendRefs"] for rule in spec["rules"]] == [[{"name": "demo-gateway", "port": doors[door]}]]


def test_a_route_gives_calls_the_time_that_the_gateway_gives_them(helm: Helm):
    for seconds, told in (({}, "610s"), ({"deadlines.uploadSeconds": 20, "deadlines.querySeconds": 40}, "50s")):
        [rule] = pick(helm.render("gateway", OWN_GATEWAY | seconds), "HTTPRoute", "demo-gateway")["spec"]["rules"]
        assert rule["timeouts"] == {"request": told}


def test_routes_hang_on_a_gateway_that_is_there_already(helm: Helm):
    manifests = helm.render("gateway", THEIR_GATEWAY)
    assert not [m for m in manifests if m["kind"] == "Gateway"]
    for kind in ("HTTPRoute", "GRPCRoute"):
        [parent] = pick(manifests, kind, "demo-gateway")["spec"]["parentRefs"]
        assert parent == {"name": "public", "namespace": "gateways", "sectionName": "https"}


def test_a_load_balancer_shows_the_doors_and_not_the_metrics(helm: Helm):
    values = {"loadBalancer.enabled": True, "loadBalancer.sourceRanges": ["10.20.0.0/16"]}
    manifests = helm.render("gateway", values)
    spec = pick(manifests, "Service", "demo-gateway-public")["spec"]
    assert spec["type"] == "LoadBalancer"
    assert spec["loadBalancerSourceRanges"] == ["10.20.0.0/16"]
    assert {port["name"] for port in spec["ports"]} == {"http", "grpc"}
    inner = pick(manifests, "Service", "demo-gateway")["spec"]
    assert inner["type"] == "ClusterIP"
    assert spec["selector"] == inner["selector"]
