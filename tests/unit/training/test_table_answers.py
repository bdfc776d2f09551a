"""Answers in bulk: the table that is written says what each patient's own answer says."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from support.tabular import BLUEPRINT, as_csv, cohort, load_trained, snapshot_of
from tumorcast_core.errors import InvalidInput
from tumorcast_core.prognosis import CompetingRisksEstimate, ProbabilityEstimate, SurvivalEstimate
from tumorcast_platform import cli
from tumorcast_training.cohort_data import as_table
from tumorcast_training.table_answers import answer_rows
from tumorcast_training.tables import Schema

SCHEMA = Schema.of_blueprint(BLUEPRINT)


def test_a_row_holds_what_is_served_for_the_same_patient(tmp_path: Path) -> None:
    model, patients = load_trained(tmp_path / "m"), cohort(6, seed=31, missing=0.3)
    counts = answer_rows(model, as_table(patients, SCHEMA), tmp_path / "out.csv")
    assert counts == {"rows": 6, "answered": 6, "not_answered": 0}
    table = pd.read_csv(tmp_path / "out.csv")
    for i in range(6):
        row, served = table.iloc[i], model.predict(snapshot_of(patients, i, model.manifest))
        response, _, survival, progression = (e.estimate for e in served.endpoints)
        assert isinstance(response, ProbabilityEstimate)
        assert row["objective_response"] == pytest.approx(response.probability, rel=1e-5)
        assert row["objective_response_lower"] == pytest.approx(response.interval.lower, rel=1e-5)
        assert row["objective_response_upper"] == pytest.approx(response.interval.upper, rel=1e-5)
        assert row["objective_response_cannot_exclude"] == "|".join(response.prediction_set)
        assert isinstance(survival, SurvivalEstimate)
        for point in survival.points:
            name = f"overall_survival_at_{point.horizon_days:g}_days"
            assert row[name] == pytest.approx(point.survival, rel=1e-5)
            assert row[f"{name}_lower"] == pytest.approx(point.interval.lower, rel=1e-5)
            assert row[f"{name}_upper"] == pytest.approx(point.interval.upper, rel=1e-5)
        assert row["overall_survival_lower_bound_days"] == pytest.approx(survival.lower_bound_days, rel=1e-5)
        assert isinstance(progression, CompetingRisksEstimate)
        for cause in progression.causes:
            for point in cause.points:
                name = f"progression_{cause.cause}_by_{point.horizon_days:g}_days"
                assert row[name] == pytest.approx(1 - point.survival, rel=1e-4)
                assert row[f"{name}_lower"] == pytest.approx(1 - point.interval.upper, rel=1e-4)
                assert row[f"{name}_upper"] == pytest.approx(1 - point.interval.lower, rel=1e-4)


def test_a_row_that_is_not_answered_says_why_and_holds_no_number(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("patient_id,albumin\n=1+1,3.8\nb,\n")
    load_trained(tmp_path)
    arguments = ["--table", str(tmp_path / "in.csv"), "--trained", str(tmp_path), "--out", str(tmp_path / "out.csv")]
    assert cli.run(["predict-table", BLUEPRINT.name, *arguments]) == 0
    table = pd.read_csv(tmp_path / "out.csv")
    assert table["not_answered"].tolist()[1] == "NO_USABLE_INPUT"
    assert table.iloc[1, 3:].isna().all()
    assert table["patient_id"].tolist() == ["'=1+1", "b"]
    assert table.iloc[0, 3:].notna().all()


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = load_trained(tmp_path)
    table = as_csv(cohort(3), tmp_path / "in.csv")
    with pytest.raises(InvalidInput, match="already"):
        answer_rows(model, as_table(cohort(3), SCHEMA), table)
    arguments = ["--table", str(table), "--trained", str(tmp_path), "--out", str(tmp_path / "no" / "out.csv"), "--json"]
    assert cli.run(["predict-table", BLUEPRINT.name, *arguments]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "INVALID_INPUT"
