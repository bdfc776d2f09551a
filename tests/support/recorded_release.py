"""The release of the recorded clusters: rendered by the real charts, completed as a cluster would, nothing wrong."""

from __future__ import annotations

import copy
import subprocess
import tempfile
from pathlib import Path

import yaml

from support.cluster_controllers import Cluster, Object, ago, before_install, condition, digest
from support.cluster_ray import application, ray_cluster, service_status
from support.helm import binaries, copy_charts
from tumorcast_platform.cluster.log_filter import filtered
from tumorcast_platform.cluster.snapshot import LogTail, ReleaseSnapshot, pruned

FOLDER = Path(__file__).parent / "recorded_clusters"
NAMESPACE, RELEASE = "tumor-board", "tumorcast"
ERRANDS = ("tumorcast-gateway-migration", "tumorcast-gateway-test")


def manifests() -> list[Object]:
    """The release as the charts render it with ``values.yaml``."""
    helm = binaries()[-1]
    with tempfile.TemporaryDirectory() as folder:
        charts = copy_charts(Path(folder) / "charts")
        for chart in ("imaging", "clinical", "notes", "fusion", "gateway", "tumorcast"):
            subprocess.run([helm, "dependency", "build", charts / chart], check=True, capture_output=True)
        values = ["--values", FOLDER / "values.yaml", "--namespace", NAMESPACE]
        rendered = subprocess.run(
            [helm, "template", RELEASE, charts / "tumorcast", *values], check=True, capture_output=True, text=True
        )
    return [document for document in yaml.safe_load_all(rendered.stdout) if document]


def healthy(rendered: list[Object]) -> Cluster:
    """Everything as it should be, nine days after the installation."""
    cluster = Cluster(NAMESPACE)
    for name in ("node-a", "node-b", "node-c"):
        cluster.node(name)
    cluster.node("node-g", cpu=8, gpus=1)
    items = {(i["kind"], i["metadata"]["name"]): i for i in copy.deepcopy(rendered)}
    for (kind, name), item in items.items():
        if kind == "Deployment":
            scaled = name in ("tumorcast-clinical", "tumorcast-notes")
            cluster.deployment(item, 3 if name == "tumorcast-clinical" else 2, scaled=scaled)
        elif kind == "Service":
            _service(cluster, item)
        elif kind == "PodDisruptionBudget" or (kind == "NetworkPolicy" and name not in ERRANDS):
            cluster.add(item)
        elif kind == "Certificate":
            cluster.add(item)["status"] = _issued(item)
    _imaging(cluster, items["RayService", "tumorcast-imaging"])
    _hpa(cluster, items["HorizontalPodAutoscaler", "tumorcast-clinical"], current=3, percent=41)
    _keda(cluster, items["ScaledObject", "tumorcast-notes"], current=2, value="6500m")
    for budget in cluster.objects["PodDisruptionBudget"]:
        _budget(cluster, budget)
    cluster.add(_claim("tumorcast-studies"))["status"] = {
        "phase": "Bound", "accessModes": ["ReadWriteMany"], "capacity": {"storage": "500Gi"},
    }  # fmt: skip
    return cluster


def _service(cluster: Cluster, item: Object) -> None:
    item["spec"].setdefault("clusterIP", f"10.96.14.{len(cluster.objects.get('Service', [])) + 20}")
    cluster.add(item)["status"] = {"loadBalancer": {}}
    cluster.add(
        {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {
                "name": f"{item['metadata']['name']}-{digest(item['metadata']['name'])}",
                "labels": {**item["metadata"]["labels"], "kubernetes.io/service-name": item["metadata"]["name"]},
            },
            "endpoints": [
                {"addresses": ["10.40.0.31"], "conditions": {"ready": True, "serving": True, "terminating": False}}
            ],
            "ports": [{"name": p["name"], "port": p["port"], "protocol": "TCP"} for p in item["spec"]["ports"]],
        },
        owner=item,
    )  # fmt: skip


def _imaging(cluster: Cluster, item: Object) -> None:
    cluster.add(item)
    running = ray_cluster(cluster, item)
    item["status"] = service_status(running, app=application(), endpoints=3)


def _issued(item: Object) -> Object:
    message = "Certificate is up to date and has not expired"
    ready = condition("Ready", "True", "Ready", message, before_install(minutes=1)) | {"observedGeneration": 1}
    return {
        "conditions": [ready], "notBefore": before_install(minutes=1), "notAfter": "2027-02-08T23:13:00Z",
        "renewalTime": "2027-01-09T23:13:00Z", "revision": 1,
    }  # fmt: skip


def hpa_status(current: int, metric: Object, *, limited: Object | None = None, active: Object | None = None) -> Object:
    at = before_install(hours=1)
    within = condition("ScalingLimited", "False", "DesiredWithinRange",
                       "the desired count is within the acceptable range", at)  # fmt: skip
    able = condition("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size", at)
    found = condition("ScalingActive", "True", "ValidMetricFound",
                      "the HPA was able to successfully calculate a replica count", at)  # fmt: skip
    return {
        "observedGeneration": 1,
        "currentReplicas": current,
        "desiredReplicas": current,
        "lastScaleTime": ago(hours=2),
        "currentMetrics": [metric] if metric else None,
        "conditions": [able, active or found, limited or within],
    }


def cpu(percent: int) -> Object:
    current = {"averageUtilization": percent, "averageValue": f"{percent * 5}m"}
    return {"type": "Resource", "resource": {"name": "cpu", "current": current}}


def _hpa(cluster: Cluster, item: Object, *, current: int, percent: int) -> None:
    cluster.add(item)["status"] = hpa_status(current, cpu(percent))


def _keda(cluster: Cluster, item: Object, *, current: int, value: str) -> None:
    name, labels = item["metadata"]["name"], item["metadata"]["labels"]
    cluster.add(item)["status"] = {
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "ScaledObjectReady",
             "message": "ScaledObject is defined correctly and is ready for scaling"},
            {"type": "Active", "status": "True", "reason": "ScalerActive",
             "message": "Scaling is performed because triggers are active"},
            {"type": "Fallback", "status": "False", "reason": "NoFallbackFound",
             "message": "No fallbacks are active on this scaled object"},
            {"type": "Paused", "status": "Unknown"},
        ],
        "externalMetricNames": ["s0-prometheus"],
        "hpaName": f"keda-hpa-{name}",
        "originalReplicaCount": 2,
        "scaleTargetGVKR": {"group": "apps", "kind": "Deployment", "resource": "deployments", "version": "v1"},
        "scaleTargetKind": "apps/v1.Deployment",
    }  # fmt: skip
    metric = {"name": "s0-prometheus", "selector": {"matchLabels": {"scaledobject.keda.sh/name": name}}}
    hpa = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": f"keda-hpa-{name}", "labels": {**labels, "scaledobject.keda.sh/name": name}},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": item["spec"]["minReplicaCount"],
            "maxReplicas": item["spec"]["maxReplicaCount"],
            "metrics": [
                {"type": "External",
                 "external": {"metric": metric, "target": {"type": "AverageValue", "averageValue": "16"}}}
            ],
        },
    }  # fmt: skip
    now = {"type": "External", "external": {"metric": metric, "current": {"averageValue": value}}}
    cluster.add(hpa, owner=item)["status"] = hpa_status(current, now)


def _budget(cluster: Cluster, item: Object) -> None:
    labels = item["spec"]["selector"]["matchLabels"]
    pods = [p for p in cluster.objects["Pod"] if labels.items() <= p["metadata"]["labels"].items()]
    count = len(pods)
    enough = condition("DisruptionAllowed", "True", "SufficientPods", "", before_install(minutes=4))
    item["status"] = {
        "observedGeneration": 1, "disruptionsAllowed": min(1, count), "expectedPods": count, "currentHealthy": count,
        "desiredHealthy": max(0, count - 1), "conditions": [enough | {"observedGeneration": 1}],
    }  # fmt: skip


def _claim(name: str) -> Object:
    spec = {
        "accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "500Gi"}}, "storageClassName": "nfs",
        "volumeMode": "Filesystem", "volumeName": "pvc-0d1b6f1c-studies",
    }  # fmt: skip
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def snapshot(
    cluster: Cluster, logs: dict[tuple[str, str, bool], str] | None = None, **fields: object
) -> ReleaseSnapshot:
    """The recording of a cluster; ``logs`` by pod, container, and whether of the previous run."""
    objects = {kind: [pruned(item) for item in found] for kind, found in cluster.objects.items() if kind != "Secret"}
    tails = tuple(LogTail(*key, filtered(log)) for key, log in sorted((logs or {}).items()))
    return ReleaseSnapshot(NAMESPACE, RELEASE, ago(), objects, tails, **fields)  # type: ignore[arg-type]
