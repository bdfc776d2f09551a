"""``tumorcast up`` as a process, for tests on the real thing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

COMMAND = (sys.executable, "-m", "tumorcast_platform")
START_S = 240


@dataclass(frozen=True)
class Up:
    """A running ``tumorcast up``: its process, its doors, its folder."""

    process: subprocess.Popen[str]
    rest: str
    grpc: str
    data: Path

    def family(self) -> list[psutil.Process]:
        """Every process that it started, directly or not."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def service(self, name: str) -> psutil.Process:
        """The main process of a service."""
        (found,) = (p for p in self.family() if p.ppid() == self.process.pid and f"tumorcast_{name}.app" in p.cmdline())
        return found

    def ready(self) -> bool:
        """Whether all services serve."""
        try:
            return bool(httpx.get(f"{self.rest}/readyz", timeout=5).json()["status"] == "ready")
        except (httpx.HTTPError, KeyError, ValueError):
            return False


@contextmanager
def up(data: Path, **environment: str) -> Iterator[Up]:
    """Start it on free ports, with these variables more; on the way out end it, gently if it still runs."""
    command = [*COMMAND, "up", "--port", "0", "--grpc-port", "0", "--data-dir", str(data), "--json"]
    variables = {**os.environ, **environment}
    with (
        (data.parent / f"{data.name}.stderr").open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=variables) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()  # up bounds its own start
            doors = json.loads(line or '{"error": "up said nothing"}')
            assert doors.keys() == {"rest", "grpc"}, doors
            yield Up(process, doors["rest"], doors["grpc"], data)
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition holds within so many seconds."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.1)
    return condition()


def alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
