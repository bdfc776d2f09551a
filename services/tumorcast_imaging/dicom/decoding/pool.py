"""A few children that decode at once, replaced when they die and ended when idle."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.dicom.decoding.job import DecoderLimits, Job
from tumorcast_imaging.dicom.decoding.process import DecoderProcess
from tumorcast_imaging.dicom.reasons import Refused

Words = NDArray[np.unsignedinteger[Any]]


class DecoderPool:
    """Decodes in child processes, started when first needed; safe to use from several threads.

    A child that crashes, hangs or runs out of memory costs its own job only.
    """

    def __init__(self, limits: DecoderLimits | None = None) -> None:
        self.limits = limits or DecoderLimits()
        self._lock = threading.Lock()
        self._idle: list[DecoderProcess] = []
        self._busy: set[DecoderProcess] = set()
        self._timer: threading.Timer | None = None
        self._closed = False
        self._threads = ThreadPoolExecutor(self.limits.children, thread_name_prefix="decoder")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def decode(self, jobs: Iterable[Job]) -> Iterator[Words]:
        """Words of each job, frames × rows × columns, in order; uint8 or uint16 as allocated.

        Raises ``Refused`` where a job fails; the iterator goes on with the next job if it is asked to. Only a few jobs
        are ahead of what was taken.
        """
        return _Results(self, iter(jobs))

    def submit(self, job: Job) -> Future[Words]:
        """Start one job."""
        return self._threads.submit(self._run, job)

    def pids(self) -> tuple[int, ...]:
        """Process IDs of the children there are."""
        with self._lock:
            return tuple(child.pid for child in (*self._idle, *self._busy))

    def close(self) -> None:
        """End every child, at work or not, and wait for it."""
        with self._lock:
            self._closed = True
            children, self._idle = [*self._idle, *self._busy], []
            if self._timer:
                self._timer.cancel()
        for child in children:
            child.terminate()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for child in children:
            child.kill()

    def _run(self, job: Job) -> Words:
        if not job.is_sound():
            raise Refused("UNSUPPORTED_PIXEL_FORMAT")
        child = self._take()
        used = child.jobs > 0
        try:
            return child.decode(job)
        except Refused as e:
            if e.code != "DECODER_OUT_OF_MEMORY" or not used:
                raise
        finally:
            self._give_back(child)
        child = self._take()  # a codec may have leaked in earlier jobs: ask once more, with all the memory there may be
        try:
            return child.decode(job)
        finally:
            self._give_back(child)

    def _take(self) -> DecoderProcess:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.alive:
                    self._busy.add(child)
                    return child
                child.kill()
        try:
            child = DecoderProcess(self.limits)
        except OSError as e:
            raise Refused("DECODER_CRASHED") from e
        with self._lock:
            self._busy.add(child)
            closed = self._closed
        if closed:
            child.terminate()
        return child

    def _give_back(self, child: DecoderProcess) -> None:
        with self._lock:
            self._busy.discard(child)
            if child.alive and not self._closed:
                self._idle.append(child)
                self._watch(self.limits.idle_s)
                return
        child.kill()

    def _watch(self, after_s: float) -> None:
        if self._timer is None:
            self._timer = threading.Timer(after_s, self._end_idle)
            self._timer.daemon = True
            self._timer.start()

    def _end_idle(self) -> None:
        with self._lock:
            self._timer = None
            now_s = time.monotonic()
            old = [child for child in self._idle if now_s - child.used_at_s >= self.limits.idle_s]
            self._idle = [child for child in self._idle if child not in old]
            if self._idle and not self._closed:
                oldest_s = min(child.used_at_s for child in self._idle)
                self._watch(max(0.05, oldest_s + self.limits.idle_s - now_s))
        for child in old:
            child.kill()


class _Results:
    """Results in order; a refusal does not end it, as it would end a generator."""

    def __init__(self, pool: DecoderPool, jobs: Iterator[Job]) -> None:
        self._pool, self._jobs = pool, jobs
        self._ahead: deque[Future[Words]] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Words:
        while len(self._ahead) <= self._pool.limits.children:
            job = next(self._jobs, None)
            if job is None:
                break
            self._ahead.append(self._pool.submit(job))
        if not self._ahead:
            raise StopIteration
        return self._ahead.popleft().result()

    def __del__(self) -> None:
        for future in self._ahead:
            future.cancel()


_shared: dict[DecoderLimits, DecoderPool] = {}
_shared_lock = threading.Lock()
_of_parent: list[DecoderPool] = []


def shared_pool(limits: DecoderLimits | None = None) -> DecoderPool:
    """The pool of this process for those limits; do not close it, its children end when idle and at exit."""
    limits = limits or DecoderLimits()
    with _shared_lock:
        if limits not in _shared:
            _shared[limits] = DecoderPool(limits)
        return _shared[limits]


@atexit.register
def _close_shared() -> None:
    for pool in _shared.values():
        with contextlib.suppress(Exception):
            pool.close()


def _forget_shared() -> None:
    """After a fork the children belong to the parent, and locks and threads are not what they were."""
    global _shared_lock
    _shared_lock = threading.Lock()
    _of_parent.extend(_shared.values())  # kept, so that nothing of them is finalized here
    _shared.clear()


os.register_at_fork(after_in_child=_forget_shared)
