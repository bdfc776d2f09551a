"""Every pod, Ray's included, meets the restricted Pod Security Standard and a little more."""

from __future__ import annotations

from typing import Any

import pytest

from support.helm import SERVICES, Helm
from support.schemas import pod_specs


@pytest.fixture
def pods(helm: Helm) -> list[dict[str, Any]]:
    pods = [pod for manifest in helm.render() for pod in pod_specs(manifest)]
    assert len(pods) == 4 + 3  # four Deployments; Ray's head, ingress and encoder
    return pods


@pytest.fixture
def containers(pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [container for pod in pods for container in pod["containers"]]


def test_a_pod_runs_as_a_user_without_rights(pods: list[dict[str, Any]]):
    for pod in pods:
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] >= 10_000
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


def test_a_container_cannot_gain_rights_or_write_to_its_root(containers: list[dict[str, Any]]):
    for container in containers:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["privileged"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}


def test_a_pod_holds_no_token_for_the_cluster(pods: list[dict[str, Any]]):
    assert all(pod["automountServiceAccountToken"] is False for pod in pods)


def test_no_service_of_the_namespace_can_change_a_setting(pods: list[dict[str, Any]]):
    # A Service named tumorcast-gateway would otherwise set TUMORCAST_GATEWAY_PORT=tcp://… in every pod.
    assert all(pod["enableServiceLinks"] is False for pod in pods)


def test_a_container_has_requests_and_limits(containers: list[dict[str, Any]]):
    for container in containers:
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys()


def test_a_pod_writes_to_bounded_volumes_only(pods: list[dict[str, Any]]):
    for pod in pods:
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert mounted == volumes.keys()
        assert "/tmp" in {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        assert all(volume["emptyDir"]["sizeLimit"] for volume in volumes.values())


@pytest.mark.parametrize(("leave", "drain"), [(5, 10), (0, 0), (20, 600)])
def test_a_pod_may_take_longer_to_end_than_leaving_and_draining(helm: Helm, leave: int, drain: int):
    for service in SERVICES:
        values = {"shutdown.leaveSeconds": leave, "shutdown.drainSeconds": drain}
        for pod in (pod for manifest in helm.render(service, values) for pod in pod_specs(manifest)):
            assert pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", str(leave)]
            assert pod["terminationGracePeriodSeconds"] > leave + drain
