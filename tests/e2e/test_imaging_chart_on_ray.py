"""What the imaging chart renders runs: Ray in a namespace per pod, HAProxy, the door, KubeRay's probes, a pod's end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from support.dicom_factory import Phantom
from support.helm import ROOT, Helm, binaries, copy_charts
from support.imaging_chart import ImagingRelease
from support.namespaces import why_not
from support.ray_pods import PROBES, RayPod, RayPods, ray_pods

pytestmark = [
    pytest.mark.ray,
    pytest.mark.debian,
    pytest.mark.timeout(420),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
    pytest.mark.skipif(not binaries(), reason="no helm: run `make tools`"),
]
VALUES = {
    "global.mtls.enabled": True,
    "ingress.replicas": 2,
    "studies.existingClaim": "studies",
    "ingress.cacheMiB": 0,
    "shutdown": {"leaveSeconds": 2, "drainSeconds": 20},
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayPods]:
    helm = Helm(binaries()[0], copy_charts(tmp_path_factory.mktemp("release") / "charts"))
    helm.run("dependency", "build", "charts/imaging")
    with ray_pods(tmp_path_factory.mktemp("pods"), ImagingRelease.of(helm, VALUES)) as running:
        folder = Phantom().write(running.folder / "in")
        Phantom().write_segmentation(folder)
        running.authority.issue("demo-gateway.default.svc")
        for file in ("pem", "key.pem"):
            (running.folder / f"client.{file}").symlink_to(running.folder / f"demo-gateway.default.svc.{file}")
        yield running


def workers(cluster: RayPods) -> list[RayPod]:
    return [pod for name, pod in cluster.pods.items() if name != "head"]


def calls(cluster: RayPods, seconds: float, *pods: RayPod) -> subprocess.Popen[str]:
    """The gateway's part, in the node's namespace; returns once it calls."""
    script = [sys.executable, "-W", "ignore", "-m", "support.imaging_calls", str(cluster.folder), str(seconds)]
    calling = subprocess.Popen(
        [*cluster.bridge.node.enter, *script, *(pod.address for pod in pods)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert calling.stdout is not None
    assert calling.stdout.readline() == "calling\n", cluster.log()
    return calling


def test_kuberays_probes_find_every_worker_ready(cluster: RayPods):
    for pod in workers(cluster):
        for name, probe in PROBES.items():
            assert pod.shell(probe).returncode == 0, (pod.name, name)


def test_every_worker_takes_calls_with_a_certificate_and_all_answer_alike(cluster: RayPods):
    told = json.loads(calls(cluster, 3, *workers(cluster)).communicate(timeout=60)[0])
    assert all(set(count) == {"ok"} and count["ok"] > 2 for count in told["counts"].values()), told
    assert told["answers"] == 1


def test_serves_ports_and_haproxys_pages_are_on_loopback(cluster: RayPods):
    for pod in cluster.pods.values():
        listening = pod.listening()
        assert {"127.0.0.1:8000", "127.0.0.1:8404", "127.0.0.1:9101", "127.0.0.1:9000"} <= listening
        if pod.name != "head":
            assert "0.0.0.0:9443" in listening
        elsewhere = {each.rpartition(":")[2] for each in listening if not each.startswith("127.0.0.1:")}
        assert elsewhere.isdisjoint({"8000", "8404", "9000", "9101"})


def test_the_ingress_serves_its_metrics_and_ray_its_own(cluster: RayPods):
    ingress = cluster.pods["ingress-0"]
    assert "tumorcast_" in ingress.shell("wget -q -O- http://localhost:9464/metrics").stdout
    assert "ray_" in ingress.shell("wget -q -O- http://localhost:8080/metrics").stdout


def test_no_call_is_lost_when_a_worker_ends(cluster: RayPods):
    """The ingress pod that ends is no longer a door, as after its endpoint is gone; the other two go on."""
    leaving = cluster.pods["ingress-0"]
    rest = [pod for pod in workers(cluster) if pod is not leaving]
    calling = calls(cluster, 30, *rest)
    done = leaving.leave()
    assert "Traceback" not in done.stderr, done.stderr
    told = json.loads(calling.communicate(timeout=90)[0])
    assert all(set(count) == {"ok"} and count["ok"] > 20 for count in told["counts"].values()), told
    assert told["answers"] == 1
