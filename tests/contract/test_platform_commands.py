"""``tumorcast platform status | wait | diagnose | validate`` against an API over HTTP, as a user runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.kube_api import Answer, KubeApi, kube_api, refusal
from support.recordings import recording
from tumorcast_platform import cli
from tumorcast_platform.cluster.api import Cluster
from tumorcast_platform.cluster.diagnosis import diagnose
from tumorcast_platform.cluster.observing import LABELED, WHOLE, observe
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import service_states

NAMESPACE = "tumor-board"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeApi]:
    with kube_api() as running:
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig(tmp_path)))
        running.know(*LABELED, *WHOLE)
        yield running


def fill(api: KubeApi, name: str) -> ReleaseSnapshot:
    """Let the cluster be as a recording has it."""
    snapshot = recording(name)
    for kind, found in snapshot.objects.items():
        for item in found:
            api.put({"apiVersion": "x/v1", **item, "kind": kind}, NAMESPACE)
    return snapshot


def path(kind: str, name: str = "") -> str:
    from tumorcast_platform.cluster.kinds import KINDS

    return KINDS[kind].path(NAMESPACE, name)


def seen(release: str = "tumorcast") -> ReleaseSnapshot:
    with Cluster.connect(namespace=NAMESPACE, timeout_s=3) as cluster:
        return observe(cluster, release)


@pytest.mark.parametrize("name", ["healthy", "image-pull", "gpu-pending", "upgrade-stuck", "migration-failed"])
def test_what_is_observed_over_the_api_is_what_the_recording_has(api: KubeApi, name: str) -> None:
    before = fill(api, name)
    now = seen()
    assert {k: len(v) for k, v in now.objects.items() if v} == {k: len(v) for k, v in before.objects.items() if v}
    codes = [
        [finding.code for finding in diagnose(s).findings if "Job" not in str(finding.about)] for s in (before, now)
    ]
    assert codes[0] == codes[1]
    assert len(service_states(now)) == len(service_states(before))


def test_another_release_in_the_namespace_is_not_mixed_in(api: KubeApi) -> None:
    fill(api, "healthy")
    other = seen("another")
    assert not other.of("Pod")
    assert not other.of("RayCluster")
    assert not other.of("EndpointSlice")
    assert diagnose(other).nothing_there


def test_an_observation_takes_one_request_for_each_kind(api: KubeApi) -> None:
    fill(api, "healthy")
    seen()
    assert len(api.asked) == len(LABELED) + len(WHOLE)
    assert all(
        method == "GET" and "secrets" not in path and "configmaps" not in path for method, path, _, _ in api.asked
    )


def test_what_may_not_be_read_is_noted_and_the_rest_is_told(api: KubeApi) -> None:
    fill(api, "healthy")
    api.script("GET", path("Node"), refusal(403, "Forbidden", "nodes is forbidden"))
    snapshot = seen()
    assert snapshot.unread.keys() == {"Node"}
    assert 'verbs: ["list"]' in snapshot.unread["Node"]
    assert all(state.well for state in service_states(snapshot))


def test_custom_resources_that_are_not_installed_are_absent_and_no_fault(api: KubeApi) -> None:
    gone = refusal(404, "NotFound", "404 page not found")
    for kind in ("ScaledObject", "Certificate", "RayService", "RayCluster"):
        api.script("GET", path(kind), gone)
    snapshot = seen()
    assert set(snapshot.absent) == {"ScaledObject", "Certificate", "RayService", "RayCluster"}
    assert not snapshot.unread


def test_an_api_that_stops_answering_half_way_is_not_asked_for_everything(api: KubeApi) -> None:
    fill(api, "healthy")
    for kind in LABELED[3:]:
        api.script("GET", path(kind), refusal(503, "ServiceUnavailable", "etcd is gone"))
    snapshot = seen()
    assert set(snapshot.objects) == set(LABELED[:3])
    assert sum("etcd is gone" in why for why in snapshot.unread.values()) == 2
    assert sum("not asked for any more" in why for why in snapshot.unread.values()) == len(LABELED) + len(WHOLE) - 5


def test_the_logs_of_containers_that_failed_are_read_and_filtered(api: KubeApi) -> None:
    snapshot = fill(api, "out-of-memory")
    for pod in snapshot.of("Pod"):
        log = Answer(200, b"asking postgresql://u:hunter2@db\nended\n")
        api.script("GET", f"{path('Pod', pod['metadata']['name'])}/log", log)
    logs = seen().logs
    assert len(logs) == 4
    assert all(log.previous and log.lines == ("asking postgresql://<hidden>@db", "ended") for log in logs)


def test_logs_that_may_not_be_read_are_noted_once(api: KubeApi) -> None:
    snapshot = fill(api, "out-of-memory")
    for pod in snapshot.of("Pod"):
        api.script("GET", f"{path('Pod', pod['metadata']['name'])}/log", refusal(403, "Forbidden", "no"))
    now = seen()
    assert not now.logs
    assert 'resources: ["pods/log"]' in now.unread["logs"]
    assert sum("/log" in asked for _, asked, _, _ in api.asked) == 1


def test_an_autoscaler_that_keda_made_without_our_label_is_found(api: KubeApi) -> None:
    fill(api, "healthy")
    hpa = api.get("HorizontalPodAutoscaler", "keda-hpa-tumorcast-notes", NAMESPACE)
    del hpa["metadata"]["labels"]
    api.put(hpa, NAMESPACE)
    names = [item["metadata"]["name"] for item in seen().of("HorizontalPodAutoscaler")]
    assert sorted(names) == ["keda-hpa-tumorcast-notes", "tumorcast-clinical"]


def run(*arguments: str) -> int:
    return cli.run(["platform", *arguments, "--namespace", NAMESPACE])


def test_status_of_a_healthy_release_is_zero_and_of_a_broken_one_is_one(
    api: KubeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(api, "healthy")
    assert run("status") == 0
    assert capsys.readouterr().out.startswith("All services are ready.\n")
    fill(api, "missing-secret")
    assert run("status") == 1
    assert capsys.readouterr().out.startswith("Gateway is down.\n")


def test_a_recording_that_status_keeps_is_what_diagnose_reads(
    api: KubeApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(api, "gpu-pending")
    file = str(tmp_path / "release.json")
    assert run("status", "--save", file) == 1
    capsys.readouterr()
    assert cli.run(["platform", "diagnose", "--from", file, "--json"]) == 1
    assert [f["code"] for f in json.loads(capsys.readouterr().out)["findings"]] == ["gpu-taken"]


def test_wait_ends_well_where_all_is_ready_and_early_where_it_will_not_be(
    api: KubeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(api, "healthy")
    assert run("wait") == 0
    assert "is ready" in capsys.readouterr().out
    fill(api, "image-pull")
    assert run("wait", "--timeout", "60") == 1
    assert "does not heal by itself: The registry has no image" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["status", "diagnose"])
def test_a_cluster_that_does_not_answer_is_one_line(
    api: KubeApi, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api.script("GET", "*", refusal(503, "ServiceUnavailable", "the server is starting"))
    assert run(command) == 1
    said = capsys.readouterr()
    assert said.err.startswith("CLUSTER_UNAVAILABLE: ")
    assert said.err.count("\n") == 1
    assert not said.out


def test_who_may_read_nothing_is_told_which_rules_would_allow_it(
    api: KubeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.script("GET", "*", refusal(403, "Forbidden", "no"))
    assert run("status") == 1
    said = capsys.readouterr().out
    assert "There is no such release, or it may not be read" in said
    assert said.count("Not read: ") == len(LABELED) + len(WHOLE)


def test_expired_credentials_are_one_line(api: KubeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.script("GET", "*", refusal(401, "Unauthorized", "Unauthorized"))
    assert run("diagnose") == 1
    assert capsys.readouterr().err.startswith("UNAUTHENTICATED: ")


GOOD = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "b"}}


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (Answer(200, GOOD), 0, "nothing is wrong"),
        (refusal(422, "Invalid", "data.a: Invalid value"), 1, "refused-by-cluster"),
        (refusal(400, "BadRequest", 'strict decoding error: unknown field "dta"'), 1, "unknown field"),
        (refusal(403, "Forbidden", "admission webhook denied"), 1, "refused-by-cluster"),
        (refusal(404, "NotFound", "namespaces not found"), 1, "unknown-kind"),
        (refusal(409, "Conflict", 'conflict with "helm": .data.a'), 0, "owned-by-another"),
    ],
)
def test_a_server_side_dry_run_tells_what_the_cluster_would_refuse(
    api: KubeApi, tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: Answer, status: int, told: str
) -> None:
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(GOOD))
    api.script("PATCH", path("ConfigMap", "one"), answer)
    assert run("validate", str(tmp_path / "one.yaml"), "--on-cluster") == status
    assert told in capsys.readouterr().out
    method, _, query, body = api.asked[-1]
    assert (method, query["dryRun"], query["fieldValidation"], body) == ("PATCH", "All", "Strict", GOOD)
