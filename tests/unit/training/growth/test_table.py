"""A long table of scans: what is read, what is counted, how last scans are scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.growth import long_table, simulated_courses
from tumorcast_core.errors import TumorcastError
from tumorcast_fusion.model import SHIPPED, ModelStore
from tumorcast_fusion.model.growth import forecast
from tumorcast_fusion.model.growth_model import GrowthModel
from tumorcast_training.growth.table import read_table
from tumorcast_training.growth.table_evaluation import evaluate_table

QUANTITY = "sum_of_diameters"
HEADER = f"patient_id,day,{QUANTITY}\n"


@pytest.fixture(scope="module")
def model() -> GrowthModel:
    found = ModelStore(SHIPPED).get("colorectal-growth")
    assert isinstance(found, GrowthModel)
    return found


def written(folder: Path, text: str) -> Path:
    file = folder / "scans.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_scans_are_grouped_by_patient_and_put_in_order(tmp_path: Path) -> None:
    text = f"site;Patient ID;{QUANTITY};day\nx;b;50;0\nx;a;40.5;70\nx;a;60;-7\n"
    table = read_table(written(tmp_path, text), QUANTITY)
    assert [course.patient_id for course in table.courses] == ["b", "a"]
    assert table.courses[1].days.tolist() == [0.0, 77.0]
    assert table.courses[1].sums_mm.tolist() == [60.0, 40.5]
    assert (table.rows, table.scans_not_used, table.not_read) == (3, 0, ("site",))


def test_cells_that_cannot_be_used_are_counted_under_a_reason(tmp_path: Path) -> None:
    rows = 'a,0,50\na,0,51\na,x,50\na,60,-1\na,61,\n,62,40\na,63,"4,5"\na,1e9,40\nb,0,9999\na,64,30\n'
    table = read_table(written(tmp_path, HEADER + rows), QUANTITY)
    (course,) = table.courses
    assert course.sums_mm.tolist() == [50.0, 30.0]
    assert table.refused == {
        "patient_id": {"MISSING": 1},
        "day": {"NOT_A_NUMBER": 1, "OUT_OF_RANGE": 1, "SECOND_SCAN_OF_A_DAY": 1},
        QUANTITY: {"MISSING": 1, "OUT_OF_RANGE": 2, "COMMA_IN_NUMBER": 1},
    }
    assert (table.rows, table.scans_not_used) == (10, 8)


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEADER,
        "patient_id,day\na,0\n",
        f"day,{QUANTITY}\n0,50\n",
        HEADER + "a,0\n",
        HEADER + "a,x,y\n",
        HEADER + "a,0,50\nb,0,50\n",
        HEADER + "a,0,0\na,60,50\n",
        HEADER + "a,0,50\na,9000,50\n",
        f"patient_id,day,{QUANTITY},Day\na,0,50,1\n",
        HEADER + "a,0,50\0\n",
    ],
)
def test_a_table_without_a_last_scan_to_forecast_is_refused(tmp_path: Path, model: GrowthModel, text: str) -> None:
    with pytest.raises(TumorcastError):
        evaluate_table(model, written(tmp_path, text), samples=20)


def test_errors_are_those_of_the_forecasts_of_last_scans(tmp_path: Path, model: GrowthModel) -> None:
    courses = simulated_courses(seed=3, patients=30, scans=5)
    found = evaluate_table(model, written(tmp_path, long_table(courses)), samples=50)
    answers = [forecast(c.days[:-1], c.sums_mm[:-1], [c.days[-1]], model.prior) for c in courses]
    truth = np.array([course.sums_mm[-1] for course in courses])
    ours = np.abs(np.array([a.median_mm[0] for a in answers]) - truth).mean()
    last = np.abs(np.array([course.sums_mm[-2] for course in courses]) - truth).mean()
    inside = np.mean([a.lower_90_mm[0] <= x <= a.upper_90_mm[0] for a, x in zip(answers, truth, strict=True)])
    scores = found["last_scan"]
    assert scores["errors"]["growth"]["mae_mm"] == pytest.approx(ours)
    assert scores["errors"]["last_value"]["mae_mm"] == pytest.approx(last)
    assert scores["difference_to"]["last_value"]["mae_mm"]["value"] == pytest.approx(ours - last)
    assert scores["coverage_90"]["value"] == pytest.approx(inside)
    assert (found["patients"], scores["patients"], found["not_forecast"]["patients"]) == (30, 30, 0)
    assert "patient-" not in json.dumps(found)


def test_patients_without_a_scan_to_forecast_are_counted_by_reason(tmp_path: Path, model: GrowthModel) -> None:
    rows = "once,0,50\nzero,0,0\nzero,60,50\nlate,0,50\nlate,900,50\n"
    text = long_table(simulated_courses(seed=3, patients=6, scans=3)) + rows
    found = evaluate_table(model, written(tmp_path, text), samples=20)
    reasons = {"FIRST_SUM_IS_ZERO": 1, "HORIZON_OUT_OF_RANGE": 1, "ONE_SCAN": 1}
    assert found["not_forecast"] == {"patients": 3, "reasons": reasons}
    assert {w["code"] for w in found["warnings"]} >= {"FEW_PATIENTS", "FEW_EVENTS", "TRAINING_ROWS_UNKNOWN"}


def test_one_patient_is_scored_without_an_auc(tmp_path: Path, model: GrowthModel) -> None:
    found = evaluate_table(model, written(tmp_path, HEADER + "a,0,50\na,60,40\n"), samples=20)
    assert found["progression_at_last_scan"]["auc"] is None
    assert found["last_scan"]["patients"] == 1


def test_the_same_table_gives_the_same_document(tmp_path: Path, model: GrowthModel) -> None:
    file = written(tmp_path, long_table(simulated_courses(seed=4, patients=8, scans=4)))
    assert evaluate_table(model, file, samples=40) == evaluate_table(model, file, samples=40)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "", "NA"]),
            st.one_of(st.integers(-400, 400).map(str), st.sampled_from(["", "x", "1e308", "-0", "0.5", "40000"])),
            st.one_of(st.floats(0, 3000).map(repr), st.sampled_from(["", "nan", "0", "1e9", "-3", "5 cm"])),
        ),
        max_size=12,
    )
)
def test_any_cells_give_an_evaluation_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, model: GrowthModel, rows: list[tuple[str, str, str]]
) -> None:
    text = HEADER + "".join(f"{patient},{day},{value}\n" for patient, day, value in rows)
    file = written(tmp_path_factory.mktemp("any"), text)
    try:
        found = evaluate_table(model, file, samples=20)
    except TumorcastError:
        return
    assert found["last_scan"]["patients"] + found["not_forecast"]["patients"] == found["patients"]
    json.dumps(found, allow_nan=False)
