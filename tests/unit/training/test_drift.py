"""Drift: what is kept of training patients, what is seen of recent ones, and how often chance cries wolf."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from support.tabular import BLUEPRINT, as_csv, cohort, load_trained, trained, write_trained
from tumorcast_core.errors import InvalidInput
from tumorcast_fusion.model import PrognosisModel
from tumorcast_platform import cli
from tumorcast_training import aggregates
from tumorcast_training.cohort_data import as_table
from tumorcast_training.cohorts import Cohort
from tumorcast_training.drift import Stability, drift
from tumorcast_training.table_predictions import headline, predict_rows
from tumorcast_training.tables import Schema

SCHEMA = Schema.of_blueprint(BLUEPRINT)


def kept_of(patients: Cohort) -> dict[str, Any]:
    engine = trained()
    outputs = predict_rows(engine, patients.inputs).outputs
    scores = {spec.id: headline(outputs[spec.id], spec) for spec in engine.manifest.endpoints}
    return aggregates.training_aggregates(patients, SCHEMA.features, scores)


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return kept_of(cohort())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> PrognosisModel:
    return load_trained(tmp_path_factory.mktemp("tiny"))


def found_in(model: PrognosisModel, patients: Cohort, kept: dict[str, Any]) -> dict[str, Any]:
    return drift(model, as_table(patients, SCHEMA), kept)


def test_the_index_is_the_sum_over_the_bins() -> None:
    """(.5 - .4) ln(.5 / .4) + (.5 - .6) ln(.5 / .6) = 0.04055, half a patient a bin mattering little in a million."""
    found = Stability.of(np.array([500_000.0, 500_000.0]), np.array([0.4, 0.6]), 1_000_000, 1_000_000)
    assert found.index == pytest.approx(0.0405465, abs=1e-5)
    assert found.p < 0.001


def test_the_null_is_the_chi_square_that_theory_gives() -> None:
    shares = np.full(10, 0.1)
    found = Stability.of(np.full(10, 200.0), shares, 2000, 4000)
    assert found.null_95 == pytest.approx((1 / 2000 + 1 / 4000) * stats.chi2.ppf(0.95, 9), rel=0.05)
    assert found.p == 1.0


def test_patients_like_those_in_training_are_stable_most_of_the_time(
    tiny: PrognosisModel, kept: dict[str, Any]
) -> None:
    verdicts = [found_in(tiny, cohort(200, seed=100 + i), kept)["verdict"] for i in range(12)]
    assert verdicts.count("stable") >= 10
    assert "investigate" not in verdicts


def shifted(name: str, seed: int = 50) -> Cohort:
    patients = cohort(300, seed=seed)
    inputs = patients.inputs.copy()
    match name:
        case "albumin":
            inputs["albumin"] = (inputs["albumin"] - 0.4).clip(2, 5)
        case "sex":
            inputs["sex"] = "male"
        case "missing":
            inputs["hemoglobin"] = inputs["hemoglobin"].where(np.arange(300) % 2 == 0)
        case "absent":
            inputs = inputs.drop(columns="idh_mutation")
    return replace(patients, inputs=inputs)


@pytest.mark.parametrize(
    ("what", "where", "key", "words", "verdict"),
    [
        ("albumin", "albumin", "change", "strongly shifted", "investigate"),
        ("sex", "sex", "change", "strongly shifted", "investigate"),
        ("missing", "hemoglobin", "missing_change", "more often missing", "watch"),
        ("absent", "idh_mutation", "change", "too few patients", "watch"),
    ],
)
def test_what_moved_is_named(
    tiny: PrognosisModel, kept: dict[str, Any], what: str, where: str, key: str, words: str, verdict: str
) -> None:
    found = found_in(tiny, shifted(what), kept)
    assert found["inputs"][where][key] == words
    assert found["verdict"] == verdict
    assert found["inputs"]["age"]["change"] == "as in training"


def test_lower_albumin_moves_the_scores_by_its_sign(tiny: PrognosisModel, kept: dict[str, Any]) -> None:
    scores = found_in(tiny, shifted("albumin"), kept)["scores"]
    assert scores["overall_survival"]["shift_sd"] < -0.3
    assert scores["overall_survival"]["change"] != "as in training"


def test_a_few_patients_are_too_few(tiny: PrognosisModel, kept: dict[str, Any]) -> None:
    assert found_in(tiny, cohort(30, seed=1), kept)["verdict"] == "too few patients"


@pytest.mark.parametrize("rows", [9, 12, 40, 400])
def test_no_cell_of_the_aggregates_holds_fewer_than_ten_patients(rows: int) -> None:
    patients = cohort(rows, seed=3, missing=0.1)
    found = kept_of(patients)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for name, one in found["inputs"].items():
        known = patients.inputs[name].dropna()
        if one["kind"] == "category":
            counts = np.array(list(one["shares"].values())) * len(known)
        else:
            place = np.searchsorted(one["edges"], known.to_numpy(float), side="left")
            counts = np.bincount(place, minlength=len(one["edges"]) + 1)
        assert (counts > 9.5).all()
    if rows < 10:
        assert not found["inputs"]


@settings(max_examples=40)
@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=60), st.integers(1, 4))
def test_categories_of_few_patients_are_merged(values: list[str], rows_of_patient: int) -> None:
    patients = np.array([i // rows_of_patient for i in range(len(values))], dtype=object)
    array = np.array(values, dtype=object)
    shares = aggregates._category_shares(array, patients)
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    for name in shares.keys() - {"other"}:
        assert len(set(patients[array == name])) >= 10


def test_rows_of_one_patient_count_once(tiny: PrognosisModel, kept: dict[str, Any]) -> None:
    one = cohort(60, seed=2)
    many = replace(
        one, inputs=pd.concat([one.inputs] * 20, ignore_index=True), patient_ids=np.tile(one.patient_ids, 20)
    )
    few, repeated = (found_in(tiny, replace(c, outcomes={}), kept)["inputs"]["albumin"] for c in (one, many))
    assert repeated["psi"] == pytest.approx(few["psi"], abs=1e-6)
    assert repeated["p"] == pytest.approx(few["p"], abs=1e-6)


def test_the_command_needs_no_outcomes_and_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_trained(tmp_path)
    table = as_csv(shifted("albumin"), tmp_path / "recent.csv", with_outcomes=False)
    arguments = ["drift", BLUEPRINT.name, "--table", str(table), "--trained", str(root)]
    assert cli.run([*arguments, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "INVALID_INPUT"
    aggregates.write(kept_of(cohort()), root / "models" / BLUEPRINT.name)
    assert cli.run([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["patients"]) == ("investigate", 300)
    assert cli.run(arguments) == 0
    assert "INVESTIGATE" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("content", ["", "[]", "{}", "{not json"])
def test_broken_aggregates_are_told(tmp_path: Path, content: str) -> None:
    (tmp_path / aggregates.FILE).write_text(content)
    with pytest.raises(InvalidInput):
        aggregates.load(tmp_path)
