"""The supervisor, seen from outside: real processes, fake services."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

TESTS = Path(__file__).parents[2]


@contextmanager
def supervisor(folder: Path, *behaviors: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "support.run_supervisor", str(folder), *behaviors]
    env = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def ready(folder: Path, *behaviors: str) -> Iterator[subprocess.Popen[str]]:
    with supervisor(folder, *behaviors) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def pids(folder: Path, behavior: str) -> list[int]:
    return [int(line) for line in (folder / f"{behavior}.pids").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_every_service_with_status_zero(tmp_path: Path, number: signal.Signals) -> None:
    with ready(tmp_path, "serve") as process:
        process.send_signal(number)
        assert process.wait(10) == 0
    assert not any(alive(pid) for pid in pids(tmp_path, "serve"))


def test_a_service_that_ignores_sigterm_is_killed_after_the_drain_time(tmp_path: Path) -> None:
    with ready(tmp_path, "stubborn") as process:
        process.terminate()
        assert process.wait(15) == 0
    assert not any(alive(pid) for pid in pids(tmp_path, "stubborn"))


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with ready(tmp_path, "serve", "stubborn") as process:
        process.terminate()
        time.sleep(0.2)
        began = time.monotonic()
        process.terminate()
        process.wait(10)
        assert time.monotonic() - began < 1.5
    assert not any(alive(pid) for pid in pids(tmp_path, "stubborn"))


def test_detached_grandchildren_do_not_survive(tmp_path: Path) -> None:
    with ready(tmp_path, "parent", "serve") as process:
        process.terminate()
        assert process.wait(15) == 0
    _, grandchild = pids(tmp_path, "parent")
    assert not alive(grandchild)


def test_what_a_killed_service_left_behind_is_ended_and_the_service_restarted(tmp_path: Path) -> None:
    with ready(tmp_path, "parent", "serve") as process:
        service, grandchild = pids(tmp_path, "parent")
        (untouched,) = pids(tmp_path, "serve")
        time.sleep(0.5)
        os.kill(service, signal.SIGKILL)
        assert eventually(lambda: not alive(grandchild))
        assert eventually(lambda: len(pids(tmp_path, "parent")) == 4)
        assert alive(untouched)
        process.terminate()
        _, errors = process.communicate(timeout=15)
        assert "parent ended by SIGKILL; it is restarted in 1 s" in errors
    assert not any(alive(pid) for pid in pids(tmp_path, "parent"))


def test_services_end_when_the_supervisor_itself_is_killed(tmp_path: Path) -> None:
    with ready(tmp_path, "serve") as process:
        process.kill()
        assert eventually(lambda: not any(alive(pid) for pid in pids(tmp_path, "serve")))


def test_a_service_that_dies_while_starting_fails_the_start_and_shows_its_log(tmp_path: Path) -> None:
    with supervisor(tmp_path, "serve", "die") as process:
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 1
    assert "the patient database is on fire" in errors
    assert "SERVICE_UNAVAILABLE: The die service ended while starting." in errors
    assert not any(alive(pid) for pid in pids(tmp_path, "serve"))
