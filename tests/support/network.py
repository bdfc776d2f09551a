"""Who may reach whom by the NetworkPolicies of a release, as networking.k8s.io/v1 defines it.

A pod that a policy selects is closed in the policy's direction but for its rules; several policies add up; a pod that
none selects is open. A connection needs the way out of its source and the way in to its destination. Port names are
resolved by the destination's containers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from support.helm import Manifest
from support.schemas import pod_templates

NAMESPACE = "default"
"""Where helm template puts a release."""

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod, of the release or of others, or an address outside of the cluster (no labels, another address)."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    namespace: str = NAMESPACE
    address: str = "10.244.0.1"
    ports: Mapping[str, int] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return self.name


def pods(manifests: Iterable[Manifest]) -> list[Pod]:
    """One pod of each template, with the labels that KubeRay gives to those of Ray."""
    found = []
    for manifest in manifests:
        for number, template in enumerate(pod_templates(manifest)):
            kind, name = manifest["kind"], manifest["metadata"]["name"]
            labels = dict(template["metadata"].get("labels", {}))
            if kind == "RayService":
                group = _groups(manifest)[number]
                name = f"{name}-{group}"
                labels = ray_labels(manifest["metadata"]["name"], group) | labels
            ports = {
                port.get("name", str(port["containerPort"])): port["containerPort"]
                for container in template["spec"]["containers"]
                for port in container.get("ports", ())
            }
            found.append(Pod(name, labels, ports=ports))
    return found


def _groups(rayservice: Manifest) -> list[str]:
    cluster = rayservice["spec"]["rayClusterConfig"]
    return ["headgroup", *(group["groupName"] for group in cluster["workerGroupSpecs"])]


def ray_labels(rayservice: str, group: str) -> dict[str, str]:
    """What KubeRay 1.7 adds to a pod's labels (ray-operator/controllers/ray/common/pod.go, labelPod)."""
    return {
        "ray.io/is-ray-node": "yes",
        "ray.io/cluster": f"{rayservice}-x7k2p",
        "ray.io/node-type": "head" if group == "headgroup" else "worker",
        "ray.io/group": group,
        "app.kubernetes.io/name": "kuberay",
        "app.kubernetes.io/created-by": "kuberay-operator",
    }


@dataclass(frozen=True)
class Network:
    """The policies of one namespace."""

    policies: tuple[Policy, ...]

    @classmethod
    def of(cls, manifests: Iterable[Manifest]) -> Network:
        return cls(tuple(m["spec"] for m in manifests if m["kind"] == "NetworkPolicy"))

    def allows(self, source: Pod, destination: Pod, port: int, protocol: str = "TCP") -> bool:
        """Whether a pod can open a connection to another's port."""
        out = self._open(source, destination, destination, "Egress", (port, protocol))
        return out and self._open(destination, source, destination, "Ingress", (port, protocol))

    def _open(self, here: Pod, there: Pod, listener: Pod, direction: str, port: tuple[int, str]) -> bool:
        if here.namespace != NAMESPACE or not here.labels:  # another namespace's policies are not ours to know
            return True
        mine = [
            policy
            for policy in self.policies
            if direction in policy["policyTypes"] and selects(policy["podSelector"], here.labels)
        ]
        rules = [rule for policy in mine for rule in policy.get(direction.lower(), ())]
        return not mine or any(_rule(rule, there, listener, direction, port) for rule in rules)


def _rule(rule: Policy, there: Pod, listener: Pod, direction: str, port: tuple[int, str]) -> bool:
    peers = rule.get("from" if direction == "Ingress" else "to", [])
    on_port = not rule.get("ports") or any(_port(wanted, listener, port) for wanted in rule["ports"])
    return on_port and (not peers or any(_peer(peer, there) for peer in peers))


def _port(wanted: Policy, listener: Pod, port: tuple[int, str]) -> bool:
    number = wanted.get("port", port[0])
    number = listener.ports.get(number, -1) if isinstance(number, str) else number
    return wanted.get("protocol", "TCP") == port[1] and number <= port[0] <= wanted.get("endPort", number)


def _peer(peer: Policy, pod: Pod) -> bool:
    if "ipBlock" in peer:
        block, address = peer["ipBlock"], ip_address(pod.address)
        excepted = any(address in ip_network(each) for each in block.get("except", ()))
        return address in ip_network(block["cidr"]) and not excepted
    if not pod.labels and pod.namespace == NAMESPACE:  # an address outside of the cluster
        return False
    if "namespaceSelector" in peer:
        there = selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": pod.namespace})
    else:
        there = pod.namespace == NAMESPACE
    return there and selects(peer.get("podSelector", {}), pod.labels)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector of Kubernetes selects these labels; an empty one selects all.

    >>> selects({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}]}, {"a": "1"})
    True
    """
    wanted = selector.get("matchLabels", {}).items()
    return wanted <= labels.items() and all(_expression(each, labels) for each in selector.get("matchExpressions", ()))


def _expression(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    raise ValueError(expression["operator"])
