"""The servers that are compared under load, each as a process with its family, and what they spend."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from support.up import up

TESTS = Path(__file__).parents[1]
PEERS = TESTS.parent / ".tools" / "peers"
START_S = 120
PROGNOSIS = "/v1/prognoses"


@dataclass(frozen=True, slots=True)
class Server:
    """A running contender: where it takes queries, and the process that began it."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        """Seconds of processor time that its whole family has spent so far."""
        spent = 0.0
        for process in (psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                spent += times.user + times.system
        return spent

    def memory_mib(self) -> float:
        """Memory of the family, what is shared counted once (PSS)."""
        total = 0
        for process in (psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
        return total / (1 << 20)


Contender = Callable[[Path, bool], AbstractContextManager[Server]]
"""From a folder whose ``studies`` are stored, and whether answers about studies are kept, to a server that answers."""


@contextmanager
def tumorcast(data: Path, kept: bool) -> Iterator[Server]:
    """All five services as ``tumorcast up`` runs them, imaging on Ray Serve."""
    settings = {} if kept else {"TUMORCAST_IMAGING_CACHE_MIB": "0"}
    with up(data, OMP_NUM_THREADS="1", **settings) as running:
        yield Server(running.rest + PROGNOSIS, running.process.pid)


@contextmanager
def plain_fastapi(data: Path, kept: bool) -> Iterator[Server]:
    """One FastAPI process that calls the same models in threads."""
    with _served("support.load_plain", data, "kept" if kept else "anew") as server:
        yield server


def litserve(workers: int) -> Contender:
    """LitServe with so many worker processes."""

    @contextmanager
    def started(data: Path, kept: bool) -> Iterator[Server]:
        with _served("support.load_litserve", data, "kept" if kept else "anew", str(workers)) as server:
            yield server

    return started


@contextmanager
def _served(module: str, data: Path, *arguments: str) -> Iterator[Server]:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", ""), str(PEERS)])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, str(port), str(data / "studies"), *arguments]
    with (data / f"{module}.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    family: list[psutil.Process] = []
    try:
        _await_answers(process, f"http://127.0.0.1:{port}/openapi.json")
        family = psutil.Process(process.pid).children(recursive=True)
        yield Server(f"http://127.0.0.1:{port}{PROGNOSIS}", process.pid)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        for left in (*psutil.wait_procs(family, timeout=5)[1], *([process] if process.poll() is None else [])):
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
        process.wait(10)


def _await_answers(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended"
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return
        time.sleep(0.2)
    raise AssertionError("the server does not answer")
