"""Asks the shadow of a model what the active version was asked, after the answer went out.

One call at a time, in a process of its own (``shadow_process``), begun only while no call is being answered; a queue
with an end: a call that would have to wait for long is dropped and counted. Snapshots are forgotten when they are
scored or dropped; kept are sums (``model/shadow``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Protocol

from tumorcast_core.errors import TumorcastError
from tumorcast_core.prognosis import Endpoint
from tumorcast_core.snapshot import PatientSnapshot
from tumorcast_fusion.adapters.live_models import Live
from tumorcast_fusion.adapters.shadow_process import Scored, ShadowProcess
from tumorcast_fusion.model.shadow import ShadowReport

log = logging.getLogger(__name__)
QUEUED = 32
"""Calls that may wait for the shadow."""
PATIENCE_S = 5.0
"""A call that waited longer is dropped."""
_TOLD_EVERY_S = 60.0
_UNUSED_S = 300.0
"""The process of a shadow that was asked nothing for so long is ended."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One call that was answered: by what, what was asked, what came out, and how long it took."""

    live: Live
    snapshot: PatientSnapshot
    horizons_days: Sequence[float]
    endpoints: tuple[Endpoint, ...]
    seconds: float
    at: float


class Asked(Protocol):
    """Who computes what a shadow answers."""

    @property
    def ready(self) -> bool: ...
    def predict(self, folder: Path, snapshot: PatientSnapshot, horizons_days: Sequence[float]) -> Scored: ...
    def close(self) -> None: ...


class ShadowScorer:
    """Compares shadows with what answers. Every method returns at once, whatever the shadow does."""

    def __init__(self, asked: Asked | None = None, queued: int = QUEUED, patience_s: float = PATIENCE_S) -> None:
        self._asked = asked or ShadowProcess()
        self._queue: Queue[Answered] = Queue(queued)
        self._patience_s = patience_s
        self._reports: dict[str, ShadowReport] = {}
        self._lock = threading.Lock()
        self._answering = 0
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None
        self._told_at = -_TOLD_EVERY_S

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While a call is answered the shadow begins nothing; on the event loop only."""
        self._answering += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._answering -= 1
            if not self._answering:
                self._idle.set()

    def offer(self, answered: Answered) -> None:
        """Put a call to the shadow of what answered it; nothing where there is none."""
        if answered.live.shadow is None:
            return
        try:
            self._queue.put_nowait(answered)
        except Full:
            self._count(answered.live, _drop)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
            self._thread.start()

    def report(self, live: Live) -> ShadowReport:
        """What was seen of this pair of versions so far: a copy."""
        with self._lock:
            return deepcopy(self._current(live))

    def close(self) -> None:
        """End the process that scores."""
        self._asked.close()

    def _current(self, live: Live) -> ShadowReport:
        """The report of this pair; counting begins anew where another pair was counted before."""
        name, pair = live.active.ref.name, (live.active.ref, live.shadow.ref if live.shadow else None)
        report = self._reports.get(name)
        if report is None or report.pair != pair:
            report = self._reports[name] = ShadowReport(*pair)
        report.generation = max(report.generation, live.generation)
        return report

    def _count(self, live: Live, change: Callable[[ShadowReport], None]) -> None:
        with self._lock:
            report = self._reports.get(live.active.ref.name)
            if report is None or report.generation <= live.generation:  # else of a pair that has gone
                change(self._current(live))

    def _run(self) -> None:
        while True:
            try:
                self._take(self._queue.get(timeout=_UNUSED_S))
            except Empty:
                self._asked.close()

    def _take(self, answered: Answered) -> None:
        patience_s = self._patience_s - (time.monotonic() - answered.at)
        if patience_s > 0 and self._asked.ready and self._idle.wait(patience_s):
            self._score(answered)
        else:
            self._count(answered.live, _drop)

    def _score(self, answered: Answered) -> None:
        if answered.live.shadow is None:
            return
        try:
            found, seconds = self._asked.predict(answered.live.shadow.folder, answered.snapshot, answered.horizons_days)
        except Exception as e:  # the boundary: what a shadow does is counted, never felt
            self._count(answered.live, _fail)
            if time.monotonic() - self._told_at > _TOLD_EVERY_S:
                self._told_at = time.monotonic()
                why = e.message if isinstance(e, TumorcastError) else type(e).__name__
                log.warning("the shadow of %s failed: %s", answered.live.active.ref.name, why)
            return
        active, shadow = ({endpoint.id: endpoint for endpoint in those} for those in (answered.endpoints, found))
        self._count(answered.live, lambda report: report.add(active, shadow, (answered.seconds, seconds)))


def _drop(report: ShadowReport) -> None:
    report.dropped += 1


def _fail(report: ShadowReport) -> None:
    report.failed += 1
