"""Hepatocellular carcinoma: every visit a landmark, of its past only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tumorcast_core.errors import InvalidInput
from tumorcast_training.cohorts import hcc_sysucc
from tumorcast_training.cohorts.base import Cohort, SurvivalOutcome

VISIT = {
    "patient_id": "H-1", "day": 0, "age_years": 55, "lesion_count": 2, "largest_diameter_mm": 30.0, "new_lesion": 0,
    "vascular_invasion": 0, "nodal_metastasis": 0, "distant_metastasis": 0, "child_pugh_score": 5, "afp_ng_ml": 20.0,
    "targeted_therapy": 0, "embolization": 0, "resection": 0, "death": 1, "os_days_from_visit": 500.0,
}  # fmt: skip
VALUES = {
    "age_years": [0, 40, 111], "lesion_count": [0, 4], "largest_diameter_mm": [0.0, 20.0, 80.0],
    "new_lesion": [0, 1, 2], "vascular_invasion": [0, 1], "nodal_metastasis": [0, 1], "distant_metastasis": [0, 1],
    "child_pugh_score": [5, 9], "afp_ng_ml": [1.0, 121000.0], "targeted_therapy": [0, 1], "embolization": [0, 1],
    "resection": [0, 1],
}  # fmt: skip


def _read(folder: Path, *visits: dict[str, object]) -> Cohort:
    rows = [VISIT | visit for visit in visits]
    pd.DataFrame(rows).to_csv(folder / "visits.csv", index=False)
    ids = dict.fromkeys(str(row["patient_id"]) for row in rows)
    folds = [{"patient_id": patient} | {f"repeat_{r}": i % 5 for r in range(4)} for i, patient in enumerate(ids)]
    pd.DataFrame(folds).to_csv(folder / "folds.csv", index=False)
    return hcc_sysucc.read(folder)


def test_the_past_of_a_first_visit_is_missing_and_not_empty(tmp_path: Path) -> None:
    row = _read(tmp_path, {}).inputs.iloc[0]
    past = [name for name in row.index if name.startswith("previous_") or name.endswith(("_before", "_previous_visit"))]
    assert len(past) == 10
    assert all(row[name] is None or np.isnan(row[name]) for name in past)
    assert row["days_since_first_visit"] == 0
    assert np.isnan(row["largest_lesion_diameter_nadir"])


def test_a_later_visit_knows_the_visits_before_it(tmp_path: Path) -> None:
    cohort = _read(
        tmp_path,
        {"embolization": 1, "afp_ng_ml": 90.0},
        {"day": 40, "embolization": 1, "resection": 1, "largest_diameter_mm": 12.0, "new_lesion": 1},
        {"day": 100, "embolization": 1, "targeted_therapy": 1, "largest_diameter_mm": 15.0},
    )
    second, third = cohort.inputs.iloc[1], cohort.inputs.iloc[2]
    assert second["previous_alpha_fetoprotein"] == 90
    assert (second["embolization_before"], second["embolization_count_before"]) == ("present", 1)
    assert (second["liver_resection_before"], third["liver_resection_before"]) == ("absent", "present")
    assert (third["targeted_therapy"], third["targeted_therapy_before"]) == ("present", "absent")
    assert (third["embolization_count_before"], third["largest_lesion_diameter_nadir"]) == (2, 12)
    assert (third["days_since_previous_visit"], third["days_since_first_visit"]) == (60, 100)
    assert (third["new_lesion"], third["previous_new_lesion"]) == ("absent", "present")
    assert cohort.landmark_days is not None
    assert cohort.landmark_days.tolist() == [0, 40, 100]


def test_one_patients_past_is_not_anothers(tmp_path: Path) -> None:
    inputs = _read(tmp_path, {"embolization": 1}, {"patient_id": "H-2"}, {"patient_id": "H-2", "day": 9}).inputs
    assert inputs["embolization_before"].tolist() == [None, None, "absent"]
    assert inputs["previous_lesion_count"].isna().tolist() == [True, True, False]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(data=st.data())
def test_changing_any_later_visit_changes_no_input(data: st.DataObject, tmp_path: Path) -> None:
    visit = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})
    visits = data.draw(st.lists(visit, min_size=2, max_size=5))
    landmark = data.draw(st.integers(0, len(visits) - 2))
    later = data.draw(st.lists(visit, max_size=4))
    days = data.draw(st.lists(st.integers(1, 90), min_size=10, max_size=10))
    at = np.cumsum(days).tolist()
    told = [v | {"day": d} for v, d in zip(visits, at, strict=False)]
    changed = [*told[: landmark + 1], *(v | {"day": at[landmark] + 7 * (i + 1)} for i, v in enumerate(later))]
    before = _read(tmp_path, *told).inputs.iloc[: landmark + 1]
    pd.testing.assert_frame_equal(before, _read(tmp_path, *changed).inputs.iloc[: landmark + 1])


def test_rows_are_in_order_of_day_whatever_the_files_order(tmp_path: Path) -> None:
    cohort = _read(tmp_path, {"day": 50, "lesion_count": 1}, {"day": 0, "lesion_count": 3})
    assert cohort.inputs["lesion_count"].tolist() == [3, 1]
    assert cohort.inputs["previous_lesion_count"].tolist()[1] == 3


def test_of_two_visits_on_a_day_the_first_listed_counts_and_the_other_is_noted(tmp_path: Path) -> None:
    cohort = _read(tmp_path, {"lesion_count": 1}, {"lesion_count": 4})
    assert cohort.inputs["lesion_count"].tolist() == [1]
    assert cohort.notes[0].startswith("1 visits")


@pytest.mark.parametrize(("age", "expected"), [(0, None), (1, 1), (99, 99), (111, None)])
def test_an_age_of_0_or_past_99_is_missing(age: int, expected: int | None, tmp_path: Path) -> None:
    value = _read(tmp_path, {"age_years": age}).inputs["age"][0]
    assert np.isnan(value) if expected is None else value == expected


@pytest.mark.parametrize("code", [2, 4])
def test_a_new_lesion_that_is_neither_0_nor_1_is_missing_and_no_progression(code: int, tmp_path: Path) -> None:
    cohort = _read(tmp_path, {}, {"day": 60, "new_lesion": code, "os_days_from_visit": 440.0})
    assert cohort.inputs["new_lesion"].tolist() == ["absent", None]
    outcome = cohort.outcomes["progression"]
    assert isinstance(outcome, SurvivalOutcome)
    assert (outcome.days[0], outcome.event[0]) == (60, 0)


def test_survival_counts_from_the_visit_and_is_unknown_on_its_last_day(tmp_path: Path) -> None:
    cohort = _read(tmp_path, {"os_days_from_visit": 90.0}, {"day": 90, "os_days_from_visit": 0.0})
    outcome = cohort.outcomes["overall_survival"]
    assert isinstance(outcome, SurvivalOutcome)
    assert outcome.known().tolist() == [True, False]
    assert (outcome.days[0], outcome.event[0]) == (90, 1)


@pytest.mark.parametrize("day", ["", "-1", "soon", "inf"])
def test_a_visit_without_a_day_is_refused(day: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        _read(tmp_path, {"day": day})
