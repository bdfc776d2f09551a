"""A shadow computes in a process of its own, of the lowest priority: it shares no lock and no crash with what answers.

The process is this module run by itself. Over a socket it gets a model's folder and what was asked, and gives the
endpoints back; nothing of it is written anywhere, by a crash neither. It ends when its parent does. It may have half of
the container's memory: were it to be killed for want of it, kubelets would have all of the container killed with it
(``memory.oom.group``).
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from tumorcast_core.errors import DeadlineExceeded, ServiceUnavailable
from tumorcast_core.prognosis import Endpoint
from tumorcast_core.snapshot import PatientSnapshot

LOWEST_PRIORITY = 19
MODELS_HELD = 4
MOST_ANSWERED = 16 << 20
"""Bytes of an answer; more is none of a model."""
_MEMORY_MAX = Path("/sys/fs/cgroup/memory.max")
_MEMORY_ELSEWHERE = 4 << 30
_STRANGERS = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")
"""What the process gets of the environment: no credentials."""

Scored = tuple[tuple[Endpoint, ...], float]
"""What a shadow answered, and in how many seconds."""


class ShadowProcess:
    """Starts the process when it is first needed, and again when it has died; used by one thread."""

    def __init__(self, timeout_s: float = 60.0, pause_s: float = 10.0, memory_bytes: int = 0) -> None:
        self._memory_bytes = memory_bytes or memory_share()
        self._timeout_s, self._pause_s = timeout_s, pause_s
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._again_at = 0.0

    @property
    def pid(self) -> int | None:
        """Of the process that runs."""
        return self._process.pid if self._process else None

    @property
    def ready(self) -> bool:
        """Whether it may be asked: not for a while after it died."""
        return self._process is not None or time.monotonic() >= self._again_at

    def predict(self, folder: Path, snapshot: PatientSnapshot, horizons_days: Sequence[float]) -> Scored:
        """What the model in ``folder`` answers.

        Raises ``DeadlineExceeded`` and ends the process where it takes too long, ``ServiceUnavailable`` where the
        model raises or the process dies.
        """
        connection = self._connection or self._started()
        try:
            connection.send((str(folder), snapshot, tuple(horizons_days)))
            if not connection.poll(self._timeout_s):
                self._ended()
                raise DeadlineExceeded("The shadow took too long.")
            found: Scored | str = pickle.loads(connection.recv_bytes(MOST_ANSWERED))  # noqa: S301 - of our own process
        except (OSError, EOFError) as e:
            self._ended()
            raise ServiceUnavailable("The process of the shadow died.") from e
        if isinstance(found, str):
            raise ServiceUnavailable(f"The shadow failed ({found}).")
        return found

    def _started(self) -> Connection:
        ours, theirs = socket.socketpair()
        for what in (
            socket.SO_SNDTIMEO,
            socket.SO_RCVTIMEO,
        ):  # a large snapshot may fill what a hung process reads from
            ours.setsockopt(socket.SOL_SOCKET, what, struct.pack("@ll", *divmod(round(self._timeout_s * 1e6), 10**6)))
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", __name__, str(theirs.fileno()), str(self._memory_bytes)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # whatever it says may quote what it was asked
                env={name: os.environ[name] for name in _STRANGERS if name in os.environ} | {"OMP_NUM_THREADS": "1"},
            )
        self._connection = Connection(ours.detach())
        return self._connection

    def _ended(self) -> None:
        self._again_at = time.monotonic() + self._pause_s
        self.close()

    def close(self) -> None:
        """End the process, if one runs."""
        if self._connection:
            self._connection.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = self._connection = None


def memory_share() -> int:
    """Bytes of data that the process may hold: half of what the container may, 4 GiB where it has no limit."""
    try:
        return int(_MEMORY_MAX.read_text()) // 2
    except (OSError, ValueError):  # not in a container, or "max"
        return _MEMORY_ELSEWHERE


def confine(memory_bytes: int) -> None:
    """Take the lowest priority and little memory, and leave no core dump: it would hold what was asked."""
    os.nice(LOWEST_PRIORITY)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # short of memory, this process goes first
    for what, most in ((resource.RLIMIT_CORE, 1), (resource.RLIMIT_DATA, memory_bytes)):
        with contextlib.suppress(OSError, ValueError):  # 1, not 0: pipes to a handler take no other limit (core(5))
            resource.setrlimit(what, (most, most))


def main(descriptor: int, memory_bytes: int) -> None:
    """Answer until the other end is closed."""
    confine(memory_bytes)
    import torch

    from tumorcast_fusion.model import Model, load_model

    torch.set_num_threads(1)
    models: dict[str, Model] = {}
    with Connection(descriptor) as connection, contextlib.suppress(EOFError, OSError):
        while True:
            folder, snapshot, horizons = connection.recv()
            try:
                if folder not in models:
                    models = dict(list(models.items())[1 - MODELS_HELD :])
                    models[folder] = load_model(Path(folder))
                    models[folder].predict(PatientSnapshot())  # the first patient need not wait for it to warm up
                began = time.perf_counter()
                found = models[folder].predict(snapshot, horizons)
                connection.send((found.endpoints, time.perf_counter() - began))
            except Exception as e:  # the boundary: it is counted
                connection.send(type(e).__name__)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
