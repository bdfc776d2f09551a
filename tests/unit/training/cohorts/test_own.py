"""A user's own cohort folder: outcomes, and inputs from a table, records and images up to time zero."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import bundle, observation
from support.tabular import BLUEPRINT, as_csv, cohort
from tumorcast_core.errors import InvalidInput
from tumorcast_training.cohorts import BinaryOutcome, Cohort, own
from tumorcast_training.cohorts.base import SurvivalOutcome
from tumorcast_training.simulator import simulate
from tumorcast_training.tables import Schema, TableCohort

SCHEMA = Schema.of_blueprint(BLUEPRINT)
OUTCOMES = "patient_id,index_date,objective_response\na,2024-05-01,1\nb,2024-05-01,0\nc,2024-06-01,0\n"
FEATURES = "patient_id,albumin,sex\nb,3.1,male\na,3.9,female\nstranger,3.0,male\n"


def write(folder: Path, outcomes: str = OUTCOMES, features: str | None = FEATURES) -> Path:
    (folder / "outcomes.csv").write_text(outcomes)
    if features is not None:
        (folder / "features.csv").write_text(features)
    return folder


def read(folder: Path) -> TableCohort:
    return own.read(folder, SCHEMA)


def test_rows_of_the_two_tables_meet_by_patient_and_patients_without_inputs_are_kept_out(tmp_path: Path) -> None:
    found = read(write(tmp_path)).cohort
    assert list(found.patient_ids) == ["a", "b"]
    assert found.inputs["albumin"].tolist() == [3.9, 3.1]
    assert found.inputs["sex"].tolist() == ["female", "male"]
    response = found.outcomes["objective_response"]
    assert isinstance(response, BinaryOutcome)
    assert response.value.tolist() == [1, 0]
    assert "1 patients without any input kept out" in found.notes
    assert "features.csv: 1 patients without outcomes left out" in found.notes


def hemoglobin(day: str, value: float) -> dict[str, object]:
    """An Observation of hemoglobin (LOINC 718-7) on a day."""
    return observation(id=f"h{day}", effectiveDateTime=day, valueQuantity=quantity(value), code=code("718-7"))


def quantity(value: float) -> dict[str, object]:
    return {"value": value, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"}


def code(loinc: str) -> dict[str, object]:
    return {"coding": [{"system": "http://loinc.org", "code": loinc}]}


def test_a_record_is_read_up_to_time_zero_and_the_table_goes_before_it(tmp_path: Path) -> None:
    write(tmp_path)
    for patient in ("a", "c"):
        (tmp_path / patient).mkdir()
        record = bundle(
            hemoglobin("2024-04-01", 11.0),
            hemoglobin("2024-07-01", 8.0),
            observation(id="alb", effectiveDateTime="2024-04-01", valueQuantity=quantity(3.3), code=code("1751-7")),
        )
        (tmp_path / patient / "fhir.json").write_bytes(record)
    found = read(tmp_path).cohort
    assert list(found.patient_ids) == ["a", "b", "c"]
    assert found.inputs["hemoglobin"].tolist()[0] == 11.0
    assert np.isnan(found.inputs["hemoglobin"][1])
    assert found.inputs["albumin"].tolist() == [3.9, 3.1, 3.3]
    assert found.inputs["sex"].tolist() == ["female", "male", "male"]  # the record's patient is male


def test_changing_what_is_dated_after_time_zero_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, features=None)
    (tmp_path / "a").mkdir()
    seen = []
    for later in (8.0, 17.0):
        record = bundle(hemoglobin("2024-04-01", 11.0), hemoglobin("2024-05-02", later))
        (tmp_path / "a" / "fhir.json").write_bytes(record)
        seen.append(read(tmp_path).cohort.inputs["hemoglobin"].tolist())
    assert seen[0] == seen[1] == [11.0]


def test_a_record_that_cannot_be_read_is_counted_and_the_patient_stays(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "fhir.json").write_text("{not json")
    found = read(tmp_path).cohort
    assert list(found.patient_ids) == ["a", "b"]
    assert "MALFORMED_FHIR: 1 times in records and images" in found.notes


def test_an_id_that_is_a_path_opens_no_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "fhir.json").write_bytes(bundle(hemoglobin("2024-04-01", 11.0)))
    inside = tmp_path / "cohort"
    inside.mkdir()
    write(inside, OUTCOMES.replace("\na,", "\n../outside,"))
    assert "hemoglobin" not in read(inside).cohort.inputs


def test_a_patient_without_a_time_zero_has_no_record_read(tmp_path: Path) -> None:
    write(tmp_path, OUTCOMES.replace("a,2024-05-01", "a,1 May"))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "fhir.json").write_bytes(bundle(hemoglobin("2024-04-01", 11.0)))
    found = read(tmp_path)
    assert "hemoglobin" not in found.cohort.inputs
    day = next(c for c in found.columns if c.name == "index_date")
    assert dict(day.refused) == {"NOT_A_DAY": 1}
    assert "1 patients without a time zero: their records and images were not read" in found.cohort.notes


@pytest.mark.parametrize(
    ("outcomes", "features", "told"),
    [
        ("patient_id,objective_response\na,1\na,0\n", FEATURES, "twice in outcomes"),
        (OUTCOMES, "patient_id,albumin\na,3.8\na,3.9\n", "twice in features"),
        ("objective_response\n1\n", FEATURES, "no column patient_id"),
        (OUTCOMES, "albumin\n3.8\n", "no column patient_id"),
        ("patient_id,objective_response\n,1\n", FEATURES, "no patient_id"),
        (OUTCOMES, "patient_id,albumin\n,3.8\n", "no patient_id"),
        ("patient_id,index_date\na,2024-05-01\n", FEATURES, "none of the endpoints"),
        (OUTCOMES, None, "any of the inputs"),
        (OUTCOMES, "patient_id,albumin\na,NA\nb,900\n", "any of the inputs"),
    ],
)
def test_a_folder_that_is_no_cohort_is_refused(tmp_path: Path, outcomes: str, features: str | None, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        read(write(tmp_path, outcomes, features))


def test_without_outcomes_there_is_no_cohort(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no outcomes\.csv"):
        read(tmp_path)


def test_an_outcome_before_time_zero_is_unknown_and_counted(tmp_path: Path) -> None:
    text = "patient_id,overall_survival_days,overall_survival_event\na,-3,1\nb,90,1\n"
    found = read(write(tmp_path, text))
    survival = found.cohort.outcomes["overall_survival"]
    assert isinstance(survival, SurvivalOutcome)
    assert survival.known().tolist() == [False, True]
    days = next(c for c in found.columns if c.name == "overall_survival_days")
    assert dict(days.refused) == {"BEFORE_TIME_ZERO": 1}


def split(folder: Path, patients: Cohort) -> Path:
    """A cohort written as the two tables of an own cohort."""
    table = pd.read_csv(as_csv(patients, folder / "all.csv"), dtype=str)
    inputs = [name for name in table if name in SCHEMA.features]
    table[["patient_id", *inputs]].to_csv(folder / "features.csv", index=False)
    table.drop(columns=inputs).to_csv(folder / "outcomes.csv", index=False)
    return folder


@given(st.integers(0, 10_000))
def test_folds_are_balanced_stratified_whole_and_by_seed(seed: int) -> None:
    patients = cohort(203, seed=1)
    ids = np.array([f"p{i // 2}" for i in range(203)], dtype=object)
    clustered = Cohort("own", patients.inputs, ids, patients.outcomes, patients.folds)
    folds = own.folds_of(clustered, seed)
    assert folds.shape == (203, 4)
    assert (folds == own.folds_of(clustered, seed)).all()
    for repeat in folds.T:
        for patient in set(ids):
            assert len(set(repeat[ids == patient])) == 1
        assert np.ptp(np.bincount(repeat[::2], minlength=5)) <= 1
    response = patients.outcomes["objective_response"]
    assert isinstance(response, BinaryOutcome)
    single = own.folds_of(patients, seed)[:, 0]
    events = np.bincount(single[response.value == 1], minlength=5)
    assert np.ptp(events) <= 1


def test_a_cohort_written_as_tables_is_read_as_it_was(tmp_path: Path) -> None:
    patients = cohort(40, seed=2)
    found = own.read(split(tmp_path, patients), SCHEMA, subgroups=["sex"]).cohort
    for name in patients.inputs:
        assert found.inputs[name].isna().tolist() == patients.inputs[name].isna().tolist()
    assert found.inputs["albumin"].dropna().tolist() == patients.inputs["albumin"].dropna().tolist()
    assert json.dumps(list(found.notes))


def test_studies_are_measured_up_to_time_zero(tmp_path: Path) -> None:
    simulate(1, 5, tmp_path, workers=1)
    row = pd.read_csv(tmp_path / "outcomes.csv", dtype=str).iloc[0]
    names = {f"tumor_longest_diameter_{role}": "tumor_longest_diameter" for role in ("baseline", "follow_up")}
    schema = Schema("own", names, dict.fromkeys(names, "ct"), SCHEMA.endpoints)
    before = (pd.Timestamp(row["index_date"]) - pd.Timedelta(days=1)).date().isoformat()
    measured = []
    for day in (row["index_date"], before):
        text = f"patient_id,index_date,objective_response\n{row['patient']},{day},1\n"
        (tmp_path / "outcomes.csv").write_text(text)
        measured.append(own.read(tmp_path, schema))
    on_the_day, earlier = measured
    assert set(on_the_day.cohort.inputs) == set(names)
    assert set(earlier.cohort.inputs) == {"tumor_longest_diameter_baseline"}
    assert "IMAGES_AFTER_TIME_ZERO: 1 times in records and images" in earlier.cohort.notes
    assert set(earlier.absent) - set(on_the_day.absent) == {"tumor_longest_diameter_follow_up"}
