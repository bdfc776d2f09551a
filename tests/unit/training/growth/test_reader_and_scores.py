"""The reader of colorectal_ffcd on small tables, and scores against numbers by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support.growth import HEADER, simulated_courses, write_table
from tumorcast_core.errors import InvalidInput
from tumorcast_training.growth import read_courses, train
from tumorcast_training.growth.evaluation import progression_scores, scores
from tumorcast_training.growth.held_out import plain_forecasts, progression_rates
from tumorcast_training.growth.likelihood import Padded
from tumorcast_training.growth.reader import Course, courses_folder, from_box_cox

FILES = {"SHA256SUMS", "card.md", "manifest.yaml", "metrics.json", "plots/sum_of_diameters.svg", "prior.yaml"}


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
    assert (seven.labels, nine.labels) == ({"arm": "S"}, {"arm": "C"})


def test_the_folder_is_found_below_the_one_of_all_cohorts(tmp_path: Path) -> None:
    assert courses_folder(tmp_path) == tmp_path
    (tmp_path / "colorectal_ffcd").mkdir()
    assert courses_folder(tmp_path) == courses_folder(tmp_path / "colorectal_ffcd") == tmp_path / "colorectal_ffcd"


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
            "repeat": 0.0,
            "progression": [1.0, 0.0] * 20,
            "progression_probability": [0.8, 0.4] * 20,
            "base_rate": 0.5,
        }
    )
    found = progression_scores(rows, seed=0)
    assert found["auc"]["value"] == 1.0
    assert found["brier"] == pytest.approx((0.04 + 0.16) / 2)
    assert found["brier_of_base_rate"] == pytest.approx(0.25)
    low, high = found["observed"]
    assert low == {"patients": 20, "probability": pytest.approx(0.4), "share": 0.0, "interval": [0.0, 0.0]}
    assert high == {"patients": 20, "probability": pytest.approx(0.8), "share": 1.0, "interval": [1.0, 1.0]}


def test_progression_rates_count_over_the_nadir_before() -> None:
    """Of 100, 50, 61, 62 the last two are 20 % and 5 mm over 50; 33 is not over 30: 1 of 2 last, 2 of 4 later scans."""
    one, two = (
        Course("", np.arange(4.0), np.array([100.0, 50, 61, 62])),
        Course("", np.arange(2.0), np.array([30.0, 33])),
    )
    assert progression_rates([one, two]) == (0.5, 0.5)


def test_padding_keeps_every_scan_at_its_place() -> None:
    one, two = (Course("", np.arange(n) * 10.0, np.full(n, 95.0)) for n in (1, 3))
    padded = Padded.of([one, two], 5.0)
    assert padded.present.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert padded.times[1].tolist() == [0, 10, 20]
    assert padded.z == pytest.approx(np.log(100))


def compare_folders(first: Path, second: Path) -> set[str]:
    """Names of all files, which must have the same bytes."""
    files = {file.relative_to(first).as_posix(): file.read_bytes() for file in first.rglob("*") if file.is_file()}
    assert files == {f.relative_to(second).as_posix(): f.read_bytes() for f in second.rglob("*") if f.is_file()}
    return set(files)


def test_training_writes_a_whole_folder_the_same_by_seed(tmp_path: Path) -> None:
    write_table(tmp_path, simulated_courses(seed=1, patients=26, scans=3))
    train(tmp_path, tmp_path / "first", seed=3, repeats=1)
    train(tmp_path, tmp_path / "second", seed=3, repeats=1)
    assert compare_folders(tmp_path / "first", tmp_path / "second") == FILES
    metrics = json.loads((tmp_path / "first" / "metrics.json").read_text())
    assert metrics["last_scan"]["scans"] == 26
    assert metrics["next_scan"]["scans"] == 52
