"""However ``tumorcast up`` ends, nothing that it started stays."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from support.patients import GROUPS
from support.up import COMMAND, alive, eventually, up

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


def test_sigterm_drains_and_leaves_no_process(tmp_path: Path) -> None:
    with up(tmp_path / "data") as running:
        family = running.family()
        assert any("raylet" in " ".join(process.cmdline()) for process in family)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 0
        assert [process for process in family if alive(process)] == []


def test_sigkill_leaves_no_process_either(tmp_path: Path) -> None:
    with up(tmp_path / "data") as running:
        family = running.family()
        running.process.send_signal(signal.SIGKILL)
        assert eventually(lambda: not any(map(alive, family)), 60), [p for p in family if alive(p)]


def test_the_demo_uses_every_input_and_ends_by_itself() -> None:
    done = subprocess.run([*COMMAND, "demo", "--json"], capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer["used"]) == set(GROUPS)
    assert answer["prognosis"]["simulated"]
