"""Radiomics libraries on the IBSI digital phantom and on a lesion of 64 x 64 x 64 voxels; prints a table (pytest -s).

Each in a process of its own, one thread. Those that are not installed (``.tools/peers``) are skipped. The phantom and
its values are those of ``tests/reference/test_ibsi_phantom.py``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from support.radiomics_peers import LIBRARIES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]
FAMILIES = ("shape", "intensity", "histogram", "ivh", "glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm")
MODULES = {"flash-radiomics": "flash_radiomics", "ours": "tumorcast_imaging"}
LIMIT_S = 300


def reference() -> ModuleType:
    """The test of the reference values, as a module."""
    spec = importlib.util.spec_from_file_location("ibsi", ROOT / "tests" / "reference" / "test_ibsi_phantom.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, phantom: Path) -> dict[str, Any]:
    path = os.pathsep.join(str(ROOT / part) for part in ("tests", "shared", "services", ".tools/peers"))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([path, os.environ.get("PYTHONPATH", "")])}
    env |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "support.radiomics_peers", name, str(phantom)],
        env=env,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", LIBRARIES)
def test_agreement_with_the_phantom_time_and_memory(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec(MODULES.get(name, name)) is None:
        pytest.skip(f"{name} is not installed")
    ibsi = reference()
    np.savez(tmp_path / "phantom.npz", image=ibsi.PHANTOM, mask=ibsi.MASK)
    found = run(name, tmp_path / "phantom.npz")
    right, given = Counter[str](), Counter[str]()
    wrong = []
    for feature, value in found["values"].items():
        family = feature.split("_")[0]
        given[family] += 1
        if ibsi.agrees(feature, value):
            right[family] += 1
        else:
            wrong.append(f"{feature} {value:.4g} for {ibsi.VALUES[feature][1]:g}")
    cells = " | ".join(f"{right[family]}/{given[family]}" if given[family] else "–" for family in FAMILIES)
    row = f"| {name} | {cells} | {found['seconds']:.2f} | {found['mib']:.0f} |"
    with capsys.disabled():
        print(f"\n{row}\n  wrong: {'; '.join(wrong) or 'none'}")  # noqa: T201
    if name == "ours":
        assert not wrong
        assert found["values"].keys() == ibsi.VALUES.keys()
