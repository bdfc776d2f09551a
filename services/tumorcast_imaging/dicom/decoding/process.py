"""The parent's end of one child process; nothing that the child says is trusted."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.dicom.decoding.job import ANSWER, STATUSES, DecoderLimits, Job
from tumorcast_imaging.dicom.reasons import Refused

_PIPE_BYTES = 1 << 20
_HERE = Path(__file__).resolve().parent
# The packages above `child` bring pydicom; a child needs none of it, so it gets them without their __init__.
_START = """
import sys, types
for name, folder in zip(("", ".dicom", ".dicom.decoding"), sys.argv[3:]):
    module = sys.modules["tumorcast_imaging" + name] = types.ModuleType("tumorcast_imaging" + name)
    module.__path__ = [folder]
from tumorcast_imaging.dicom.decoding.child import main
main(int(sys.argv[1]), float(sys.argv[2]))
"""


def _start(limits: DecoderLimits) -> subprocess.Popen[bytes]:
    """A child that knows of its parent where modules are found, and nothing else."""
    arguments = [limits.memory_bytes, limits.frame_time_s, _HERE.parent.parent, _HERE.parent, _HERE]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own code
        [sys.executable, "-P", "-c", _START, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={
            "PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in sys.path if p),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
        cwd="/",
        bufsize=0,
    )


class DecoderProcess:
    """One child that decodes one job at a time; started at once, ready at the first job."""

    def __init__(self, limits: DecoderLimits) -> None:
        self._limits, self._ready = limits, False
        self._process = _start(limits)
        assert self._process.stdin is not None  # noqa: S101 - narrows the type
        assert self._process.stdout is not None  # noqa: S101
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._out, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self.jobs = 0
        self.used_at_s = time.monotonic()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def decode(self, job: Job) -> NDArray[np.unsignedinteger[Any]]:
        """Words, frames × rows × columns; raises ``Refused``. The process is dead after an unlawful answer."""
        try:
            return self._decode(job)
        except Refused as e:
            if e.code.startswith("DECODER_"):
                self.kill()
            raise
        except BaseException:  # such as KeyboardInterrupt, with half an answer in the pipe
            self.kill()
            raise
        finally:
            self.jobs += 1
            self.used_at_s = time.monotonic()

    def _decode(self, job: Job) -> NDArray[np.unsignedinteger[Any]]:
        if not self._ready:
            self._expect(memoryview(b""), time.monotonic() + self._limits.start_time_s)
            self._ready = True
        out = np.empty((len(job.frames), job.rows, job.columns), f"u{job.bits_allocated // 8}")
        end_s = time.monotonic() + self._limits.job_time_s
        line = json.dumps(asdict(job) | {"path": str(job.path)}).encode() + b"\n"
        self._write(memoryview(line), min(end_s, time.monotonic() + self._limits.frame_time_s))
        for frame in out:
            deadline_s = min(end_s, time.monotonic() + self._limits.frame_time_s)
            self._expect(frame.data.cast("B"), deadline_s)
        return out

    def _expect(self, place: memoryview, deadline_s: float) -> None:
        """Read one answer that must fill ``place``."""
        head = bytearray(ANSWER.size)
        self._read(memoryview(head), deadline_s)
        status, length = ANSWER.unpack(head)
        if status >= len(STATUSES) or length != (0 if status else len(place)):
            raise Refused("DECODER_CRASHED")
        if status:
            raise Refused(STATUSES[status])
        self._read(place, deadline_s)

    def _read(self, place: memoryview, deadline_s: float) -> None:
        while place:
            self._wait(self._out, select.POLLIN, deadline_s)
            with contextlib.suppress(BlockingIOError):
                count = os.readv(self._out, [place])
                if not count:
                    raise Refused(self._cause())
                place = place[count:]

    def _write(self, data: memoryview, deadline_s: float) -> None:
        while data:
            self._wait(self._in, select.POLLOUT, deadline_s)
            try:
                data = data[os.write(self._in, data) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as e:
                raise Refused(self._cause()) from e

    def _wait(self, handle: int, event: int, deadline_s: float) -> None:
        poll = select.poll()
        poll.register(handle, event)
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000):
            raise Refused("DECODER_TIMEOUT")

    def _cause(self) -> str:
        """Why the child ended; it closes its pipes a moment before."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        timed_out = self._process.returncode in (-signal.SIGALRM, -signal.SIGXCPU)
        return "DECODER_TIMEOUT" if timed_out else "DECODER_CRASHED"

    def terminate(self) -> None:
        """End the child at once; whoever waits for its answer sees that."""
        self._process.kill()

    def kill(self) -> None:
        """End the child and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
