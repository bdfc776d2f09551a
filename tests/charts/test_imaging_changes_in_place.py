"""What changes in place and what replaces the Ray cluster; how pods of it end, are drained, kept apart and trusted."""

from __future__ import annotations

import copy
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from support.helm import Helm
from support.imaging_chart import ImagingRelease, container, environment, pod

CLAIM = {"studies.existingClaim": "studies"}
SCALING = {"enabled": True, "minReplicas": 2, "maxReplicas": 4}
SCALED = CLAIM | {"encoders.ct-lesion.autoscaling": SCALING}
MTLS = {"global.mtls.enabled": True}


def what_kuberay_compares(imaging: ImagingRelease) -> dict[str, Any]:
    """The part of a RayService of which any change makes KubeRay 1.7 start a new Ray cluster: all but these fields."""
    cluster = copy.deepcopy(imaging.cluster)
    for group in cluster["workerGroupSpecs"]:
        for name in ("replicas", "minReplicas", "maxReplicas"):
            del group[name]
    return cluster


IN_PLACE = {
    "replicas of an encoder": (CLAIM, CLAIM | {"encoders.ct-lesion.replicas": 3}),
    "replicas of the ingress": (CLAIM, CLAIM | {"ingress.replicas": 3}),
    "bounds": (SCALED, SCALED | {"encoders.ct-lesion.autoscaling": SCALING | {"maxReplicas": 9, "targetOngoing": 3}}),
    "autoscaling": (CLAIM, SCALED),
    "queues": (CLAIM, CLAIM | {"encoders.ct-lesion.maxOngoingCrops": 50, "ingress.maxQueuedCalls": 5}),
    "precision": (CLAIM, CLAIM | {"encoding.precision": "float32"}),
    "the budget": (CLAIM, CLAIM | {"disruption.maxUnavailable": 0}),
}
REPLACES = {
    "the image": {"image.tag": "0.2.0"},
    "memory": {"encoders.ct-lesion.memory": "4Gi"},
    "a GPU": {"encoders.ct-lesion.gpus": 1},
    "Ray's autoscaler": {"autoscaler.enabled": False},
    "another place": {"encoders.ct-lesion.nodeSelector": {"gpu": "l4"}},
    "TLS": MTLS,
}


@pytest.mark.parametrize("change", IN_PLACE)
def test_a_change_of_scale_keeps_the_ray_cluster(one_helm: Helm, change: str):
    before, after = (ImagingRelease.of(one_helm, values) for values in IN_PLACE[change])
    assert what_kuberay_compares(before) == what_kuberay_compares(after)
    assert before.manifests != after.manifests


@pytest.mark.parametrize("change", REPLACES)
def test_a_change_of_the_pods_replaces_the_ray_cluster(one_helm: Helm, change: str):
    before, after = (ImagingRelease.of(one_helm, values) for values in ({}, REPLACES[change]))
    assert what_kuberay_compares(before) != what_kuberay_compares(after)
    assert before.rayservice["metadata"] == after.rayservice["metadata"]


def test_an_upgrade_is_as_the_values_say(one_helm: Helm):
    values = {"upgrade": {"strategy": "None", "oldClusterStaysSeconds": 7, "serviceUnhealthySeconds": 90}}
    spec = ImagingRelease.of(one_helm, values).rayservice["spec"]
    assert spec["upgradeStrategy"] == {"type": "None"}
    assert (spec["rayClusterDeletionDelaySeconds"], spec["serviceUnhealthySecondThreshold"]) == (7, 90)
    assert "suspend" not in spec
    assert ImagingRelease.of(one_helm, {"suspend": True}).rayservice["spec"]["suspend"] is True


def test_a_worker_has_the_time_that_its_end_takes(one_helm: Helm):
    values = {"shutdown": {"leaveSeconds": 11, "drainSeconds": 33}}
    imaging = ImagingRelease.of(one_helm, values)
    for group in imaging.groups.values():
        assert pod(group)["terminationGracePeriodSeconds"] >= 11 + 33 + 10
        [*_, script] = container(group)["lifecycle"]["preStop"]["exec"]["command"]
        assert "--deadline-remaining-seconds 44" in script
    assert {d["graceful_shutdown_timeout_s"] for d in imaging.deployments.values()} == {33}
    assert "lifecycle" not in container(imaging.head)


def test_a_worker_leaves_when_its_replicas_have_gone(one_helm: Helm, tmp_path: Path):
    """The script as bash runs it, with a `ray` that notes how it was called, and a process list that empties."""
    imaging = ImagingRelease.of(one_helm, {"shutdown": {"leaveSeconds": 0, "drainSeconds": 20}})
    [*_, script] = container(imaging.groups["ingress"])["lifecycle"]["preStop"]["exec"]["command"]
    replica = tmp_path / "proc" / "71"
    replica.mkdir(parents=True)
    (replica / "cmdline").write_text("ray::ServeReplica:imaging:ingress")
    ray = tmp_path / "ray"
    ray.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/said\n')
    ray.chmod(0o755)
    left = threading.Timer(1.5, (replica / "cmdline").unlink)
    left.start()
    started = time.monotonic()
    script = script.replace("/proc/", f"{tmp_path}/proc/")
    subprocess.run(["bash", "-c", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, timeout=15, check=True)
    assert time.monotonic() - started > 1.4
    left.join()
    said = (tmp_path / "said").read_text().splitlines()
    assert said[:3] == ["drain-node", "--reason", "DRAIN_NODE_REASON_PREEMPTION"]
    assert said[-1] == "20"


def test_each_group_has_a_budget_that_counts_its_pods(one_helm: Helm):
    values = SCALED | {"ingress.replicas": 3, "encoders.sarcoma": {"replicas": 5, "replicasPerPod": 2}}
    imaging = ImagingRelease.of(one_helm, values)
    stay = {}
    for name, budget in imaging.all("PodDisruptionBudget").items():
        selector = budget["spec"]["selector"]["matchLabels"]
        [group] = [
            each["groupName"]
            for each in imaging.groups.values()
            if selector.items() <= each["template"]["metadata"]["labels"].items()
        ]
        assert name == f"demo-imaging-{group}"
        assert "maxUnavailable" not in budget["spec"], "Kubernetes cannot count a RayCluster's pods"
        stay[group] = budget["spec"]["minAvailable"]
    assert stay == {"ingress": 2, "encoder-ct-lesion": 1, "encoder-sarcoma": 2}


def test_pods_go_where_the_values_say(one_helm: Helm):
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists"}
    placed = {
        "nodeSelector": {"gpu": "l4"},
        "tolerations": [toleration],
        "priorityClassName": "high",
        "runtimeClassName": "nvidia",
    }
    imaging = ImagingRelease.of(one_helm, {"encoders.sarcoma": placed, "head.nodeSelector": {"pool": "steady"}})
    spec = pod(imaging.groups["encoder-sarcoma"])
    assert {name: spec[name] for name in placed} == placed
    assert placed.keys().isdisjoint(pod(imaging.groups["encoder-ct-lesion"]))
    assert pod(imaging.head)["nodeSelector"] == {"pool": "steady"}
    for name, group in imaging.groups.items():
        for constraint in pod(group)["topologySpreadConstraints"]:
            assert constraint["labelSelector"]["matchLabels"]["ray.io/group"] == name
    apart = ImagingRelease.of(one_helm, {"spread": {"acrossZones": False, "acrossNodes": False}})
    assert all("topologySpreadConstraints" not in pod(group) for group in apart.groups.values())


def test_only_rays_autoscaler_gets_a_token_and_only_where_it_runs(one_helm: Helm):
    still, scaled = ImagingRelease.of(one_helm, {"autoscaler.enabled": False}), ImagingRelease.of(one_helm)
    assert still.cluster["enableInTreeAutoscaling"] is False
    assert "autoscalerOptions" not in still.cluster
    assert "serviceAccountToken" not in str(still.manifests)

    options = scaled.cluster["autoscalerOptions"]
    assert scaled.cluster["enableInTreeAutoscaling"] is True
    tokens = {volume["name"] for volume in pod(scaled.head)["volumes"] if "serviceAccountToken" in str(volume)}
    assert tokens == {"autoscaler-token"}
    assert tokens <= {mount["name"] for mount in options["volumeMounts"]}
    assert not tokens & {mount["name"] for mount in container(scaled.head)["volumeMounts"]}
    assert all("serviceAccountToken" not in str(group) for group in scaled.groups.values())
    assert pod(scaled.head)["serviceAccountName"] == "demo-imaging-head"
    accounts = {name: account["automountServiceAccountToken"] for name, account in scaled.all("ServiceAccount").items()}
    assert accounts == {"demo-imaging": False, "demo-imaging-head": False}


def test_rays_autoscaler_is_as_restricted_as_every_container(one_helm: Helm):
    imaging = ImagingRelease.of(one_helm, SCALED)
    options = imaging.cluster["autoscalerOptions"]
    assert options["securityContext"] == container(imaging.head)["securityContext"]
    assert options["resources"]["requests"] == options["resources"]["limits"]


def test_with_tls_callers_come_in_by_the_door_alone(one_helm: Helm):
    imaging = ImagingRelease.of(one_helm, MTLS)
    service = imaging.rayservice["spec"]["serveService"]["spec"]["ports"]
    assert {"name": "serve-grpcs", "port": 9443} in service
    for group in imaging.groups.values():  # KubeRay puts every worker behind the Service
        [door] = pod(group)["initContainers"]
        assert door["restartPolicy"] == "Always", "a sidecar: it ends after Ray"
        seen = {variable["name"]: variable["value"] for variable in door["env"]}
        assert seen["TUMORCAST_IMAGING_DOOR_TO"] == "127.0.0.1:9000"
        assert "gateway" in seen["TUMORCAST_IMAGING_PEER_CLIENTS"]
        folder = {mount["mountPath"] for mount in door["volumeMounts"]}
        assert seen["TUMORCAST_IMAGING_PEER_KEY"].rpartition("/")[0] in folder
        assert {"name": "serve-grpcs", "containerPort": 9443} in container(group)["ports"]
        assert environment(group)["GRPC_HOST"] == "127.0.0.1"
        assert "mtls" not in {mount["name"] for mount in container(group)["volumeMounts"]}
    policy = imaging.all("NetworkPolicy")["demo-imaging"]["spec"]["ingress"]
    assert [port["port"] for port in policy[0]["ports"]] == [9443]
    assert "initContainers" not in pod(imaging.head)


def test_the_head_keeps_its_state_in_redis_if_told_to(one_helm: Helm):
    redis = {"address": "redis.example.org:6379", "existingSecret": "redis"}
    options = ImagingRelease.of(one_helm, {"headState.redis": redis}).cluster["gcsFaultToleranceOptions"]
    assert options["redisAddress"] == "redis.example.org:6379"
    assert options["redisPassword"]["valueFrom"]["secretKeyRef"] == {"name": "redis", "key": "password"}


def test_every_name_that_the_launcher_needs_is_there(one_helm: Helm):
    imaging = ImagingRelease.of(one_helm)
    [launcher] = imaging.all("ConfigMap").values()
    [script] = launcher["data"]
    for group in (imaging.head, *imaging.groups.values()):
        mounts = {mount["name"]: mount["mountPath"] for mount in container(group)["volumeMounts"]}
        assert environment(group)["RAY_SERVE_HAPROXY_BINARY_PATH"] == f"{mounts['launcher']}/{script}"
        [volume] = [volume for volume in pod(group)["volumes"] if volume["name"] == "launcher"]
        assert volume["configMap"] == {"name": launcher["metadata"]["name"], "defaultMode": 0o555}
    python = ImagingRelease.of(one_helm, {"proxy": "ray"})
    assert python.all("ConfigMap") == {}
    assert "HAPROXY" not in str(python.manifests)


def test_monitoring_reads_rays_metrics_and_the_services_own(one_helm: Helm):
    imaging = ImagingRelease.of(one_helm, {"global.monitoring.enabled": True})
    service = imaging.all("Service")["demo-imaging-metrics"]["spec"]["ports"]
    ports = {port["targetPort"] for port in service}
    assert {each["port"] for each in imaging.all("ServiceMonitor")["demo-imaging"]["spec"]["endpoints"]} == ports
    named = {p["name"]: p["containerPort"] for p in container(imaging.groups["ingress"])["ports"]}
    assert {named[name] for name in ports} == {8080, imaging.application["args"]["metrics_port"]}
    assert imaging.groups["ingress"]["rayStartParams"]["metrics-export-port"] == "8080"
