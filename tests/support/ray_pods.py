"""The imaging chart as KubeRay runs it, without Kubernetes: each pod of the rendered RayService in a network namespace.

What KubeRay does is done here: the `ray start` command from `rayStartParams`, the environment, the sidecar, the Serve
configuration put to the dashboard, the probes and the end of a pod. Containers, volumes and Services are not.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from support.certificates import Authority, Pair
from support.imaging_chart import ImagingRelease, container, environment, pod
from support.namespaces import Bridge, Namespace, bridge

PROBES = {  # KubeRay 1.7's, of a worker
    "raylet": "wget --tries 1 -T 2 -q -O- http://localhost:52365/api/local_raylet_healthz | grep success",
    "proxy": "wget --tries 1 -T 10 -q -O- http://localhost:8000/-/healthz | grep success",
}
_ASK = """
import sys, urllib.request
data = sys.stdin.buffer.read() or None
method = "PUT" if data else "GET"
request = urllib.request.Request(sys.argv[1], data, {"Content-Type": "application/json"}, method=method)
sys.stdout.buffer.write(urllib.request.urlopen(request, timeout=60).read())
"""


@dataclass
class RayPod:
    """One pod: its namespace, what the chart says of it, and the processes in it."""

    name: str
    group: dict[str, Any]
    namespace: Namespace
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.namespace.address

    def start(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        with log.open("ab") as out:
            inside = [*self.namespace.enter, *command]
            self.processes.append(subprocess.Popen(inside, env=environment, stdout=out, stderr=out))

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script as a container's `exec` would."""
        command = [*self.namespace.enter, "bash", "-c", script]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=90, check=False)

    def listening(self) -> set[str]:
        """``address:port`` of all TCP sockets that listen."""
        return {line.split()[3] for line in self.namespace.run("ss", "-ltnH").splitlines()}

    def leave(self) -> subprocess.CompletedProcess[str]:
        """What the kubelet does: preStop, then SIGTERM; only this pod's processes are looked for."""
        [*_, script] = container(self.group)["lifecycle"]["preStop"]["exec"]["command"]
        mine = " ".join(f"/proc/{process.pid}/cmdline" for process in self.all_processes())
        done = self.shell(script.replace("/proc/[0-9]*/cmdline", mine))
        self.end()
        return done

    def all_processes(self) -> list[psutil.Process]:
        running = [psutil.Process(process.pid) for process in self.processes if process.poll() is None]
        return [each for process in running for each in (process, *process.children(recursive=True))]

    def end(self) -> None:
        end([self])


def end(pods: Iterable[RayPod]) -> None:
    """SIGTERM to all of them, SIGKILL to what is left after ten seconds."""
    everything = [process for pod in pods for process in pod.all_processes()]
    started = [process for pod in pods for process in pod.processes]
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for left in psutil.wait_procs(everything, timeout=10)[1]:
        left.kill()
    for process in started:
        process.wait(10)


@dataclass
class RayPods:
    """The whole Ray cluster."""

    folder: Path
    release: ImagingRelease
    bridge: Bridge
    authority: Authority
    pods: dict[str, RayPod] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """What Ray's dashboard says of Serve, as the operator asks."""
        return dict(json.loads(self.ask()))

    def ask(self, body: bytes = b"") -> bytes:
        url = f"http://{self.pods['head'].address}:8265/api/serve/applications/"
        command = [*self.bridge.node.enter, sys.executable, "-c", _ASK, url]
        return subprocess.run(command, input=body, capture_output=True, timeout=90, check=True).stdout

    def log(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in sorted(self.folder.glob("*.log")))

    def until(self, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.log()
            time.sleep(0.5)

    def add(self, name: str, group: dict[str, Any], shown: Pair, launcher: Path) -> None:
        namespace = self.bridge.wire()
        namespace.run(
            *("sh", "-c", "for f in ray haproxy-serve; do mkdir -p /tmp/$f && mount -t tmpfs tmpfs /tmp/$f; done")
        )
        plain = {key: value for key, value in os.environ.items() if not key.startswith("RAY")}
        plain["PATH"] = f"{Path(sys.executable).parent}:{plain['PATH']}"
        head = name == "head"
        address = "127.0.0.1:6379" if head else f"{self.pods['head'].address}:6379"
        seen = plain | environment(group) | {"RAY_ADDRESS": address, "RAY_SERVE_HAPROXY_BINARY_PATH": str(launcher)}
        made = self.pods[name] = RayPod(name, group, namespace, seen)
        for sidecar in pod(group).get("initContainers", []):
            told = {variable["name"]: variable["value"] for variable in sidecar["env"]}
            files = {"CERTIFICATE": shown.certificate, "KEY": shown.key, "CA": self.authority.certificate}
            told |= {f"TUMORCAST_IMAGING_PEER_{key}": str(path) for key, path in files.items()}
            made.start([sys.executable, *sidecar["command"][1:]], plain | told, self.folder / f"{name}-door.log")
        parameters = {"node-ip-address": namespace.address, "dashboard-agent-listen-port": "52365"}
        parameters |= group["rayStartParams"] | ({} if head else {"address": address})
        flags = " ".join(f"--{key}={value}" for key, value in sorted(parameters.items()))
        script = f"exec ray start --block {'--head ' if head else ''}{flags}"
        made.start(["bash", "-c", script], seen, self.folder / f"{name}.log")


@contextmanager
def ray_pods(folder: Path, release: ImagingRelease) -> Iterator[RayPods]:
    """Start all pods, deploy the application, wait until it serves; on the way out end everything."""
    authority = Authority(folder, "release")
    shown = authority.issue("demo-imaging")
    launcher = folder / "haproxy"
    [configured] = release.all("ConfigMap").values()
    launcher.write_text(configured["data"]["haproxy"])
    launcher.chmod(0o555)
    (folder / "studies").mkdir()
    with bridge(folder) as wires:
        running = RayPods(folder, release, wires, authority)
        try:
            running.add("head", release.head, shown, launcher)
            head = running.pods["head"]
            health = "wget --tries 1 -T 5 -q -O- http://localhost:8265/api/gcs_healthz | grep success"
            running.until(lambda: head.shell(health).returncode == 0, 90)
            for name, group in release.groups.items():
                for number in range(group["replicas"]):
                    running.add(f"{name}-{number}", group, shown, launcher)
            config = release.rayservice["spec"]["serveConfigV2"].replace("/studies", str(folder / "studies"))
            running.ask(json.dumps(yaml.safe_load(config)).encode())
            running.until(lambda: _serves(running), 150)
            yield running
        finally:
            end(running.pods.values())


def _serves(running: RayPods) -> bool:
    state = running.state()
    application = state["applications"].get("imaging", {})
    assert application.get("status") != "DEPLOY_FAILED", application.get("message")
    proxies = [proxy["status"] for proxy in state["proxies"].values()]
    return application.get("status") == "RUNNING" and proxies.count("HEALTHY") == len(running.pods)
