"""Recalibration to a deployer's own outcomes: a line on the link that is found again, stored and told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from support.tabular import BLUEPRINT, as_csv, cohort, load_trained, trained
from tumorcast_core.errors import InvalidInput
from tumorcast_fusion.model import FileStatus, PrognosisModel, verify_files
from tumorcast_fusion.model.tabular import LinkCalibration
from tumorcast_platform import cli
from tumorcast_training.cohort_data import as_table
from tumorcast_training.cohorts import BinaryOutcome, Cohort, SurvivalOutcome
from tumorcast_training.metrics import auc
from tumorcast_training.recalibration import recalibrate
from tumorcast_training.table_predictions import predict_rows
from tumorcast_training.tables import Schema

SCHEMA = Schema.of_blueprint(BLUEPRINT)
NAME = BLUEPRINT.name


@pytest.fixture
def model(tmp_path: Path) -> PrognosisModel:
    return load_trained(tmp_path / "parent")


def of(patients: Cohort, endpoint: str) -> Cohort:
    return replace(patients, outcomes={endpoint: patients.outcomes[endpoint]})


def run(
    model: PrognosisModel, patients: Cohort, tmp_path: Path, out: str = "out"
) -> tuple[PrognosisModel, dict[str, Any]]:
    parent = tmp_path / "parent" / "models" / NAME
    folder, report = recalibrate(model, parent, as_table(patients, SCHEMA), tmp_path / out, samples=30)
    return PrognosisModel.load(folder), report


numbers = st.floats(-2, 2)
calibrations = st.builds(
    LinkCalibration,
    arrays(float, 2, elements=numbers),
    arrays(float, 2, elements=st.floats(0, 2)),
    arrays(float, (2, 3), elements=numbers),
)


@given(calibrations, calibrations, arrays(float, (4, 2, 3), elements=numbers))
def test_two_calibrations_are_one(inner: LinkCalibration, outer: LinkCalibration, links: np.ndarray) -> None:
    assume((np.abs(1 - inner.slope * outer.slope) > 2e-3).all())
    assert inner.then(outer)(links) == pytest.approx(outer(inner(links)), abs=1e-8)


@given(st.floats(0.2, 5), arrays(float, (1, 3), elements=numbers), arrays(float, (1, 3), elements=numbers))
def test_slopes_that_undo_each_other_are_one_within_a_thousandth(b: float, r: np.ndarray, q: np.ndarray) -> None:
    inner, outer = (LinkCalibration(np.array([0.1]), np.array([s]), x) for s, x in ((1 / b, r), (b, q)))
    links = np.array([[[-1.0, 0.0, 1.0]]])
    gap = np.abs(inner.then(outer)(links) - outer(inner(links))).max()
    assert gap <= 1e-3 * (1 + np.abs(links).max() + 20)


def test_doing_nothing_changes_nothing() -> None:
    none = LinkCalibration.none(1, 2)
    links = np.array([[[0.3, -0.7]]])
    assert (none.then(none)(links) == links).all()


def test_a_line_on_the_log_odds_is_found_again(model: PrognosisModel, tmp_path: Path) -> None:
    patients, engine = cohort(4000, seed=21), trained()
    p = predict_rows(engine, patients.inputs).outputs["objective_response"].probability
    assert p is not None
    logit = 0.8 + 0.5 * np.log(p[0] / (1 - p[0]))
    value = (np.random.default_rng(3).random(4000) < 1 / (1 + np.exp(-logit))).astype(float)
    local = replace(patients, outcomes={"objective_response": BinaryOutcome(value)})
    again, report = run(model, local, tmp_path)
    found = report["endpoints"]["objective_response"]
    assert found["intercept"][0] == pytest.approx(0.8, abs=0.1)
    assert found["slope"][0] == pytest.approx(0.5, abs=0.1)
    assert found["before"]["calibration_slope"][2] < 0.8
    low, high = found["after"]["calibration_slope"][1:]
    assert low < 1 < high
    low, high = found["after"]["prediction_sets"]["coverage"][1:]
    assert low < 0.9 < high
    new = predict_rows(again.engine, patients.inputs).outputs["objective_response"].probability  # type: ignore[arg-type]
    assert new is not None
    assert np.log(new[0] / (1 - new[0])) == pytest.approx(
        found["intercept"][0] + found["slope"][0] * np.log(p[0] / (1 - p[0])), abs=1e-3
    )
    assert auc(value, new[0])[0] == pytest.approx(auc(value, p[0])[0], abs=1e-6)


def test_doubled_hazards_are_found_again(model: PrognosisModel, tmp_path: Path) -> None:
    patients, engine = cohort(3000, seed=22), trained()
    output = predict_rows(engine, patients.inputs).outputs["overall_survival"]
    assert output.hazards is not None
    edges = np.concatenate([[0.0], output.edges_days])
    curves = 2 * np.concatenate([np.zeros((3000, 1)), output.hazards[0][:, 0]], axis=1)
    drawn = np.random.default_rng(4).exponential(1, 3000)
    days = np.array([np.interp(d, c, edges, right=2000.0) for d, c in zip(drawn, curves, strict=True)]).clip(0.5)
    event = (days < 730).astype(np.int64)
    outcome = SurvivalOutcome.exact(np.minimum(days, 730.0), event)
    _, report = run(model, replace(patients, outcomes={"overall_survival": outcome}), tmp_path)
    found = report["endpoints"]["overall_survival"]
    assert found["intercept"][0] == pytest.approx(np.log(2), abs=0.08)
    assert found["slope"][0] == pytest.approx(1, abs=0.08)
    assert found["before"]["horizons"]["365"]["observed_to_expected"][0] > 1.2
    assert found["after"]["horizons"]["365"]["observed_to_expected"][0] == pytest.approx(1, abs=0.05)
    assert found["after"]["lower_bounds"]["coverage"][0] == pytest.approx(0.9, abs=0.03)


def test_endpoints_without_enough_events_stay_as_they_are(model: PrognosisModel, tmp_path: Path) -> None:
    patients = cohort(300, seed=23)
    survival = patients.outcomes["overall_survival"]
    assert isinstance(survival, SurvivalOutcome)
    few = replace(survival, event=np.where(np.arange(300) < 70, survival.event, 0))
    both = {"objective_response": patients.outcomes["objective_response"], "overall_survival": few}
    again, report = run(model, replace(patients, outcomes=both), tmp_path)
    assert set(report["endpoints"]) == {"objective_response"}
    assert "fewer than 50" in report["left_as_they_are"]["overall_survival"]
    assert "not in the table" in report["left_as_they_are"]["progression"]
    old, new = (predict_rows(m.engine, patients.inputs).outputs for m in (model, again))  # type: ignore[arg-type]
    assert (old["overall_survival"].headline([365.0]) == new["overall_survival"].headline([365.0])).all()


def test_the_new_model_is_complete_and_says_what_it_was_made_of(model: PrognosisModel, tmp_path: Path) -> None:
    again, report = run(model, of(cohort(300, seed=24), "objective_response"), tmp_path)
    folder = tmp_path / "out" / "models" / f"{NAME}-local"
    assert (again.ref.name, again.ref.version) == (f"{NAME}-local", f"{model.ref.version}+local")
    record = again.manifest.recalibrated
    assert record is not None
    assert record.sha256 == report["parent"]["sha256"] == model.ref.sha256
    assert record.endpoints["objective_response"].slope == tuple(report["endpoints"]["objective_response"]["slope"])
    assert all(check.status is FileStatus.INTACT for check in verify_files(folder))
    assert "## Recalibrated to local outcomes" in (folder / "card.md").read_text()
    assert json.loads((folder / "metrics.json").read_text())["recalibration"] == json.loads(json.dumps(report))
    with pytest.raises(InvalidInput, match="already"):
        run(model, of(cohort(300, seed=24), "objective_response"), tmp_path)
    with pytest.raises(InvalidInput, match="before"):
        recalibrate(again, folder, as_table(cohort(300), SCHEMA), tmp_path / "third", samples=30)


def test_the_same_table_and_seed_give_the_same_bytes(model: PrognosisModel, tmp_path: Path) -> None:
    patients = of(cohort(250, seed=25), "objective_response")
    for out in ("one", "two"):
        run(model, patients, tmp_path, out)
    first, second = (
        {f.name: f.read_bytes() for f in (tmp_path / out / "models" / f"{NAME}-local").iterdir()}
        for out in ("one", "two")
    )
    assert first == second


def test_the_command_refuses_a_few_events_and_writes_what_evaluate_reads(
    model: PrognosisModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = as_csv(cohort(60, seed=26), tmp_path / "few.csv")
    many = as_csv(of(cohort(300, seed=26), "objective_response"), tmp_path / "many.csv")
    common = ["--trained", str(tmp_path / "parent"), "--out", str(tmp_path / "out"), "--json"]
    assert cli.run(["recalibrate", NAME, "--table", str(few), *common]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "INVALID_INPUT"
    assert cli.run(["recalibrate", NAME, "--table", str(many), *common]) == 0
    assert json.loads(capsys.readouterr().out)["endpoints"]["objective_response"]["patients"] == 300
    arguments = ["--table", str(many), "--trained", str(tmp_path / "out"), "--samples", "20", "--no-subsets"]
    assert cli.run(["evaluate", f"{NAME}-local", *arguments]) == 0
    assert model.ref.name in capsys.readouterr().out
