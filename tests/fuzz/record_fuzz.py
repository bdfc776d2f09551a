"""Damages FHIR records and looks whether they are read or refused: no crash, no leak, nothing dropped, nothing mixed.

``python -m fuzz.record_fuzz --count 20000 --seed 1`` with ``tests`` on the path; ``--only N`` repeats one of them and
``--keep FILE`` writes it down.
"""

from __future__ import annotations

import argparse
import copy
import faulthandler
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from fuzz.record_checks import Record, check
from fuzz.record_mutations import JSON_MUTATORS, contained_in, damaged_bytes, entries_with
from support.records import patient
from support.rich_record import bundle_of, entry_of, rich_bundle, rich_resources

MCODE = Path(__file__).parents[3] / "shared" / "data" / "fhir_mcode"
HANG_S = 60


@dataclass
class Report:
    """What a run found."""

    records: int = 0
    seconds: float = 0.0
    codes: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        return [
            f"{self.records} records in {self.seconds:.0f} s",
            *(f"  {count:6}  {code}" for code, count in self.codes.most_common()),
            f"broken: {len(self.broken)}",
            *(f"  {line}" for line in self.broken[:200]),
        ]


@dataclass(frozen=True)
class Made:
    """A damaged record, how it came about, and the patient that is asked for."""

    record: Record
    story: str
    patient_id: str = ""


@cache
def seeds() -> tuple[list[Any], ...]:
    """Lists of entries: the rich record first, then mCODE's, where they are."""
    found = [[entry_of(resource) for resource in rich_resources()]]
    for file in sorted(MCODE.rglob("*.json")):
        root = json.loads(file.read_bytes())
        if isinstance(root, dict) and isinstance(root.get("entry"), list):
            found.append(root["entry"])
    return tuple(found)


def make(seed: int, number: int) -> Made:
    """The damaged record of a number: always the same one for the same seed and number."""
    random = Random(f"{seed} {number}")
    entries, patient_id = _entries(random)
    if random.random() < 0.2:
        other, _ = _entries(random)
        data = damaged_bytes(random, bundle_of(entries), bundle_of(other))
        return Made(data, "bytes", patient_id)
    names = []
    for _ in range(random.choice([0, 1, 1, 1, 2, 3, 8])):
        mutator = random.choice(JSON_MUTATORS)
        names.append(mutator.__name__)
        if entries:
            mutator(random, entries)
    record = contained_in(random, list(entries_with(random, entries)))
    if random.random() < 0.02 and isinstance(record, bytes):
        names.append("bytes")
        record = damaged_bytes(random, record, rich_bundle())
    return Made(record, ", ".join(names) or "whole", patient_id)


def _entries(random: Random) -> tuple[list[Any], str]:
    """Some of a seed's entries, in a random order; sometimes with a second patient."""
    chosen = seeds()[0] if random.random() < 0.8 or len(seeds()) == 1 else random.choice(seeds()[1:])
    count = min(len(chosen), random.choice([1, 3, 10, 25]))
    entries = copy.deepcopy([*chosen[:1], *random.sample(chosen[1:], count - 1)])
    if chosen is not seeds()[0] or random.random() < 0.8:
        random.shuffle(entries)
        return entries, ""
    entries.append(entry_of(patient(id="p2", birthDate="1999-01-01")))
    random.shuffle(entries)
    return entries, "p1" if random.random() < 0.8 else ""


def fuzz(count: int, seed: int, *, first: int = 0, within_s: float = float("inf"), loud: bool = False) -> Report:
    """Read ``count`` damaged records, or as many as fit into ``within_s``."""
    report, begun = Report(), time.monotonic()
    for number in range(first, first + count):
        if time.monotonic() - begun > within_s:
            break
        made = make(seed, number)
        codes, broken = check(made.record, patient_id=made.patient_id)
        report.records += 1
        report.codes.update(set(codes))
        report.broken += [f"#{number} {made.story}: {line}" for line in broken]
        if loud and (broken or report.records % 1000 == 0):
            faulthandler.dump_traceback_later(HANG_S, exit=True)
            _print("\n".join([f"#{number} {made.story}: {line}" for line in broken] or [f"{report.records} records"]))
    faulthandler.cancel_dump_traceback_later()
    report.seconds = time.monotonic() - begun
    return report


def _keep(record: Record, path: Path) -> None:
    if isinstance(record, bytes):
        path.write_bytes(record)
    else:
        for i, page in enumerate(record, 1):
            path.with_suffix(f".{i}{path.suffix}").write_bytes(page)


def _print(text: str) -> None:
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", "--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first record")
    parser.add_argument("--only", type=int, help="repeat this one record")
    parser.add_argument("--keep", type=Path, help="with --only: write the damaged record here")
    given = parser.parse_args()
    if given.only is not None and given.keep:
        _keep(make(given.seed, given.only).record, given.keep)
    first, count = (given.first, given.count) if given.only is None else (given.only, 1)
    report = fuzz(count, given.seed, first=first, loud=given.only is None)
    _print("\n".join(report.lines()))
    sys.exit(bool(report.broken))


if __name__ == "__main__":
    main()
