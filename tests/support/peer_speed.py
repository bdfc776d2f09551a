"""How fast one reader reads one series, and in how much memory, in a process of its own.

``python -m support.peer_speed NAME WARM_UP FOLDER`` imports the reader, reads the small series in ``WARM_UP``, then
times ``FOLDER``: from the path to a volume in memory whose every voxel was touched. Prints a line of JSON.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from support.adversarial import Found
from support.peers import READERS, Read

PLAIN = "pydicom, stacked"


def plain_pydicom() -> Read:
    """No reader of series: what a loop over ``pixel_array`` costs; nothing is sorted or checked."""
    from pydicom import dcmread

    def read(folder: Path) -> list[Found]:
        slices = [dcmread(path) for path in sorted(folder.iterdir())]
        planes = [
            d.pixel_array * np.float32(d.get("RescaleSlope", 1)) + np.float32(d.get("RescaleIntercept", 0))
            for d in slices
        ]
        return [Found(np.stack(planes), np.eye(4))]

    return read


NAMES = (*READERS, PLAIN)


def main() -> None:
    name, warm_up, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    read = (READERS | {PLAIN: plain_pydicom})[name]()
    touched(read(warm_up))
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far was the import's
    before = memory_bytes("VmRSS")
    children = Children()
    began = time.perf_counter()
    voxels = touched(read(folder))
    seconds = time.perf_counter() - began
    peak = memory_bytes("VmHWM") - before
    row = {"seconds": seconds, "voxels": voxels, "peak_bytes": peak, "children_bytes": children.stop()}
    sys.stdout.write(json.dumps(row) + "\n")


def touched(found: list[Found]) -> int:
    """How many voxels were read, each looked at."""
    if not found or not all(np.isfinite(volume.array.max()) for volume in found):
        raise SystemExit("nothing was read")
    return sum(volume.array.size for volume in found)


def memory_bytes(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


class Children:
    """Watches the private memory of child processes, such as decoders, in a thread."""

    def __init__(self, every_s: float = 0.05) -> None:
        self._end, self._most, self._every_s = threading.Event(), 0, every_s
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        look: Callable[[], list[psutil.Process]] = lambda: psutil.Process().children(recursive=True)  # noqa: E731
        while not self._end.wait(self._every_s):
            total = 0
            for child in look():
                try:
                    total += child.memory_full_info().uss
                except psutil.Error:
                    continue
            self._most = max(self._most, total)

    def stop(self) -> int:
        self._end.set()
        self._thread.join()
        return self._most


if __name__ == "__main__":
    main()
