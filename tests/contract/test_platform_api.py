"""The Kubernetes API as ``tumorcast platform`` meets it: pages, refusals, failures, broken streams, over real HTTP."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Authority, Pair
from support.kube_api import Answer, KubeApi, event_line, kube_api, refusal
from tumorcast_core import errors
from tumorcast_platform.cluster import following
from tumorcast_platform.cluster.api import Cluster

PODS = "/api/v1/namespaces/ward/pods"
RAY = "/apis/ray.io/v1/namespaces/ward/rayservices"


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as running:
        yield running


@pytest.fixture
def cluster(api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path)))
    monkeypatch.setattr(following, "FIRST_PAUSE_S", 0.02)
    with Cluster.connect(namespace=None, timeout_s=1.5) as connected:
        yield connected


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "uid": f"uid-{name}", "labels": labels}}


def names(items: list[dict[str, Any]]) -> list[str]:
    return sorted(item["metadata"]["name"] for item in items)


def page(*items: dict[str, Any], token: str = "", version: str = "7") -> Answer:
    metadata = {"resourceVersion": version, **({"continue": token} if token else {})}
    return Answer(200, {"kind": "PodList", "metadata": metadata, "items": list(items)})


def test_a_list_is_read_page_by_page(api: KubeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tumorcast_platform.cluster.api.PAGE", 3)
    for number in range(7):
        api.put(pod(f"p{number}", half=str(number % 2)))
    assert names(cluster.list("Pod")) == [f"p{n}" for n in range(7)]
    assert [query.get("continue") for _, _, query, _ in api.asked] == [None, "3", "6"]
    assert names(cluster.list("Pod", selector="half=1")) == ["p1", "p3", "p5"]


def test_a_list_that_expires_between_pages_begins_anew_and_has_nothing_twice(api: KubeApi, cluster: Cluster) -> None:
    first = page(pod("a"), pod("b"), token="x")
    expired = refusal(410, "Expired", "The provided continue parameter is too old")
    api.script("GET", PODS, first, expired, first, page(pod("c")))
    assert names(cluster.list("Pod")) == ["a", "b", "c"]


def test_a_list_that_expires_every_time_is_given_up(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", PODS, refusal(410, "Expired", "too old"))
    with pytest.raises(errors.ClusterUnavailable, match="expired"):
        cluster.list("Pod")
    assert len(api.asked) == 3


def test_forbidden_names_verb_and_kind_and_the_rule_that_would_allow_it(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", RAY, refusal(403, "Forbidden", 'rayservices.ray.io is forbidden: User "me" cannot list resource'))
    with pytest.raises(errors.ClusterForbidden) as caught:
        cluster.list("RayService")
    assert caught.value.message == (
        "You may not list rayservices.ray.io in namespace ward. A Role with the rule "
        '{apiGroups: ["ray.io"], resources: ["rayservices"], verbs: ["list"]} would allow it.'
    )


def test_forbidden_on_nodes_asks_for_a_cluster_role(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", "/api/v1/nodes", refusal(403, "Forbidden", "nodes is forbidden"))
    with pytest.raises(errors.ClusterForbidden, match=r"A ClusterRole with the rule \{apiGroups: \[\"\"\]"):
        cluster.list("Node")


def test_forbidden_on_a_log_names_the_subresource(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", f"{PODS}/p/log", refusal(403, "Forbidden", "no"))
    with pytest.raises(errors.ClusterForbidden, match=r'resources: \["pods/log"\], verbs: \["get"\]'):
        cluster.log("p")


def test_a_pod_that_pod_security_refuses_is_told_with_its_reason(api: KubeApi, cluster: Cluster) -> None:
    told = 'pods "p" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
    api.script("POST", PODS, refusal(403, "Forbidden", told))
    with pytest.raises(errors.ClusterForbidden, match="runAsNonRoot"):
        cluster.create("Pod", pod("p"))


def test_an_object_that_is_not_there_is_told_apart_from_a_kind_that_is_not_there(cluster: Cluster) -> None:
    with pytest.raises(errors.ClusterObjectNotFound, match=r"no pods ghost in namespace ward") as caught:
        cluster.get("Pod", "ghost")
    assert not isinstance(caught.value, errors.ClusterKindNotFound)
    with pytest.raises(errors.ClusterKindNotFound, match=r"has no rayservices\.ray\.io"):
        cluster.list("RayService")


def test_a_patch_with_an_old_resource_version_is_a_conflict(api: KubeApi, cluster: Cluster) -> None:
    api.put(pod("p"))
    version = cluster.get("Pod", "p")["metadata"]["resourceVersion"]
    changed = cluster.patch("Pod", "p", {"metadata": {"resourceVersion": version, "labels": {"a": "b"}}})
    assert changed["metadata"]["labels"] == {"a": "b"}
    with pytest.raises(errors.ClusterConflict, match="has been modified"):
        cluster.patch("Pod", "p", {"metadata": {"resourceVersion": version}})


def test_a_dry_run_changes_nothing(api: KubeApi, cluster: Cluster) -> None:
    api.put(pod("p"))
    assert cluster.patch("Pod", "p", {"metadata": {"labels": {"a": "b"}}}, dry_run=True)["metadata"]["labels"]
    assert api.get("Pod", "p")["metadata"]["labels"] == {}
    assert [query.get("dryRun") for _, _, query, _ in api.asked] == ["All"]


def test_created_is_deleted_again(api: KubeApi, cluster: Cluster) -> None:
    cluster.create("Pod", pod("p"))
    assert names(cluster.list("Pod")) == ["p"]
    cluster.delete("Pod", "p")
    assert cluster.list("Pod") == []


def test_what_the_api_takes_for_wrong_is_told_with_its_reason(api: KubeApi, cluster: Cluster) -> None:
    api.script("POST", PODS, refusal(422, "Invalid", 'Pod "p" is invalid: spec.containers: Required value'))
    with pytest.raises(errors.ClusterRefused, match=r"refuses to create pods: .*Required value"):
        cluster.create("Pod", pod("p"))


def test_expired_credentials_are_told_as_such(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", PODS, refusal(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(errors.Unauthenticated, match="kubeconfig's credentials"):
        cluster.list("Pod")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_reading_goes_on_after_a_server_that_failed_once(api: KubeApi, cluster: Cluster, status: int) -> None:
    api.script("GET", PODS, refusal(status, "InternalError", "etcd leader changed"), page(pod("a")))
    assert names(cluster.list("Pod")) == ["a"]


def test_a_server_that_keeps_failing_is_told_with_its_reason(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", PODS, refusal(500, "InternalError", "etcdserver: request timed out", Retry_After="0"))
    with pytest.raises(errors.ClusterUnavailable, match="status 500: etcdserver: request timed out"):
        cluster.list("Pod")


def test_a_change_is_not_sent_twice_where_the_server_failed(api: KubeApi, cluster: Cluster) -> None:
    api.script("PATCH", f"{PODS}/p", refusal(500, "InternalError", "broken"))
    with pytest.raises(errors.ClusterUnavailable):
        cluster.patch("Pod", "p", {"metadata": {}})
    assert len(api.asked) == 1


def test_patience_is_kept_for_as_long_as_the_server_asks(api: KubeApi, cluster: Cluster) -> None:
    busy = refusal(429, "TooManyRequests", "slow down", Retry_After="1")
    api.script("PATCH", f"{PODS}/p", busy, Answer(200, pod("p")))
    began = time.monotonic()
    assert cluster.patch("Pod", "p", {"metadata": {}})["metadata"]["name"] == "p"
    assert 0.9 < time.monotonic() - began < 1.5


def test_patience_ends_with_the_time_out(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", PODS, refusal(429, "TooManyRequests", "slow down", Retry_After="3600"))
    began = time.monotonic()
    with pytest.raises(errors.ResourceExhausted, match="patience"):
        cluster.list("Pod")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>proxy login</html>"),
        Answer(200, b"[1, 2]"),
        Answer(200, b""),
        Answer(200, b"[" * 100_000),
        Answer(200, b"\xff\xfe"),
    ],
)
def test_an_answer_that_is_no_object_is_told_in_one_line(api: KubeApi, cluster: Cluster, answer: Answer) -> None:
    api.script("GET", PODS, answer)
    with pytest.raises(errors.ClusterUnavailable, match="The Kubernetes API gave an answer"):
        cluster.list("Pod")


@pytest.mark.parametrize("body", [{"items": None}, {"items": [None, 3, "x"]}, {"metadata": None}, {}])
def test_a_list_with_odd_members_is_read_without_them(api: KubeApi, cluster: Cluster, body: dict[str, Any]) -> None:
    api.script("GET", PODS, Answer(200, body))
    assert cluster.list("Pod") == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"{}", delay_s=30),  # says nothing
        Answer(200, [b'{"items": [', 30]),  # begins and falls silent
        Answer(200, [x for _ in range(60) for x in (b" ", 0.2)]),  # a byte now and then
    ],
)
def test_a_server_that_does_not_end_its_answer_is_left_in_time(api: KubeApi, cluster: Cluster, answer: Answer) -> None:
    api.script("GET", PODS, answer)
    began = time.monotonic()
    with pytest.raises(errors.ClusterUnavailable):
        cluster.list("Pod")
    assert time.monotonic() - began < 3


def test_an_answer_that_breaks_off_is_asked_for_again(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", PODS, Answer(200, [b'{"items": [', None]), page(pod("a")))
    assert names(cluster.list("Pod")) == ["a"]


def test_nobody_at_the_address_is_told_with_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with kube_api() as api:
        file = api.kubeconfig(tmp_path)
        file.write_text(file.read_text().replace(api.url, f"http://127.0.0.1:{port}"))
    monkeypatch.setenv("KUBECONFIG", str(file))
    began = time.monotonic()
    with (
        Cluster.connect(namespace=None, timeout_s=2.0) as cluster,
        pytest.raises(errors.ClusterUnavailable, match=f"Nothing answers at http://127.0.0.1:{port}"),
    ):
        cluster.list("Pod")
    assert time.monotonic() - began < 2


def test_a_log_is_text_and_takes_previous_and_container(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", f"{PODS}/p/log", Answer(200, "one\ntwo ü\n".encode() + b"\xff\n"))
    assert cluster.log("p", container="c", lines=5, previous=True) == "one\ntwo ü\n�\n"
    query = api.asked[0][2]
    assert (query["container"], query["tailLines"], query["previous"]) == ("c", "5", "true")


def test_a_proxied_path_is_asked_through_the_api_server(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", f"{PODS}/p:9464/proxy/metrics", Answer(200, b"up 1\n"))
    assert cluster.proxy("Pod", "p", 9464, "/metrics") == b"up 1\n"


@pytest.mark.parametrize("name", ["../secrets", "..", "a/b", "a?x=1", "a b", "é", "-a"])
def test_a_name_that_cannot_be_is_not_sent(api: KubeApi, cluster: Cluster, name: str) -> None:
    with pytest.raises(errors.InvalidInput, match="cannot be the name"):
        cluster.get("Pod", name)
    assert not api.asked


def test_who_asks_shows_its_token_and_no_error_does(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", PODS, refusal(403, "Forbidden", "no"))
    with pytest.raises(errors.ClusterForbidden) as caught:
        cluster.list("Pod")
    assert "kube-token" not in str(caught.value)
    assert "kube-token" not in repr(cluster.__dict__)


def test_a_watch_tells_what_is_there_and_then_what_changes(api: KubeApi, cluster: Cluster) -> None:
    api.put(pod("a"))
    seen = []
    for event, item in cluster.watch("Pod", timeout_s=5):
        seen.append((event, item["metadata"]["name"]))
        if len(seen) == 1:
            cluster.create("Pod", pod("b"))
        if seen[-1] == ("ADDED", "b"):
            cluster.delete("Pod", "b")
        if seen[-1] == ("DELETED", "b"):
            break
    assert seen[0] == ("ADDED", "a")
    assert seen[-2:] == [("ADDED", "b"), ("DELETED", "b")]


def test_a_watch_ends_with_its_time(api: KubeApi, cluster: Cluster) -> None:
    api.know("Pod")
    began = time.monotonic()
    assert list(cluster.watch("Pod", timeout_s=1.2)) == []
    assert time.monotonic() - began < 2.5


GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}


@pytest.mark.parametrize(
    "broken",
    [
        Answer(200, [event_line("ERROR", GONE)]),
        refusal(410, "Expired", "too old resource version"),
        Answer(200, []),  # ends at once
        Answer(200, [b'{"type": "MODIFIED", "obj', None]),  # breaks in the middle of a line
        Answer(200, [b"not JSON\n"]),
        Answer(200, [b'{"type": "ADDED", "object": 3}\n']),
        refusal(503, "ServiceUnavailable", "starting"),
        Answer(200, [event_line("BOOKMARK", {"metadata": {"resourceVersion": "9"}}), None]),
    ],
)
def test_a_watch_that_breaks_lists_again_and_tells_what_it_missed(
    api: KubeApi, cluster: Cluster, broken: Answer
) -> None:
    before, after = pod("stays"), pod("stays")
    after["metadata"]["resourceVersion"] = "8"
    api.script("GET", PODS, page(before, pod("goes")), page(after, pod("comes")))
    api.script("GET", f"{PODS}?watch", broken, Answer(200, [b"\n", 1.0]))
    seen = [(event, item["metadata"]["name"]) for event, item in cluster.watch("Pod", timeout_s=0.6)]
    assert seen == [
        ("ADDED", "stays"), ("ADDED", "goes"), ("DELETED", "goes"), ("MODIFIED", "stays"), ("ADDED", "comes"),
    ]  # fmt: skip


def test_a_watch_outlives_a_server_that_restarts(api: KubeApi, cluster: Cluster) -> None:
    failing = refusal(500, "InternalError", "restarting")
    api.script("GET", PODS, page(pod("a")), failing, failing, failing, failing, page(pod("a"), pod("b")))
    api.script("GET", f"{PODS}?watch", Answer(200, []))
    watch = cluster.watch("Pod", timeout_s=30)
    assert [next(watch)[1]["metadata"]["name"] for _ in range(2)] == ["a", "b"]


def test_a_watch_says_at_its_end_that_the_server_never_answered(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", PODS, refusal(500, "InternalError", "down"))
    with pytest.raises(errors.ClusterUnavailable, match="down"):
        list(cluster.watch("Pod", timeout_s=0.5))


def test_a_watch_that_may_not_be_is_told_at_once(api: KubeApi, cluster: Cluster) -> None:
    api.know("Pod")
    api.script("GET", f"{PODS}?watch", refusal(403, "Forbidden", "no"))
    with pytest.raises(errors.ClusterForbidden, match=r'verbs: \["watch"\]'):
        list(cluster.watch("Pod", timeout_s=30))


def test_a_watch_that_is_left_closes_its_connection(api: KubeApi, cluster: Cluster) -> None:
    api.put(pod("a"))
    for _ in range(30):
        watch = cluster.watch("Pod", timeout_s=30)
        assert next(watch)[0] == "ADDED"
        assert next(watch)[0] == "ADDED"  # the emulator's stream begins with what is there
        watch.close()  # type: ignore[attr-defined]
    connections = Path("/proc/self/fd").iterdir()
    assert sum(1 for fd in connections if _is_socket(fd)) < 25


def _is_socket(fd: Path) -> bool:
    try:
        return "socket" in str(fd.readlink())
    except OSError:
        return False


def running(phase: str = "Running") -> Answer:
    return Answer(200, {**pod("p"), "spec": {"restartPolicy": "Never"}, "status": {"phase": phase}})


def test_a_followed_log_goes_on_where_it_broke_without_a_line_lost_or_twice(api: KubeApi, cluster: Cluster) -> None:
    first, second = b"2026-01-01T00:00:01.5Z one\n", b"2026-01-01T00:00:02.000000001Z two\n"
    third = b"2026-01-01T00:00:02.000000002Z three\n"
    api.script("GET", f"{PODS}/p/log", Answer(200, [first, second[:20], None]), Answer(200, [first, second, third]))
    api.script("GET", f"{PODS}/p", running(), running("Succeeded"))
    assert list(cluster.follow_log("p")) == ["one", "two", "three"]
    assert api.asked[2][2]["sinceTime"] == "2026-01-01T00:00:01.5Z"


def test_a_followed_log_ends_where_the_pod_is_gone(api: KubeApi, cluster: Cluster) -> None:
    api.script("GET", f"{PODS}/p/log", Answer(200, b"plain line\n"))
    api.script("GET", f"{PODS}/p", refusal(404, "NotFound", "gone"))
    assert list(cluster.follow_log("p")) == ["plain line"]


KUBECONFIG = {
    "apiVersion": "v1", "kind": "Config", "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    "clusters": [{"name": "k", "cluster": {"server": "https://cluster.example.org:6443"}}],
    "users": [{"name": "u", "user": {"token": "s3cr3t-t0ken"}}],
}  # fmt: skip


def _with(**cluster: Any) -> str:
    return json.dumps({**KUBECONFIG, "clusters": [{"name": "k", "cluster": cluster}]})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (_with(server="https://a.example.org", **{"insecure-skip-tls-verify": True}), "insecure-skip-tls-verify"),
        (_with(server="http://a.example.org"), "http:// on another machine"),
        (_with(server="ftp://a.example.org"), "no server"),
        (_with(server="https://a.example.org", **{"certificate-authority-data": "s3cr3t-t0ken!"}), "cannot be"),
        (_with(server="https://a.example.org", **{"certificate-authority": "/nowhere/ca.crt"}), "/nowhere/ca.crt"),
        (_with(), "server"),
        ("token: [s3cr3t-t0ken", "is not YAML"),
        ("s3cr3t-t0ken", "cannot be"),
        ("[]", "cannot be"),
        ("", "cannot be"),
        (json.dumps({**KUBECONFIG, "current-context": "elsewhere"}), "elsewhere"),
        (json.dumps({**KUBECONFIG, "contexts": [{"name": "c", "context": {}}]}), "cannot be"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_one_line_without_its_token(
    text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(errors.NoCluster, match=told) as caught:
        Cluster.connect(namespace=None)
    assert "s3cr3t" not in caught.value.message
    assert "\n" not in caught.value.message


def test_a_context_that_is_not_there_is_told_beside_those_that_are(
    api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path)))
    with pytest.raises(errors.NoCluster, match="has no context production; it has: test"):
        Cluster.connect(namespace=None, context="production")


def test_a_kubeconfig_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(errors.NoCluster, match="which is not there"):
        Cluster.connect(namespace=None)
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(errors.NoCluster, match="there is no kubeconfig"):
        Cluster.connect(namespace=None)


def test_a_token_that_cannot_be_a_header_is_not_told(
    api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path, token="s3cr3t\nt0ken")))
    with Cluster.connect(namespace=None) as cluster, pytest.raises(errors.NoCluster) as caught:
        cluster.list("Pod")
    assert "s3cr3t" not in caught.value.message


class _Pods(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"items": [pod("a")]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def https_server(pair: Pair) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pods)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("trusted", "name", "told"),
    [
        ("cluster", "127.0.0.1", None),
        ("other", "127.0.0.1", "certificate is not trusted"),
        ("nobody", "127.0.0.1", "certificate is not trusted"),
        ("cluster", "elsewhere.example.org", "certificate is not trusted"),
    ],
)
def test_only_a_server_whose_certificate_is_trusted_and_is_its_own_gets_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: str, name: str, told: str | None
) -> None:
    authorities = {each: Authority(tmp_path, each) for each in ("cluster", "other")}
    pair = authorities["cluster"].issue(dns=("localhost",))
    with https_server(pair) as port:
        entry: dict[str, str] = {"server": f"https://127.0.0.1:{port}"}
        if trusted in authorities:
            entry["certificate-authority"] = str(authorities[trusted].certificate)
        if name != "127.0.0.1":
            entry["tls-server-name"] = name
        (tmp_path / "config").write_text(_with(**entry))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        with Cluster.connect(namespace="ward", timeout_s=3) as cluster:
            if told is None:
                assert names(cluster.list("Pod")) == ["a"]
                return
            with pytest.raises(errors.NoCluster, match=told) as caught:
                cluster.list("Pod")
            assert "s3cr3t" not in caught.value.message
