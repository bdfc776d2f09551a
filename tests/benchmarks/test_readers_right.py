"""Which reader is right on the adversarial series, ours and four others by one judge: ``make bench``."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from support.adversarial import THEMES
from support.peers import MODULES, READERS, Outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
TESTS = Path(__file__).parents[1]
MARK = {"right": "right", "refused": "–", "crash": "CRASH", "hang": "HANG"}


def test_ours_is_never_wrong_and_the_others_are_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    names = [name for name in READERS if importlib.util.find_spec(MODULES[name])]
    outcomes = {name: outcomes_of(name) for name in names}
    with capsys.disabled():
        print("\n" + table(outcomes) + "\n\n" + totals(outcomes))  # noqa: T201
    assert not [o for o in outcomes["Tumorcast"].values() if o.verdict in ("wrong", "crash", "hang")]
    unread = [c.name for cs in THEMES.values() for c in cs if c.kind == "sound" and is_not_right(outcomes, c.name)]
    assert not unread


def outcomes_of(name: str) -> dict[str, Outcome]:
    """All cases with one reader, in a process that has imported nothing else."""
    command = [sys.executable, "-m", "support.peers", name]
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))  # where make bench puts the peers
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=TESTS, env=environment, capture_output=True, text=True, timeout=1200, check=True)
    found = [Outcome(**json.loads(line)) for line in done.stdout.splitlines()]
    return {outcome.case: outcome for outcome in found}


def is_not_right(outcomes: dict[str, dict[str, Outcome]], case: str) -> bool:
    return outcomes["Tumorcast"][case].verdict != "right"


def mark(outcome: Outcome) -> str:
    if outcome.verdict == "wrong":
        return "wrong, warned" if outcome.warned else "WRONG"
    return MARK[outcome.verdict]


def table(outcomes: dict[str, dict[str, Outcome]]) -> str:
    lines = [f"| case | kind | {' | '.join(outcomes)} |", "|---|---|" + "---|" * len(outcomes)]
    for theme, cases in THEMES.items():
        lines.append(f"| **{theme}** | | {' | ' * (len(outcomes) - 1)} |")
        for case in cases:
            marks = " | ".join(mark(found[case.name]) for found in outcomes.values())
            lines.append(f"| {case.name} | {case.kind} | {marks} |")
    return "\n".join(lines)


def totals(outcomes: dict[str, dict[str, Outcome]]) -> str:
    """Per reader: sound and split series that came out right, and what happened to all."""
    good = {case.name for cases in THEMES.values() for case in cases if case.kind != "unsound"}
    columns = ("right", "refused", "wrong, silent", "of these padding alone", "wrong, warned", "crash or hang")
    lines = [f"| reader | right of {len(good)} sound | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    padding = {case.name for case in THEMES["padding"]}
    for name, found in outcomes.items():
        count = Counter(map(mark, found.values()))
        right = sum(o.verdict == "right" for o in found.values() if o.case in good)
        of_padding = sum(mark(o) == "WRONG" for o in found.values() if o.case in padding)
        cells = (right, count["right"], count["–"], count["WRONG"], of_padding, count["wrong, warned"])
        lines.append(f"| {name} | {' | '.join(map(str, cells))} | {count['CRASH'] + count['HANG']} |")
    return "\n".join(lines)
