"""How fast a record is read, beside validating and beside querying it alone; memory and time as it grows.

``make bench``, or this file alone: ``PYTHONPATH=.tools/peers .venv/bin/pytest -s -m "" tests/benchmarks/FILE``.
Rounds are interleaved, so that a busy machine is busy for all; quoted are medians and their range.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.big_records import lab_bundle, lab_lines
from tumorcast_clinical.model import Limits, extract_features

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ENTRIES = 5_000
ROUNDS = 7
MOST_OF_VALIDATION = 0.25
INDEX = "2030-01-01"
RESULTS = "Bundle.entry.resource.where(resourceType = 'Observation').valueQuantity.value"
ROOT = Path(__file__).parents[2]


def tell(text: str = "") -> None:
    sys.stdout.write(text + "\n")


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _peers(data: bytes) -> dict[str, Callable[[], object]]:
    from fhir.resources.R4B.bundle import Bundle

    parsed = json.loads(data)
    found: dict[str, Callable[[], object]] = {
        "json.loads": lambda: json.loads(data),
        "Bundle.model_validate (parsed before)": lambda: Bundle.model_validate(parsed),
        "extract_features (from bytes)": lambda: extract_features(data, INDEX),
    }
    if importlib.util.find_spec("fhirpathpy"):
        from fhirpathpy import evaluate

        found["fhirpathpy, one path (parsed before)"] = lambda: evaluate(parsed, RESULTS)
    return found


@pytest.mark.parametrize("lean", [False, True], ids=["usual", "lean"])
def test_extraction_takes_a_quarter_of_validation_at_most(lean: bool):
    works = _peers(lab_bundle(ENTRIES, lean=lean))
    for work in works.values():
        work()
    rounds = [{name: seconds(work) for name, work in works.items()} for _ in range(ROUNDS)]
    validation = "Bundle.model_validate (parsed before)"
    tell(f"\n{ENTRIES} {'lean' if lean else 'usual'} entries, {ROUNDS} rounds")
    ratios = {}
    for name in works:
        took = [each[name] for each in rounds]
        ratio = [each[name] / each[validation] for each in rounds]
        ratios[name] = statistics.median(ratio)
        tell(
            f"{name:40} {statistics.median(took) * 1e3:8.0f} ms [{min(took) * 1e3:.0f}, {max(took) * 1e3:.0f}]"
            f"   {ratios[name]:.3f} of validation [{min(ratio):.3f}, {max(ratio):.3f}]"
        )
    assert ratios["extract_features (from bytes)"] <= MOST_OF_VALIDATION


def test_time_grows_with_the_entries_and_no_faster():
    sizes = (12_500, 25_000, 50_000, 100_000)
    per_entry = []
    tell()
    for size in sizes:
        data = lab_bundle(size)
        limits = Limits(max_entries=size + 1)
        extract_features(lab_bundle(100), INDEX)
        took = min(seconds(lambda: extract_features(data, INDEX, limits)) for _ in range(2))  # noqa: B023
        per_entry.append(took / size * 1e6)
        tell(f"{size:7} entries, {len(data) / 2**20:5.0f} MiB: {took:6.2f} s, {per_entry[-1]:5.1f} us an entry")
    assert per_entry[-1] < 1.35 * per_entry[0]


_CHILD = """
import re, sys
from pathlib import Path
from tumorcast_clinical.model import extract_file
found = extract_file(Path(sys.argv[1]), "2030-01-01")
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]  # of this program alone
print(len(found.features), int(peak) // 1024)
"""


def test_memory_for_lines_stays_far_below_their_size(tmp_path: Path):
    """Of 300 MiB of lines, nearly all of another kind than features are read from."""
    file = tmp_path / "record.ndjson"
    note = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    with file.open("wb") as out:
        out.writelines(lab_lines(5_000))
        for i in range(280_000):
            filler = {"text": {"status": "generated", "div": f"<div>{'x' * 900}</div>"}}
            out.write(json.dumps(note | filler | {"id": f"e{i}"}).encode() + b"\n")
    begun = time.perf_counter()
    child = subprocess.run([sys.executable, "-c", _CHILD, str(file)], capture_output=True, text=True, check=True)
    features, peak_mib = map(int, child.stdout.split())
    size = file.stat().st_size / 2**20
    tell(f"\n{size:.0f} MiB of lines: {time.perf_counter() - begun:.0f} s, {peak_mib} MiB at most, {features} features")
    assert features >= 5_000
    assert peak_mib < size


def test_the_command_starts_in_about_a_second(tmp_path: Path):
    file = tmp_path / "record.json"
    file.write_bytes(lab_bundle(20))
    command = [str(ROOT / ".venv" / "bin" / "tumorcast"), "clinical", "extract", str(file), "--json"]
    took = [seconds(lambda: subprocess.run(command, capture_output=True, check=True)) for _ in range(5)]
    tell(f"\ntumorcast clinical extract: {statistics.median(took):.2f} s [{min(took):.2f}, {max(took):.2f}]")
    assert statistics.median(took) < 1.5
