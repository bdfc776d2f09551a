"""Helm asks a cluster how many pods run before it hands their number to an autoscaler."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.helm import Helm, manifests, settings

AUTOSCALED = {"autoscaling.enabled": True, "autoscaling.minReplicas": 2}
BY_AUTOSCALER = {"tumorcast/replicas-by": "autoscaler"}


def deployment(replicas: int, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "demo-clinical", "namespace": "default", "annotations": annotations or {}},
        "spec": {"replicas": replicas},
    }


KINDS = {
    "v1": ("Service", "ServiceAccount"),
    "apps/v1": ("Deployment",),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "policy/v1": ("PodDisruptionBudget",),
}
"""What the chart renders, by API version."""


def discovery() -> dict[str, Any]:
    """What an API says about itself, by path."""
    answers: dict[str, Any] = {
        "/version": {"major": "1", "minor": "35", "gitVersion": "v1.35.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
    }
    groups = []
    for group_version, kinds in KINDS.items():
        resources = [
            {"name": f"{kind.lower()}s".replace("ys", "ies"), "singularName": "", "namespaced": True, "kind": kind,
             "verbs": ["get"]}
            for kind in kinds
        ]  # fmt: skip
        path = "/api/v1" if group_version == "v1" else f"/apis/{group_version}"
        answers[path] = {"kind": "APIResourceList", "groupVersion": group_version, "resources": resources}
        group, _, version = group_version.rpartition("/")
        known = {"groupVersion": group_version, "version": version}
        groups += [{"name": group, "versions": [known], "preferredVersion": known}] if group else []
    return answers | {"/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}}


@contextmanager
def cluster(live: dict[str, Any] | None) -> Iterator[str]:
    """Address of an API that has at most this one Deployment."""
    answers = discovery()
    if live:
        answers["/apis/apps/v1/namespaces/default/deployments/demo-clinical"] = live

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0])
            body = json.dumps(found or {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404})
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def rendered_on(helm: Helm, folder: Path, live: dict[str, Any] | None, values: dict[str, Any]) -> dict[str, Any]:
    """The clinical Deployment, as an upgrade of a release on this cluster renders it."""
    with cluster(live) as address:
        config = folder / "kubeconfig"
        config.write_text(
            yaml.safe_dump(
                {
                    "clusters": [{"name": "c", "cluster": {"server": address}}],
                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}],
                    "current-context": "c",
                }
            )
        )
        arguments = ["--kubeconfig", str(config), "--dry-run=server", "--is-upgrade", "--disable-openapi-validation"]
        arguments += ["--namespace", "default", *settings("clinical", values)]
        found = manifests(helm.run("template", "demo", "charts/clinical", *arguments))
    [clinical] = [one for one in found if (one["kind"], one["metadata"]["name"]) == ("Deployment", "demo-clinical")]
    return clinical


@pytest.mark.parametrize(
    ("live", "values", "replicas"),
    [
        pytest.param(deployment(5), AUTOSCALED, 5, id="first switch keeps those that run"),
        pytest.param(deployment(1), AUTOSCALED, 2, id="first switch of one pod begins with the fewest"),
        pytest.param(deployment(7, BY_AUTOSCALER), AUTOSCALED, None, id="no number where there was none"),
        pytest.param(None, AUTOSCALED, None, id="no number in a first installation"),
        pytest.param(deployment(7, BY_AUTOSCALER), {"replicas": 3}, 3, id="switched back, the values count"),
    ],
)
def test_an_upgrade_hands_pods_to_an_autoscaler_without_losing_any(
    helm: Helm, tmp_path: Path, live: dict[str, Any] | None, values: dict[str, Any], replicas: int | None
) -> None:
    found = rendered_on(helm, tmp_path, live, values)
    assert found["spec"].get("replicas") == replicas
    assert (found["metadata"].get("annotations") == BY_AUTOSCALER) == (replicas is None)
