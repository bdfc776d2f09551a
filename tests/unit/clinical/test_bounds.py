"""Records that are made to cost time and memory end in features or an issue, in bounded time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.hostile_records import HOSTILE
from support.records import INDEX

MEMORY = 3 << 30
LIMIT_S = 30.0
"""Three times what the longest takes; the machine may be busy."""
COMMAND = f"""
import resource
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
from tumorcast_platform.cli import main
main()
"""

pytestmark = pytest.mark.slow


def extracted(file: Path) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """Exit status and answer of the command line, in a process that cannot take more memory."""
    command = [sys.executable, "-c", COMMAND, "clinical", "extract", str(file), "--index-date", INDEX, "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, timeout=LIMIT_S, env=environment, check=False)
    assert not ended.stderr, ended.stderr[-500:]
    return ended.returncode, json.loads(ended.stdout)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_record_ends_in_features_or_an_issue(name, tmp_path):
    hostile, file = HOSTILE[name], tmp_path / "record.json"
    with file.open("wb") as out:
        out.writelines(hostile.parts())
    try:
        status, answer = extracted(file)
    finally:
        file.unlink()
    codes = {issue["code"] for issue in answer["issues"]}
    assert hostile.code in codes if hostile.code else not codes - {"REPEATED_RESULT"}
    assert status == (hostile.read is None)
    assert sum(f["source"].startswith("Observation/") for f in answer["features"]) == (hostile.read or 0)
    assert hostile.read is not None or [i["severity"] for i in answer["issues"]] == ["fatal"]
