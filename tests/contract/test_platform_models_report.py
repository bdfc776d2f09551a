"""``tumorcast platform models report`` asks the pods of a release through the API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.kube_api import Answer, KubeApi, kube_api, refusal
from support.shadow_reports import compared, metrics_of, report_of
from tumorcast_platform.cli import run

PODS = "/api/v1/namespaces/ward/pods"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeApi]:
    with kube_api() as running:
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig(tmp_path)))
        pods = [pod("a", "Running"), pod("b", "Running"), pod("new", "Pending")]
        running.script("GET", PODS, Answer(200, {"kind": "PodList", "metadata": {}, "items": pods}))
        yield running


def pod(name: str, phase: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"phase": phase}}


def metrics_path(name: str) -> str:
    return f"{PODS}/{name}:9464/proxy/metrics"


def tells(api: KubeApi, name: str, count: int) -> None:
    api.script("GET", metrics_path(name), Answer(200, metrics_of(report_of(compared(count))).encode()))


def report(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    status = run(["platform", "models", "report", "tiny", "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_running_pods_are_asked_and_added_up(api: KubeApi, capsys: pytest.CaptureFixture[str]) -> None:
    tells(api, "a", 150)
    tells(api, "b", 120)
    status, told = report(capsys)
    assert (status, told["objections"], told["endpoints"]["response"]["compared"]) == (0, [], 270)
    assert (told["active"], told["shadow"]) == ("1.0.0-aaaaaaaaaaaa", "2.0.0-bbbbbbbbbbbb")
    asked = [(path, query.get("labelSelector")) for _, path, query, _ in api.asked]
    assert asked[0] == (PODS, "app.kubernetes.io/name=fusion,app.kubernetes.io/instance=tumorcast")
    assert [path for path, _ in asked[1:]] == [metrics_path("a"), metrics_path("b")]


def test_where_the_api_server_reaches_no_pod_the_other_way_is_told(
    api: KubeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        api.script("GET", metrics_path(name), refusal(503, "ServiceUnavailable", "dial tcp 10.40.0.9: i/o timeout"))
    assert run(["platform", "models", "report", "tiny", "--namespace", "ward"]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "kubectl --namespace ward port-forward pod/a 9464:9464" in told
    assert "--address 127.0.0.1:9464" in told


def test_a_pod_that_may_not_be_asked_is_told_and_the_others_count(
    api: KubeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    tells(api, "a", 250)
    api.script("GET", metrics_path("b"), refusal(403, "Forbidden", "no"))
    status, told = report(capsys)
    assert (status, told["endpoints"]["response"]["compared"]) == (0, 250)
    assert [replica["counted"] for replica in told["replicas"]] == [True, False]
    assert "pods/proxy" in told["replicas"][1]["failure"]


def test_where_no_pod_can_be_asked_the_reason_is_told(api: KubeApi, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "ab":
        api.script("GET", metrics_path(name), refusal(403, "Forbidden", "no"))
    status, told = report(capsys)
    assert (status, told["error"]["code"]) == (1, "SERVICE_UNAVAILABLE")
    assert "pods/proxy" in told["error"]["message"]


def test_too_little_to_promote_is_told_as_a_page_and_by_the_exit_status(
    api: KubeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    tells(api, "a", 20)
    tells(api, "b", 10)
    assert run(["platform", "models", "report", "tiny"]) == 1
    told = capsys.readouterr().out
    assert "shadow   2.0.0-bbbbbbbbbbbb" in told
    assert "response: 30 answers were compared; 200 are needed." in told


def test_replicas_without_a_shadow_are_told(api: KubeApi, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "ab":
        api.script("GET", metrics_path(name), Answer(200, b"up 1\n"))
    status, told = report(capsys)
    assert (status, told["objections"]) == (1, ["No replica has a shadow of this model."])
