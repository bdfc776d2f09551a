"""PET, CT and MR with contours → the sarcoma model's answer: from all three, and from any two or one of them."""

import json
from itertools import combinations
from pathlib import Path

import pytest

from support.sarcoma_patient import FOLDERS, sarcoma_patient
from tumorcast_platform.cli import run

ALL = tuple(FOLDERS)


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sarcoma_patient(tmp_path_factory.mktemp("patient"))


def predict(patient: Path, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> dict:
    folders = [argument for name in names for argument in ("--dicom", str(patient / name))]
    assert run(["predict", "--model", "sarcoma", *folders, "--json"]) == 0
    answer: dict = json.loads(capsys.readouterr().out)
    return answer


def used(answer: dict) -> set[str]:
    return {group["group"] for group in answer["inputs"] if group["status"] == "used"}


@pytest.mark.parametrize("names", [ALL, *combinations(ALL, 2), *((name,) for name in ALL)], ids="+".join)
def test_any_of_the_three_images_are_answered(patient: Path, names: tuple[str, ...], capsys):
    answer = predict(patient, names, capsys)
    assert used(answer) == {FOLDERS[name] for name in names}
    (endpoint,) = answer["endpoints"]
    assert endpoint["id"] == "lung_metastasis"
    assert endpoint["status"] in ("predicted", "abstained")
    assert not [issue for issue in answer["issues"] if issue["severity"] == "error" and issue["origin"] == "imaging"]


def test_one_study_in_three_folders_is_one_timepoint(patient: Path, capsys):
    apart = predict(patient, ALL, capsys)
    assert run(["predict", "--model", "sarcoma", "--dicom", str(patient), "--json"]) == 0
    together = json.loads(capsys.readouterr().out)
    assert together["endpoints"] == apart["endpoints"]


def test_the_image_itself_is_told_as_an_input(patient: Path, capsys):
    answer = predict(patient, ALL, capsys)
    told = {feature["input"] for group in answer["inputs"] for feature in group.get("features", ())}
    assert {"pet_image", "ct_image", "mr_image"} <= told


def test_an_image_without_its_contour_is_not_used_and_said(patient: Path, capsys):
    answer = predict(patient, ("PET", "CT/image"), capsys)
    assert used(answer) == {"pet"}
