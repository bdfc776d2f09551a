"""``tumorcast train`` and ``evaluate`` for the forecast of the sum of diameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.growth import long_table, simulated_courses, write_table
from tumorcast_fusion.model import SHIPPED, ModelStore
from tumorcast_fusion.model.growth_model import GrowthModel
from tumorcast_platform import cli
from tumorcast_platform.render import as_text
from tumorcast_platform.render.growth_evaluation import growth_page
from tumorcast_training.growth.table_evaluation import evaluate_cohort

NAME = "colorectal-growth"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("table") / "scans.csv"
    file.write_text(long_table(simulated_courses(seed=5, patients=40, scans=5)))
    return file


def test_a_table_is_scored_in_json_and_as_a_page(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", NAME, "--table", str(table), "--samples", "40", "--plots", str(tmp_path / "plots")]
    assert cli.run([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["model"]["name"] == NAME
    assert found["last_scan"]["scans"] == 40
    assert found["plots"] == [str(tmp_path / "plots" / "sum_of_diameters.svg")]
    assert cli.run(arguments) == 0
    page = capsys.readouterr().out
    assert page == as_text(growth_page(found))
    assert f"{found['last_scan']['errors']['growth']['mae_mm']:.1f}" in page
    assert "TRAINING_ROWS_UNKNOWN" in page
    assert max(map(len, page.splitlines())) <= 120
    assert "patient-" not in page


def test_the_training_cohort_is_evaluated_by_fitting_in_folds(tmp_path: Path) -> None:
    write_table(tmp_path, simulated_courses(seed=6, patients=26, scans=3))
    model = ModelStore(SHIPPED).get(NAME)
    assert isinstance(model, GrowthModel)
    found = evaluate_cohort(model, tmp_path, repeats=1)
    assert [warning["code"] for warning in found["warnings"]] == ["FITTED_IN_FOLDS"]
    assert (found["next_scan"]["scans"], found["last_scan"]["scans"]) == (52, 26)
    page = as_text(growth_page(found))
    assert "Every later scan: 78 scans of 26 patients" in page
    assert "Progression at the next scan" in page


@pytest.mark.slow
def test_a_model_is_trained_shown_and_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_table(tmp_path, simulated_courses(seed=6, patients=26, scans=3))
    out = tmp_path / "out"
    assert cli.run(["train", NAME, "--data", str(tmp_path), "--out", str(out), "--seed", "3", "--json"]) == 0
    assert Path(json.loads(capsys.readouterr().out)["model"]) == out / "models" / NAME
    assert cli.run(["models", "verify", NAME, "--trained", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"]
    assert cli.run(["models", "card", NAME, "--trained", str(out)]) == 0
    assert f"tumorcast train {NAME} --data DIR --out DIR --seed 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["evaluate", NAME], 2, "USAGE"),
        (["evaluate", NAME, "--table", "TABLE", "--subgroup", "site"], 2, "USAGE"),
        (["evaluate", NAME, "--table", "TABLE", "--without", "tumor_size"], 2, "USAGE"),
        (["evaluate", NAME, "--table", "SHORT"], 1, "INVALID_INPUT"),
        (["evaluate", NAME, "--table", "LACKING"], 1, "INVALID_INPUT"),
        (["evaluate", NAME, "--data", "EMPTY"], 1, "INVALID_INPUT"),
        (["train", NAME, "--data", "EMPTY", "--out", "OUT"], 1, "INVALID_INPUT"),
    ],
)
def test_what_cannot_be_done_is_refused(
    table: Path, tmp_path: Path, arguments: list[str], status: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"TABLE": table, "EMPTY": tmp_path / "empty", "OUT": tmp_path / "out"}
    known |= {"SHORT": tmp_path / "short.csv", "LACKING": tmp_path / "lacking.csv"}
    known["EMPTY"].mkdir()
    known["SHORT"].write_text("patient_id,day,sum_of_diameters\na,0,50\n")
    known["LACKING"].write_text("patient_id,sum_of_diameters\na,50\n")
    assert cli.run([*(str(known.get(a, a)) for a in arguments), "--json"]) == status
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code
    assert not known["OUT"].exists()
