"""``tumorcast platform scale`` against a Kubernetes API over HTTP: conflicts, refusals, time-outs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import releases
from support.kube_api import Answer, KubeApi, kube_api, refusal
from tumorcast_core import errors
from tumorcast_platform import cli
from tumorcast_platform.cluster import following as api_following
from tumorcast_platform.cluster.api import Cluster
from tumorcast_platform.cluster.scaling import acting, waiting
from tumorcast_platform.cluster.scaling.plan import Target

APPS = "/apis/apps/v1/namespaces/ward/deployments"
HPAS = "/apis/autoscaling/v2/namespaces/ward/horizontalpodautoscalers"
KEDA = "/apis/keda.sh/v1alpha1/namespaces/ward/scaledobjects"
RAY = "/apis/ray.io/v1/namespaces/ward"
FORBIDDEN = refusal(403, "Forbidden", 'x is forbidden: User "me" cannot do this')
CONFLICT = refusal(409, "Conflict", "the object has been modified")
CLINICAL, ENCODER, SARCOMA = map(Target.of, ("clinical", "imaging/ct-lesion", "imaging/sarcoma"))


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as running:
        running.know("HorizontalPodAutoscaler", "ScaledObject", "ResourceQuota", "PodDisruptionBudget", "Pod")
        yield running


@pytest.fixture
def cluster(api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path)))
    monkeypatch.setattr(api_following, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(waiting, "POLL_S", 0.02)
    with Cluster.connect(namespace=None, timeout_s=1.5) as connected:
        yield connected


def scaled(cluster: Cluster, target: Target, replicas: int | None, **options: Any) -> Any:
    return acting.scale(cluster, "tumorcast", target, replicas, sleep=lambda _s: None, **options)


def patches(api: KubeApi) -> list[str]:
    return [path for method, path, _, _ in api.asked if method == "PATCH"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    status = cli.run(["platform", *arguments, "--json"])
    told = capsys.readouterr()
    return status, json.loads(told.out), told.err


def test_a_deployment_is_scaled_as_field_manager_tumorcast(api: KubeApi, cluster: Cluster) -> None:
    api.put(releases.deployment())
    plan = scaled(cluster, CLINICAL, 5)
    assert (plan.before, plan.after) == (2, 5)
    assert api.get("Deployment", "tumorcast-clinical")["spec"]["replicas"] == 5
    [(_, path, query, _)] = [asked for asked in api.asked if asked[0] == "PATCH"]
    assert path == f"{APPS}/tumorcast-clinical/scale"
    assert query["fieldManager"] == "tumorcast"


def test_who_may_not_read_autoscalers_changes_nothing(api: KubeApi, cluster: Cluster) -> None:
    api.put(releases.deployment())
    api.script("GET", HPAS, FORBIDDEN)
    with pytest.raises(errors.ClusterForbidden, match="horizontalpodautoscalers"):
        scaled(cluster, CLINICAL, 5)
    assert patches(api) == []


@pytest.mark.parametrize("answer", [FORBIDDEN, refusal(404, "NotFound", "no")])
def test_a_cluster_without_keda_answers_403_or_404_and_both_mean_that_there_is_none(
    api: KubeApi, cluster: Cluster, answer: Answer
) -> None:
    api.put(releases.deployment())
    api.script("GET", KEDA, answer)
    assert scaled(cluster, CLINICAL, 3).after == 3


def test_keda_that_may_not_be_read_is_recognized_by_its_hpa(api: KubeApi, cluster: Cluster) -> None:
    api.put(releases.deployment())
    api.put(releases.hpa(owner="tumorcast-clinical"))
    api.script("GET", KEDA, FORBIDDEN)
    with pytest.raises(errors.Conflict, match="KEDA's ScaledObject tumorcast-clinical owns"):
        scaled(cluster, CLINICAL, 3, override=True)
    assert patches(api) == []


def test_who_may_not_scale_is_told_the_rule(api: KubeApi, cluster: Cluster) -> None:
    api.put(releases.deployment())
    api.script("PATCH", f"{APPS}/tumorcast-clinical/scale", FORBIDDEN)
    with pytest.raises(errors.ClusterForbidden, match="patch"):
        scaled(cluster, CLINICAL, 3)


def test_a_release_that_is_not_there_is_told(cluster: Cluster) -> None:
    with pytest.raises(errors.ClusterObjectNotFound, match="tumorcast-clinical"):
        scaled(cluster, CLINICAL, 3)


def test_a_number_that_the_api_does_not_confirm_is_not_sent_twice(api: KubeApi, cluster: Cluster) -> None:
    api.put(releases.deployment())
    api.script("PATCH", f"{APPS}/tumorcast-clinical/scale", Answer(delay_s=5))
    with pytest.raises(errors.ClusterUnavailable, match="not known"):
        scaled(cluster, CLINICAL, 3)
    assert len(patches(api)) == 1


def test_a_hpa_is_held_read_again_after_a_conflict_and_released(api: KubeApi, cluster: Cluster) -> None:
    api.put(releases.deployment())
    api.put(releases.hpa())
    held = Answer(200, releases.hpa())
    api.script("PATCH", f"{HPAS}/tumorcast-clinical", CONFLICT, CONFLICT, held)
    assert scaled(cluster, CLINICAL, 4, override=True).after == 4
    assert len(patches(api)) == 3


def test_a_conflict_that_never_ends_is_told_after_some_tries(api: KubeApi, cluster: Cluster) -> None:
    api.put(releases.deployment())
    api.put(releases.hpa())
    api.script("PATCH", f"{HPAS}/tumorcast-clinical", CONFLICT)
    with pytest.raises(errors.ClusterConflict):
        scaled(cluster, CLINICAL, 4, override=True)
    assert len(patches(api)) == acting.ATTEMPTS


def test_an_encoder_grows_in_the_rayservice_and_in_the_cluster_that_runs(api: KubeApi, cluster: Cluster) -> None:
    api.put(releases.rayservice())
    api.put(releases.raycluster())
    plan = scaled(cluster, ENCODER, 4)
    assert (plan.before, plan.pods) == (2, 4)
    found = api.get("RayService", "tumorcast-imaging")["spec"]
    assert found["serveConfigV2"] == releases.SERVE.replace("num_replicas: 2", "num_replicas: 4")
    assert found["rayClusterConfig"]["workerGroupSpecs"][1]["replicas"] == 4
    live = api.get("RayCluster", "tumorcast-imaging-abcde")["spec"]["workerGroupSpecs"]
    assert [group["replicas"] for group in live] == [1, 4, 1]


def test_who_is_faster_with_the_rayservice_is_not_overwritten(api: KubeApi, cluster: Cluster) -> None:
    theirs = releases.rayservice(releases.SERVE.replace("num_replicas: 1   # one", "num_replicas: 1   # ONE"))
    theirs["metadata"]["resourceVersion"] = "42"
    api.put(theirs)
    api.put(releases.raycluster())
    api.script("GET", f"{RAY}/rayservices/tumorcast-imaging", Answer(200, releases.rayservice()), Answer(200, theirs))
    assert scaled(cluster, ENCODER, 4).before == 2
    assert "# ONE folder" in api.get("RayService", "tumorcast-imaging")["spec"]["serveConfigV2"]


def test_a_shrinking_encoder_loses_the_pod_that_serve_has_emptied(api: KubeApi, cluster: Cluster) -> None:
    labels = {"ray.io/cluster": "tumorcast-imaging-abcde", "ray.io/group": "encoder-ct-lesion"}
    api.put(releases.rayservice())
    api.put(releases.raycluster())
    api.put(releases.pod("w1", **labels))
    api.put(releases.pod("w2", **labels))
    api.put(releases.pod("other", ready=False, **labels | {"ray.io/group": "ingress"}))
    rounds = []

    def sleep(_seconds: float) -> None:
        rounds.append(len(patches(api)))
        if len(rounds) == 3:
            api.put(releases.pod("w1", ready=False, **labels))

    acting.scale(cluster, "tumorcast", ENCODER, 1, sleep=sleep)
    assert rounds == [1, 1, 1]  # Serve was told, and the Ray cluster only once a pod was empty
    group = api.get("RayCluster", "tumorcast-imaging-abcde")["spec"]["workerGroupSpecs"][1]
    assert (group["replicas"], group["scaleStrategy"]) == (1, {"workersToDelete": ["w1"]})


def test_a_pod_that_does_not_get_empty_is_not_killed(
    api: KubeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "EMPTY_WITHIN_S", 0.0)
    labels = {"ray.io/cluster": "tumorcast-imaging-abcde", "ray.io/group": "encoder-ct-lesion"}
    api.put(releases.rayservice())
    api.put(releases.raycluster())
    api.put(releases.pod("w1", **labels))
    api.put(releases.pod("w2", **labels))
    with pytest.raises(errors.DeadlineExceeded, match="none was taken away"):
        scaled(cluster, ENCODER, 1)
    assert api.get("RayCluster", "tumorcast-imaging-abcde")["spec"]["workerGroupSpecs"][1]["replicas"] == 2


def test_a_pod_that_several_replicas_share_may_never_get_empty_and_goes_all_the_same(
    api: KubeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "EMPTY_WITHIN_S", 0.0)
    labels = {"ray.io/cluster": "tumorcast-imaging-abcde", "ray.io/group": "encoder-sarcoma"}
    fixed = releases.rayservice(
        releases.SERVE.replace("        autoscaling_config:\n          min_replicas: 1\n          max_replicas: 6\n"
                               "          target_ongoing_requests: 8\n", "        num_replicas: 4\n")
    )  # fmt: skip
    live = releases.raycluster()
    for found in (fixed["spec"]["rayClusterConfig"], live["spec"]):
        found["workerGroupSpecs"][2] |= {"replicas": 2, "minReplicas": 2, "maxReplicas": 2}
    for item in (fixed, live, releases.pod("w1", **labels), releases.pod("w2", **labels)):
        api.put(item)
    plan = scaled(cluster, SARCOMA, 2)
    assert (plan.before, plan.after, plan.pods) == (4, 2, 1)
    group = api.get("RayCluster", "tumorcast-imaging-abcde")["spec"]["workerGroupSpecs"][2]
    assert (group["replicas"], group.get("scaleStrategy")) == (1, None)


def test_ray_serve_is_held_and_released_through_conflicts(api: KubeApi, cluster: Cluster) -> None:
    api.put(releases.rayservice())
    api.put(releases.raycluster(autoscaled=True))
    scaled(cluster, SARCOMA, 5, override=True)
    assert "max_replicas: 5" in api.get("RayService", "tumorcast-imaging")["spec"]["serveConfigV2"]
    later = api.get("RayCluster", "tumorcast-imaging-abcde")
    api.script("PATCH", f"{RAY}/rayclusters/tumorcast-imaging-abcde", CONFLICT, Answer(200, later))
    scaled(cluster, SARCOMA, None)
    assert api.get("RayService", "tumorcast-imaging")["spec"]["serveConfigV2"] == releases.SERVE


def test_waiting_outlasts_an_api_that_fails_and_ends_with_the_pods(api: KubeApi, cluster: Cluster) -> None:
    api.put(releases.deployment())
    plan = scaled(cluster, CLINICAL, 3)
    ready = releases.deployment(replicas=3)
    down = refusal(503, "ServiceUnavailable", "etcd is not well")
    begun = {**ready, "status": {"observedGeneration": 4, "replicas": 3, "readyReplicas": 2, "updatedReplicas": 3}}
    api.script("GET", f"{APPS}/tumorcast-clinical", down, down, down, Answer(200, begun), Answer(200, ready))
    told: list[str] = []
    waiting.wait_until_scaled(cluster, plan, 20, say=told.append, sleep=lambda _s: None)
    assert told[-1] == "2 of 3 pods are ready."


def test_waiting_says_what_was_missing_last(api: KubeApi, cluster: Cluster) -> None:
    api.put(releases.deployment())
    plan = scaled(cluster, CLINICAL, 3)
    with pytest.raises(errors.DeadlineExceeded, match="2 of 3 pods are ready"):
        waiting.wait_until_scaled(cluster, plan, 0.1)


def test_an_encoder_is_scaled_when_its_pods_are_ready_and_serve_says_so(api: KubeApi, cluster: Cluster) -> None:
    labels = {"ray.io/cluster": "tumorcast-imaging-abcde", "ray.io/group": "encoder-ct-lesion"}
    api.put(releases.rayservice())
    api.put(releases.raycluster())
    plan = scaled(cluster, ENCODER, 2)
    with pytest.raises(errors.DeadlineExceeded, match="0 of 2 pods"):
        waiting.wait_until_scaled(cluster, plan, 0.05)
    api.put(releases.pod("w1", **labels))
    api.put(releases.pod("w2", **labels))
    with pytest.raises(errors.DeadlineExceeded, match="Ray Serve says nothing"):
        waiting.wait_until_scaled(cluster, plan, 0.05)
    states = {"encoder-ct-lesion": {"status": "HEALTHY", "message": ""}}
    active = {
        "rayClusterName": "tumorcast-imaging-abcde",
        "applicationStatuses": {"imaging": {"status": "RUNNING", "serveDeploymentStatuses": states}},
    }
    api.put(releases.rayservice(activeServiceStatus=active))
    waiting.wait_until_scaled(cluster, plan, 5)


@pytest.mark.usefixtures("cluster")
def test_the_command_scales_and_tells_what_helm_would_make_of_it(
    api: KubeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.put(releases.deployment())
    assert cli.run(["platform", "scale", "clinical", "3"]) == 0
    told = capsys.readouterr().out
    assert "clinical: 2 → 3" in told
    assert "helm upgrade tumorcast … --reset-then-reuse-values --set clinical.replicas=3" in told
    assert "--force-conflicts" in told


@pytest.mark.usefixtures("cluster")
def test_helm_has_to_be_told_the_number_of_an_encoder(api: KubeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.put(releases.rayservice())
    api.put(releases.raycluster())
    assert cli.run(["platform", "scale", "imaging/ct-lesion", "3"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Helm 3 compares a RayService with the last chart, not with what runs" in told
    assert "--set imaging.encoders.ct-lesion.replicas=3" in told


@pytest.mark.usefixtures("cluster")
def test_a_dry_run_shows_the_patches_and_sends_none(api: KubeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.put(releases.rayservice())
    api.put(releases.raycluster())
    assert cli.run(["platform", "scale", "imaging/ct-lesion", "4", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "# RayService tumorcast-imaging" in told
    assert "        num_replicas: 4" in told
    assert patches(api) == []


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["clinical", "-1"], 2, "USAGE"),
        (["clinical"], 2, "USAGE"),
        (["clinical", "2", "--release-to-autoscaler"], 2, "USAGE"),
        (["pacs", "2"], 1, "INVALID_INPUT"),
        (["notes", "2"], 1, "CLUSTER_OBJECT_NOT_FOUND"),
        (["clinical", "3"], 1, "CONFLICT"),
    ],
)
def test_the_command_refuses_with_a_code(
    api: KubeApi, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, code: str
) -> None:
    api.put(releases.deployment())
    api.put(releases.hpa())
    found, document, _ = run(capsys, "scale", *arguments)
    assert (found, document["error"]["code"]) == (status, code)
    assert patches(api) == []


@pytest.mark.usefixtures("cluster")
def test_a_command_that_waits_ends_when_all_are_ready(api: KubeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.put(releases.deployment(replicas=3))
    status, found, _ = run(capsys, "scale", "clinical", "3", "--wait")
    assert (status, found["ready"]) == (0, True)
    api.put(releases.deployment(replicas=2))
    status, found, _ = run(capsys, "scale", "clinical", "3", "--wait", "--timeout", "1")
    assert (status, found["error"]["code"]) == (1, "DEADLINE_EXCEEDED")
