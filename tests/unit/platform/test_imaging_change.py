"""``tumorcast imaging change``: studies on disk → table, JSON and features that the growth model reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.moved_patient import Ball, Motion, Scan
from tumorcast_platform import cli
from tumorcast_platform.inputs.features import read_features
from tumorcast_platform.render import as_text
from tumorcast_platform.render.change import change_page

UID = "1.2.826.0.1.3680043.8.498.77."


def lesions(liver: float, lung: float, *new: Ball) -> tuple[Ball, ...]:
    return (
        Ball((-40, 20, 0), liver, "Liver metastasis", f"{UID}1"),
        Ball((30, -20, 30), lung, "Lung nodule", f"{UID}2"),
        *new,
    )


SMALL: dict[str, Any] = {"extent_mm": (100.0, 150.0, 180.0)}
SCANS = (
    Scan("2026-01-01", lesions(14, 10), **SMALL),
    Scan("2026-03-02", lesions(9, 8), **SMALL),
    Scan("2026-05-04", lesions(8, 7), motion=Motion(3, (5, 0, 4)), **SMALL),
    Scan("2026-07-06", lesions(11, 10, Ball((50, 20, -20), 7, "Liver, new")), motion=Motion(3, (5, 0, 4)), **SMALL),
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    base = tmp_path_factory.mktemp("studies")
    return [str(scan.write(base / scan.day)) for scan in SCANS]


@pytest.fixture(scope="module")
def document(folders: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    import io
    from contextlib import redirect_stdout

    features = tmp_path_factory.mktemp("out") / "features.json"
    said = io.StringIO()
    with redirect_stdout(said):
        assert cli.run(["imaging", "change", *reversed(folders), "--features", str(features), "--json"]) == 0
    return json.loads(said.getvalue()), features


def test_studies_are_taken_in_order_and_lesions_followed(document: tuple[dict[str, Any], Path]) -> None:
    found, _ = document
    assert [visit["days_from_baseline"] for visit in found["visits"]] == [0, 60, 123, 186]
    liver, lung, new = found["lesions"]
    assert [x["label"] for x in (liver, lung, new)] == ["Liver metastasis", "Lung nodule", "Liver, new"]
    assert [v["method"] for v in liver["visits"]] == [None, *["tracking_uid"] * 3]
    assert new["visits"][:3] == [None] * 3
    assert new["visits"][3]["status"] == "NEW"
    assert [x["role"] for x in (liver, lung, new)] == ["TARGET", "TARGET", "NEW"]


def test_diameters_sums_and_responses_follow_the_known_sizes(document: tuple[dict[str, Any], Path]) -> None:
    found, _ = document
    sums = [visit["sum_mm"] for visit in found["sum_of_diameters"]["visits"]]
    assert sums == pytest.approx([48, 34, 30, 42], abs=5)  # 2 × the radii, up to voxels of 3 mm
    answers = found["sum_of_diameters"]["visits"][1:]
    assert [answer["overall"] for answer in answers] == ["SD" if sums[1] > 0.7 * sums[0] else "PR", "PR", "PD"]
    assert answers[2]["nadir_mm"] == min(sums[:3])
    assert set(answers[2]["reasons"]) == {"SUM_GREW", "NEW_LESION"}
    for number, visit in enumerate(found["sum_of_diameters"]["visits"]):
        measured = [x["visits"][number]["values"]["longest_diameter_mm"] for x in found["lesions"][:2]]
        assert visit["sum_mm"] == pytest.approx(sum(measured))


def test_the_page_shows_a_board_what_it_asks(document: tuple[dict[str, Any], Path]) -> None:
    page = as_text(change_page(document[0]))
    assert max(map(len, page.splitlines())) <= 100
    for text in ("Target lesions, mm", "sum of diameters", "from nadir", "PD, sum", "there is a new lesion", "day 186"):
        assert text in page
    assert "patient 1" not in page
    assert "Moved^Patient" not in json.dumps(document[0])


def test_the_features_are_read_back_and_forecast_by_the_growth_model(
    document: tuple[dict[str, Any], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    found, file = document
    features = read_features(file)
    assert [f.name for f in features] == ["sum_of_diameters"] * 4
    assert [f.effective for f in features] == ["2026-01-01", "2026-03-02", "2026-05-04", "2026-07-06"]
    assert [f.value for f in features] == [visit["sum_mm"] for visit in found["sum_of_diameters"]["visits"]]
    assert cli.run(["predict", "--model", "colorectal-growth", "--features", str(file), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (endpoint,) = answer["endpoints"]
    points = {point["day"]: point["value"] for point in endpoint["trajectory"]["points"]}
    assert points[-186] == pytest.approx(features[0].value, rel=0.15)
    assert points[0] == pytest.approx(features[3].value, rel=0.25)


def test_a_single_study_or_none_with_lesions_fails_in_one_sentence(
    folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["imaging", "change", folders[0], "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "INVALID_INPUT"
    assert cli.run(["imaging", "change", str(tmp_path), str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("INVALID_INPUT: ")


def test_studies_of_two_patients_are_refused(
    folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = SCANS[1].at(patient=2).write(tmp_path / "other")
    assert cli.run(["imaging", "change", folders[0], str(other)]) == 1
    assert "different patients" in capsys.readouterr().err
