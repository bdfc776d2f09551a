"""The fusion service as a process of its own, with a model store, asked by plain threads."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from tumorcast.fusion.v1 import fusion_service_pb2 as pb
from tumorcast.fusion.v1.fusion_service_pb2_grpc import FusionServiceStub


@dataclass(frozen=True)
class Served:
    """One running process."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
        return text

    def shadow(self, name: str) -> pb.GetShadowResponse:
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            return FusionServiceStub(channel).GetShadow(pb.GetShadowRequest(name=name), timeout=10)


@contextmanager
def fusion_process(models: Path, store: Path, cache: Path) -> Iterator[Served]:
    """Serve the models of a folder and what ``store`` names, looked at once a second; ended by SIGTERM."""
    port, metrics_port = _free_ports(2)
    settings = {
        "PORT": str(port),
        "METRICS_PORT": str(metrics_port),
        "MODELS": str(models),
        "MODEL_STORE": str(store),
        "MODEL_STORE_POLL_S": "1",
        "MODEL_CACHE": str(cache),
    }
    environment = {**os.environ, "OMP_NUM_THREADS": "1"} | {f"TUMORCAST_FUSION_{k}": v for k, v in settings.items()}
    process = subprocess.Popen([sys.executable, "-m", "tumorcast_fusion.app"], env=environment)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(timeout=60)
        yield Served(process, port, metrics_port)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@dataclass
class Load:
    """What callers saw while they asked without a pause."""

    answers: list[pb.PredictPrognosisResponse] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@contextmanager
def under_load(served: Served, request: pb.PredictPrognosisRequest, callers: int = 2) -> Iterator[Load]:
    """Ask from several threads, each on a channel of its own, until the block ends."""
    seen, stop = Load(), threading.Event()

    def ask() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:
            stub = FusionServiceStub(channel)
            while not stop.is_set():
                try:
                    seen.answers.append(stub.PredictPrognosis(request, timeout=20))
                except grpc.RpcError as e:
                    seen.failures.append(str(e))

    threads = [threading.Thread(target=ask) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def eventually(what: Callable[[], bool], within_s: float = 90.0) -> None:
    """Wait until it is so; fails otherwise."""
    until = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.05)
