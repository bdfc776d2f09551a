"""The reader of colorectal_ffcd on small tables, and scores against numbers by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support.growth import simulated_courses
from tumorcast_core.errors import InvalidInput
from tumorcast_training.growth import read_courses, train
from tumorcast_training.growth.evaluation import progression_scores, scores
from tumorcast_training.growth.held_out import plain_forecasts
from tumorcast_training.growth.likelihood import Padded
from tumorcast_training.growth.reader import Course, from_box_cox

HEADER = "id,year,tumor.size,treatment,age,who.PS,prev.resection\n"


def write(folder: Path, courses: list[Course]) -> None:
    """The folder as frailtypack's table has it: years, centimeters, Box-Cox with exponent 0.3."""
    lines = [
        f"{number},{day / 365.25!r},{((mm / 10) ** 0.3 - 1) / 0.3!r},{course.treatment},60-69 years,0,No\n"
        for number, course in enumerate(courses)
        for day, mm in zip(course.days.tolist(), course.sums_mm.tolist(), strict=True)
    ]
    (folder / "tumor_size_longitudinal.csv").write_text(HEADER + "".join(lines))


def test_box_cox_is_undone_into_millimeters() -> None:
    """(8.7 ** 0.3 - 1) / 0.3 = 3.0452 by hand; the lowest value is a sum of zero."""
    transformed = np.array([(8.7**0.3 - 1) / 0.3, 0.0, -3.33333333333333, -3.33])
    assert from_box_cox(transformed) == pytest.approx([87.0, 10.0, 0.0, 0.0], abs=1e-5)


def test_scans_are_read_in_order_of_time(tmp_path: Path) -> None:
    (tmp_path / "tumor_size_longitudinal.csv").write_text(HEADER + "7,0.6,0,S,,,\n7,0.1,3.0,S,,,\n9,0.0,1.0,C,,,\n")
    seven, nine = read_courses(tmp_path)
    assert seven.days == pytest.approx([0.0, 0.5 * 365.25])
    assert seven.sums_mm[1] == 10.0
    assert (nine.patient_id, nine.treatment, len(nine.days)) == ("9", "C", 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEADER,
        "id,year\n1,0\n",
        HEADER + "1,0,big,S,,,\n",
        HEADER + "1,0,1,S,,,\n1,0,2,S,,,\n",
        HEADER + "1,nan,1,S,,,\n",
    ],
)
def test_a_table_that_is_not_as_expected_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "tumor_size_longitudinal.csv").write_text(text)
    with pytest.raises(InvalidInput):
        read_courses(tmp_path)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        read_courses(tmp_path)


def test_plain_forecasts_are_those_by_hand() -> None:
    found = plain_forecasts(np.array([0.0, 10.0, 20.0]), np.array([45.0, 20.0, 7.5]), np.array([30.0]))
    assert found["last_value"][0] == 7.5
    assert found["linear"][0] == 0.0
    assert found["exponential"][0] == pytest.approx(50 / 8 - 5, rel=1e-6)


def test_scores_are_those_by_hand() -> None:
    rows = pd.DataFrame(
        {
            "patient": [0.0, 0.0, 1.0, 1.0],
            "repeat": [0.0, 1.0, 0.0, 1.0],
            "baseline_mm": 100.0,
            "truth_mm": [100.0, 100.0, 50.0, 50.0],
            "growth": [110.0, 90.0, 50.0, 54.0],
            "last_value": [120.0, 120.0, 60.0, 60.0],
            "linear": 50.0,
            "exponential": 50.0,
            "within_50": [0.0, 0.0, 1.0, 1.0],
            "within_90": 1.0,
            "width_90_mm": 40.0,
        }
    )
    found = scores(rows, seed=0)
    assert (found["scans"], found["patients"]) == (2, 2)
    assert found["errors"]["growth"]["mae_mm"] == pytest.approx(6.0)
    assert found["errors"]["growth"]["rmse_mm"] == pytest.approx(np.sqrt(216 / 4))
    assert found["errors"]["growth"]["median_absolute_error_mm"] == pytest.approx(7.0)
    assert found["difference_to"]["last_value"]["mae_mm"]["value"] == pytest.approx(-9.0)
    assert found["difference_to"]["last_value"]["mae_mm"]["interval"] == pytest.approx([-10.0, -8.0])
    assert found["coverage_50"]["value"] == 0.5
    assert found["coverage_90"]["binomial_interval"][0] == pytest.approx(0.025**0.5)


def test_progression_scores_are_those_by_hand() -> None:
    rows = pd.DataFrame(
        {
            "patient": np.arange(40.0),
            "progression": [1.0, 0.0] * 20,
            "progression_probability": [0.8, 0.4] * 20,
            "base_rate": 0.5,
        }
    )
    found = progression_scores(rows, seed=0)
    assert found["auc"]["value"] == 1.0
    assert found["brier"] == pytest.approx((0.04 + 0.16) / 2)
    assert found["brier_of_training_last_scan_rate"] == pytest.approx(0.25)


def test_padding_keeps_every_scan_at_its_place() -> None:
    one, two = (Course("", np.arange(n) * 10.0, np.full(n, 95.0)) for n in (1, 3))
    padded = Padded.of([one, two], 5.0)
    assert padded.present.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert padded.times[1].tolist() == [0, 10, 20]
    assert padded.z == pytest.approx(np.log(100))


def test_training_writes_a_prior_and_metrics_the_same_by_seed(tmp_path: Path) -> None:
    write(tmp_path, simulated_courses(seed=1, patients=40, scans=4))
    train(tmp_path, tmp_path / "first", seed=3, repeats=1)
    train(tmp_path, tmp_path / "second", seed=3, repeats=1)
    for name in ("prior.yaml", "metrics.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    metrics = json.loads((tmp_path / "first" / "metrics.json").read_text())
    assert metrics["last_scan"]["scans"] == 40
    assert metrics["next_scan"]["scans"] == 120
