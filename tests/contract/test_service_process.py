"""A service as a process: its logs, its metrics, its end on SIGTERM."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import grpc
import pytest

from tumorcast.notes.v1 import notes_service_pb2 as pb
from tumorcast.notes.v1.notes_service_pb2_grpc import NotesServiceStub

SECRET = "MRN-0815-Jane-Doe"


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def notes_service(port: int, metrics_port: int) -> Iterator[subprocess.Popen[str]]:
    settings = {"TUMORCAST_NOTES_PORT": str(port), "TUMORCAST_NOTES_METRICS_PORT": str(metrics_port)}
    command = [sys.executable, "-m", "tumorcast_notes.app"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **settings}) as process:
        try:
            yield process
        finally:
            process.kill()


def ask(port: int) -> None:
    async def go() -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await asyncio.wait_for(channel.channel_ready(), 30)
            stub = NotesServiceStub(channel)
            note = pb.Document(id=SECRET, date="2026-03-01", content=f"{SECRET}: no ascites.".encode())
            await stub.EncodeNotes(pb.EncodeNotesRequest(documents=[note]), timeout=20)
            bad = pb.Document(id=SECRET, content_type=f"application/{SECRET}", content=b"\xff")
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.EncodeNotes(pb.EncodeNotesRequest(documents=[bad], index_date=SECRET), timeout=20)

    asyncio.run(go())


def test_it_logs_json_lines_tells_its_metrics_and_ends_on_sigterm() -> None:
    port, metrics_port = free_ports(2)
    with notes_service(port, metrics_port) as process:
        ask(port)
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, logged = process.communicate(timeout=20)
        assert time.monotonic() - began < 5
    assert process.returncode == 0
    messages = [json.loads(line)["message"] for line in logged.splitlines()]
    assert any("serves gRPC" in message for message in messages)
    assert any("drains" in message for message in messages)
    counted = [row for row in text.splitlines() if row.startswith("tumorcast_requests_total{")]
    assert len(counted) == 2
    assert any('code="OK"' in row and 'method="EncodeNotes"' in row for row in counted)
    assert SECRET not in logged + text


def test_a_metrics_port_that_is_taken_is_said_at_the_start() -> None:
    (port,) = free_ports(1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with notes_service(port, taken.getsockname()[1]) as process:
            _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "metrics port" in said
    assert "Traceback" not in said
