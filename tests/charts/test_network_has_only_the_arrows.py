"""By the rendered policies a release's pods reach, and are reached by, whom the architecture says, and nobody else."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from support.chart_releases import RELEASES, Release
from support.helm import Helm, Manifest
from support.network import Network, Pod, pods, selects

CLOSED = {name: each for name, each in RELEASES.items() if each.values.get("global.networkPolicy.enabled", True)}
BACKENDS = {"clinical": 50052, "notes": 50053, "fusion": 50054}
CALLERS = {8080, 50050}
DNS = Pod("names", {"k8s-app": "kube-dns"}, "kube-system", "10.244.1.1")
PROMETHEUS = Pod("prometheus", {"app": "prometheus"}, "monitoring", "10.244.1.2")
OPERATOR = Pod("operator", {"app.kubernetes.io/name": "kuberay-operator"}, "kuberay-system", "10.244.1.3")


def of_another_release(name: str) -> Pod:
    labels = {"name": name, "instance": "other", "component": name, "part-of": "tumorcast"}
    return Pod(f"other {name}", {f"app.kubernetes.io/{key}": value for key, value in labels.items()})


FORGOTTEN = Pod("forgotten", {"app.kubernetes.io/instance": "demo", "app.kubernetes.io/part-of": "tumorcast"})
OUTSIDERS = [
    *(DNS, PROMETHEUS, OPERATOR),
    Pod("neighbor", {"app": "x"}),
    Pod("ward", {"app": "x"}, "ward", "10.244.1.4"),
    *map(of_another_release, ("gateway", "imaging", "clinical")),
    Pod("internet", address="203.0.113.7"),
    Pod("metadata of the cloud", address="169.254.169.254"),
]
PORTS = {22, 53, 80, 443, 4318, 5432, 6379, 6443, 8000, 8080, 8265, 9000, 9443, 9464, 10001, 50050, 50052, 50059}
Arrow = tuple[Pod, Pod, int]


def service(pod: Pod) -> str:
    return pod.labels.get("app.kubernetes.io/name", "") if pod not in OUTSIDERS else ""


def inward(manifests: list[Manifest], *, anyone: bool) -> Iterator[Arrow]:
    """What the architecture lets in, and between the pods of a release."""
    ours = pods(manifests)
    mtls = any(m["kind"] == "Certificate" and m["metadata"]["name"] != "demo-gateway-public" for m in manifests)
    for pod in ours:
        beside = [each for each in ours if service(each) == service(pod)]  # one policy for all pods of a service
        for port in {number for each in beside for name, number in each.ports.items() if "metrics" in name}:
            yield PROMETHEUS, pod, port
        if pod.labels.get("ray.io/node-type") == "head":
            yield from ((OPERATOR, pod, port) for port in (8000, 8265))
        for other in ours:
            match service(other), service(pod):
                case "gateway", ("clinical" | "notes" | "fusion") as backend:
                    yield other, pod, BACKENDS[backend]
                case "gateway", "imaging":
                    yield other, pod, 9443 if mtls else 9000
                case "gateway-test", "gateway":
                    yield other, pod, 8080
                case "imaging", "imaging":
                    yield from ((other, pod, port) for port in PORTS | set(pod.ports.values()))
        if service(pod) == "gateway" and anyone:
            yield from itertools.product(OUTSIDERS, [pod], CALLERS)


def reached(manifests: list[Manifest]) -> Iterator[Arrow]:
    """Who reaches a pod of the release by its policies."""
    network, ours = Network.of(manifests), pods(manifests)
    for source, pod in itertools.product([*ours, FORGOTTEN, *OUTSIDERS], [*ours, FORGOTTEN]):
        for port in PORTS | set(pod.ports.values()):
            if source is not pod and network.allows(source, pod, port):
                yield source, pod, port


def told(arrows: Iterable[Arrow]) -> set[str]:
    return {f"{source} → {destination}:{port}" for source, destination, port in arrows}


@pytest.fixture(params=CLOSED)
def closed(request: pytest.FixtureRequest, one_helm: Helm) -> tuple[Release, list[Manifest]]:
    release = CLOSED[request.param]
    return release, release.render(one_helm)


def test_the_pods_are_reached_along_the_arrows_of_the_architecture_alone(closed: tuple[Release, list[Manifest]]):
    release, manifests = closed
    anyone = not release.values.get("gateway.network.allowFrom")
    found = told(reached(manifests))
    expected = told(arrow for arrow in inward(manifests, anyone=anyone) if arrow[0] is not arrow[1])
    assert found - expected == set()
    assert expected - found == set()


def test_the_pods_reach_nothing_outside_but_names_and_what_the_values_list(closed: tuple[Release, list[Manifest]]):
    release, manifests = closed
    network = Network.of(manifests)
    traces = {4318} if release.values.get("global.monitoring.otlpEndpoint") else set()
    for pod, outsider in itertools.product([*pods(manifests), FORGOTTEN], OUTSIDERS):
        found = {port for port in PORTS if network.allows(pod, outsider, port)}
        allowed = traces if pod is not FORGOTTEN and service(pod) in {*BACKENDS, "gateway", "imaging"} else set()
        if rays_scaler(pod, manifests):
            allowed = allowed | {443, 6443}  # the Kubernetes API
        if outsider is DNS and pod is not FORGOTTEN:
            allowed = allowed | {53}
            assert network.allows(pod, DNS, 53, "UDP")
        assert found == allowed, f"{pod} → {outsider}"
        assert network.allows(pod, outsider, 123, "UDP") is False


def rays_scaler(pod: Pod, manifests: list[Manifest]) -> bool:
    """Whether the pod is a Ray head that asks Kubernetes for more pods."""
    rays = [m["spec"]["rayClusterConfig"] for m in manifests if m["kind"] == "RayService"]
    return pod.labels.get("ray.io/node-type") == "head" and any(ray["enableInTreeAutoscaling"] for ray in rays)


def test_no_policy_closes_pods_that_are_not_the_releases(closed: tuple[Release, list[Manifest]]):
    _, manifests = closed
    for policy in Network.of(manifests).policies:
        assert not [each for each in OUTSIDERS if selects(policy["podSelector"], each.labels)]
        assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "demo"


def test_without_network_policies_none_is_rendered(one_helm: Helm):
    assert not Network.of(one_helm.render(values={"global.networkPolicy.enabled": False})).policies


PEERS: dict[str, Any] = {
    "notes.network.allowFrom": [
        {"namespace": "ward", "podLabels": {"app": "caller"}},
        {"podLabels": {"app": "batch"}, "ports": [9464]},
        {"cidr": "10.40.0.0/16"},
    ],
    "notes.network.allowTo": [{"namespace": "models", "ports": [443]}, {"cidr": "10.50.0.0/16"}],
    "global.networkPolicy.dns": {"namespace": "dns", "ports": [5353], "podLabels": {}, "cidrs": ["169.254.20.10/32"]},
}


@pytest.mark.parametrize(
    ("peer", "port", "comes_in", "goes_out"),
    [
        (Pod("caller", {"app": "caller"}, "ward"), 50053, True, False),
        (Pod("caller", {"app": "caller"}, "ward"), 9464, False, False),
        (Pod("caller of another namespace", {"app": "caller"}), 50053, False, False),
        (Pod("no caller", {"app": "x"}, "ward"), 50053, False, False),
        (Pod("batch", {"app": "batch"}), 9464, True, False),
        (Pod("batch", {"app": "batch"}), 50053, False, False),
        (Pod("network", address="10.40.3.4"), 50053, True, False),
        (Pod("network beside", address="10.41.3.4"), 50053, False, False),
        (Pod("models", {"app": "minio"}, "models"), 443, False, True),
        (Pod("models", {"app": "minio"}, "models"), 9000, False, False),
        (Pod("database", address="10.50.0.9"), 5432, False, True),
        (Pod("names", {"k8s-app": "kube-dns"}, "dns"), 5353, False, True),
        (Pod("cache of names", address="169.254.20.10"), 5353, False, True),
    ],
)
def test_values_open_what_they_name(one_helm: Helm, peer: Pod, port: int, comes_in: bool, goes_out: bool):
    manifests = one_helm.render(values=PEERS)
    network = Network.of(manifests)
    [notes] = [pod for pod in pods(manifests) if service(pod) == "notes"]
    assert network.allows(peer, notes, port) is comes_in
    assert network.allows(notes, peer, port) is goes_out


@pytest.mark.parametrize("way", ["ingress", "egress"])
def test_a_rule_too_many_and_a_rule_too_few_are_seen(one_helm: Helm, way: str):
    manifests = one_helm.render()
    right = told(reached(manifests))
    for change in (lambda rules: rules.append({}), lambda rules: rules.clear()):
        changed = copy.deepcopy(manifests)
        for policy in (m for m in changed if m["kind"] == "NetworkPolicy" and m["metadata"]["name"] == "demo-gateway"):
            change(policy["spec"][way])
        found = told(reached(changed))
        outward = Network.of(changed).allows(pods_of(changed, "gateway"), OUTSIDERS[-2], 443)
        assert found != right or outward


def pods_of(manifests: list[Manifest], name: str) -> Pod:
    [pod] = [pod for pod in pods(manifests) if service(pod) == name]
    return pod
