"""One service's process: what to start, and how it is started, restarted and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tumorcast_platform.runner import family

_RESTART_DELAYS_S = (1.0, 2.0, 4.0, 8.0, 16.0)
_KIN_EVERY_S = 1.0
"""Looking for them takes 10 ms; what was born since the last look becomes an orphan, and is swept at the end."""
_STEADY_S = 60.0
"""A service that ran this long has recovered; its next failure counts as the first."""


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What to run (``python -m module`` with ``env`` added) and how to see that it answers.

    With a higher ``niceness`` (0 to 19) it gives way to the others on busy cores.
    """

    name: str
    module: str
    env: Mapping[str, str]
    answers: Callable[[], bool]
    niceness: int = 0


@dataclass(slots=True)
class ServiceProcess:
    """The process of one service, through its restarts."""

    spec: ServiceSpec
    log_file: Path
    _process: subprocess.Popen[bytes] | None = None
    _kin: list[psutil.Process] = field(default_factory=list)
    _kin_noted_at_s: float = 0.0
    _failures: int = 0
    _started_at_s: float = 0.0
    _restart_at_s: float | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; ``None`` before the first start."""
        return self._process.pid if self._process else None

    @property
    def exit_status(self) -> int | None:
        """Exit status, negative for a signal; ``None`` while it runs."""
        return self._process.poll() if self._process else None

    @property
    def runs(self) -> bool:
        """Whether its process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches only us; output goes to its log file."""
        leash = ["tumorcast_platform.runner.leash", str(os.getpid()), str(self.spec.niceness)]
        command = [sys.executable, "-m", *leash, self.spec.module]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                env={**os.environ, **self.spec.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started_at_s, self._restart_at_s = time.monotonic(), None

    def note_kin(self) -> None:
        """Remember which processes it has started, since nobody can tell once it is dead."""
        if self.pid is not None and self.runs:
            self._kin, self._kin_noted_at_s = family.descendants(self.pid), time.monotonic()

    def kill_kin(self) -> None:
        """End what it left behind."""
        family.kill(self._kin)
        self._kin = []

    def tend(self, report: Callable[[str], None]) -> None:
        """Restart it when it died: after 1, 2, 4, 8, 16 s, then no more."""
        if self.runs:
            if time.monotonic() - self._kin_noted_at_s > _KIN_EVERY_S:
                self.note_kin()
        elif self._restart_at_s is None:
            self._plan_restart(report)
        elif time.monotonic() >= self._restart_at_s:
            self.start()

    def _plan_restart(self, report: Callable[[str], None]) -> None:
        self.kill_kin()
        self._failures = 1 if time.monotonic() - self._started_at_s > _STEADY_S else self._failures + 1
        if self._failures > len(_RESTART_DELAYS_S):
            self._restart_at_s = float("inf")
            report(f"{self.spec.name} ended {self._died()} again and is not restarted; its log is {self.log_file}")
            return
        delay_s = _RESTART_DELAYS_S[self._failures - 1]
        self._restart_at_s = time.monotonic() + delay_s
        report(f"{self.spec.name} ended {self._died()}; it is restarted in {delay_s:g} s")

    def _died(self) -> str:
        status = self.exit_status or 0
        return f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"

    def terminate(self) -> None:
        """Ask it to drain and end."""
        self.note_kin()
        if self._process and self.runs:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once, with what it started."""
        self.note_kin()
        if self._process and self.runs:
            self._process.kill()
            self._process.wait()
        self.kill_kin()

    def log_tail(self, lines: int = 20) -> str:
        """Read the last lines of its log."""
        text = self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
