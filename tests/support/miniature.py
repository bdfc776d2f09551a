"""A release in miniature: pods of the five services as processes in network namespaces, found by DNS, with mTLS."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from support.certificates import Authority, Pair
from support.namespaces import DOMAIN, NODE, Bridge, Namespace, bridge, ended, inside

RELEASE = "tumorcast"
PORTS = {"imaging": 9000, "clinical": 50052, "notes": 50053, "fusion": 50054, "gateway": 50050}
MODULES = {name: f"tumorcast_{name}.app" for name in PORTS} | {"imaging": "support.imaging_pod"}
REST_PORT, METRICS_PORT, HEALTH_PORT = 8080, 9464, 50059
LEAVE_S = 2.0
"""A pod that ends is no endpoint for so long before its SIGTERM; ``shutdown.leaveSeconds`` adds what DNS may keep."""
START_S = 120.0


@dataclass
class Pod:
    """One replica."""

    name: str
    service: str
    namespace: Namespace
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def address(self) -> str:
        return self.namespace.address


@dataclass
class Miniature:
    """The release, and the node that it runs on."""

    folder: Path
    bridge: Bridge
    authority: Authority
    node: subprocess.Popen[str]
    pods: list[Pod] = field(default_factory=list)
    changes: list[tuple[str, bool, float]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _pairs: dict[str, Pair] = field(default_factory=dict)

    def of(self, service: str) -> list[Pod]:
        """The service's pods that were not removed."""
        return [pod for pod in self.pods if pod.service == service]

    def start(self, service: str) -> Pod:
        """A new pod, with an address of its own, which becomes an endpoint once it is ready."""
        name, namespace = f"{service}-{next(self._numbers)}", self.bridge.wire()
        log = self.folder / f"{name}.log"
        command = [*namespace.enter, "setpriv", "--pdeathsig", "KILL", sys.executable, "-m", MODULES[service]]
        with log.open("wb") as errors:
            process = subprocess.Popen(command, stderr=errors, env=self._environment(service, name))
        pod = Pod(name, service, namespace, process, log)
        self.pods.append(pod)
        self.tell({"add": name, "service": f"{RELEASE}-{service}", "address": pod.address})
        return pod

    def tell(self, command: dict[str, str]) -> None:
        """Tell the node."""
        assert self.node.stdin is not None
        self.node.stdin.write(json.dumps(command) + "\n")
        self.node.stdin.flush()

    def ready_s(self, pod: Pod, *, ready: bool = True) -> float:
        """When the pod last became ready, or ceased to be; waits for it."""
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            found = [at for name, state, at in self.changes if (name, state) == (pod.name, ready)]
            if found:
                return found[-1]
            assert pod.process.poll() is None or not ready, f"{pod.name} ended: {pod.log.read_text()[-2000:]}"
            time.sleep(0.05)
        raise AssertionError(f"{pod.name} did not become ready={ready}: {pod.log.read_text()[-2000:]}")

    def remove(self, pod: Pod) -> None:
        """Forget a pod whose process has ended, or end it."""
        self.tell({"remove": pod.name})
        ended([pod.process])
        self.pods.remove(pod)

    def end_gently(self, pods: Iterable[Pod]) -> set[int]:
        """End pods as Kubernetes does: no endpoints any more, a while later SIGTERM; their exit statuses."""
        leaving = list(pods)
        for pod in leaving:
            self.tell({"leave": pod.name})
        time.sleep(LEAVE_S)
        for pod in leaving:
            pod.process.send_signal(signal.SIGTERM)
        statuses = {pod.process.wait(30) for pod in leaving}
        for pod in leaving:
            self.remove(pod)
        return statuses

    def calls(self, pod: Pod) -> int:
        """Calls that the pod answered, as its metrics tell; for a thread that is inside the node's namespace."""
        text = httpx.get(f"http://{pod.address}:{METRICS_PORT}/metrics", timeout=2, trust_env=False).text
        rows = [row for row in text.splitlines() if row.startswith("tumorcast_requests_total{")]
        return round(sum(float(row.rpartition(" ")[2]) for row in rows))

    def _environment(self, service: str, name: str) -> dict[str, str]:
        prefix, pair = f"TUMORCAST_{service.upper()}_", self._pair(service)
        own = {
            "HOST": "0.0.0.0",
            "PORT": str(PORTS[service]),
            "HEALTH_PORT": str(HEALTH_PORT),
            "METRICS_HOST": "0.0.0.0",
            "METRICS_PORT": str(METRICS_PORT),
            "DRAIN_S": "5",
            "PEER_CERTIFICATE": str(pair.certificate),
            "PEER_KEY": str(pair.key),
            "PEER_CA": str(self.authority.certificate),
        }
        if service == "gateway":
            own |= {"REST_PORT": str(REST_PORT), "INSECURE_DEMO": "true", "DATA_DIR": str(self.folder / name)}
            own |= {f"{one.upper()}_TARGET": f"dns:///{RELEASE}-{one}:{PORTS[one]}" for one in PORTS if one != service}
        else:
            own["PEER_CLIENTS"] = json.dumps([f"{RELEASE}-gateway"])
        if service == "imaging":
            own |= {"STUDY_STORE": str(self.folder / "studies"), "CACHE_ROOT": str(self.folder / "kept")}
        path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
        more = {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}
        return {**os.environ, **{prefix + key: value for key, value in own.items()}, **more}

    def _pair(self, service: str) -> Pair:
        name = f"{RELEASE}-{service}"
        if name not in self._pairs:
            dns = [name, f"{name}.tumorcast", f"{name}.tumorcast.svc", f"{name}.{DOMAIN}"]
            self._pairs[name] = self.authority.issue(name, dns)
        return self._pairs[name]


@contextmanager
def miniature(folder: Path) -> Iterator[Miniature]:
    """Make the node with its bridge and DNS; on the way out every process ends and every namespace goes."""
    (folder / "studies").mkdir()
    with bridge(folder) as wires:
        command = [*wires.node.enter, "setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "support.cluster_node"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        node = subprocess.Popen(
            [*command, NODE, DOMAIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        made = Miniature(folder, wires, Authority(folder, "release-ca"), node)
        listening = threading.Thread(target=_listen, args=(made,), daemon=True)
        try:
            assert node.stdout is not None
            assert "serves" in node.stdout.readline()
            listening.start()
            yield made
        finally:
            ended([pod.process for pod in made.pods])
            node.kill()
            node.wait()
            listening.join(5)
            for pipe in (node.stdin, node.stdout):
                if pipe:
                    pipe.close()


def _listen(release: Miniature) -> None:
    assert release.node.stdout is not None
    for line in release.node.stdout:
        said = json.loads(line)
        release.changes.append((said["pod"], said["ready"], said["at"]))


def on_node(release: Miniature, work: Callable[[], object]) -> object:
    """Run ``work`` with sockets of the node's namespace; its result, or its exception."""
    outcome: list[object] = []

    def kept() -> None:
        try:
            outcome.append(work())
        except BaseException as e:
            outcome.append(e)

    inside(release.bridge.node, kept).join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]
