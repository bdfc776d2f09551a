"""``tumorcast platform submit`` and ``jobs`` against a Kubernetes API over HTTP: refusals, breaks, time-outs."""

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

RAY = "/apis/ray.io/v1/namespaces/ward"
PODS = "/api/v1/namespaces/ward/pods"
JOBS = "/apis/batch/v1/namespaces/ward/jobs"
FORBIDDEN = refusal(403, "Forbidden", 'x is forbidden: User "me" cannot do this')


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as running:
        running.know("Pod")
        yield running


@pytest.fixture
def cluster(api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path)))
    monkeypatch.setattr(api_following, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(following, "POLL_S", 0.02)
    with Cluster.connect(namespace=None, timeout_s=1.5) as connected:
        yield connected


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    status = cli.run(["platform", *arguments, "--json"])
    told = capsys.readouterr()
    return status, json.loads(told.out), told.err


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


def test_a_ray_job_asks_for_names_where_the_release_does(api: KubeApi, cluster: Cluster) -> None:
    todo = work.train("glioma", "cohorts", "models", ray_workers=2, cpus=2)
    usual = submitting.with_names(cluster, terms(todo))
    ports = [{"protocol": protocol, "port": 5353} for protocol in ("UDP", "TCP")]
    dns = {"to": [{"ipBlock": {"cidr": "169.254.20.10/32"}}], "ports": ports}
    elsewhere = {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"protocol": "TCP", "port": 443}]}
    policy = {"metadata": {"name": "tumorcast-fusion"}, "spec": {"egress": [elsewhere, dns]}}
    api.put({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", **policy})
    told = submitting.with_names(cluster, terms(todo))
    assert manifests.network_policy(todo, told)["spec"]["egress"][1] == dns
    assert manifests.network_policy(todo, usual)["spec"]["egress"][1]["ports"][0] == {"protocol": "UDP", "port": 53}


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
