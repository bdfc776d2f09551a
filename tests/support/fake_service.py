"""A service that does what ``FAKE`` says, for tests of the supervisor: ``python -m support.fake_service``.

``serve`` runs until SIGTERM; ``stubborn`` ignores SIGTERM; ``die`` ends at once;
``parent`` leaves a detached grandchild that ignores SIGTERM. Its pids go to ``FAKE_PIDS``, one a line; it is ready
once ``FAKE_READY`` exists.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_GRANDCHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def main() -> None:
    behavior = os.environ["FAKE"]
    if behavior == "die":
        sys.exit("the patient database is on fire")
    signal.signal(signal.SIGTERM, signal.SIG_IGN if behavior == "stubborn" else lambda *_: sys.exit(0))
    pids = [os.getpid()]
    if behavior == "parent":
        command = [sys.executable, "-c", _GRANDCHILD]
        pids.append(subprocess.Popen(command, start_new_session=True).pid)
    with Path(os.environ["FAKE_PIDS"]).open("a") as file:
        file.writelines(f"{pid}\n" for pid in pids)
    Path(os.environ["FAKE_READY"]).touch()
    while True:
        time.sleep(0.1)


if __name__ == "__main__":
    main()
