"""Pictures of real patients: PET, CT and MR cut at one place, the outline around the uptake; any plane of any scan.

Sarcoma (TCIA 10.7937/K9/TCIA.2015.7GO2GSKS), liver CT (TCIA, Colorectal-Liver-Metastases) and sagittal breast DCE-MRI
(TCIA, Breast-MRI-NACT-Pilot), from ../shared/data.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tumorcast_imaging.dicom import read_study
from tumorcast_imaging.model.pictures import View, draw_plane, window_for
from tumorcast_platform import cli

DATA = Path(__file__).parents[3] / "shared" / "data"
SARCOMA = sorted(DATA.glob("sarcoma_pet_ct_mr/*.tar.xz"))
LIVER, BREAST = (sorted(DATA.glob(f"{name}/*.tar.xz")) for name in ("dicom_ct_liver", "dicom_breast_dce"))
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SARCOMA, reason="../shared/data is not here")]


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    status = cli.run(["imaging", *map(str, arguments), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert status == 0, found
    return found


@pytest.mark.parametrize("archive", SARCOMA[::13], ids=lambda path: path.name.split(".")[0])
@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_pet_ct_and_mr_are_cut_at_one_place(
    archive: Path, plane: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(capsys, "picture", unpacked(archive, tmp_path / "in"), "--plane", plane, "--out", tmp_path / "a.png")
    assert [panel["dicom_modality"] for panel in found["panels"]] == ["CT", "MR", "PT"]
    assert len({tuple(panel["through_lps_mm"]) for panel in found["panels"]}) == 1
    assert all(panel["regions"] for panel in found["panels"])
    sheet = np.asarray(Image.open(tmp_path / "a.png"))
    third = sheet.shape[1] // 3
    for k in range(3):
        assert (sheet[:, k * third : (k + 1) * third] == (86, 180, 233)).all(axis=-1).sum() > 100


def test_the_spine_is_posterior_and_the_liver_on_the_right_of_the_patient(tmp_path: Path) -> None:
    (volume,) = read_study(unpacked(LIVER[0], tmp_path)).volumes
    picture = draw_plane(volume, "axial", View(window=window_for(volume, "bone"), pixels=300))
    shown = np.asarray(picture.image)[picture.top :, picture.left :][: picture.raster.rows, : picture.raster.columns, 0]
    bone = np.nonzero(shown > 150)
    body = np.nonzero(shown > 40)
    assert bone[0].mean() > body[0].mean()  # most bone of this layer is spine, below the middle of the body
    liver = (volume.array > 90) & (volume.array < 140)
    columns = np.nonzero(liver[len(liver) // 2])[1]
    x = volume.affine_lps[0, 3] + volume.affine_lps[0, 2] * columns
    assert x.mean() < 0  # enhanced parenchyma lies on the patient's right, left of the picture's middle


def test_a_sagittal_breast_is_shown_in_every_plane(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = unpacked(BREAST[0], tmp_path / "in")
    for plane in ("axial", "coronal", "sagittal", "acquired"):
        found = run(capsys, "picture", folder, "--plane", plane, "--out", tmp_path / "a.png")
        assert all(panel["regions"] for panel in found["panels"])
        assert (np.asarray(Image.open(tmp_path / "a.png")) == (86, 180, 233)).all(axis=-1).sum() > 100
