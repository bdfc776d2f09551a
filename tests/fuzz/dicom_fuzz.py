"""Damages DICOM files and looks whether the gate reads or refuses them: no crash, no hang, no wrong voxel.

``python -m fuzz.dicom_fuzz --files 20000 --seed 1`` with ``tests`` on the path; ``--only N`` repeats one of them and
``--keep FILE`` writes it down. A worker process does the reading, so that a hard crash costs one file and is told.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_LIMIT_S = 180.0
HANG_S = 60.0
"""Twelve times what a file may take; a slow one is read twice, and the machine may be busy."""
MEMORY_MIB = 1024


@dataclass
class Report:
    """What a run found."""

    files: int = 0
    seconds: float = 0.0
    codes: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    slowest: str = ""
    base_mib: int = 0
    peak_mib: int = 0
    peak_story: str = ""
    child_mib: int = 0

    def lines(self) -> list[str]:
        top = [f"  {count:6}  {code}" for code, count in self.codes.most_common(15)]
        return [
            f"{self.files} files in {self.seconds:.0f} s",
            *top,
            f"slowest: {self.slowest_s:.2f} s, {self.slowest}",
            f"memory: {self.base_mib} MiB before, {self.peak_mib} MiB at most ({self.peak_story})",
            f"decoders: {self.child_mib} MiB",
            f"broken: {len(self.broken)}",
            *(f"  {line}" for line in self.broken[:200]),
        ]


def fuzz(
    files: int,
    seed: int,
    *,
    first: int = 0,
    hang_s: float = HANG_S,
    loud: bool = False,
    worker: Sequence[str] = ("-m", "fuzz.worker"),
) -> Report:
    """Read ``files`` damaged files in a supervised process; after a crash or a hang a new one takes over."""
    report, begun, at = Report(), time.monotonic(), first
    while at < first + files:
        command = [sys.executable, *worker, *map(str, (seed, at, first + files))]
        at = _shift(report, command, at, first + files, hang_s, loud=loud)
    report.seconds = time.monotonic() - begun
    growth = report.peak_mib - report.base_mib
    if growth > MEMORY_MIB or report.child_mib > MEMORY_MIB:
        report.broken.append(f"memory: grew by {growth} MiB, decoders {report.child_mib} MiB; {report.peak_story}")
    return report


def _shift(report: Report, command: list[str], at: int, stop: int, hang_s: float, *, loud: bool) -> int:
    """One worker from input ``at`` on; returns where the next one starts."""
    story, why = "", ""
    with tempfile.TemporaryFile() as errors:
        worker = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OMP_NUM_THREADS": "1"},
        )
        try:
            for line in _lines(worker, hang_s):
                at, story = line.get("begin", at), line.get("story", story)
                report.base_mib = line.get("base_mib", report.base_mib)
                if "number" in line:
                    _note(report, line, story, loud=loud)
                elif "done" in line:
                    report.broken += line["broken"]
                    at = stop
        except TimeoutError:
            why = "hung"
        finally:
            status = _ended(worker, kill=at < stop)
        said = _tail(errors)
    if at == stop:
        report.broken += [f"the worker printed: {said}"] * bool(said)
        return stop
    if not story:
        raise RuntimeError(f"the worker did not start: {said}")
    report.files += 1
    report.broken.append(f"#{at} {why or f'ended the process with {status}'}: {story}; {said}")
    return at + 1


def _ended(worker: subprocess.Popen[bytes], *, kill: bool) -> int:
    """Its exit status; one that is done ends by itself, with its decoders."""
    try:
        status = worker.wait(0.5 if kill else 30.0)
    except subprocess.TimeoutExpired:
        worker.kill()
        status = worker.wait()
    if worker.stdout:
        worker.stdout.close()
    return status


def _note(report: Report, line: dict[str, Any], story: str, *, loud: bool) -> None:
    told = f"#{line['number']} {story}"
    report.files += 1
    report.codes.update(line["codes"])
    report.broken += [f"{told}: {broken}" for broken in line["broken"]]
    if line["s"] > report.slowest_s:
        report.slowest_s, report.slowest = line["s"], told
    if line["rss_mib"] > report.peak_mib:
        if loud and line["rss_mib"] > max(report.peak_mib, report.base_mib) + 20:
            _print(f"{told}: memory now {line['rss_mib']} MiB at most")
        report.peak_mib, report.peak_story = line["rss_mib"], told
    report.child_mib = max(report.child_mib, line["child_mib"])
    if loud and (line["broken"] or report.files % 500 == 0):
        _print(f"{told}: {line['broken'] or line['codes']} ({report.files} files, {report.peak_mib} MiB)")


def _lines(worker: subprocess.Popen[bytes], hang_s: float) -> Iterator[dict[str, Any]]:
    """What the worker says; raises ``TimeoutError`` when it falls silent."""
    assert worker.stdout is not None
    handle, rest, limit_s = worker.stdout.fileno(), b"", START_LIMIT_S
    while True:
        if not select.select([handle], [], [], limit_s)[0]:
            raise TimeoutError
        data = os.read(handle, 1 << 16)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            limit_s = hang_s
            yield json.loads(line)


def _tail(file: Any) -> str:
    file.seek(0)
    return str(file.read()[-1500:].decode(errors="replace")).strip()


def _only(number: int, seed: int, keep: Path | None) -> list[str]:
    """One input, read in this very process."""
    from fuzz.checks import Checker
    from fuzz.inputs import make
    from fuzz.seeds import corpus

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "seeds").mkdir()
        seeds = corpus(Path(folder) / "seeds")
        made = make(seeds, seed, number)
        if keep:
            keep.write_bytes(made.given.data)
        begun = time.monotonic()
        outcome = Checker(seeds, Path(folder)).check(made.given, number=number)
        edits = [f"  {e.start}–{e.end}: {e.new[:60]!r}" for e in made.given.edits[:20]]
        took = f"{time.monotonic() - begun:.2f} s, {len(made.given.data)} bytes"
        return [
            f"#{number} {made.story}, inside: {made.given.inside}",
            *edits,
            str(outcome.codes),
            took,
            *outcome.broken,
        ]


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--only", type=int, help="repeat this one input")
    parser.add_argument("--keep", type=Path, help="with --only: write the damaged file here")
    given = parser.parse_args()
    if given.only is not None:
        _print("\n".join(_only(given.only, given.seed, given.keep)))
        return
    report = fuzz(given.files, given.seed, first=given.first, loud=True)
    _print("\n".join(report.lines()))
    sys.exit(bool(report.broken))


if __name__ == "__main__":
    main()
