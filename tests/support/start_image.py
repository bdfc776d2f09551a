"""Starts what ``build_image`` built as a pod would: another user, a read-only root, /tmp alone to write to.

As root on Linux this is done in a mount namespace, with the image's ``/opt`` in its own place. Elsewhere the service is
started as the user who asks, and ``Started.confined`` is false.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.build_image import Image
from support.postgres import free_port

SERVING_S, DRAIN_S = 120.0, 5.0
CONFINED = """
set -e
mount --make-rprivate /
mount --bind "$TREE/opt" /opt
mount -o remount,bind,ro /opt
case "$BASE" in /root/*) # an interpreter in the home of root, which others may not enter
    mount --bind "$BASE" /mnt && mount -t tmpfs -o mode=755 tmpfs /root && mkdir -p "$BASE" && mount --bind /mnt "$BASE"
esac
mount --bind "$TREE/passwd" /etc/passwd # what useradd does in the last stage: libraries ask who they run as
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -o remount,bind,ro /
cd /
touch /opt/x 2>/dev/null && exit 97
exec setpriv --reuid "${WHO%:*}" --regid "${WHO#*:}" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    env --ignore-environment "$@"
"""


@dataclass(frozen=True)
class Started:
    """How it went: health said SERVING, and SIGTERM ended it with status 0 within its drain."""

    serving_s: float
    ended_s: float
    confined: bool


def can_confine() -> bool:
    """Whether this process may make a mount namespace and become another user."""
    return sys.platform == "linux" and os.geteuid() == 0 and bool(shutil.which("setpriv") and shutil.which("unshare"))


def settings(service: str, port: int) -> dict[str, str]:
    """What an operator would have to set: where it listens, and, where it writes, that this is below /tmp."""
    own = {"HOST": "127.0.0.1", "PORT": str(port), "DRAIN_S": f"{DRAIN_S:g}"}
    if service == "imaging":
        own |= {"STUDY_STORE": "/tmp/studies", "CACHE_ROOT": "/tmp/embeddings", "RAY_NUM_CPUS": "2"}
    if service == "gateway":
        own |= {"REST_PORT": "0", "AUTH": "none"}
    return {f"TUMORCAST_{service.upper()}_{name}": value for name, value in own.items()}


def start(image: Image) -> Started:
    """Run the entrypoint until it serves, then end it; raises ``AssertionError`` with its last words otherwise."""
    port = free_port()
    confined = can_confine()
    environment = image.environment | {"HOME": "/tmp"} | settings(image.service, port)
    with tempfile.TemporaryFile() as log:
        process = _process(image, environment, log.fileno(), confined=confined)
        try:
            began = time.monotonic()
            _await_serving(process, port)
            serving_s = time.monotonic() - began
            process.send_signal(signal.SIGTERM)
            ended = time.monotonic()
            status = process.wait(DRAIN_S + 30)
            ended_s = time.monotonic() - ended
            assert status == 0, f"it ended with status {status}"
            return Started(serving_s, ended_s, confined)
        except (AssertionError, subprocess.TimeoutExpired) as e:
            log.seek(0)
            raise AssertionError(f"{image.service}: {e}\n{log.read().decode(errors='replace')[-3000:]}") from e
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run_once(image: Image, *arguments: str) -> None:
    """Run the entrypoint with these arguments to its end; raises ``AssertionError`` where its status is not 0."""
    environment = image.environment | {"HOME": "/tmp"}
    once = replace(image, entrypoint=[*image.entrypoint, *arguments])
    with tempfile.TemporaryFile() as log:
        status = _process(once, environment, log.fileno(), confined=can_confine()).wait(SERVING_S)
        log.seek(0)
        assert status == 0, f"{image.service}: status {status}\n{log.read().decode(errors='replace')[-3000:]}"


def _process(image: Image, environment: dict[str, str], log: int, *, confined: bool) -> subprocess.Popen[bytes]:
    if confined:
        number, _, group = image.user.partition(":")
        own = f"tumorcast:x:{number}:{group}::/tmp:/usr/sbin/nologin\n"
        (image.root / "passwd").write_text(Path("/etc/passwd").read_text(encoding="utf-8") + own, encoding="utf-8")
        told = [f"{name}={value}" for name, value in environment.items()]
        command = ["unshare", "--mount", "sh", "-c", CONFINED, "sh", *told, *image.entrypoint]
        outer = {"PATH": os.environ["PATH"], "TREE": str(image.root), "WHO": image.user, "BASE": sys.base_prefix}
    else:
        outer = {name: value.replace("/opt/", f"{image.root}/opt/") for name, value in environment.items()}
        command = [str(image.root / "opt/dependencies/bin" / image.entrypoint[0]), *image.entrypoint[1:]]
    return subprocess.Popen(
        command, env=outer, cwd=Path("/"), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
    )


def _await_serving(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + SERVING_S
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() < until:
            assert process.poll() is None, f"it ended with status {process.poll()}"
            with contextlib.suppress(grpc.RpcError):
                answer = health.Check(health_pb2.HealthCheckRequest(), timeout=2)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            time.sleep(0.1)
    raise AssertionError(f"it does not serve within {SERVING_S:g} s")
