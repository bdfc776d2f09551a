"""Becomes a service that is told to end when ``tumorcast up`` dies, even by SIGKILL.

Runs as ``python -m tumorcast_platform.runner.leash PARENT_PID NICENESS MODULE`` and replaces itself by
``python -m MODULE``; the kernel keeps the wish across ``execve`` (prctl(2), PR_SET_PDEATHSIG). Linux only; elsewhere it
just becomes MODULE, as nice.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for SIGTERM at the parent's death, then become the service."""
    parent, niceness, module = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    os.nice(niceness)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the wish was made
            sys.exit(1)
    os.execv(sys.executable, [sys.executable, "-m", module])  # noqa: S606 - our own interpreter and module


if __name__ == "__main__":
    main()
