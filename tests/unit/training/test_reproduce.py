"""``make reproduce``: what counts as the same model, on folders made by hand."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from support import reproduce
from support.reproduce import DIFFERS, GROWTH, IDENTICAL, WITHIN, compare, main

METRICS = {"seed": 7, "endpoints": {"response": {"rows": 300, "auc": [0.8123, 0.77, 0.85], "p": 1e-17}}}
CARD = "# A model\n\nAUC 0.812 [0.770, 0.850] of 1,234 patients, p = 0.004; sha256 `{digest}`.\n"


def write(folder: Path, factor: float = 1.0, card: str = CARD, version: str = "1.0.0") -> Path:
    folder.mkdir(parents=True)
    metrics = json.loads(json.dumps(METRICS))
    metrics["endpoints"]["response"]["auc"][0] *= factor
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "manifest.yaml").write_text(f"name: a-model\nversion: {version}\nmean: {0.5 * factor!r}\n")
    (folder / "card.md").write_text(card.format(digest=hashlib.sha256(repr(factor).encode()).hexdigest()))
    save_file({"w": np.array([0.0, 1e-9, 2.0]) * factor}, folder / "tabular.safetensors")
    return folder


def verdicts(trained: Path, committed: Path) -> dict[str, str]:
    return {row.file: row.verdict for row in compare("a-model", trained, committed)}


def test_the_same_bytes_are_identical(tmp_path: Path) -> None:
    found = verdicts(write(tmp_path / "a"), write(tmp_path / "b"))
    assert set(found) == {"metrics.json", "manifest.yaml", "card.md", "tabular.safetensors"}
    assert set(found.values()) == {IDENTICAL}


@pytest.mark.parametrize(("factor", "verdict"), [(1 + 5e-7, WITHIN), (1 + 5e-6, DIFFERS)])
def test_numbers_within_a_millionth_are_the_same_model(tmp_path: Path, factor: float, verdict: str) -> None:
    found = verdicts(write(tmp_path / "a", factor), write(tmp_path / "b"))
    assert found["metrics.json"] == found["manifest.yaml"] == found["tabular.safetensors"] == verdict
    assert found["card.md"] == WITHIN


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (("0.812", "0.813"), WITHIN),
        (("0.812", "0.814"), DIFFERS),
        (("1,234", "1,235"), WITHIN),
        (("1,234", "1,334"), DIFFERS),
        (("patients", "visits"), DIFFERS),
        (("AUC 0.812", "AUC 0.812 0.9"), DIFFERS),
    ],
)
def test_printed_numbers_may_flip_in_their_last_digit_only(
    tmp_path: Path, change: tuple[str, str], verdict: str
) -> None:
    ours = write(tmp_path / "a", card=CARD.replace(*change))
    assert verdicts(ours, write(tmp_path / "b"))["card.md"] == verdict


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1.0}, {"a": None}),
        ({"a": 1.0}, {"b": 1.0}),
        ({"a": [1.0]}, {"a": [1.0, 1.0]}),
        ({"a": "linear"}, {"a": "blend"}),
        ({"a": True}, {"a": 1}),
        ({"a": -0.5}, {"a": 0.5}),
    ],
)
def test_other_words_counts_or_structure_differ(tmp_path: Path, ours: object, theirs: object) -> None:
    for name, content in (("a", ours), ("b", theirs)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps(content))
    assert verdicts(tmp_path / "a", tmp_path / "b") == {"metrics.json": DIFFERS}


@pytest.mark.parametrize(
    "other", [np.array([0.0, 1.0, np.nan]), np.array([0.0, 1.0]), np.array([0.0, 1.0, 2.0], dtype=np.float32)]
)
def test_other_weights_differ(tmp_path: Path, other: np.ndarray) -> None:
    for name, array in (("a", other), ("b", np.array([0.0, 1.0, 2.0]))):
        (tmp_path / name).mkdir()
        save_file({"w": array}, tmp_path / name / "x.safetensors")
    assert verdicts(tmp_path / "a", tmp_path / "b") == {"x.safetensors": DIFFERS}


def test_a_file_that_one_side_lacks_or_that_cannot_be_read_differs(tmp_path: Path) -> None:
    ours, theirs = write(tmp_path / "a"), write(tmp_path / "b")
    (ours / "aggregates.json").write_text("{}")
    (theirs / "old.json").write_text("{}")
    (ours / "manifest.yaml").write_text("name: [")
    rows = {row.file: (row.verdict, row.note) for row in compare("a-model", ours, theirs)}
    assert rows["aggregates.json"] == (DIFFERS, "not committed")
    assert rows["old.json"] == (DIFFERS, "not made by training")
    assert rows["manifest.yaml"][0] == DIFFERS


def test_boosted_trees_are_compared_by_their_numbers(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 3)), rng.normal(size=80)
    for name, shift in (("a", 0.0), ("b", 0.0), ("c", 0.5)):
        (tmp_path / name).mkdir()
        booster = xgboost.train({"nthread": 1, "max_depth": 2}, xgboost.DMatrix(x, y + shift * x[:, 0]), 3)
        if name == "b":
            booster.set_attr(note="other bytes, same trees")
            booster.set_attr(note=None)
        booster.save_model(tmp_path / name / "trees.ubj")
    assert verdicts(tmp_path / "a", tmp_path / "b")["trees.ubj"] in {IDENTICAL, WITHIN}
    assert verdicts(tmp_path / "a", tmp_path / "c") == {"trees.ubj": DIFFERS}


class Trained:
    """Stands in for training: writes a folder, and remembers what it was asked."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self.asked: list[tuple[str, int]] = []

    def __call__(self, name: str, data: Path, out: Path, seed: int) -> Path:
        self.asked.append((name, seed))
        return write(out / "models" / name, self.factor)


@pytest.mark.parametrize(
    ("factor", "status", "told"),
    [
        (1.0, 0, "Identical to the bit"),
        (1 + 5e-7, 0, "another kind of machine"),
        (1.5, 1, "4 files differ"),
    ],
)
def test_the_exit_status_tells_whether_the_committed_model_came_out(
    tmp_path: Path, factor: float, status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "models" / GROWTH)
    run = Trained(factor)
    card = CARD if status == 0 else CARD.replace("0.812", "0.912")
    if status:
        (tmp_path / "models" / GROWTH / "card.md").write_text(card)
    arguments = ["--data", str(tmp_path), "--only", GROWTH]
    assert main(arguments, run, tmp_path / "models") == status
    out = capsys.readouterr().out
    assert told in out
    assert "trained in 0 s" in out
    assert run.asked == [(GROWTH, 7)]


def test_update_puts_the_trained_folder_in_place_of_the_committed_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed = write(tmp_path / "models" / GROWTH)
    (committed / "old.json").write_text("{}")
    assert main(["--data", str(tmp_path), "--only", GROWTH, "--update"], Trained(1.5), tmp_path / "models") == 0
    assert "They were replaced." in capsys.readouterr().out
    assert not (committed / "old.json").exists()
    assert "0.75" in (committed / "manifest.yaml").read_text()
    assert [path.name for path in (tmp_path / "models").iterdir()] == [GROWTH]
    assert main(["--data", str(tmp_path), "--only", GROWTH], Trained(1.5), tmp_path / "models") == 0


def test_a_training_that_fails_is_told_and_replaces_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(name: str, data: Path, out: Path, seed: int) -> Path:
        raise subprocess.CalledProcessError(1, "tumorcast", output='{"error": {"code": "INVALID_INPUT"}}', stderr="")

    committed = write(tmp_path / "models" / GROWTH)
    assert main(["--data", str(tmp_path), "--only", GROWTH, "--update"], fails, tmp_path / "models") == 1
    assert "INVALID_INPUT" in capsys.readouterr().out
    assert (committed / "manifest.yaml").is_file()


def test_the_models_are_the_blueprints_and_the_growth_model() -> None:
    assert reproduce.names() == ["breast-neoadjuvant", GROWTH, "glioma", "hepatocellular", "immunotherapy", "sarcoma"]


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--data", str(tmp_path / "nothing")])
    assert refused.value.code == 2
