"""``tumorcast imaging segment`` and ``candidates``, run as a user runs them, on a known lesion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import yaml
from pydicom.dataset import Dataset
from pydicom.uid import PositronEmissionTomographyImageStorage

from support.clicks import dice
from support.dicom_factory import SERIES, Phantom
from tumorcast_imaging.dicom import read_segmentation, read_study
from tumorcast_imaging.model.clicking import SHIPPED
from tumorcast_platform import cli

Capture = pytest.CaptureFixture[str]
PHANTOM = Phantom(shape=(16, 40, 48))
CENTER = (PHANTOM.affine_lps @ [*PHANTOM.center, 1])[:3]
SEED = ",".join(f"{x:.1f}" for x in CENTER)


def as_pet(k: int, d: Dataset) -> None:
    stored = np.frombuffer(d.PixelData, "<u2")
    d.PixelData = np.where(stored > 1024, 850, 150).astype("<u2").tobytes()
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = PositronEmissionTomographyImageStorage
    d.Modality, d.Units, d.SUVType = "PT", "GML", "BW"
    d.CorrectedImage, d.DecayCorrection = ["ATTN", "DECY"], "START"
    d.RescaleSlope, d.RescaleIntercept = "0.01", "0"
    del d.RescaleType


def run(capsys: Capture, *arguments: str | Path) -> tuple[int, Any]:
    status = cli.run(["imaging", *map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


@pytest.fixture
def pet(tmp_path: Path) -> Path:
    return PHANTOM.write(tmp_path / "pet", as_pet)


def test_a_click_is_measured_and_says_how_sure_it_is(pet: Path, capsys: Capture) -> None:
    status, found = run(capsys, "segment", pet, f"--seed={SEED}", "--model", "threshold")
    truth_ml = PHANTOM.mask.sum() * np.prod(PHANTOM.spacing_mm) / 1000
    assert status == 0
    assert found["segmenter"] == "threshold-0.41"
    assert found["size"]["volume_ml"] == pytest.approx(truth_ml)
    assert found["uptake"]["suv_max"] == pytest.approx(8.5)
    assert found["measures"]["pet_suv_max"] == {"value": pytest.approx(8.5), "unit": "g/mL"}
    assert found["mean_probability"] == pytest.approx(1)


def test_the_shipped_network_answers_and_nothing_of_the_patient_is_shown(pet: Path, capsys: Capture) -> None:
    status = cli.run(["imaging", "segment", str(pet), f"--seed={SEED}"])
    text = capsys.readouterr().out
    assert status in (0, 1)
    assert "Drawn by click@" in text
    assert "PHANTOM" not in text


def test_the_mask_is_written_as_nifti_and_as_seg(pet: Path, tmp_path: Path, capsys: Capture) -> None:
    arguments = ("segment", pet, f"--seed={SEED}", "--model", "threshold", "--out")
    assert run(capsys, *arguments, tmp_path / "mask.nii.gz")[0] == 0
    assert np.asarray(nib.load(tmp_path / "mask.nii.gz").dataobj).sum() == PHANTOM.mask.sum()
    status, found = run(capsys, *arguments, tmp_path / "seg")
    assert status == 0
    volume = read_study(pet).volumes[0]
    region = read_segmentation(Path(found["path"]), volume).regions[0]
    assert dice(region.mask, PHANTOM.mask) == 1


def test_a_seg_file_says_that_a_network_drew_it_and_which_version(pet: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "deep" / "click.dcm"
    status, found = run(capsys, "segment", pet, f"--seed={SEED}", "--out", out)
    assert status == 0
    (segment,) = pydicom.dcmread(out).SegmentSequence
    (network,) = segment.SegmentationAlgorithmIdentificationSequence
    manifest = yaml.safe_load((SHIPPED / "manifest.yaml").read_text())
    assert segment.SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert segment.SegmentAlgorithmName == network.AlgorithmName == found["segmenter"]
    assert found["segmenter"].startswith(f"click@{manifest['weights_sha256'][:12]}")
    assert network.AlgorithmVersion == found["version"] == manifest["version"]
    assert [path.name for path in out.parent.iterdir()] == ["click.dcm"]


def test_a_point_outside_all_series_is_told_as_such(pet: Path, tmp_path: Path, capsys: Capture) -> None:
    def other(k: int, d: Dataset) -> None:
        d.SeriesInstanceUID, d.SOPInstanceUID = f"{SERIES}.7", f"{SERIES}.7.{k + 1}"

    PHANTOM.write(tmp_path / "one", as_pet)
    PHANTOM.write(tmp_path / "two", other)
    assert cli.run(["imaging", "segment", str(tmp_path), "--seed=900,0,0", "--model", "threshold"]) == 1
    assert "No series holds that point" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        ([f"--seed={SEED}", "--series", "1.2.3"], 1, "STUDY_NOT_FOUND"),
        ([f"--seed={SEED}", "--model", "nowhere"], 1, "UNKNOWN_MODEL"),
    ],
)
def test_what_is_not_there_is_said_by_its_code(
    pet: Path, capsys: Capture, arguments: list[str], status: int, code: str
) -> None:
    assert cli.run(["imaging", "segment", str(pet), *arguments, "--json"]) != 0
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code


def test_a_point_beside_the_series_gives_no_lesion_and_says_why(pet: Path, capsys: Capture) -> None:
    status, found = run(capsys, "segment", pet, "--seed=900,0,0", "--model", "threshold")
    assert status == 1
    assert [p["code"] for p in found["problems"]] == ["SEED_OUTSIDE_VOLUME"]


def test_a_point_in_two_series_asks_which_one_is_meant(tmp_path: Path, capsys: Capture) -> None:
    def other(k: int, d: Dataset) -> None:
        d.SeriesInstanceUID, d.SOPInstanceUID = f"{SERIES}.7", f"{SERIES}.7.{k + 1}"

    PHANTOM.write(tmp_path / "one", as_pet)
    PHANTOM.write(tmp_path / "two", other)
    assert cli.run(["imaging", "segment", str(tmp_path), f"--seed={SEED}", "--model", "threshold", "--json"]) != 0
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "INVALID_INPUT"
    status, found = run(capsys, "segment", tmp_path, f"--seed={SEED}", "--series", SERIES, "--model", "threshold")
    assert (status, found["dicom_modality"]) == (0, "PT")


@pytest.mark.parametrize("seed", ["1,2", "nan,0,0", "1e400,0,0"])
def test_a_seed_that_is_no_point_is_a_usage_error(pet: Path, seed: str) -> None:
    assert cli.run(["imaging", "segment", str(pet), f"--seed={seed}"]) == 2


def test_the_lesion_is_the_first_candidate_and_organs_are_said_not_to_be_told(pet: Path, capsys: Capture) -> None:
    status, found = run(capsys, "candidates", pet)
    (series,) = found["series"]
    low, high = np.array(series["candidates"][0]["box_lps_mm"])
    assert status == 0
    assert not series["normal_uptake_told"]
    assert np.allclose((low + high) / 2, CENTER, atol=4)
    assert cli.run(["imaging", "candidates", str(pet)]) == 0
    assert "not told" in " ".join(capsys.readouterr().out.split())


def test_a_folder_without_pet_has_no_candidates(tmp_path: Path, capsys: Capture) -> None:
    status, found = run(capsys, "candidates", PHANTOM.write(tmp_path / "ct"))
    assert (status, found["series"]) == (1, [])
