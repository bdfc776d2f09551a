"""The process that reads damaged files, one after another, and tells of each; its parent outlives it."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import threading
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from fuzz.checks import Checker
from fuzz.inputs import make
from fuzz.seeds import Corpus, corpus
from tumorcast_imaging.dicom import DEFAULT_LIMITS, read_segmentation, read_study, transfer
from tumorcast_imaging.dicom.decoding import shared_pool

SLOW_S = 5.0


def work(seed: int, start: int, stop: int, out: int) -> None:
    """Read the inputs ``start`` … ``stop``; one line of JSON for each before and after it, and one at the end."""
    warned: list[str] = []
    warnings.simplefilter("default")
    warnings.filterwarnings("ignore", module=r"pydicom\.")  # as the gate does
    warnings.showwarning = lambda message, kind, file, line, *_: warned.append(f"{kind.__name__} in {file}:{line}")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "seeds").mkdir()
        seeds = corpus(Path(folder) / "seeds")
        checker = Checker(seeds, Path(folder))
        _warm_up(seeds)
        before = _held()
        _say(out, {"base_mib": _peak_mib()})
        for number in range(start, stop):
            _one(checker, seeds, seed, number, out, warned)
        lost = [*_leaks(before), *_still_works(seeds)]
        _say(out, {"done": True, "broken": lost, "held": _held()})


def _one(checker: Checker, seeds: Corpus, seed: int, number: int, out: int, warned: list[str]) -> None:
    made = make(seeds, seed, number)
    _say(out, {"begin": number, "story": made.story})
    warned.clear()
    begun = time.monotonic()
    outcome = checker.check(made.given, number=number)
    took_s = time.monotonic() - begun
    if took_s > SLOW_S:  # on a busy machine once is no proof
        begun = time.monotonic()
        checker.check(made.given, number=number)
        took_s = min(took_s, time.monotonic() - begun)
        outcome.broken += [f"slow: {took_s:.1f} s"] * (took_s > SLOW_S)
    outcome.broken += [f"warned: {w}" for w in warned]
    _say(
        out,
        {
            "number": number,
            "codes": outcome.codes,
            "broken": outcome.broken,
            "s": round(took_s, 4),
            "rss_mib": _peak_mib(),
            "child_mib": _children_mib(),
        },
    )


def _say(out: int, what: dict[str, Any]) -> None:
    line = memoryview(json.dumps(what).encode() + b"\n")
    while line:
        line = line[os.write(out, line) :]


def _warm_up(seeds: Corpus) -> None:
    """Load what is loaded late (codecs, nibabel, scipy), so that it does not count as memory of a file."""
    _still_works(seeds)
    for segmentation in seeds.segmentations:
        (volume,) = read_study(segmentation.home or "").volumes
        found = read_segmentation([segmentation.home or "", segmentation.path], volume)
        transfer(found.regions[0], volume, volume)
    for late in (
        "tumorcast_imaging.dicom.nifti",
        "tumorcast_imaging.dicom.repair",
        "tumorcast_platform.commands.imaging",
    ):
        import_module(late)


def _still_works(seeds: Corpus) -> list[str]:
    """Every compressed sound case is still accepted."""
    names = ("RLE", "JPEG 2000", "JPEG-LS", "JPEG lossless SV1", "high-throughput JPEG 2000", "deflated")
    folders = {s.case.name: s.home for s in seeds.slices if s.case and s.home}
    return [f"no longer reads {name}" for name in names if not read_study(folders[name]).volumes]


def _held() -> dict[str, int]:
    return {
        "files": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "children": len(_children()),
    }


def _children() -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process().children(recursive=True)]


def _leaks(before: dict[str, int]) -> list[str]:
    pool = shared_pool(DEFAULT_LIMITS.decoder)
    strangers = set(_children()) - set(pool.pids())
    broken = [f"{len(strangers)} processes outside the pool"] * bool(strangers)
    now = _held()
    if len(pool.pids()) > DEFAULT_LIMITS.decoder.children:
        broken.append("more children than the limit")
    if now["files"] > before["files"] + 2 * DEFAULT_LIMITS.decoder.children or now["threads"] > before["threads"] + 2:
        broken.append(f"leaked: {before} before, {now} after")
    return broken


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _children_mib() -> int:
    """Peaks of the children that live, together, or the largest of those that ended."""
    live = 0
    for pid in shared_pool(DEFAULT_LIMITS.decoder).pids():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        live += next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0) >> 10
    return max(live, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)


def main() -> None:
    """``python -m fuzz.worker SEED START STOP``: answers go to what was standard output."""
    out = os.dup(1)
    os.dup2(2, 1)
    seed, start, stop = map(int, sys.argv[1:4])
    work(seed, start, stop, out)


if __name__ == "__main__":
    main()
