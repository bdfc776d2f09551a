"""``tumorcast platform scale`` and ``submit`` against a Kubernetes API over HTTP: conflicts, refusals, breaks."""

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
from tumorcast_platform.cluster.jobs import following, keeping, manifests, submitting, work
from tumorcast_platform.cluster.scaling import acting, waiting
from tumorcast_platform.cluster.scaling.plan import Target

APPS = "/apis/apps/v1/namespaces/ward/deployments"
HPAS = "/apis/autoscaling/v2/namespaces/ward/horizontalpodautoscalers"
KEDA = "/apis/keda.sh/v1alpha1/namespaces/ward/scaledobjects"
RAY = "/apis/ray.io/v1/namespaces/ward"
PODS = "/api/v1/namespaces/ward/pods"
JOBS = "/apis/batch/v1/namespaces/ward/jobs"
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
    monkeypatch.setattr(following, "POLL_S", 0.02)
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


TODO = work.evaluate("immunotherapy", "cohorts", table="a.csv")


def terms(todo: work.Work) -> manifests.Terms:
    return submitting.terms_of(
        todo, "tumorcast", "j", "x/y:1", (), cpus=1, memory="1Gi", scratch="1Gi", hours=1, days=1, retries=0,
        node_selector=(),
    )  # fmt: skip


def job(name: str = "j", **status: Any) -> dict[str, Any]:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "uid": "u1"}, "status": status}


def ended(kind: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": "True", "reason": reason, "message": message}]}


def worker(name: str, state: str, phase: str = "Running", **facts: Any) -> dict[str, Any]:
    found = releases.pod(name, phase=phase, **{"batch.kubernetes.io/job-name": "j"})
    found["metadata"]["creationTimestamp"] = f"2026-11-22T10:00:0{name[-1]}Z"
    found["status"]["containerStatuses"] = [{"name": "job", "state": {state: facts}}]
    return found


def log(*lines: str, broken: bool = False) -> Answer:
    text = [f"2026-11-22T10:00:{n:02}Z {line}\n".encode() for n, line in enumerate(lines, 1)]
    return Answer(200, [*text, *([None] if broken else [])])


def test_a_job_is_made_with_a_policy_that_it_owns(api: KubeApi, cluster: Cluster) -> None:
    api.know("Job", "NetworkPolicy")
    submitting.submit(cluster, TODO, terms(TODO))
    assert api.get("Job", "j")["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    [owner] = api.get("NetworkPolicy", "j")["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["apiVersion"]) == ("Job", "j", "batch/v1")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (FORBIDDEN, errors.ClusterForbidden),
        (refusal(409, "AlreadyExists", "jobs j already exists"), errors.ClusterConflict),
        (refusal(422, "Invalid", "spec.template: Required value"), errors.ClusterRefused),
    ],
)
def test_a_job_that_cannot_be_made_leaves_no_policy_behind(
    api: KubeApi, cluster: Cluster, answer: Answer, error: type[errors.TumorcastError]
) -> None:
    api.know("Job", "NetworkPolicy")
    api.script("POST", JOBS, answer)
    with pytest.raises(error):
        submitting.submit(cluster, TODO, terms(TODO))
    assert cluster.list("NetworkPolicy") == []


def test_a_job_that_may_have_been_made_keeps_its_policy(api: KubeApi, cluster: Cluster) -> None:
    api.know("Job", "NetworkPolicy")
    api.script("POST", JOBS, Answer(delay_s=5))
    with pytest.raises(errors.ClusterUnavailable, match="not known"):
        submitting.submit(cluster, TODO, terms(TODO))
    assert [policy["metadata"]["name"] for policy in cluster.list("NetworkPolicy")] == ["j"]


def test_a_cluster_without_kuberay_is_told_with_the_way_round_it(api: KubeApi, cluster: Cluster) -> None:
    api.know("NetworkPolicy")
    api.script("POST", f"{RAY}/rayjobs", refusal(404, "NotFound", "the server could not find the requested resource"))
    todo = work.train("glioma", "cohorts", "out", ray_workers=2, cpus=1)
    with pytest.raises(errors.ClusterKindNotFound, match="--ray-workers 0"):
        submitting.submit(cluster, todo, terms(todo))


def test_the_image_is_that_of_the_release(api: KubeApi, cluster: Cluster) -> None:
    fusion = releases.deployment("fusion")
    fusion["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "registry"}]
    api.put(fusion)
    image = "registry.example.org/ward/tumorcast-training:0.1.0"
    assert submitting.image_of_release(cluster, "tumorcast") == (image, ["registry"])
    with pytest.raises(errors.InvalidInput, match="--image"):
        submitting.image_of_release(cluster, "north")


def test_a_log_is_followed_over_a_break_and_a_second_pod_without_a_line_twice(api: KubeApi, cluster: Cluster) -> None:
    api.put(job(active=1))
    api.put(worker("w1", "running"))
    api.script("GET", f"{PODS}/w1/log", log("a", "b", broken=True), log("a", "b", "c"))
    told = []
    for line in following.Follower(cluster, "j", sleep=lambda _s: None).lines():
        told.append(line)
        if line == "b":
            api.put(worker("w1", "terminated", "Failed", exitCode=137, reason="OOMKilled"))
        if line == "c":
            api.put(worker("w2", "running"))
            api.script("GET", f"{PODS}/w2/log", log("again"))
        if line == "again":
            api.put(worker("w2", "terminated", "Succeeded", exitCode=0))
            api.put(job(**ended("Complete")))
    assert told == ["a", "b", "c", "again"]
    assert following.verdict(*following.find(cluster, "j")).state == "succeeded"


@pytest.mark.parametrize(
    "first",
    [
        refusal(400, "BadRequest", 'container "job" in pod "w1" is waiting to start: ContainerCreating'),
        refusal(410, "Expired", "too old"),
        refusal(500, "InternalError", "kubelet is away"),
        refusal(404, "NotFound", "pods w1 not found"),
        Answer(delay_s=3),
    ],
    ids=["400", "410", "500", "404", "time-out"],
)
def test_a_log_that_cannot_be_read_yet_is_asked_for_again(api: KubeApi, cluster: Cluster, first: Answer) -> None:
    api.put(job(active=1))
    api.put(worker("w1", "running"))
    api.script("GET", f"{PODS}/w1/log", first, log("a"))
    told = []
    for line in following.Follower(cluster, "j", sleep=lambda _s: None).lines():
        told.append(line)
        api.put(worker("w1", "terminated", "Succeeded", exitCode=0))
        api.put(job(**ended("Complete")))
    assert told == ["a"]


def test_who_waits_is_told_what_for_once(api: KubeApi, cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    pulling = worker("w1", "waiting", "Pending", reason="ImagePullBackOff", message="Back-off pulling image")
    api.put(job(active=1))
    api.put(pulling)
    seen: list[str] = []

    def say(text: str) -> None:
        seen.append(text)
        if len(seen) == 3:
            api.put(job(**ended("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")))

    assert list(following.Follower(cluster, "j", say, lambda _s: None).lines()) == []
    assert set(seen) == {"ImagePullBackOff: Back-off pulling image"}
    assert run(capsys, "jobs", "list")[0] == 0


@pytest.mark.usefixtures("cluster")
def test_a_command_that_follows_ends_as_its_job_did(api: KubeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.put(job(**ended("Failed", "PodFailurePolicy", "Container job failed with exit code 1")))
    api.put(worker("w1", "terminated", "Failed", exitCode=137, reason="OOMKilled"))
    api.script("GET", f"{PODS}/w1/log", log("reading"))
    assert cli.run(["platform", "jobs", "logs", "j", "--follow"]) == 1
    told = capsys.readouterr()
    assert told.out == "reading\n"
    assert "PodFailurePolicy: Container job failed with exit code 1 It was killed for want of memory" in told.err
    api.put(job(**ended("Complete")))
    assert cli.run(["platform", "jobs", "logs", "j", "--follow"]) == 0


@pytest.mark.usefixtures("cluster")
def test_interrupting_leaves_the_job_at_work_and_says_how_to_look_again(
    api: KubeApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api.put(job(active=1))

    def interrupted(_self: object) -> Iterator[str]:
        raise KeyboardInterrupt
        yield ""

    monkeypatch.setattr(following.Follower, "lines", interrupted)
    assert cli.run(["platform", "jobs", "logs", "j", "--follow"]) == 130
    assert "tumorcast platform jobs logs j --namespace ward --follow" in capsys.readouterr().err
    assert not [asked for asked in api.asked if asked[0] == "DELETE"]


def ray_job(**status: Any) -> dict[str, Any]:
    return {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": {"name": "j"}, "status": status}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, "waiting"),
        ({"jobDeploymentStatus": "Initializing"}, "waiting"),
        ({"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}, "running"),
        ({"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}, "succeeded"),
        ({"jobDeploymentStatus": "Complete", "jobStatus": "FAILED", "message": "exit status 1"}, "failed"),
        ({"jobDeploymentStatus": "Failed", "reason": "DeadlineExceeded"}, "failed"),
    ],
)
def test_a_ray_job_counts_not_the_job_that_kuberay_made_for_it(
    api: KubeApi, cluster: Cluster, status: dict[str, Any], state: str
) -> None:
    api.put(job(**ended("Complete")))
    api.put(ray_job(**status))
    assert following.verdict(*following.find(cluster, "j")).state == state


def test_a_job_that_is_not_there_is_told(api: KubeApi, cluster: Cluster) -> None:
    api.know("Job", "RayJob")
    with pytest.raises(errors.JobNotFound):
        following.find(cluster, "j")
    api.script("GET", f"{JOBS}/j", FORBIDDEN)
    with pytest.raises(errors.ClusterForbidden):
        following.find(cluster, "j")


def test_an_api_that_stays_away_is_told_after_a_while(
    api: KubeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PATIENCE_S", 0.0)
    api.script("GET", f"{JOBS}/j", refusal(503, "ServiceUnavailable", "etcd is not well"))
    with pytest.raises(errors.ClusterUnavailable):
        list(following.Follower(cluster, "j", sleep=lambda _s: None).lines())


def test_jobs_are_listed_the_newest_first_and_deleted(api: KubeApi, cluster: Cluster) -> None:
    api.know("NetworkPolicy")
    mine = {
        "app.kubernetes.io/instance": "tumorcast",
        "app.kubernetes.io/part-of": "tumorcast",
        "tumorcast/work": "batch",
        "tumorcast/model": "glioma",
    }
    for number, kind in enumerate(("Job", "RayJob", "Job")):
        made = job() if kind == "Job" else ray_job()
        name = f"j{number}"
        made["metadata"] = {
            "name": name,
            "labels": {**mine, "tumorcast/job": name},
            "creationTimestamp": f"2026-11-2{number}T00:00:00Z",
        }
        made["status"] = {"startTime": "2026-11-20T00:00:00Z", "completionTime": "2026-11-20T00:01:00Z"}
        api.put(made)
    api.put(job("of-somebody-else"))
    found = keeping.jobs_of(cluster, "tumorcast")
    assert [(row["name"], row["kind"], row["work"]) for row in found] == [
        ("j2", "Job", "batch"),
        ("j1", "RayJob", "batch"),
        ("j0", "Job", "batch"),
    ]
    assert found[0]["seconds"] == 60
    assert keeping.delete(cluster, "j1") == "RayJob"
    assert [row["name"] for row in keeping.jobs_of(cluster, "tumorcast")] == ["j2", "j0"]
    api.script("GET", f"{RAY}/rayjobs", FORBIDDEN)
    assert len(keeping.jobs_of(cluster, "tumorcast")) == 2


@pytest.mark.usefixtures("cluster")
def test_a_command_that_waits_ends_when_all_are_ready(api: KubeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.put(releases.deployment(replicas=3))
    status, found, _ = run(capsys, "scale", "clinical", "3", "--wait")
    assert (status, found["ready"]) == (0, True)
    api.put(releases.deployment(replicas=2))
    status, found, _ = run(capsys, "scale", "clinical", "3", "--wait", "--timeout", "1")
    assert (status, found["error"]["code"]) == (1, "DEADLINE_EXCEEDED")


@pytest.mark.usefixtures("cluster")
def test_a_job_is_submitted_with_the_image_of_the_release_and_followed(
    api: KubeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.know("Job", "NetworkPolicy")
    api.put(releases.deployment("fusion"))
    arguments = ("evaluate", "glioma", "--data-claim", "cohorts", "--table", "t.csv", "--name", "mine")
    status, found, _ = run(capsys, "submit", *arguments)
    image = "registry.example.org/ward/tumorcast-training:0.1.0"
    assert (status, found) == (0, {"job": "mine", "kind": "Job", "namespace": "ward", "image": image})
    status, found, _ = run(capsys, "submit", *arguments)
    assert (status, found["error"]["code"]) == (1, "CLUSTER_CONFLICT")
