"""What the API server and its controllers add to manifests, in the API's shapes (1.33): owners, pods, statuses.

For the recorded clusters (recording.py): a release is rendered by the real charts, completed here as a cluster would
complete it, and then broken in one way.
"""

from __future__ import annotations

import copy
import hashlib
from datetime import datetime, timedelta
from typing import Any

Object = dict[str, Any]

NOW = datetime.fromisoformat("2026-11-20T03:12:00+00:00")
INSTALLED = NOW - timedelta(days=9, hours=4)


def ago(**span: float) -> str:
    """A moment before the recording, as the API writes it."""
    return (NOW - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def before_install(**span: float) -> str:
    """A moment after the installation."""
    return (INSTALLED + timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest(text: str, length: int = 5) -> str:
    """A suffix as controllers make them, of the letters that they use."""
    letters = "bcdfghjklmnpqrstvwxz2456789"
    number = int(hashlib.sha256(text.encode()).hexdigest(), 16)
    return "".join(letters[number >> (5 * i) & 15] for i in range(length))


def uid(text: str) -> str:
    """A UID that depends on the text alone."""
    h = hashlib.sha256(text.encode()).hexdigest()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:32]}"


class Cluster:
    """A namespace and its nodes, filled by the methods below."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.objects: dict[str, list[Object]] = {}
        self.version = 481_000

    def add(self, item: Object, *, created: str = "", owner: Object | None = None) -> Object:
        """Let an object be there, with the metadata that the API server writes."""
        self.version += 7
        kind, name = item["kind"], item["metadata"]["name"]
        item["metadata"] |= {
            "namespace": self.namespace,
            "uid": uid(f"{kind}/{name}"),
            "resourceVersion": str(self.version),
            "creationTimestamp": created or before_install(),
        }
        if kind not in ("Pod", "Event", "Service", "EndpointSlice", "Node"):
            item["metadata"].setdefault("generation", 1)
        if owner is not None:
            item["metadata"]["ownerReferences"] = [
                {
                    "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
                    "uid": owner["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True,
                }
            ]  # fmt: skip
        self.objects.setdefault(kind, []).append(item)
        return item

    def find(self, kind: str, name: str) -> Object:
        """The one object of that kind and name."""
        [found] = [item for item in self.objects[kind] if item["metadata"]["name"] == name]
        return found

    def pods(self, prefix: str) -> list[Object]:
        """The pods whose names begin so."""
        return [pod for pod in self.objects["Pod"] if pod["metadata"]["name"].startswith(prefix)]

    def remove(self, kind: str, *names: str) -> None:
        """Let objects be gone."""
        self.objects[kind] = [i for i in self.objects[kind] if i["metadata"]["name"] not in names]

    # -- nodes ------------------------------------------------------------------------------------------------------

    def node(self, name: str, *, cpu: int = 16, memory: str = "65536000Ki", gpus: int = 0, taint: bool = True) -> None:
        labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"zone-{name[-1]}"}
        capacity = {"cpu": str(cpu), "memory": memory, "pods": "110", "ephemeral-storage": "209702892Ki"}
        spec: Object = {"podCIDR": "10.40.0.0/24", "providerID": f"kind://docker/ward/{name}"}
        if gpus:
            labels["nvidia.com/gpu.product"] = "NVIDIA-L4"
            capacity["nvidia.com/gpu"] = str(gpus)
            if taint:
                spec["taints"] = [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]
        conditions = [
            node_condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory"),
            node_condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            node_condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            node_condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ]  # fmt: skip
        status = {"capacity": capacity, "allocatable": dict(capacity), "conditions": conditions}
        item = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": spec}
        added = self.add(item | {"status": status}, created="2026-06-02T08:00:00Z")
        del added["metadata"]["namespace"]

    # -- deployments ------------------------------------------------------------------------------------------------

    def deployment(self, item: Object, replicas: int, *, scaled: bool = False) -> None:
        """Complete a Deployment, its ReplicaSet and pods, all ready."""
        item["spec"].setdefault("revisionHistoryLimit", 10)
        item["spec"].setdefault("progressDeadlineSeconds", 600)
        item["spec"]["replicas"] = replicas
        item["metadata"].setdefault("annotations", {})["deployment.kubernetes.io/revision"] = "1"
        self.add(item)
        if scaled:
            item["metadata"]["generation"] = 3
        item["status"] = deployment_status(item, replicas, replicas)
        replica_set = self.replica_set(item, replicas, replicas)
        for number in range(replicas):
            self.pod(replica_set, item["spec"]["template"], node=f"node-{'abc'[number % 3]}", number=number)

    def replica_set(self, deployment: Object, replicas: int, ready: int, *, revision: int = 1) -> Object:
        template = copy.deepcopy(deployment["spec"]["template"])
        hashed = digest(deployment["metadata"]["name"] + str(template), 9)
        template["metadata"]["labels"]["pod-template-hash"] = hashed
        name = f"{deployment['metadata']['name']}-{hashed}"
        match = {**deployment["spec"]["selector"]["matchLabels"], "pod-template-hash": hashed}
        status = {
            "replicas": replicas, "fullyLabeledReplicas": replicas, "readyReplicas": ready,
            "availableReplicas": ready, "observedGeneration": 1,
        }  # fmt: skip
        item = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "labels": template["metadata"]["labels"],
                "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            },
            "spec": {"replicas": replicas, "selector": {"matchLabels": match}, "template": template},
            "status": {key: value for key, value in status.items() if value},
        }
        return self.add(item, owner=deployment)

    def pod(
        self, owner: Object, template: Object, *, node: str, number: int = 0, created: str = "", name: str = ""
    ) -> Object:
        """A running pod of a controller, ready."""
        owner_name = owner["metadata"]["name"]
        labels = dict(owner.get("spec", {}).get("template", template).get("metadata", {}).get("labels", {}))
        labels = {**template["metadata"]["labels"], **labels} if owner["kind"] == "ReplicaSet" else dict(
            template["metadata"]["labels"]
        )  # fmt: skip
        spec = copy.deepcopy(template["spec"])
        spec["nodeName"] = node
        spec.setdefault("restartPolicy", "Always")
        item = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name or f"{owner_name}-{digest(f'{owner_name}{number}')}", "labels": labels},
            "spec": spec,
        }
        self.add(item, created=created or before_install(minutes=2), owner=owner)
        item["status"] = running(item)
        return item

    # -- events -----------------------------------------------------------------------------------------------------

    def event(
        self, about: Object, reason: str, note: str, *, minutes: float, count: int = 1, kind: str = "Warning",
        by: str = "kubelet", container: str = "",
    ) -> None:  # fmt: skip
        """An event as events.k8s.io/v1 gives one that a core/v1 recorder wrote."""
        name = about["metadata"]["name"]
        regarding = {
            "apiVersion": about["apiVersion"], "kind": about["kind"], "name": name, "namespace": self.namespace,
            "uid": about["metadata"]["uid"],
        }  # fmt: skip
        if container:
            regarding["fieldPath"] = f"spec.containers{{{container}}}"
        item = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{name}.{digest(reason + note + str(minutes), 16)}"},
            "regarding": regarding,
            "reason": reason,
            "note": note,
            "type": kind,
            "reportingController": by,
            "eventTime": None,
            "deprecatedSource": {"component": by},
            "deprecatedFirstTimestamp": ago(minutes=minutes + 0.4 * count),
            "deprecatedLastTimestamp": ago(minutes=minutes),
            "deprecatedCount": count,
        }
        self.add(item, created=ago(minutes=minutes + 0.4 * count))


def node_condition(kind: str, status: str, reason: str, message: str) -> Object:
    return {
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastHeartbeatTime": ago(minutes=2), "lastTransitionTime": "2026-06-02T08:00:40Z",
    }  # fmt: skip


def condition(kind: str, status: str, reason: str, message: str, at: str) -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at}


def deployment_status(item: Object, replicas: int, ready: int, *, updated: int | None = None, at: str = "") -> Object:
    name, at = item["metadata"]["name"], at or before_install(minutes=3)
    available = ready == replicas
    has = "has" if available else "does not have"
    reason = "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable"
    message = f"Deployment {has} minimum availability."
    status: Object = {
        "observedGeneration": item["metadata"].get("generation", 1),
        "replicas": replicas,
        "updatedReplicas": replicas if updated is None else updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": replicas - ready,
        "conditions": [
            condition("Available", str(available), reason, message, at) | {"lastUpdateTime": at},
            condition("Progressing", "True", "NewReplicaSetAvailable",
                      f'ReplicaSet "{name}" has successfully progressed.', at) | {"lastUpdateTime": at},
        ],
    }  # fmt: skip
    return {key: value for key, value in status.items() if value}


def pod_conditions(*, ready: bool, at: str, scheduled: Object | None = None) -> list[Object]:
    names = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    found = []
    for kind in names:
        if kind == "PodScheduled" and scheduled:
            found.append(scheduled | {"lastProbeTime": None})
            continue
        good = ready or kind in ("PodScheduled", "Initialized", "PodReadyToStartContainers")
        entry = {"type": kind, "status": str(good), "lastProbeTime": None, "lastTransitionTime": at}
        if not good:
            entry |= {"reason": "ContainersNotReady", "message": "containers with unready status"}
        found.append(entry)
    return found


def container_status(container: Object, state: Object, **fields: Any) -> Object:
    status = {
        "name": container["name"],
        "image": container["image"],
        "imageID": _image_id(container["image"]),
        "containerID": f"containerd://{hashlib.sha256(str(fields).encode()).hexdigest()}",
        "ready": "running" in state,
        "started": "running" in state,
        "restartCount": 0,
        "state": state,
        "lastState": {},
    } | fields
    if "waiting" in state and not fields.get("lastState"):
        status |= {"imageID": "", "containerID": ""}
    if not status["containerID"]:
        del status["containerID"]
    return status


def running(pod: Object, at: str = "") -> Object:
    """The status of a pod all of whose containers run and are ready."""
    at = at or (
        datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) + timedelta(seconds=40)
    ).strftime("%Y-%m-%dT%H:%M:%SZ")  # fmt: skip
    state = {"running": {"startedAt": at}}
    number = int(hashlib.sha256(pod["metadata"]["name"].encode()).hexdigest(), 16)
    status = {
        "phase": "Running",
        "conditions": pod_conditions(ready=True, at=at),
        "hostIP": "10.10.0.4",
        "hostIPs": [{"ip": "10.10.0.4"}],
        "podIP": f"10.40.{number % 3}.{number % 200 + 10}",
        "podIPs": [{"ip": f"10.40.{number % 3}.{number % 200 + 10}"}],
        "startTime": pod["metadata"]["creationTimestamp"],
        "qosClass": "Burstable",
        "containerStatuses": [container_status(c, dict(state)) for c in pod["spec"]["containers"]],
    }
    if doors := pod["spec"].get("initContainers"):
        status["initContainerStatuses"] = [container_status(c, dict(state)) for c in doors]
    return status


def waiting(pod: Object, container: str, reason: str, message: str, *, at: str, **fields: Any) -> None:
    """Let one container of a pod wait, and the pod not be ready; the others stay as they are."""
    pod["status"]["phase"] = fields.pop("phase", "Pending")
    pod["status"]["conditions"] = pod_conditions(ready=False, at=at)
    spec = next(c for c in pod["spec"]["containers"] if c["name"] == container)
    state = {"waiting": {"reason": reason, "message": message}}
    statuses = pod["status"]["containerStatuses"]
    statuses[[s["name"] for s in statuses].index(container)] = container_status(spec, state, **fields)


def unscheduled(pod: Object, message: str, *, at: str) -> None:
    """Let a pod find no node."""
    del pod["spec"]["nodeName"]
    scheduled = {
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
        "lastTransitionTime": at,
    }  # fmt: skip
    pod["status"] = {"phase": "Pending", "qosClass": "Burstable", "conditions": [scheduled | {"lastProbeTime": None}]}


def _image_id(image: str) -> str:
    return f"{image.rpartition(':')[0]}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"
