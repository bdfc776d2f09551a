"""Trains the shipped models of real cohorts again from ``../shared/data`` and holds them against the committed folders.

``identical``: the same bytes. ``within``: the same text and structure, and every number within 1e-6 (relative) of the
committed one (below 1e-9 they all count as zero; of an array, relative to its largest element); printed texts (card,
figures) may differ by one in their last digit. ``differs``: anything else, also a file that only one side has.
Exit status 1 if any file differs or a training fails.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
BLUEPRINTS = ROOT / "services" / "tumorcast_training" / "blueprints"
COMMITTED = ROOT / "services" / "tumorcast_fusion" / "models"
ENCODERS = ROOT / "services" / "tumorcast_imaging" / "encoders"
GROWTH = "colorectal-growth"
RELATIVE, SMALLEST = 1e-6, 1e-9
IDENTICAL, WITHIN, DIFFERS = "identical", "within", "differs"
SAME_MACHINE = "Identical to the bit: this is the kind of machine that the committed models were made on."
OTHER_MACHINE = "Not the same to the bit, but every number is within 1e-6: another kind of machine, the same models."
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b|(?<=[\"#])[a-z][0-9a-f]{10}\b")

Train = Callable[[str, Path, Path, int], Path]
"""Trains a model by name from data into a folder with a seed, and says where the model's folder is."""


class Row(NamedTuple):
    """How one file came out."""

    model: str
    file: str
    verdict: str
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """All files of one model, and the seconds that training took."""

    rows: tuple[Row, ...]
    seconds: float

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return all(row.verdict != DIFFERS for row in self.rows)


def names() -> list[str]:
    """The shipped models of real cohorts."""
    return sorted([*(file.stem for file in BLUEPRINTS.glob("*.yaml")), GROWTH])


def train(name: str, data: Path, out: Path, seed: int) -> Path:
    """Train by the command that the card gives; raises ``CalledProcessError``."""
    command = [sys.executable, "-m", "tumorcast_platform", "train", name, "--data", data, "--out", out]
    done = subprocess.run(
        [*map(str, command), "--seed", str(seed), "--json"], check=True, capture_output=True, text=True
    )
    return Path(json.loads(done.stdout)["model"])


def committed_seed(folder: Path) -> int:
    """The seed that the committed metrics name; 0 where there are none."""
    try:
        return int(json.loads((folder / "metrics.json").read_text(encoding="utf-8")).get("seed", 0))
    except (OSError, ValueError):
        return 0


def reproduce(name: str, data: Path, committed: Path, out: Path, run: Train = train) -> tuple[Outcome, Path | None]:
    """Train one model into ``out`` and compare it with ``committed``; the trained folder is ``None`` if it failed."""
    started = time.monotonic()
    try:
        folder = run(name, data, out, committed_seed(committed))
    except (subprocess.CalledProcessError, OSError, ValueError, KeyError) as e:
        told = (getattr(e, "stdout", "") or "") + (getattr(e, "stderr", "") or "") or str(e)
        failed = Row(name, "", DIFFERS, f"training failed: {told.strip()[-300:]}")
        return Outcome((failed,), time.monotonic() - started), None
    seconds = time.monotonic() - started
    rows = list(compare(name, folder, committed))
    for encoder in encoders_beside(folder):
        rows += compare(f"{name}, encoder", encoder, ENCODERS / encoder.name)
    return Outcome(tuple(rows), seconds), folder


def encoders_beside(folder: Path) -> list[Path]:
    """The encoders that were trained with a model, ``OUT/encoders/*`` beside ``OUT/models/NAME``."""
    return sorted(path for path in (folder.parent.parent / "encoders").glob("*") if path.is_dir())


def compare(name: str, trained: Path, committed: Path) -> Iterator[Row]:
    """A row per file of either folder, by name."""
    for file in sorted(_files(trained) | _files(committed)):
        ours, theirs = trained / file, committed / file
        if not theirs.is_file():
            yield Row(name, file, DIFFERS, "not committed")
        elif not ours.is_file():
            yield Row(name, file, DIFFERS, "not made by training")
        else:
            yield Row(name, file, *_verdict(ours, theirs))


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _verdict(ours: Path, theirs: Path) -> tuple[str, str]:
    if ours.read_bytes() == theirs.read_bytes():
        return IDENTICAL, ""
    try:
        if ours.suffix in READERS:
            return _of_numbers(READERS[ours.suffix](ours), READERS[ours.suffix](theirs))
        return _of_text(ours.read_text(encoding="utf-8"), theirs.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as e:
        return DIFFERS, f"cannot be read: {type(e).__name__}"


def _of_numbers(ours: Any, theirs: Any) -> tuple[str, str]:
    worst = max((*distances(ours, theirs),), default=(0.0, ""))
    if worst[0] <= RELATIVE:
        return WITHIN, f"at most {worst[0]:.1e} apart"
    where = worst[1] or "names of entries"
    return DIFFERS, f"{where}: {worst[0]:.1e} apart" if math.isfinite(worst[0]) else f"{where}: not alike"


def distances(ours: Any, theirs: Any, where: str = "") -> Iterator[tuple[float, str]]:
    """Relative distance of every number and where it stands; infinite where structure, text or kind differ."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping) and list(ours) == list(theirs):
        for key in ours:
            yield from distances(ours[key], theirs[key], f"{where}.{key}".lstrip("."))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for place, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            yield from distances(a, b, f"{where}[{place}]")
    elif isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
        alike = ours.shape == theirs.shape and ours.dtype == theirs.dtype
        yield (_of_arrays(ours, theirs) if alike else math.inf), where
    elif type(ours) is float and type(theirs) is float:
        yield _relative(ours, theirs), where
    else:
        yield (0.0 if type(ours) is type(theirs) and ours == theirs else math.inf), where


def _relative(a: float, b: float) -> float:
    """Distance relative to the larger number.

    >>> _relative(1.0, 1.0), _relative(2.0, 1.0), _relative(1e-12, 0.0), _relative(float("nan"), 1.0)
    (0.0, 0.5, 0.0, inf)
    """
    if a == b or (math.isnan(a) and math.isnan(b)) or max(abs(a), abs(b)) < SMALLEST:
        return 0.0
    found = abs(a - b) / max(abs(a), abs(b))
    return found if math.isfinite(found) else math.inf


def _of_arrays(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Largest distance of two elements relative to the largest element; infinite where NaN stands in other places."""
    if np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
        return 0.0
    if a.dtype.kind != "f" or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.inf
    return float(np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max(), SMALLEST))


def _of_text(ours: str, theirs: str) -> tuple[str, str]:
    """Compare printed text: digests do not count, numbers may be one apart in the last digit that is printed."""
    ours, theirs = _DIGEST.sub("", ours), _DIGEST.sub("", theirs)
    if _NUMBER.sub("0", ours) != _NUMBER.sub("0", theirs):
        return DIFFERS, "other words"
    for a, b in zip_longest(_NUMBER.findall(ours), _NUMBER.findall(theirs)):
        if a != b and abs(_value(a) - _value(b)) > 1.01 * _last_digit(b) + RELATIVE * abs(_value(b)):
            return DIFFERS, f"{a} in place of {b}"
    return WITHIN, "but for digests and last digits"


def _value(text: str) -> float:
    return float(text.replace(",", ""))


def _last_digit(text: str) -> float:
    """One in the last digit printed.

    >>> _last_digit("0.819"), _last_digit("12"), _last_digit("1.2e-03")
    (0.001, 1.0, 0.0001)
    """
    mantissa, _, exponent = text.lower().partition("e")
    return float(f"1e{int(exponent or 0) - len(mantissa.partition('.')[2])}")


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _safetensors(file: Path) -> Any:
    from safetensors.numpy import load_file

    return dict(sorted(load_file(file).items()))


def _trees(file: Path) -> Any:
    """XGBoost's binary JSON as plain data."""
    from xgboost import Booster

    return json.loads(bytes(Booster(model_file=file).save_raw("json")))


READERS: Mapping[str, Callable[[Path], Any]] = {
    ".json": _json,
    ".yaml": _yaml,
    ".safetensors": _safetensors,
    ".ubj": _trees,
}


def update(trained: Path, committed: Path) -> None:
    """Put a trained folder in the committed one's place."""
    fresh = committed.with_name(f".{committed.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(trained, fresh)
    shutil.rmtree(committed, ignore_errors=True)
    fresh.rename(committed)


def table(name: str, outcome: Outcome) -> str:
    """Every file's verdict, and the seconds that training took."""
    lines = [f"{row.model:<20} {row.file or '-':<40} {row.verdict:<10} {row.note}".rstrip() for row in outcome.rows]
    return "\n".join([*lines, f"{name:<20} trained in {outcome.seconds:.0f} s"]) + "\n"


def conclusion(outcomes: Sequence[Outcome]) -> str:
    """What the comparison says as a whole."""
    differing = [row for outcome in outcomes for row in outcome.rows if row.verdict == DIFFERS]
    if differing:
        return f"{len(differing)} files differ from the committed ones."
    identical = all(row.verdict == IDENTICAL for outcome in outcomes for row in outcome.rows)
    return SAME_MACHINE if identical else OTHER_MACHINE


def main(arguments: Sequence[str] | None = None, run: Train = train, committed: Path = COMMITTED) -> int:
    """Train, compare, print; with ``--update`` replace what is committed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the cohorts")
    parser.add_argument("--only", action="append", choices=names(), metavar="NAME", help="this model; may be repeated")
    parser.add_argument("--update", action="store_true", help="copy the trained folders over the committed ones")
    asked = parser.parse_args(arguments)
    if not asked.data.is_dir():
        parser.error("there is no such folder of data: give DATA=…")
    outcomes, failed = [], False
    with tempfile.TemporaryDirectory() as scratch:
        for name in asked.only or names():
            outcome, folder = reproduce(name, asked.data, committed / name, Path(scratch) / name, run)
            outcomes.append(outcome)
            failed |= folder is None
            sys.stdout.write(table(name, outcome))
            sys.stdout.flush()
            if asked.update and folder is not None:
                update(folder, committed / name)
                for encoder in encoders_beside(folder):
                    update(encoder, ENCODERS / encoder.name)
    sys.stdout.write(conclusion(outcomes) + (" They were replaced." if asked.update else "") + "\n")
    return int(failed if asked.update else not all(outcome.same for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
