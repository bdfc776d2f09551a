"""``tumorcast imaging export``, run as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from support.dicom_factory import SERIES, STUDY, Phantom, save
from support.objects import as_pet
from tumorcast_platform import cli

Capture = pytest.CaptureFixture[str]
SMALL = Phantom(shape=(6, 20, 24))


def run(capsys: Capture, *arguments: str | Path) -> tuple[int, Any]:
    status = cli.run(["imaging", "export", *map(str, arguments), "--json"])
    said = capsys.readouterr()
    assert not said.err
    return status, json.loads(said.out)


def codes(entry: Any) -> list[str]:
    return [problem["code"] for problem in entry["problems"]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A CT and its segmentation of one ellipsoid."""
    path = SMALL.write(tmp_path / "in")
    save(SMALL.segmentation(), path / "seg.dcm")
    return path


def test_a_segmentation_and_a_report_are_written(folder: Path, tmp_path: Path, capsys: Capture):
    status, said = run(capsys, folder, "--out", tmp_path / "out")
    assert status == 0
    (seg,), (report,) = said["segmentations"], said["reports"]
    assert (seg["series_instance_uid"], seg["dicom_modality"], seg["lesions"], seg["new"]) == (SERIES, "CT", 1, True)
    assert (report["study_instance_uid"], report["lesions"], report["new"]) == (STUDY, 1, True)
    assert said["refused"] == said["problems"] == []
    read = hd.seg.segread(tmp_path / "out" / seg["path"])
    pixels = read.get_pixels_by_source_instance([f"{SERIES}.{k + 1}" for k in range(SMALL.shape[0])])
    assert np.array_equal(pixels[..., 0].astype(bool), SMALL.mask)
    content = hd.sr.srread(tmp_path / "out" / report["path"]).content
    (group,) = content.get_volumetric_roi_measurement_groups()
    volume_ml = SMALL.mask.sum() * np.prod(SMALL.spacing_mm) / 1000
    assert group.get_measurements()[0].value == pytest.approx(volume_ml)


def test_writing_again_changes_no_byte(folder: Path, tmp_path: Path, capsys: Capture):
    run(capsys, folder, "--out", tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    status, said = run(capsys, folder, "--out", tmp_path / "out")
    assert status == 0
    assert [entry["new"] for entry in (*said["segmentations"], *said["reports"])] == [False, False]
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_file_that_is_in_the_way_stays_and_is_told(folder: Path, tmp_path: Path, capsys: Capture):
    _, said = run(capsys, folder, "--out", tmp_path / "out")
    path = tmp_path / "out" / said["segmentations"][0]["path"]
    path.write_bytes(b"mine")
    status, said = run(capsys, folder, "--out", tmp_path / "out")
    assert status == 1
    assert codes(said["segmentations"][0]) == ["FILE_EXISTS"]
    assert said["reports"] == []
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("option", "kind"), [("--fractional", "FRACTIONAL"), ("--labelmap", "LABELMAP"), ("", "BINARY")]
)
def test_the_type_is_the_one_asked_for(option: str, kind: str, folder: Path, tmp_path: Path, capsys: Capture):
    _, said = run(capsys, folder, "--out", tmp_path / "out", *([option] if option else []))
    seg = pydicom.dcmread(tmp_path / "out" / said["segmentations"][0]["path"])
    assert seg.SegmentationType == kind


def test_two_types_at_once_are_refused(folder: Path, tmp_path: Path, capsys: Capture):
    assert cli.run(["imaging", "export", str(folder), "--out", str(tmp_path / "o"), "--fractional", "--labelmap"]) == 2
    assert not (tmp_path / "o").exists()
    capsys.readouterr()


def test_the_segmentation_may_lie_elsewhere(tmp_path: Path, capsys: Capture):
    SMALL.write(tmp_path / "in")
    save(SMALL.segmentation(), tmp_path / "seg.dcm")
    status, said = run(capsys, tmp_path / "in", "--seg", tmp_path / "seg.dcm", "--out", tmp_path / "out")
    assert (status, len(said["segmentations"])) == (0, 1)


def test_how_the_region_was_drawn_is_taken_over(folder: Path, tmp_path: Path, capsys: Capture):
    seg = pydicom.dcmread(folder / "seg.dcm")
    seg.SegmentSequence[0].SegmentAlgorithmType = "AUTOMATIC"
    seg.SegmentSequence[0].SegmentAlgorithmName = "growing"
    save(seg, folder / "seg.dcm")
    _, said = run(capsys, folder, "--out", tmp_path / "out")
    (segment,) = pydicom.dcmread(tmp_path / "out" / said["segmentations"][0]["path"]).SegmentSequence
    assert (segment.SegmentAlgorithmType, segment.SegmentAlgorithmName) == ("AUTOMATIC", "growing")


def test_two_series_of_a_study_give_two_segmentations_and_one_report(folder: Path, tmp_path: Path, capsys: Capture):
    pet = Phantom(shape=SMALL.shape, series=f"{SERIES}.5")
    pet.write(folder / "pet", as_pet)

    seg = pet.segmentation(uid=f"{SERIES}.905")
    save(seg, folder / "pet-seg.dcm")
    status, said = run(capsys, folder, "--out", tmp_path / "out")
    assert status == 0, said
    assert sorted(entry["dicom_modality"] for entry in said["segmentations"]) == ["CT", "PT"]
    (report,) = said["reports"]
    assert report["lesions"] == 2
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_series_that_is_refused_is_told_with_its_reason(folder: Path, tmp_path: Path, capsys: Capture):
    other = Phantom(shape=SMALL.shape, series=f"{SERIES}.5")
    other.write(folder / "other", without=(2,))
    save(other.segmentation(uid=f"{SERIES}.905"), folder / "other-seg.dcm")
    status, said = run(capsys, folder, "--out", tmp_path / "out")
    assert status == 1
    assert len(said["segmentations"]) == 1
    assert [codes(entry) for entry in said["refused"]] == [["MISSING_SLICE"]]


def test_without_a_segmentation_there_is_nothing_to_write(tmp_path: Path, capsys: Capture):
    SMALL.write(tmp_path / "in")
    status, said = run(capsys, tmp_path / "in", "--out", tmp_path / "out")
    assert status == 1
    assert codes(said) == ["SEGMENTATION_MISSING"]
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "http://", "https://user:word@host/x", "https://host/x?a=b", "nonsense"]
)
def test_a_url_that_is_none_is_refused_in_words(url: str, folder: Path, tmp_path: Path, capsys: Capture):
    status = cli.run(["imaging", "export", str(folder), "--out", str(tmp_path / "out"), "--stow", url, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert status != 0
    assert said["error"]["code"] == "INVALID_INPUT"
    assert "word" not in json.dumps(said).replace("words", "")


def test_a_server_that_does_not_answer_is_told_and_the_files_stay(folder: Path, tmp_path: Path, capsys: Capture):
    stow = ["--stow", "http://127.0.0.1:9/dicom-web", "--json"]
    status = cli.run(["imaging", "export", str(folder), "--out", str(tmp_path / "out"), *stow])
    assert status != 0
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_an_output_folder_that_cannot_be_made_is_told(folder: Path, tmp_path: Path, capsys: Capture):
    (tmp_path / "file").write_text("")
    status = cli.run(["imaging", "export", str(folder), "--out", str(tmp_path / "file" / "out"), "--json"])
    assert status != 0
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "INVALID_INPUT"


def test_the_text_names_no_patient(tmp_path: Path, capsys: Capture):
    def secret(k: int, d: Dataset) -> None:
        d.PatientName, d.PatientID = "Secret^Name", "SECRET-ID"

    path = SMALL.write(tmp_path / "in", secret)
    seg = SMALL.segmentation()
    secret(0, seg)
    save(seg, path / "seg.dcm")
    assert cli.run(["imaging", "export", str(path), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "ecret" not in (said.out + said.err).replace("Secret-file", "")
    assert "SECRET" not in said.out + said.err
    assert "2 files written" in said.out
    assert all("SECRET" not in path.name for path in (tmp_path / "out").iterdir())


def test_an_organ_is_not_written_as_a_lesion(folder: Path, tmp_path: Path, capsys: Capture):
    seg = pydicom.dcmread(folder / "seg.dcm")
    (segment,) = seg.SegmentSequence
    category, organ = segment.SegmentedPropertyCategoryCodeSequence[0], segment.SegmentedPropertyTypeCodeSequence[0]
    category.CodeValue, category.CodingSchemeDesignator, category.CodeMeaning = (
        "123037004",
        "SCT",
        "Anatomical Structure",
    )
    organ.CodeValue, organ.CodingSchemeDesignator, organ.CodeMeaning = "10200004", "SCT", "Liver"
    save(seg, folder / "seg.dcm")
    status, said = run(capsys, folder, "--out", tmp_path / "out")
    assert status == 1
    assert said["segmentations"] == said["reports"] == []
    assert "NOT_A_LESION" in codes(said["refused"][0])


def test_what_was_exported_into_the_same_folder_makes_the_lesion_ambiguous_and_not_double(
    folder: Path, tmp_path: Path, capsys: Capture
):
    run(capsys, folder, "--out", folder)
    status, said = run(capsys, folder, "--out", tmp_path / "out")
    assert status == 1
    assert said["segmentations"] == []
    assert "AMBIGUOUS_SEGMENTATION" in codes(said["refused"][0])
