"""The imaging service as a process on its own Ray, for tests on the real thing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psutil

from tumorcast.imaging.v1 import imaging_service_pb2_grpc as pb_grpc
from tumorcast_imaging.ray_runtime import free_port

START_S = 120


@dataclass
class Service:
    """The running service: its process, its port, its folder."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def talk(self, conversation: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        async def run() -> Any:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}") as channel:
                return await conversation(channel)

        return asyncio.run(run())

    def imaging(self, conversation: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        return self.talk(lambda channel: conversation(pb_grpc.ImagingServiceStub(channel)))

    def listening(self) -> list[str]:
        """The addresses that any of its processes listens on."""
        return [
            connection.laddr.ip
            for process in self.processes()
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]

    def processes(self) -> list[psutil.Process]:
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]

    def replicas(self, deployment: str) -> list[psutil.Process]:
        """The replicas of a deployment, by the title that Ray gives their process."""
        return [p for p in self.processes() if f":imaging:{deployment}" in _title(p)]

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.2)


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@contextmanager
def imaging_service(folder: Path, **settings: object) -> Iterator[Service]:
    """Start it with ``settings`` on a free port; on the way out end it and whatever it left."""
    port = free_port()
    named = {"PORT": port, "STUDY_STORE": folder / "store", "CACHE_ROOT": folder / "cache"}
    named |= {"ENCODERS": '["ct-lesion"]', **settings}
    environment = os.environ | {f"TUMORCAST_IMAGING_{name}": str(value) for name, value in named.items()}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tumorcast_imaging.app"], env=environment, stdout=log, stderr=log
        )
    running = Service(process, port, folder)
    try:
        running.wait_until(lambda: b"serves gRPC" in running.log.read_bytes(), START_S)
        yield running
    finally:
        family = running.processes() if process.poll() is None else []
        process.terminate()
        try:
            process.wait(45)
        except subprocess.TimeoutExpired:
            process.kill()
        for left in psutil.wait_procs(family, timeout=5)[1]:
            left.kill()
