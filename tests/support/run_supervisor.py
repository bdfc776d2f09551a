"""Runs fake services under the supervisor, as ``tumorcast up`` runs real ones.

``python -m support.run_supervisor FOLDER BEHAVIOR…``; prints ``ready`` once all answer, reports on standard error.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tumorcast_core.errors import ServiceUnavailable
from tumorcast_platform.runner.service import ServiceSpec
from tumorcast_platform.runner.supervisor import Stopped, StopSignal, Supervisor

TESTS = Path(__file__).parents[1]


def spec(folder: Path, behavior: str) -> ServiceSpec:
    ready = folder / f"{behavior}.ready"
    env = {"FAKE": behavior, "FAKE_PIDS": str(folder / f"{behavior}.pids"), "FAKE_READY": str(ready)}
    return ServiceSpec(behavior, "support.fake_service", {**env, "PYTHONPATH": str(TESTS)}, ready.exists)


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> int:
    folder = Path(sys.argv[1])
    with StopSignal().handled() as stop:
        supervisor = Supervisor([spec(folder, b) for b in sys.argv[2:]], folder / "logs", stop, say, drain_s=2)
        try:
            with supervisor.running():
                supervisor.wait_until_ready(timeout_s=20)
                sys.stdout.write("ready\n")
                sys.stdout.flush()
                supervisor.watch()
        except Stopped:
            return 130
        except ServiceUnavailable as e:
            say(f"{e.reason}: {e.message}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
