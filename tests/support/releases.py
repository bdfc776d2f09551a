"""Objects of a release as the API server sends them, for tests of what acts on them."""

from __future__ import annotations

import json
from typing import Any

Object = dict[str, Any]

SERVE = """\
# ours: do not touch
proxy_location: EveryNode
applications:
  - name: imaging
    import_path: tumorcast_imaging.app:build
    args: {study_store: /studies, encoders: ["ct-lesion", sarcoma]}   # fields of Settings
    deployments:
      - name: ingress
        num_replicas: 1   # one folder
        ray_actor_options: {num_cpus: 1, num_gpus: 0, resources: {ingress: 1}}
      - name: encoder-ct-lesion
        num_replicas: 2
        ray_actor_options: {num_cpus: 1, num_gpus: 0, resources: {encoder-ct-lesion: 1}}
      - name: encoder-sarcoma
        autoscaling_config:
          min_replicas: 1
          max_replicas: 6
          target_ongoing_requests: 8
        ray_actor_options: {num_cpus: 0.5, num_gpus: 0.5, resources: {encoder-sarcoma: 1}}
"""


def group(name: str, replicas: int, low: int, high: int, offers: int = 1, **extra: Any) -> Object:
    """A worker group whose pods offer so many units of its custom resource."""
    volumes = [{"name": "studies", "emptyDir": {}}] if name == "ingress" else []
    container = {"name": "ray", "image": "x", "resources": {"limits": {"cpu": "1", **extra}}}
    return {
        "groupName": name,
        "replicas": replicas,
        "minReplicas": low,
        "maxReplicas": high,
        "rayStartParams": {"resources": json.dumps(json.dumps({name: offers}))},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container], "volumes": volumes}},
    }


def rayservice(serve: str = SERVE, **status: Any) -> Object:
    """A RayService with an ingress, an encoder of fixed size and one that Ray Serve scales, two replicas a pod."""
    groups = [
        group("ingress", 1, 1, 1),
        group("encoder-ct-lesion", 2, 2, 2),
        group("encoder-sarcoma", 1, 1, 3, offers=2, **{"nvidia.com/gpu": "1"}),
    ]
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": {"name": "tumorcast-imaging", "resourceVersion": "41", "generation": 3},
        "spec": {
            "serveConfigV2": serve,
            "rayClusterConfig": {"rayVersion": "2.60.0", "headGroupSpec": {}, "workerGroupSpecs": groups},
        },
        "status": {"activeServiceStatus": {"rayClusterName": "tumorcast-imaging-abcde"}, **status},
    }


def raycluster(*, autoscaled: bool = False, name: str = "tumorcast-imaging-abcde") -> Object:
    """The RayCluster that runs for it."""
    groups = rayservice()["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    spec = {"enableInTreeAutoscaling": autoscaled, "workerGroupSpecs": groups}
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": name, "resourceVersion": "77"},
        "spec": spec,
    }


def deployment(service: str = "clinical", replicas: int | None = 2, **env: str) -> Object:
    """A Deployment of a release, all of whose pods are ready."""
    container = {
        "name": service,
        "image": f"registry.example.org/ward/tumorcast-{service}:0.1.0",
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    }
    labels = {"app.kubernetes.io/name": service, "app.kubernetes.io/instance": "tumorcast"}
    count = 1 if replicas is None else replicas
    spec: Object = {"selector": {"matchLabels": labels}, "template": {"spec": {"containers": [container]}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"tumorcast-{service}", "resourceVersion": "9", "generation": 4, "labels": labels},
        "spec": spec | ({} if replicas is None else {"replicas": replicas}),
        "status": {"observedGeneration": 4, "replicas": count, "readyReplicas": count, "updatedReplicas": count},
    }


def hpa(service: str = "clinical", low: int = 2, high: int = 10, owner: str = "", **annotations: str) -> Object:
    """A HorizontalPodAutoscaler of a service; ``owner`` is the ScaledObject that it is of."""
    metadata: Object = {"name": f"tumorcast-{service}", "resourceVersion": "15", "annotations": annotations}
    if owner:
        metadata["ownerReferences"] = [{"kind": "ScaledObject", "name": owner, "apiVersion": "keda.sh/v1alpha1"}]
    aim = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"tumorcast-{service}"}
    spec = {"minReplicas": low, "maxReplicas": high, "scaleTargetRef": aim}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


def scaled_object(service: str = "clinical", **annotations: str) -> Object:
    """KEDA's ScaledObject of a service."""
    metadata = {"name": f"tumorcast-{service}", "resourceVersion": "21", "annotations": annotations}
    spec = {"scaleTargetRef": {"name": f"tumorcast-{service}"}, "minReplicaCount": 2, "maxReplicaCount": 8}
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": spec}


def pod(name: str, *, ready: bool = True, phase: str = "Running", **labels: str) -> Object:
    """A pod."""
    conditions = [{"type": "Ready", "status": str(ready)}]
    metadata = {"name": name, "labels": labels, "uid": name}
    status = {"phase": phase, "conditions": conditions}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "status": status,
        "spec": {"restartPolicy": "Never"},
    }
