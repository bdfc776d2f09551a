"""Why a pod gets no GPU: no node offers one, the nodes that do have a taint, or all are taken."""

from __future__ import annotations

from typing import NamedTuple

from tumorcast_platform.cluster.diagnosis.facts import left
from tumorcast_platform.cluster.diagnosis.finding import Evidence, part_of, sentence, upgrade
from tumorcast_platform.cluster.ray_states import serve_deployment
from tumorcast_platform.cluster.reading import Object, items, label, mapping, name_of, quantity, text
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import service_of


class Case(NamedTuple):
    """Why a pod finds no node, and what to do."""

    code: str
    cause: str
    steps: tuple[str, ...]


def gpu_of(pod: Object) -> str:
    """The resource by which a pod asks for a GPU (``nvidia.com/gpu``, ``nvidia.com/mig-…``); empty where for none."""
    for container in items(pod, "spec", "containers"):
        for resource in mapping(container, "resources", "limits"):
            if "/" in resource and ("gpu" in resource or "mig-" in resource):
                return resource
    return ""


def gpu_case(snapshot: ReleaseSnapshot, pod: Object, gpu: str, told: str) -> Case | None:
    """The reason, where it is the GPU; ``told`` is the scheduler's message."""
    what, nodes = sentence(part_of(pod)), snapshot.of("Node")
    offering = [node for node in nodes if _allocatable(node, gpu) > 0]
    if nodes and not offering:
        return _absent(snapshot, pod, gpu, what)
    if taint := _untolerated_everywhere(offering, pod):
        cause = f"{what} waits for a GPU: the nodes with {gpu} have a taint that it does not tolerate ({taint})."
        return Case("gpu-tainted", cause, ("Let it tolerate the taint:", _tolerate(snapshot, _value(pod), taint)))
    if f"Insufficient {gpu}" not in told:
        return None
    if offering:
        return _taken(snapshot, pod, gpu, what, offering)
    cause = f"{what} waits for a GPU: no node has {gpu} free. Whether any node has one could not be read."
    return Case("gpu-insufficient", cause, ("Ask somebody who may read nodes:", "$ kubectl describe nodes"))


def gpu_evidence(snapshot: ReleaseSnapshot, gpu: str) -> tuple[Evidence, ...]:
    """Which node offers how many; nothing where nodes may not be read."""
    nodes = snapshot.of("Node")
    if not gpu or not nodes:
        return ()
    offers = [f"{int(_allocatable(n, gpu))} on {name_of(n)}" for n in nodes if _allocatable(n, gpu)]
    shown = ", ".join(offers[:6]) if offers else f"none on any of the {len(nodes)} nodes"
    return (Evidence(f"{gpu} offered", shown),)


def _allocatable(node: Object, resource: str) -> float:
    return quantity(mapping(node, "status", "allocatable").get(resource)) or 0.0


def _absent(snapshot: ReleaseSnapshot, pod: Object, gpu: str, what: str) -> Case:
    steps: tuple[str, ...] = (
        "Add a node with GPUs; where there is one, see whether its device plugin runs:",
        "$ kubectl get pods --all-namespaces --selector=app.kubernetes.io/name=nvidia-device-plugin",
    )
    if "." in _value(pod):
        steps += ("or run this encoder without one:", upgrade(snapshot, f"{_value(pod)}.gpus=0"))
    return Case("gpu-absent", f"{what} waits for a GPU, and no node offers {gpu}.", steps)


def _taken(snapshot: ReleaseSnapshot, pod: Object, gpu: str, what: str, offering: list[Object]) -> Case:
    total, running = int(sum(_allocatable(node, gpu) for node in offering)), left(snapshot, [pod])
    taken = f"all {total} {gpu} are taken" if total > 1 else f"the only {gpu} is taken"
    steps: tuple[str, ...] = (
        "See what runs there, then add a node or free one:",
        f"$ kubectl describe nodes {' '.join(name_of(node) for node in offering[:4])}",
    )
    if running:
        steps += (
            "or let the service want no more than run now:",
            upgrade(snapshot, f"{_bound(snapshot, pod)}={running}"),
        )
    return Case("gpu-taken", f"{what} waits for a GPU: {taken}.", steps)


def _value(pod: Object) -> str:
    """The values of the pod's encoder, or of its service."""
    group, service = label(pod, "ray.io/group"), service_of(pod) or "imaging"
    return f"{service}.encoders.{group.removeprefix('encoder-')}" if group.startswith("encoder-") else service


def _bound(snapshot: ReleaseSnapshot, pod: Object) -> str:
    """The value that says how many there may be: another one where Ray Serve scales."""
    group = label(pod, "ray.io/group")
    scaled = any(mapping(serve_deployment(s, group), "autoscaling_config") for s in snapshot.of("RayService"))
    return f"{_value(pod)}.{'autoscaling.maxReplicas' if scaled else 'replicas'}"


def _untolerated_everywhere(nodes: list[Object], pod: Object) -> str:
    """A taint that keeps a pod from the nodes, if taints keep it from all of them."""
    found = [_untolerated(node, pod) for node in nodes]
    return min(found) if found and all(found) else ""


def _untolerated(node: Object, pod: Object) -> str:
    tolerations = items(pod, "spec", "tolerations")
    for taint in items(node, "spec", "taints"):
        hard = text(taint, "effect") in ("NoSchedule", "NoExecute")
        if hard and not any(tolerates(toleration, taint) for toleration in tolerations):
            value = f"={text(taint, 'value')}" if text(taint, "value") else ""
            return f"{text(taint, 'key')}{value}:{text(taint, 'effect')}"
    return ""


def tolerates(toleration: Object, taint: Object) -> bool:
    """Whether a toleration covers a taint (kubernetes.io/docs, "Taints and Tolerations").

    >>> taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    >>> tolerates({"key": "nvidia.com/gpu", "operator": "Exists"}, taint), tolerates({"key": "nvidia.com/gpu"}, taint)
    (True, False)
    """
    if text(toleration, "effect") not in ("", text(taint, "effect")):
        return False
    if text(toleration, "operator") == "Exists":
        return text(toleration, "key") in ("", text(taint, "key"))
    return text(toleration, "key") == text(taint, "key") and text(toleration, "value") == text(taint, "value")


def _tolerate(snapshot: ReleaseSnapshot, value: str, taint: str) -> str:
    key = taint.partition(":")[0].partition("=")[0]
    toleration = f'[{{"key": "{key}", "operator": "Exists"}}]'
    command = upgrade(snapshot, "").removesuffix("--set ")
    return f"{command}--set-json '{value}.tolerations={toleration}'"
