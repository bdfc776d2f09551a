"""Keeps a set of services running until it is told to stop, and leaves no process behind."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tumorcast_core.errors import ServiceUnavailable
from tumorcast_platform.runner import family
from tumorcast_platform.runner.service import ServiceProcess, ServiceSpec

_TICK_S = 0.2


class Stopped(Exception):  # noqa: N818 - not an error
    """The person at the keyboard, or the system, asked to end while services were starting."""


class StopSignal:
    """Counts SIGINT, SIGTERM and SIGHUP: the first asks to drain, the second to end at once."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._urgent = threading.Event()

    @contextmanager
    def handled(self) -> Iterator[StopSignal]:
        """Take the signals for as long as the context lasts; only in the main thread."""
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._note) for number in signals}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        (self._urgent if self._asked.is_set() else self._asked).set()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    @property
    def urgent(self) -> bool:
        return self._urgent.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not beyond the first signal; whether it came."""
        return self._asked.wait(seconds)


class Supervisor:
    """Starts services in order, watches them, restarts the dead, ends them all.

    ``report`` gets one line a happening. ``drain_s`` bounds how long an ending service may take; then it is killed.
    """

    def __init__(
        self,
        specs: Sequence[ServiceSpec],
        log_folder: Path,
        stop: StopSignal,
        report: Callable[[str], None],
        drain_s: float,
    ) -> None:
        log_folder.mkdir(parents=True, exist_ok=True)
        self._services = [ServiceProcess(spec, log_folder / f"{spec.name}.log") for spec in specs]
        self._stop = stop
        self._report = report
        self._drain_s = drain_s

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start all; on the way out, however that comes about, end all."""
        family.adopt_orphans()
        try:
            for service in self._services:
                service.log_file.unlink(missing_ok=True)
                service.start()
            yield
        finally:
            self._end()

    def wait_until_ready(self, timeout_s: float, progress: Callable[[str], None] = lambda _: None) -> None:
        """Return once every service answers.

        Raises ``ServiceUnavailable`` when one ends or the time is up, with the tail of its log reported, and
        ``Stopped`` when asked to.
        """
        until = time.monotonic() + timeout_s
        waiting = list(self._services)
        while waiting:
            progress(f"waiting for {', '.join(service.spec.name for service in waiting)}")
            for service in waiting:
                service.note_kin()
                if not service.runs:
                    self._give_up(service, "ended while starting")
            waiting = [service for service in waiting if not service.spec.answers()]
            if waiting and time.monotonic() > until:
                self._give_up(waiting[0], f"did not answer within {timeout_s:g} s")
            if self._stop.wait(_TICK_S):
                raise Stopped

    def _give_up(self, service: ServiceProcess, what: str) -> None:
        self._report(f"The end of {service.spec.name}'s log:\n{service.log_tail()}")
        raise ServiceUnavailable(f"The {service.spec.name} service {what}.")

    def watch(self) -> None:
        """Restart what dies until asked to stop."""
        while not self._stop.wait(_TICK_S):
            for service in self._services:
                service.tend(self._report)
            family.bury(self._pids())

    def _pids(self) -> list[int]:
        return [service.pid for service in self._services if service.pid is not None]

    def _end(self) -> None:
        """Drain the last started first (it calls the others), then the others together; kill what remains."""
        *others, door = self._services
        for group in ([door], others):
            self._drain(group)
        for service in self._services:
            service.kill()
        self._sweep()

    def _drain(self, services: Sequence[ServiceProcess]) -> None:
        for service in services:
            service.terminate()
        until = time.monotonic() + self._drain_s
        while any(service.runs for service in services) and time.monotonic() < until and not self._stop.urgent:
            time.sleep(_TICK_S / 4)
            for service in services:
                service.note_kin()

    def _sweep(self) -> None:
        """End orphans until there are none; what is born meanwhile is ended by the next round."""
        ours = set(self._pids())
        until = time.monotonic() + self._drain_s
        while time.monotonic() < until:
            family.bury(ours)
            left = [process for process in family.descendants() if process.pid not in ours]
            if not left:
                return
            family.kill(left)
            time.sleep(_TICK_S / 4)
