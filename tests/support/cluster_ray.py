"""What KubeRay makes of a RayService: a Ray cluster, its pods and the RayService's status (field shapes of 1.7)."""

from __future__ import annotations

import copy
from typing import Any

from support.cluster_controllers import Cluster, Object, ago, before_install, condition, digest

HEALTHY: Object = {"status": "HEALTHY"}


def ray_cluster(cluster: Cluster, service: Object, *, number: int = 1, created: str = "", pods: bool = True) -> Object:
    """A Ray cluster of a RayService with all of its pods, ready."""
    name = f"{service['metadata']['name']}-{digest(f'ray{number}')}"
    spec = copy.deepcopy(service["spec"]["rayClusterConfig"])
    item = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {
            "name": name,
            "labels": {
                **service["metadata"]["labels"],
                "ray.io/originated-from-crd": "RayService",
                "ray.io/originated-from-cr-name": service["metadata"]["name"],
            },
        },
        "spec": spec,
    }
    cluster.add(item, created=created or before_install(minutes=1), owner=service)
    workers = sum(group["replicas"] for group in spec["workerGroupSpecs"])
    item["status"] = cluster_status(item, workers, workers)
    if pods:
        _pods(cluster, item, created)
    return item


def _pods(cluster: Cluster, item: Object, created: str) -> None:
    spec, name = item["spec"], item["metadata"]["name"]
    head = copy.deepcopy(spec["headGroupSpec"]["template"])
    _label(head, item, "head", "headgroup")
    cluster.pod(item, head, node="node-a", created=created, name=f"{name}-head-{digest(name)}")
    for group in spec["workerGroupSpecs"]:
        for number in range(group["replicas"]):
            worker = copy.deepcopy(group["template"])
            _label(worker, item, "worker", group["groupName"])
            gpu = "nvidia.com/gpu" in worker["spec"]["containers"][0]["resources"]["limits"]
            suffix = digest(f"{name}{group['groupName']}{number}")
            cluster.pod(
                item, worker, node="node-g" if gpu else f"node-{'bca'[number % 3]}", created=created,
                name=f"{name}-{group['groupName']}-worker-{suffix}",
            )  # fmt: skip


def _label(template: Object, item: Object, node_type: str, group: str) -> None:
    template["metadata"]["labels"] |= {
        "ray.io/cluster": item["metadata"]["name"],
        "ray.io/group": group,
        "ray.io/node-type": node_type,
        "ray.io/is-ray-node": "yes",
        "ray.io/identifier": f"{item['metadata']['name']}-{node_type}",
        "app.kubernetes.io/created-by": "kuberay-operator",
    }
    if node_type == "worker":
        template["metadata"]["labels"]["ray.io/serve"] = "true"


def cluster_status(item: Object, wanted: int, ready: int) -> Object:
    at = item["metadata"]["creationTimestamp"]
    name = item["metadata"]["name"]
    provisioned = ready == wanted
    conditions = [
        condition("HeadPodReady", "True", "HeadPodRunningAndReady", "", at),
        condition("RayClusterProvisioned", str(provisioned),
                  "AllPodRunningAndReadyFirstTime" if provisioned else "RayClusterPodsProvisioning",
                  "All Ray Pods are ready" if provisioned else "RayCluster Pods are being provisioned", at),
    ]  # fmt: skip
    status: Object = {
        "desiredWorkerReplicas": wanted,
        "availableWorkerReplicas": ready,
        "readyWorkerReplicas": ready,
        "desiredCPU": "5",
        "desiredMemory": "18Gi",
        "desiredGPU": "1",
        "head": {"podIP": "10.40.0.21", "podName": f"{name}-head-{digest(name)}", "serviceName": f"{name}-head-svc"},
        "endpoints": {"gcs-server": "6379", "dashboard": "8265", "serve-grpc": "9000"},
        "conditions": conditions,
        "lastUpdateTime": ago(minutes=4),
        "observedGeneration": 1,
    }
    return status | ({"state": "ready"} if provisioned else {})


def application(status: str = "RUNNING", message: str = "", **deployments: Object) -> Object:
    """The state of the application ``imaging``; deployments by name with _ for -."""
    states = {"ingress": HEALTHY, "encoder-ct-lesion": HEALTHY}
    states |= {name.replace("_", "-"): state for name, state in deployments.items()}
    return {"imaging": {"status": status, "message": message, "serveDeploymentStatuses": states}}


def service_status(
    active: Object | None, *, app: Object | None = None, endpoints: int = 0, pending: Object | None = None,
    pending_app: Object | None = None, since: str = "", upgrading_since: str = "",
) -> Object:  # fmt: skip
    """A RayService's status."""
    since = since or before_install(minutes=4)
    ready = endpoints > 0
    told = "Number of serve endpoints is greater than 0" if ready else "Number of serve endpoints dropped to 0"
    upgrading = pending is not None and active is not None
    reason = "BothActivePendingClustersExist" if upgrading else "NoPendingCluster"
    both = "Both active and pending Ray clusters exist"
    one = "Active Ray cluster exists and no pending Ray cluster"
    status: Object = {
        "conditions": [
            condition("Ready", str(ready), "NonZeroServeEndpoints" if ready else "ZeroServeEndpoints", told, since),
            condition(
                "UpgradeInProgress", str(upgrading), reason, both if upgrading else one, upgrading_since or since
            ),
        ],
        "lastUpdateTime": ago(minutes=1),
        "observedGeneration": 1,
        "activeServiceStatus": _of(active, app),
        "pendingServiceStatus": _of(pending, pending_app),
    }
    if ready:
        status |= {"numServeEndpoints": endpoints, "serviceStatus": "Running"}
    return status


def _of(cluster: Object | None, app: Object | None) -> dict[str, Any]:
    if cluster is None:
        return {"rayClusterStatus": {"desiredCPU": "0", "desiredMemory": "0", "desiredGPU": "0", "head": {}}}
    return {
        "rayClusterName": cluster["metadata"]["name"],
        "rayClusterStatus": copy.deepcopy(cluster["status"]),
        **({"applicationStatuses": app} if app else {}),
    }
