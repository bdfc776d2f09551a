"""The example of "Your own cohort" in the training README: written down, trained, evaluated, asked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tumorcast_platform import cli

README = Path(__file__).parents[2] / "services" / "tumorcast_training" / "README.md"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def patients(folder: Path, count: int, seed: int) -> None:
    """More rows like those of the README: its headers, its two first rows, and others drawn at random."""
    rng = np.random.default_rng(seed)
    outcomes, features = (block.splitlines() for block in blocks("csv"))
    for i in range(3, count + 1):
        albumin, nlr = float(np.clip(rng.normal(3.8, 0.5), 2, 5)), float(rng.lognormal(1.2, 0.5))
        risk = -1.5 * (albumin - 3.8) + 0.2 * (nlr - 3.3)
        control = "control" if rng.random() < 1 / (1 + np.exp(risk)) else "progression"
        days, end = rng.exponential(500 * np.exp(-risk)), rng.uniform(200, 900)
        outcomes.append(f"p{i},2024-03-{1 + i % 28:02d},{control},{max(min(days, end), 1):.0f},{int(days <= end)}")
        features.append(f"p{i},{albumin:.1f},{nlr:.1f},{rng.choice(['female', 'male'])}")
    folder.mkdir()
    (folder / "outcomes.csv").write_text("\n".join(outcomes) + "\n")
    (folder / "features.csv").write_text("\n".join(features) + "\n")
    (folder / "blueprint.yaml").write_text(blocks("yaml")[0])


def test_the_example_of_the_readme_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patients(tmp_path / "own", 120, seed=1)
    patients(tmp_path / "new", 80, seed=2)
    assert cli.run(["train", "--data", str(tmp_path / "own"), "--out", str(tmp_path / "trained"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["rows"], answer["patients"]) == (120, 120)
    model = tmp_path / "trained" / "models" / "second-line"
    assert {"manifest.yaml", "metrics.json", "card.md", "SHA256SUMS"} <= {file.name for file in model.iterdir()}
    common = ["--trained", str(tmp_path / "trained")]
    arguments = ["evaluate", "second-line", "--data", str(tmp_path / "new"), *common, "--samples", "50", "--json"]
    assert cli.run(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["endpoints"]["disease_control"]["scores"]["auc"][0] > 0.6
    assert found["endpoints"]["overall_survival"]["scores"]["harrell_c"][0] > 0.6
    (tmp_path / "patient.csv").write_text("name,value\nalbumin,3.1\nneutrophil_lymphocyte_ratio,7\n")
    arguments = ["--model", "second-line", "--features", str(tmp_path / "patient.csv"), *common]
    assert cli.run(["predict", *arguments]) == 0
    assert "second-line" in capsys.readouterr().out
