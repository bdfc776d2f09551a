"""Every pod, Ray's, Jobs' and tests' included, meets the restricted Pod Security Standard and a little more."""

from __future__ import annotations

from typing import Any

import pytest

from support.helm import Helm, Manifest
from support.schemas import containers as containers_of
from support.schemas import pick, pod_specs, pod_templates

SMALL_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
"""What the restricted standard lets a pod mount, but for CSI volumes, which the charts do not use."""


Containers = list[tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture
def pods(rendered: list[Manifest]) -> list[dict[str, Any]]:
    pods = [pod for manifest in rendered for pod in pod_specs(manifest)]
    assert pods
    return pods


@pytest.fixture
def containers(rendered: list[Manifest]) -> Containers:
    """Each container with its pod's spec."""
    return [found for manifest in rendered for found in containers_of(manifest)]


def test_the_usual_release_has_its_eight_kinds_of_pods(one_helm: Helm):
    pods = [pod for manifest in one_helm.render() for pod in pod_specs(manifest)]
    assert len(pods) == 4 + 3 + 1  # four Deployments; Ray's head, ingress and encoder; the test


def test_a_pod_runs_as_a_user_without_rights(pods: list[dict[str, Any]]):
    for pod in pods:
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] >= 10_000
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & pod.keys()


def test_a_container_cannot_gain_rights_or_write_to_its_root(containers: Containers):
    for _, container in containers:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context.get("privileged", False) is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context.get("runAsUser", 10_001) >= 10_000
        assert not {"runAsNonRoot", "seccompProfile", "procMount", "seLinuxOptions"} & context.keys()
        assert all("hostPort" not in port for port in container.get("ports", ()))


def test_a_pod_mounts_nothing_of_its_node(pods: list[dict[str, Any]]):
    for pod in pods:
        for volume in pod.get("volumes", ()):
            [kind] = volume.keys() - {"name"}
            assert kind in SMALL_VOLUMES


def test_no_pod_holds_a_token_for_the_cluster_but_the_container_of_rays_autoscaler(
    rendered: list[Manifest], pods: list[dict[str, Any]], containers: Containers
):
    assert all(pod["automountServiceAccountToken"] is False for pod in pods)
    shown = [
        container["name"]
        for pod, container in containers
        for volume in pod["volumes"]
        if any("serviceAccountToken" in source for source in volume.get("projected", {}).get("sources", ()))
        and volume["name"] in {mount["name"] for mount in container["volumeMounts"]}
    ]
    scaling = [
        m for m in rendered if m["kind"] == "RayService" and m["spec"]["rayClusterConfig"]["enableInTreeAutoscaling"]
    ]
    assert shown == ["autoscaler" for _ in scaling]


def test_a_pod_has_an_account_of_its_service_that_is_rendered_and_has_no_rights(rendered: list[Manifest]):
    accounts = {m["metadata"]["name"]: m for m in rendered if m["kind"] == "ServiceAccount"}
    assert all(account["automountServiceAccountToken"] is False for account in accounts.values())
    for manifest in rendered:
        for pod in pod_specs(manifest):
            assert pod["serviceAccountName"] in accounts
            assert pod["serviceAccountName"].startswith(manifest["metadata"]["name"])
    assert not [m for m in rendered if m["kind"] in {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}]


def test_no_service_of_the_namespace_can_change_a_setting(pods: list[dict[str, Any]]):
    # A Service named tumorcast-gateway would otherwise set TUMORCAST_GATEWAY_PORT=tcp://… in every pod.
    assert all(pod["enableServiceLinks"] is False for pod in pods)


def test_a_container_has_requests_and_limits(containers: Containers):
    for _, container in containers:
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys()


def test_a_container_writes_to_volumes_of_a_known_size_only(containers: Containers):
    for pod, container in containers:
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}
        for mount in container["volumeMounts"]:
            volume = volumes[mount["name"]]
            bounded = volume.get("emptyDir", {}).get("sizeLimit") or "persistentVolumeClaim" in volume
            assert bounded or mount["readOnly"] is True


def test_each_volume_of_a_pod_is_mounted_by_a_container(containers: Containers):
    mounted: dict[int, set[str]] = {}
    for pod, container in containers:
        mounted.setdefault(id(pod), set()).update(mount["name"] for mount in container["volumeMounts"])
    for pod, _ in containers:
        assert mounted[id(pod)] == {volume["name"] for volume in pod["volumes"]}


def test_secrets_are_files_that_the_pods_own_group_alone_can_read(containers: Containers):
    for pod, container in containers:
        assert not container.get("envFrom")
        for volume in pod["volumes"]:
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440
                assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


def test_images_come_from_one_registry_and_name_a_version(pods: list[dict[str, Any]], containers: Containers):
    images = {container["image"] for _, container in containers}
    assert len({image.rpartition("/")[0] for image in images}) == 1
    for image in images:
        tag = image.rpartition("/")[2].partition(":")[2]
        assert tag
        assert tag != "latest"
    assert len({str(pod.get("imagePullSecrets")) for pod in pods}) == 1


@pytest.mark.parametrize(("leave", "drain"), [(5, 10), (0, 0), (20, 600)])
def test_a_pod_may_take_longer_to_end_than_leaving_and_draining(one_helm: Helm, leave: int, drain: int):
    for service in ("clinical", "notes", "fusion", "gateway"):
        values = {"shutdown.leaveSeconds": leave, "shutdown.drainSeconds": drain}
        [pod] = pod_specs(pick(one_helm.render(service, values), "Deployment", f"demo-{service}"))
        assert pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", str(leave)]
        assert pod["terminationGracePeriodSeconds"] > leave + drain


def test_pods_go_where_the_values_say(one_helm: Helm):
    toleration = {"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}
    values = {"nodeSelector": {"pool": "a"}, "tolerations": [toleration], "priorityClassName": "clinical"}
    for service in ("clinical", "notes", "fusion", "gateway"):
        deployment = pick(one_helm.render(service, values), "Deployment", f"demo-{service}")
        [template] = pod_templates(deployment)
        pod = template["spec"]
        assert {key: pod[key] for key in values} == values
        spread = {constraint["topologyKey"]: constraint for constraint in pod["topologySpreadConstraints"]}
        assert spread.keys() == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
        for constraint in spread.values():
            assert constraint["labelSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
            assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
        off = one_helm.render(service, {"spread.acrossZones": False})
        [pod] = pod_specs(pick(off, "Deployment", f"demo-{service}"))
        assert [each["topologyKey"] for each in pod["topologySpreadConstraints"]] == ["kubernetes.io/hostname"]
