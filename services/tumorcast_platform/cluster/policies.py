"""What every object of a release keeps to, checked on manifests without a cluster; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tumorcast_platform.cluster.reading import Object, at, items, label, mapping, name_of, number, quantity, text


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one object; a warning may be meant so."""

    where: str
    """``Deployment tumorcast-gateway``."""
    code: str
    message: str
    warning: bool = False


class Pods(NamedTuple):
    """A pod spec, and the object that makes such pods."""

    where: str
    labels: Object
    spec: Object
    by_ray: bool


ALLOWED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
"""Volume types of the *restricted* standard (kubernetes.io/docs, "Pod Security Standards")."""
_TEMPLATES = ("Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet")


def problems_of(manifests: list[Object]) -> list[Problem]:
    """All problems, in the order of the manifests."""
    found: list[Problem] = []
    for pods in all_pods(manifests):
        found += [*_restricted(pods), *_tokens(pods), *_resources(pods), *_images(pods)]
    for manifest in manifests:
        found += _autoscaler(manifest, manifests)
        found += _selector(manifest, manifests)
        found += _secret(manifest)
    return [*found, *_twice(manifests), *_openness(manifests)]


def where(manifest: Object) -> str:
    """An object's kind and name."""
    return f"{text(manifest, 'kind')} {name_of(manifest)}"


def all_pods(manifests: list[Object]) -> Iterator[Pods]:
    """Every pod spec: of workloads, of Pods, of each group of Ray clusters."""
    for manifest in manifests:
        kind, name = text(manifest, "kind"), where(manifest)
        if kind in _TEMPLATES:
            yield _template(name, mapping(manifest, "spec", "template"))
        elif kind == "CronJob":
            yield _template(name, mapping(manifest, "spec", "jobTemplate", "spec", "template"))
        elif kind == "Pod":
            yield Pods(name, mapping(manifest, "metadata", "labels"), mapping(manifest, "spec"), False)
        elif kind in ("RayService", "RayCluster", "RayJob"):
            config = mapping(
                manifest, "spec", {"RayService": "rayClusterConfig", "RayJob": "rayClusterSpec"}.get(kind, "")
            )
            config = config or mapping(manifest, "spec")
            for group in (mapping(config, "headGroupSpec"), *items(config, "workerGroupSpecs")):
                yield _template(
                    f"{name}, {text(group, 'groupName') or 'head'}", mapping(group, "template"), by_ray=True
                )


def _template(name: str, template: Object, *, by_ray: bool = False) -> Pods:
    return Pods(name, mapping(template, "metadata", "labels"), mapping(template, "spec"), by_ray)


def _all_containers(spec: Object) -> list[Object]:
    return [*items(spec, "initContainers"), *items(spec, "containers")]


def _restricted(pods: Pods) -> Iterator[Problem]:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards, *restricted*."""
    spec, pod = pods.spec, mapping(pods.spec, "securityContext")
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield Problem(pods.where, "pod-security", f"{field} is on")
    for volume in items(spec, "volumes"):
        other = set(volume) - ALLOWED_VOLUMES - {"name"}
        if other:
            yield Problem(pods.where, "pod-security", f"volume {text(volume, 'name')} is a {', '.join(sorted(other))}")
    for container in _all_containers(spec):
        own, name = mapping(container, "securityContext"), text(container, "name")
        for wrong in _container_wrongs(own, pod, container):
            yield Problem(pods.where, "pod-security", f"container {name}: {wrong}")


def _container_wrongs(own: Object, pod: Object, container: Object) -> Iterator[str]:
    if own.get("privileged"):
        yield "privileged is on"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not true"
    if own.get("runAsUser", pod.get("runAsUser")) == 0:
        yield "runAsUser is 0"
    dropped, added = at(own, "capabilities", "drop"), at(own, "capabilities", "add")
    if not isinstance(dropped, list) or "ALL" not in dropped:
        yield "capabilities do not drop ALL"
    if isinstance(added, list) and set(map(str, added)) - {"NET_BIND_SERVICE"}:
        yield "capabilities are added"
    seccomp = text(own, "seccompProfile", "type") or text(pod, "seccompProfile", "type")
    if seccomp not in ("RuntimeDefault", "Localhost"):
        yield "no seccompProfile"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "readOnlyRootFilesystem is not true (ours, not of the standard)"
    if any(number(port, "hostPort") for port in items(container, "ports")):
        yield "a port of the host is taken"


def _tokens(pods: Pods) -> Iterator[Problem]:
    if pods.spec.get("automountServiceAccountToken") is not False:
        yield Problem(pods.where, "token", "a service-account token is mounted (automountServiceAccountToken)")


def _resources(pods: Pods) -> Iterator[Problem]:
    for container in _all_containers(pods.spec):
        name, resources = text(container, "name"), mapping(container, "resources")
        for resource in ("cpu", "memory"):
            asked, limit = mapping(resources, "requests").get(resource), mapping(resources, "limits").get(resource)
            if quantity(asked) is None and quantity(limit) is None:
                yield Problem(pods.where, "requests", f"container {name} requests no {resource}")
            elif (quantity(asked) or 0) > (quantity(limit) or float("inf")):
                yield Problem(pods.where, "requests", f"container {name} requests more {resource} than its limit")


def _images(pods: Pods) -> Iterator[Problem]:
    for container in _all_containers(pods.spec):
        image = text(container, "image")
        tag = image.rpartition("/")[2].partition(":")[2]
        if "@sha256:" not in image and tag in ("", "latest"):
            name = text(container, "name")
            yield Problem(pods.where, "image", f"container {name}: {image or 'no image'} names no fixed version")


def _autoscaler(manifest: Object, manifests: list[Object]) -> Iterator[Problem]:
    bounds = {"HorizontalPodAutoscaler": ("minReplicas", "maxReplicas"),
              "ScaledObject": ("minReplicaCount", "maxReplicaCount")}.get(text(manifest, "kind"))  # fmt: skip
    if bounds is None:
        return
    low, high = (number(manifest, "spec", key, default=1) for key in bounds)
    if low > high:
        yield Problem(where(manifest), "autoscaler", f"at least {low} and at most {high} replicas contradict")
    target = text(manifest, "spec", "scaleTargetRef", "name")
    found = next((m for m in manifests if text(m, "kind") == "Deployment" and name_of(m) == target), None)
    if found is None:
        yield Problem(where(manifest), "autoscaler", f"it scales Deployment {target}, which is not among the manifests")
    elif at(found, "spec", "replicas") is not None:
        yield Problem(
            where(manifest), "autoscaler", f"Deployment {target} sets replicas itself: each upgrade would reset them"
        )


def _selector(manifest: Object, manifests: list[Object]) -> Iterator[Problem]:
    paths = {"Service": ("spec", "selector"), "PodDisruptionBudget": ("spec", "selector", "matchLabels"),
             "NetworkPolicy": ("spec", "podSelector", "matchLabels")}  # fmt: skip
    path = paths.get(text(manifest, "kind"))
    wanted = mapping(manifest, *path) if path else {}
    if wanted and not any(wanted.items() <= pods.labels.items() for pods in all_pods(manifests)):
        shown = ", ".join(f"{key}={value}" for key, value in sorted(wanted.items()))
        yield Problem(where(manifest), "selector", f"it selects no pod of these manifests ({shown})", warning=True)


def _secret(manifest: Object) -> Iterator[Problem]:
    if text(manifest, "kind") == "Secret" and (manifest.get("data") or manifest.get("stringData")):
        yield Problem(where(manifest), "secret", "a secret stands in the manifests; name one that exists in its place")


def _twice(manifests: list[Object]) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for manifest in manifests:
        key = (text(manifest, "kind"), name_of(manifest))
        if key in seen:
            yield Problem(where(manifest), "twice", "there are two of that name")
        seen.add(key)


def _openness(manifests: list[Object]) -> Iterator[Problem]:
    """What lets in more than a release for patients should."""
    for pods in all_pods(manifests):
        for container in items(pods.spec, "containers"):
            for variable in items(container, "env"):
                if text(variable, "name") == "TUMORCAST_GATEWAY_INSECURE_DEMO" and text(variable, "value") == "true":
                    yield Problem(
                        pods.where, "insecure-demo", "everyone who reaches the gateway may call it", warning=True
                    )
    ours = [m for m in manifests if label(m, "app.kubernetes.io/part-of") == "tumorcast"]
    if ours and not any(text(m, "kind") == "NetworkPolicy" for m in manifests):
        yield Problem(
            "the release", "no-network-policy", "every pod of the cluster reaches every service", warning=True
        )
