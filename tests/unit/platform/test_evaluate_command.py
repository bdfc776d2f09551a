"""``tumorcast evaluate`` on a table: what it answers, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.tabular import BLUEPRINT, as_csv, cohort, trained, write_trained
from tumorcast_platform import cli
from tumorcast_training.metrics import auc, harrell_c
from tumorcast_training.table_predictions import predict_rows

NAME = BLUEPRINT.name


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return as_csv(cohort(150, seed=11), tmp_path_factory.mktemp("table") / "patients.csv")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    status = cli.run(["evaluate", *map(str, arguments), "--json", "--samples", "40"])
    return status, json.loads(capsys.readouterr().out)


def test_the_scores_are_those_of_the_answers(root: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = run(capsys, NAME, "--table", table, "--trained", root, "--no-subsets", "--subgroup", "sex")
    assert status == 0
    patients, predicted = cohort(150, seed=11), predict_rows(trained(), cohort(150, seed=11).inputs)
    answered = predicted.answered
    assert (found["rows"], found["abstained"]["rows"]) == (150, int((~answered).sum()))
    output, response = predicted.outputs["objective_response"], patients.outcomes["objective_response"].value  # type: ignore[union-attr]
    assert output.probability is not None
    by_hand = auc(response[answered], output.probability[0][answered])[0]
    assert found["endpoints"]["objective_response"]["scores"]["auc"][0] == pytest.approx(by_hand, abs=1e-4)
    survival, outcome = predicted.outputs["overall_survival"], patients.outcomes["overall_survival"]
    assert survival.hazards is not None
    curve = np.exp(-np.concatenate([np.zeros((150, 1)), survival.hazards[0][:, 0]], axis=1))
    lost = np.trapezoid(1 - curve, np.concatenate([[0.0], survival.edges_days]), axis=1)
    c = harrell_c(outcome.days[answered], outcome.event[answered], lost[answered])[0]  # type: ignore[union-attr]
    assert found["endpoints"]["overall_survival"]["scores"]["harrell_c"][0] == pytest.approx(c, abs=1e-4)
    sexes = found["endpoints"]["objective_response"]["subgroups"]["sex"]
    assert {"female", "male"} == set(sexes)
    causes = found["endpoints"]["progression"]["scores"]
    assert set(causes) == {"progression", "death"}
    assert all(of_it["gain_over_it"] for of_it in [found["endpoints"]["objective_response"]["baseline"]])


def test_every_proper_subset_of_the_groups_is_scored_and_all_groups_lose_nothing_to_themselves(
    root: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--without", "mri_t0", "--without", "mri_t1"]
    status, found = run(capsys, NAME, "--table", table, "--trained", root, *arguments)
    assert status == 0
    subsets = found["endpoints"]["objective_response"]["subsets"]
    assert [tuple(s["groups"]) for s in subsets] == [
        ("clinical",), ("labs",), ("genomics",),
        ("clinical", "labs"), ("clinical", "genomics"), ("labs", "genomics"),
    ]  # fmt: skip
    assert all(len(s["score"]["auc"]) == 3 and s["rows"] > 100 for s in subsets)
    assert found["groups"]["mri_t0"] == {"rows": 0, "left_out": True}
    only = next(s for s in subsets if s["groups"] == ["clinical"])
    baseline = found["endpoints"]["objective_response"]["baseline"]
    assert only["score"]["auc"][0] == baseline["scores"]["auc"][0]
    assert only["loss_to_all_groups"]["auc"][0] == baseline["gain_over_it"]["auc"][0]


def test_leaving_out_a_group_is_as_if_the_table_lacked_its_columns(
    root: Path, tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pandas as pd

    lacking = tmp_path / "lacking.csv"
    pd.read_csv(table).drop(columns=["albumin", "hemoglobin"]).to_csv(lacking, index=False)
    _, without = run(capsys, NAME, "--table", table, "--trained", root, "--without", "labs", "--no-subsets")
    _, absent = run(capsys, NAME, "--table", lacking, "--trained", root, "--no-subsets")
    assert without["endpoints"] == absent["endpoints"]
    assert absent["columns"]["absent"] == ["albumin", "hemoglobin"]


def test_rows_that_are_not_answered_are_counted_and_scored_apart(
    root: Path, tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pandas as pd

    wild = pd.read_csv(table)
    wild.loc[:9, "functional_tumor_volume_t0"] = 1900.0
    wild.to_csv(tmp_path / "wild.csv", index=False)
    _, found = run(capsys, NAME, "--table", tmp_path / "wild.csv", "--trained", root, "--no-subsets")
    response = found["endpoints"]["objective_response"]
    assert response["abstained"] == {"rows": 10, "reasons": {"UNLIKE_TRAINING_PATIENTS": 10}}
    assert (response["scores"]["rows"], response["scores_with_abstained"]["rows"]) == (140, 150)


def test_the_page_says_the_same_and_plots_are_written(
    root: Path, tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--table", str(table), "--trained", str(root), "--samples", "40", "--plots", str(tmp_path / "plots")]
    assert cli.run(["evaluate", NAME, *arguments, "--without", "genomics", "--subgroup", "sex"]) == 0
    page = capsys.readouterr().out
    assert "TRAINING_ROWS_UNKNOWN" in page
    assert "overall_survival (time-to-event)" in page
    assert "gain over the baseline" in page
    assert max(map(len, page.splitlines())) <= 120
    assert {file.name for file in (tmp_path / "plots").iterdir()} == {
        "objective_response.svg",
        "best_response-at-least-stable.svg",
        "best_response-at-least-response.svg",
        "overall_survival.svg",
        "progression-progression.svg",
        "progression-death.svg",
    }


def test_no_value_of_a_patient_reaches_the_answer(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"secret-{i},3.{i % 10},{i % 2}\n" for i in range(40))
    (tmp_path / "t.csv").write_text(f"patient_id,albumin,objective_response\n{rows}")
    status, found = run(capsys, NAME, "--table", tmp_path / "t.csv", "--trained", root)
    assert status == 0
    assert "secret" not in json.dumps(found)
    assert {w["code"] for w in found["warnings"]} == {"TRAINING_ROWS_UNKNOWN", "ENDPOINT_NOT_SCORED", "FEW_EVENTS"}


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["tiny-table"], 2, "USAGE"),
        (["simulated", "--table", "TABLE"], 1, "INVALID_INPUT"),
        (["colorectal-growth", "--table", "TABLE"], 1, "INVALID_INPUT"),
        (["nothing", "--table", "TABLE"], 1, "UNKNOWN_MODEL"),
        (["tiny-table", "--table", "TABLE", "--trained", "ROOT", "--without", "astrology"], 1, "INVALID_INPUT"),
        (["tiny-table", "--table", "TABLE", "--trained", "ROOT", "--subgroup", "astrology"], 1, "INVALID_INPUT"),
        (["tiny-table", "--table", "BARE", "--trained", "ROOT"], 1, "INVALID_INPUT"),
        (["tiny-table", "--data", "EMPTY", "--trained", "ROOT"], 1, "INVALID_INPUT"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    root: Path,
    table: Path,
    tmp_path: Path,
    arguments: list[str],
    status: int,
    code: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "bare.csv").write_text("albumin\n3.8\n")
    (tmp_path / "empty").mkdir()
    known = {"TABLE": table, "ROOT": root, "BARE": tmp_path / "bare.csv", "EMPTY": tmp_path / "empty"}
    found_status, found = run(capsys, *(known.get(a, a) for a in arguments))
    assert (found_status, found["error"]["code"]) == (status, code)
