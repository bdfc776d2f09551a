"""The child process: one line of JSON in for each job, words of each of its frames out.

It keeps its own limits: of memory by the kernel, of time by a timer whose signal ends the process in the midst of any
C code, and it ends when its parent does. (A death signal, PR_SET_PDEATHSIG, would not do: the kernel sends it when
the *thread* that started the child ends.)
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tumorcast_imaging.dicom.decoding.fragments import Fragments
from tumorcast_imaging.dicom.decoding.job import ANSWER, NATIVE_FRAGMENTS, RLE, STATUSES, Job
from tumorcast_imaging.dicom.reasons import Refused

if TYPE_CHECKING:
    from tumorcast_imaging.dicom.decoding.codecs import Words

_PARENT_CHECK_S = 5.0


def main(memory_bytes: int, frame_time_s: float) -> None:
    """Answer jobs on standard input until it ends or the parent is gone."""
    _confine(memory_bytes)
    out = os.dup(1)
    os.dup2(2, 1)  # codecs that print must not write into the answers
    from tumorcast_imaging.dicom.decoding.codecs import decode  # here, so that numpy too stands under the limits

    _send(out, 0, b"")
    for line in _lines():
        try:
            _arm(frame_time_s)
            for words in _decoded(_job(line), decode):
                _send(out, 0, words)
                _arm(frame_time_s)
        except Refused as e:
            _send(out, STATUSES.index(e.code), b"")
        except MemoryError:
            _send(out, STATUSES.index("DECODER_OUT_OF_MEMORY"), b"")
        except OSError:
            _send(out, STATUSES.index("UNREADABLE"), b"")
        signal.setitimer(signal.ITIMER_REAL, 0)


def _confine(memory_bytes: int) -> None:
    for what, limit in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        _, hard = resource.getrlimit(what)
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (limit, limit))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides


def _arm(time_s: float) -> None:
    """End this process by a signal unless armed again within that time, of the clock and of the processor."""
    signal.setitimer(signal.ITIMER_REAL, time_s + 1)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + time_s) + 2, hard))


def _lines() -> Iterator[bytes]:
    """Lines on standard input; ends with it, or when another process has become the parent."""
    parent, rest = os.getppid(), b""
    while os.getppid() == parent:
        if not select.select([0], [], [], _PARENT_CHECK_S)[0]:
            continue
        data = os.read(0, 1 << 16)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from lines


def _job(line: bytes) -> Job:
    fields = json.loads(line)
    return Job(**fields | {"path": Path(fields["path"]), "frames": tuple(fields["frames"])})


def _decoded(job: Job, decode: Callable[[bytes, Job], Words]) -> Iterator[bytes]:
    has_marker = job.transfer_syntax_uid not in RLE | NATIVE_FRAGMENTS
    with job.path.open("rb") as file:
        fragments = Fragments(file, job.offset, job.number_of_frames, end_of_image=has_marker)
        for frame in job.frames:
            yield decode(fragments.frame(frame), job).tobytes()


def _send(out: int, status: int, data: bytes) -> None:
    answer = memoryview(ANSWER.pack(status, len(data)) + data)
    while answer:
        try:
            answer = answer[os.write(out, answer) :]
        except BrokenPipeError:
            sys.exit()
