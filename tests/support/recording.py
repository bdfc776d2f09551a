"""Makes the recorded clusters: one healthy release, and the same broken in one way each.

``python tests/support/recording.py`` renders the charts with the real Helm (``.tools``) and writes
``tests/support/recorded_clusters/*.json``. No cluster is at hand: what the API server, its controllers, KubeRay, KEDA
and cert-manager add is written by hand after their sources and documentation (cluster_controllers.py, cluster_ray.py).
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cluster_controllers import (
    Object,
    ago,
    condition,
    container_status,
    deployment_status,
    digest,
    pod_conditions,
    unscheduled,
    waiting,
)  # fmt: skip
from support.cluster_ray import application, cluster_status, ray_cluster, service_status
from support.recorded_release import FOLDER, NAMESPACE, cpu, healthy, hpa_status, manifests, snapshot
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot


def image_pull(rendered: list[Object]) -> ReleaseSnapshot:
    """An upgrade of notes to a tag that nobody pushed; the old pods go on."""
    cluster = healthy(rendered)
    notes = cluster.find("Deployment", "tumorcast-notes")
    template = notes["spec"]["template"]
    image = template["spec"]["containers"][0]["image"].replace(":0.1.0", ":0.2.0")
    template["spec"]["containers"][0]["image"] = image
    notes["metadata"]["generation"] = 4
    notes["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "2"
    notes["status"] = deployment_status(notes, 2, 2, updated=1) | {"replicas": 3, "unavailableReplicas": 1}
    replica_set = cluster.replica_set(notes, 1, 0, revision=2)
    pod = cluster.pod(replica_set, template, node="node-b", created=ago(minutes=14))
    told = (
        f'Failed to pull image "{image}": rpc error: code = NotFound desc = failed to pull and unpack image "{image}": '
        f'failed to resolve reference "{image}": {image}: not found'
    )
    waiting(pod, "notes", "ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {told}',
            at=ago(minutes=14))  # fmt: skip
    cluster.event(pod, "Failed", told, minutes=2, count=7, container="notes")
    cluster.event(pod, "BackOff", f'Back-off pulling image "{image}"', minutes=0.5, count=52, container="notes")
    cluster.event(pod, "Failed", "Error: ImagePullBackOff", minutes=0.5, count=52, container="notes")
    return snapshot(cluster)


def out_of_memory(rendered: list[Object]) -> ReleaseSnapshot:
    """The encoder is killed for memory again and again, and clinical ends by itself."""
    cluster = healthy(rendered)
    service = cluster.find("RayService", "tumorcast-imaging")
    [worker] = [p for p in cluster.objects["Pod"] if "-encoder-ct-lesion-" in p["metadata"]["name"]]
    last = {
        "terminated": {
            "exitCode": 137,
            "reason": "OOMKilled",
            "startedAt": ago(minutes=9),
            "finishedAt": ago(minutes=3),
        }
    }
    back_off = "back-off 2m40s restarting failed container=ray pod={0}_{1}({2})"
    waiting(worker, "ray", "CrashLoopBackOff", _back_off(back_off, worker), at=ago(minutes=3), phase="Running",
            lastState=last, restartCount=5)  # fmt: skip
    cluster.event(worker, "BackOff", _back_off("Back-off restarting failed container ray in pod {0}_{1}({2})", worker),
                  minutes=0.3, count=21, container="ray")  # fmt: skip
    running = cluster.objects["RayCluster"][0]
    running["status"] = cluster_status(running, 3, 2)
    unhealthy = {
        "status": "UNHEALTHY",
        "message": "The deployment failed to start 3 times in a row. This may be due to a problem with its constructor "
        "or initial health check failing. See controller logs for details. Error: The actor died unexpectedly before "
        "finishing this task. The actor died because its node has died.",
    }
    app = application("UNHEALTHY", "The deployments ['encoder-ct-lesion'] are UNHEALTHY.", encoder_ct_lesion=unhealthy)
    service["status"] = service_status(running, app=app, endpoints=2)
    clinical = cluster.find("Deployment", "tumorcast-clinical")
    pods = cluster.pods("tumorcast-clinical-")
    clinical["status"] = deployment_status(clinical, 3, 0, at=ago(minutes=11))
    ended = {
        "terminated": {"exitCode": 1, "reason": "Error", "startedAt": ago(minutes=2), "finishedAt": ago(minutes=1.9)}
    }
    logs = {}
    for pod in pods:
        waiting(pod, "clinical", "CrashLoopBackOff",
                _back_off("back-off 5m0s restarting failed container=clinical pod={0}_{1}({2})", pod),
                at=ago(minutes=11), phase="Running", lastState=copy.deepcopy(ended), restartCount=7)  # fmt: skip
        logs[pod["metadata"]["name"], "clinical", True] = (
            "The clinical service does not start: fhir_ca_file: /etc/tumorcast/fhir-ca/ca.pem is no PEM certificate\n"
        )
    hpa = cluster.find("HorizontalPodAutoscaler", "tumorcast-clinical")
    failed = condition("ScalingActive", "False", "FailedGetResourceMetric",
                       "the HPA was unable to compute the replica count: failed to get cpu utilization: did not "
                       "receive metrics for targeted pods (pods might be unready)", ago(minutes=10))  # fmt: skip
    hpa["status"] = hpa_status(3, {}, active=failed)
    return snapshot(cluster, logs)


def _back_off(text: str, pod: Object) -> str:
    return text.format(pod["metadata"]["name"], NAMESPACE, pod["metadata"]["uid"])


def gpu_pending(rendered: list[Object]) -> ReleaseSnapshot:
    """The load asks for a third encoder; the one GPU node is full."""
    cluster = healthy(rendered)
    running = cluster.objects["RayCluster"][0]
    group = next(g for g in running["spec"]["workerGroupSpecs"] if g["groupName"] == "encoder-ct-lesion")
    group["replicas"] = 3
    template = cluster.pods(f"{running['metadata']['name']}-encoder-ct-lesion")[0]
    told = (
        "0/4 nodes are available: 1 Insufficient nvidia.com/gpu, 3 Insufficient nvidia.com/gpu. "
        "preemption: 0/4 nodes are available: 4 No preemption victims found for incoming pod."
    ).replace("1 Insufficient nvidia.com/gpu, 3", "4")
    for number in (1, 2):
        pod = cluster.pod(
            running, {"metadata": copy.deepcopy(template["metadata"]), "spec": copy.deepcopy(template["spec"])},
            node="", created=ago(minutes=26), name=template["metadata"]["name"][:-5] + digest(str(number)),
        )  # fmt: skip
        unscheduled(pod, told, at=ago(minutes=26))
        cluster.event(pod, "FailedScheduling", told, minutes=1, count=6, by="default-scheduler")
    running["status"] = cluster_status(running, 5, 3)
    service = cluster.find("RayService", "tumorcast-imaging")
    updating = {"status": "UPSCALING", "message": "Upscaling from 1 to 3 replicas. 1 replicas running, 2 pending."}
    service["status"] = service_status(
        running, app=application(encoder_ct_lesion=updating), endpoints=3
    )  # fmt: skip
    return snapshot(cluster)


def upgrade_stuck(rendered: list[Object]) -> ReleaseSnapshot:
    """A new encoder was named that the image does not have; the new Ray cluster fails, the old one serves."""
    cluster = healthy(rendered)
    service = cluster.find("RayService", "tumorcast-imaging")
    service["metadata"]["generation"] = 2
    active = cluster.objects["RayCluster"][0]
    pending = ray_cluster(cluster, service, number=2, created=ago(minutes=41))
    message = (
        "Deploying app 'imaging' failed with exception:\n"
        "Traceback (most recent call last):\n"
        '  File "/opt/tumorcast/lib/python3.11/site-packages/ray/serve/_private/application_state.py", line 1402, in '
        "build_serve_application\n    app = call_user_app_builder_with_args_if_necessary(\n"
        '  File "/opt/tumorcast/lib/python3.11/site-packages/tumorcast_imaging/app.py", line 61, in build\n'
        "tumorcast_core.errors.InvalidInput: There is no encoder liver-lesion in this image.\n"
    )
    failed = {"imaging": {"status": "DEPLOY_FAILED", "message": message}}
    service["status"] = service_status(
        active, app=application(), endpoints=3, pending=pending, pending_app=failed, upgrading_since=ago(minutes=41)
    ) | {"observedGeneration": 2}
    return snapshot(cluster)


def migration_failed(rendered: list[Object]) -> ReleaseSnapshot:
    """An upgrade whose migration cannot reach the database; Helm stopped before it changed anything else."""
    cluster = healthy(rendered)
    job = copy.deepcopy(next(i for i in rendered if i["kind"] == "Job"))
    cluster.add(job, created=ago(minutes=19))
    spec = job["spec"]
    labels = {
        "batch.kubernetes.io/job-name": job["metadata"]["name"],
        "batch.kubernetes.io/controller-uid": job["metadata"]["uid"],
    }
    spec |= {"parallelism": 1, "completions": 1, "completionMode": "NonIndexed", "suspend": False}
    spec |= {"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": job["metadata"]["uid"]}}}
    spec["template"]["metadata"]["labels"] |= labels
    told = "Job has reached the specified backoff limit"
    job["status"] = {
        "failed": 4, "startTime": ago(minutes=19), "ready": 0, "terminating": 0, "uncountedTerminatedPods": {},
        "conditions": [
            condition(kind, "True", "BackoffLimitExceeded", told, ago(minutes=12)) | {"lastProbeTime": ago(minutes=12)}
            for kind in ("FailureTarget", "Failed")
        ],
    }  # fmt: skip
    logs = {}
    for number in range(4):
        pod = cluster.pod(job, spec["template"], node="node-c", number=number, created=ago(minutes=19 - number))
        pod["metadata"].setdefault("generateName", f"{job['metadata']['name']}-")
        at = ago(minutes=18 - number)
        ended = {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": at, "finishedAt": at}}
        container = pod["spec"]["containers"][0]
        pod["status"] |= {"phase": "Failed", "conditions": pod_conditions(ready=False, at=at)}
        pod["status"]["containerStatuses"] = [container_status(container, ended)]
        logs[pod["metadata"]["name"], "migration", False] = (
            "The database was not migrated: The store of records does not answer.\n"
        )
    cluster.event(job, "BackoffLimitExceeded", told, minutes=12, by="job-controller")
    return snapshot(cluster, logs)


def missing_secret(rendered: list[Object]) -> ReleaseSnapshot:
    """A fresh installation in which nobody made the secret of the master key."""
    cluster = healthy(rendered)
    gateway = cluster.find("Deployment", "tumorcast-gateway")
    gateway["status"] = deployment_status(gateway, 2, 0, at=ago(minutes=6))
    for pod in cluster.pods("tumorcast-gateway-"):
        pod["metadata"]["creationTimestamp"] = ago(minutes=6)
        waiting(pod, "gateway", "ContainerCreating", "", at=ago(minutes=6))
        del pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
        told = 'MountVolume.SetUp failed for volume "master-key" : secret "tumorcast-master-key" not found'
        cluster.event(pod, "FailedMount", told, minutes=0.7, count=11)
    return snapshot(cluster)


def no_operator(rendered: list[Object]) -> ReleaseSnapshot:
    """KubeRay's custom resources are there and its operator is not; the reader may not list nodes."""
    cluster = healthy(rendered)
    service = cluster.find("RayService", "tumorcast-imaging")
    service["metadata"]["creationTimestamp"] = ago(minutes=22)
    service.pop("status")
    cluster.remove("Pod", *(p["metadata"]["name"] for p in cluster.pods("tumorcast-imaging-")))
    cluster.objects["RayCluster"] = []
    del cluster.objects["Node"]
    may_not = (
        "You may not list nodes. A ClusterRole with the rule "
        '{apiGroups: [""], resources: ["nodes"], verbs: ["list"]} would allow it.'
    )
    return snapshot(cluster, unread={"Node": may_not})


def at_maximum(rendered: list[Object]) -> ReleaseSnapshot:
    """Much to do: clinical stands at its bound, and KEDA cannot ask Prometheus about notes."""
    cluster = healthy(rendered)
    clinical = cluster.find("Deployment", "tumorcast-clinical")
    clinical["spec"]["replicas"] = 6
    clinical["status"] = deployment_status(clinical, 6, 6)
    [replica_set] = [r for r in cluster.objects["ReplicaSet"] if r["metadata"]["name"].startswith("tumorcast-clinical")]
    for number in range(3, 6):
        cluster.pod(replica_set, clinical["spec"]["template"], node="node-c", number=number, created=ago(minutes=33))
    more = "the desired replica count is more than the maximum replica count"
    limited = condition("ScalingLimited", "True", "TooManyReplicas", more, ago(minutes=30))
    hpa = cluster.find("HorizontalPodAutoscaler", "tumorcast-clinical")
    hpa["status"] = hpa_status(6, cpu(96), limited=limited)
    scaled = cluster.find("ScaledObject", "tumorcast-notes")
    scaled["status"]["conditions"][0] = {
        "type": "Ready", "status": "False", "reason": "TriggerError",
        "message": 'Triggers defined in ScaledObject are not working correctly: error requesting metrics endpoint: Get '
        '"http://prometheus.monitoring:9090": dial tcp: lookup prometheus.monitoring: no such host',
    }  # fmt: skip
    return snapshot(cluster)


def operator_shut_out(rendered: list[Object]) -> ReleaseSnapshot:
    """A first installation beside an operator in another namespace than the network policy knows (`default`)."""
    cluster = healthy(rendered)
    service = cluster.find("RayService", "tumorcast-imaging")
    service["metadata"]["creationTimestamp"] = ago(minutes=19)
    [pending] = cluster.objects["RayCluster"]
    pending["metadata"]["creationTimestamp"] = ago(minutes=19)
    pods = cluster.pods("tumorcast-imaging-")
    head, *workers = sorted(pods, key=lambda pod: pod["metadata"]["labels"]["ray.io/node-type"])
    head["status"]["conditions"] = pod_conditions(ready=True, at=ago(minutes=16))
    probe = "Readiness probe failed: command timed out"
    for pod in workers:
        pod["status"]["conditions"] = pod_conditions(ready=False, at=ago(minutes=17))
        pod["status"]["containerStatuses"][0]["ready"] = False
        cluster.event(pod, "Unhealthy", probe, minutes=0.2, count=190, container="ray")
    pending["status"] = cluster_status(pending, 3, 0)
    service["status"] = service_status(None, pending=pending, since=ago(minutes=19))
    service["status"]["conditions"] = [
        condition("Ready", "False", "Initializing", "RayService is initializing", ago(minutes=19)),
        condition("UpgradeInProgress", "False", "Initializing", "RayService is initializing", ago(minutes=19)),
    ]
    return snapshot(cluster)


def replicas_without_pods(rendered: list[Object]) -> ReleaseSnapshot:
    """Ray's autoscaler is off, and a Helm upgrade asked for more replicas: KubeRay told Serve, and made no pods."""
    cluster = healthy(rendered)
    service = cluster.find("RayService", "tumorcast-imaging")
    service["metadata"]["generation"] = 2
    [running] = cluster.objects["RayCluster"]
    serve = yaml.safe_load(service["spec"]["serveConfigV2"])
    [encoder] = [d for d in serve["applications"][0]["deployments"] if d["name"] == "encoder-ct-lesion"]
    encoder.pop("autoscaling_config")
    encoder["num_replicas"] = 3
    service["spec"]["serveConfigV2"] = yaml.safe_dump(serve, sort_keys=False)
    for spec, pods in ((service["spec"]["rayClusterConfig"], 3), (running["spec"], 1)):
        spec["enableInTreeAutoscaling"] = False
        spec.pop("autoscalerOptions", None)
        for group in spec["workerGroupSpecs"]:
            count = pods if group["groupName"] == "encoder-ct-lesion" else group["replicas"]
            group |= dict.fromkeys(("replicas", "minReplicas", "maxReplicas"), count)
    upscaling = {"status": "UPSCALING", "message": "Upscaling from 1 to 3 replicas."}
    service["status"] = service_status(
        running, app=application("DEPLOYING", encoder_ct_lesion=upscaling), endpoints=3
    ) | {"observedGeneration": 2}  # fmt: skip
    return snapshot(cluster)


SCENARIOS: dict[str, Callable[[list[Object]], ReleaseSnapshot]] = {
    "healthy": lambda rendered: snapshot(healthy(rendered)),
    "image-pull": image_pull,
    "out-of-memory": out_of_memory,
    "gpu-pending": gpu_pending,
    "upgrade-stuck": upgrade_stuck,
    "migration-failed": migration_failed,
    "missing-secret": missing_secret,
    "no-operator": no_operator,
    "at-maximum": at_maximum,
    "operator-shut-out": operator_shut_out,
    "replicas-without-pods": replicas_without_pods,
}


def main() -> None:
    """Write all recordings."""
    rendered = manifests()
    for name, make in SCENARIOS.items():
        make(rendered).save(FOLDER / f"{name}.json")


if __name__ == "__main__":
    main()
