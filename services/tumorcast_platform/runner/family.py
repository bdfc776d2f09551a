"""The processes below this one: those we started, and those that they started and left behind.

A service may start others (Ray starts a dozen). When it dies they become orphans; as the subreaper
(prctl(2), PR_SET_CHILD_SUBREAPER) this process inherits them, so that none escapes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterable

import psutil

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of every orphaned descendant (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def descendants(pid: int | None = None) -> list[psutil.Process]:
    """All living processes below ``pid`` (this process by default)."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def kill(processes: Iterable[psutil.Process]) -> None:
    """SIGKILL each that still runs, and whatever runs below it."""
    for process in processes:
        for member in (*descendants_of(process), process):
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()


def descendants_of(process: psutil.Process) -> list[psutil.Process]:
    """All living processes below ``process``; none when its pid belongs to another by now."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def bury(ours: Iterable[int]) -> None:
    """Collect the exit status of dead orphans, never of a process in ``ours`` (its Popen does that)."""
    known = set(ours)
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
            if child.pid not in known and child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, os.WNOHANG)
