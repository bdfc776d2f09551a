"""``tumorcast imaging quality``, run as a user runs it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.adversarial import CASES
from support.dicom_factory import SERIES, Phantom
from tumorcast_imaging.dicom import reasons
from tumorcast_imaging.model.quality import NAMES
from tumorcast_platform import cli

Capture = pytest.CaptureFixture[str]
LARGE = Phantom(shape=(14, 72, 80), semi_axes_mm=(20.0, 60.0, 60.0))


def run(capsys: Capture, *arguments: str | Path) -> tuple[int, Any]:
    status = cli.run(["imaging", "quality", *map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    LARGE.write(tmp_path / "in")
    return tmp_path / "in"


def test_figures_have_unit_definition_and_basis(folder: Path, capsys: Capture) -> None:
    status, found = run(capsys, folder)
    assert status == 0
    figures = {one["name"]: one for one in found["series"][0]["figures"]}
    assert set(figures) <= set(NAMES)
    # the phantom's noise is uniform over 40 values: √((40² − 1) ÷ 12) = 11.54 HU
    assert figures["noise_sd"]["value"] == pytest.approx(11.54, rel=0.15)
    assert figures["noise_sd"]["unit"] == "HU"
    assert all(one["definition"] and one["basis"] for one in figures.values())


def test_lesions_of_segmentations_in_the_folder_are_measured(folder: Path, capsys: Capture) -> None:
    LARGE.write_segmentation(folder)
    status, found = run(capsys, folder)
    assert status == 0
    (lesion,) = found["series"][0]["lesions"]
    figures = {one["name"]: one["value"] for one in lesion["figures"]}
    assert figures["lesion_cnr"] == pytest.approx(140 / 11.54, rel=0.15)
    assert figures["lesion_slices"] == 10


def test_a_segmentation_elsewhere_is_named_by_seg(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    seg = LARGE.write_segmentation(tmp_path / "elsewhere")
    status, found = run(capsys, folder, "--seg", seg)
    assert status == 0
    assert len(found["series"][0]["lesions"]) == 1


def test_a_segmentation_of_another_series_measures_no_lesion_and_fails(
    folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    seg = replace(LARGE, series=f"{SERIES}.5").write_segmentation(tmp_path / "elsewhere")
    status, found = run(capsys, folder, "--seg", seg)
    assert status == 1
    assert found["series"][0]["lesions"] == []


def test_a_file_that_is_no_segmentation_is_refused(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    status, found = run(capsys, folder, "--seg", tmp_path / "notes.txt")
    assert status != 0
    assert found["error"]["code"] == "UNSOUND_SEGMENTATION"


def test_refused_series_are_told_and_nothing_measured_fails(tmp_path: Path, capsys: Capture) -> None:
    Phantom().write(tmp_path, without=(5,))
    status, found = run(capsys, tmp_path)
    assert status == 1
    assert [one["code"] for one in found["series"][0]["issues"]] == ["MISSING_SLICE"]
    assert [one["code"] for one in found["problems"]] == ["NO_VOLUME"]


def test_the_page_names_figures_doubts_and_no_patient(folder: Path, capsys: Capture) -> None:
    LARGE.write_segmentation(folder)
    assert cli.run(["imaging", "quality", str(folder)]) == 0
    page = capsys.readouterr().out
    assert "noise_sd" in page
    assert "lesion 1" in page
    assert "1 of 1 series measured" in page
    assert "PHANTOM-1" not in page
    assert "Phantom^One" not in page
    assert max(map(len, page.splitlines())) <= 80


@pytest.mark.parametrize("case", CASES[::12], ids=str)
def test_adversarial_series_are_measured_or_refused(case: Any, tmp_path: Path, capsys: Capture) -> None:
    case.write(tmp_path)
    status, found = run(capsys, tmp_path)
    assert status == (0 if any(one["measured"] for one in found["series"]) else 1)
    for one in found["series"]:
        assert {issue["code"] for issue in one["issues"]} <= reasons.CODES
