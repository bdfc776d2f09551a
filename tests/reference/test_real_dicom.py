"""Real patients through inspect and convert: nothing unexplained; geometry and values as pydicom alone reads them.

40 sarcoma patients (PET, CT and T1 MR each; TCIA 10.7937/K9/TCIA.2015.7GO2GSKS), a liver CT (TCIA,
Colorectal-Liver-Metastases) and breast DCE-MRI maps (TCIA, Breast-MRI-NACT-Pilot), from ../shared/data.
"""

from __future__ import annotations

import json
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from tumorcast_platform import cli

DATA = Path(__file__).parents[3] / "shared" / "data"
SARCOMA = sorted(DATA.glob("sarcoma_pet_ct_mr/*.tar.xz"))
OTHERS = sorted([*DATA.glob("dicom_ct_liver/*.tar.xz"), *DATA.glob("dicom_breast_dce/*.tar.xz")])
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SARCOMA, reason="../shared/data is not here")]

EXPLAINED_PROBLEMS = {
    "FRAME_OF_REFERENCE_MISSING": "the anonymizer took Frame of Reference UID away",
    "PADDING_AS_AIR": "the liver CT is a circle in a square of padding",
}
EXPLAINED_FILES = {
    "NOT_AN_IMAGE": "TCIA's description lies beside the images",
    "NOT_DICOM": "a licence or a table lies beside the images",
}
UNITS = {"CT": "HU", "PT": "SUVbw", "MR": "arbitrary"}


@pytest.fixture(params=[*SARCOMA, *OTHERS], ids=lambda archive: archive.name.split(".")[0])
def patient(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """One patient's archive, unpacked for one test."""
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path / "in", filter="data")
    return tmp_path / "in"


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    status = cli.run(["imaging", *map(str, arguments), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert status == 0, found
    return found


def images_of(folder: Path) -> dict[str, list[pydicom.Dataset]]:
    """The image files by series, read by pydicom alone."""
    series = defaultdict(list)
    for path in filter(Path.is_file, folder.rglob("*")):
        dataset = pydicom.dcmread(path, force=True)
        if "PixelData" in dataset and dataset.Modality in UNITS:
            series[str(dataset.SeriesInstanceUID)].append(dataset)
    return series


def voxel_lps(d: pydicom.Dataset, row: int, column: int) -> NDArray[np.float64]:
    """Where a pixel lies (PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1)."""
    along_row, down_column = np.array(d.ImageOrientationPatient, float).reshape(2, 3)
    return (
        np.array(d.ImagePositionPatient, float)
        + along_row * float(d.PixelSpacing[1]) * column
        + down_column * float(d.PixelSpacing[0]) * row
    )


def test_every_series_passes_and_lies_where_its_files_say(
    patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = images_of(patient)
    inspected = run(capsys, "inspect", patient)
    converted = run(capsys, "convert", patient, tmp_path / "out")

    assert {entry["series_instance_uid"] for entry in inspected["series"]} == truth.keys()
    for entry in inspected["series"]:
        assert entry["accepted"], entry
        assert {p["code"] for p in entry["problems"]} <= EXPLAINED_PROBLEMS.keys(), entry["problems"]
    assert {file["code"] for file in inspected["ignored"]} <= EXPLAINED_FILES.keys(), inspected["ignored"]
    assert inspected["problems"] == converted["refused"] == []
    if any(patient.glob("STS_*")):
        assert Counter(entry["dicom_modality"] for entry in inspected["series"]) == {"PT": 1, "CT": 1, "MR": 1}

    files = {entry["series_instance_uid"]: tmp_path / "out" / entry["path"] for entry in converted["written"]}
    assert files.keys() == truth.keys()
    for entry in inspected["series"]:
        slices = truth[entry["series_instance_uid"]]
        check_values(entry, slices)
        check_geometry(entry, slices, nib.load(files[entry["series_instance_uid"]]))


def check_values(entry: dict[str, Any], slices: list[pydicom.Dataset]) -> None:
    kind = entry["dicom_modality"]
    assert entry["unit"] == UNITS[kind]
    rescaled = [rescale(d) for d in slices]
    assert entry["mean"] == pytest.approx(np.mean(rescaled), abs=1e-3 * max(1, abs(np.mean(rescaled))))
    assert entry["min"] == pytest.approx(np.min(rescaled), rel=1e-5, abs=1e-3)
    assert entry["max"] == pytest.approx(np.max(rescaled), rel=1e-5, abs=1e-3)
    if kind == "CT":
        air = np.mean(np.abs(np.array(rescaled) + 1000) < 60)  # little around a lesion deep in the lung
        assert air > 0.001, "air of about -1000 HU surrounds or fills the patient"
        assert entry["max"] < 4000
    if kind == "PT":
        assert entry["min"] >= 0
        assert 1 < entry["max"] < 60


def rescale(d: pydicom.Dataset) -> NDArray[np.float64]:
    """Values of a slice; pixels that a CT calls padding are air."""
    values = np.asarray(d.pixel_array * float(d.get("RescaleSlope", 1)) + float(d.get("RescaleIntercept", 0)))
    padding = d.get("PixelPaddingValue") if d.Modality == "CT" else None
    return values if padding is None else np.where(d.pixel_array == padding, -1024, values)


def check_geometry(entry: dict[str, Any], slices: list[pydicom.Dataset], image: Any) -> None:
    affine = np.array(entry["affine_lps"])
    voxels = np.asanyarray(image.dataobj)
    to_index = np.linalg.inv(image.affine)
    assert sorted(voxels.shape) == sorted(entry["shape"])
    assert entry["shape"] == [len(slices), slices[0].Rows, slices[0].Columns]
    seen = set()
    for d in slices:
        first = voxel_lps(d, 0, 0)
        k = (np.linalg.inv(affine) @ (*first, 1))[0]
        seen.add(round(k))
        for row, column in ((0, 0), (0, d.Columns - 1), (d.Rows - 1, 0), (d.Rows // 3, d.Columns // 4)):
            place = voxel_lps(d, row, column)
            np.testing.assert_allclose((affine @ (round(k), row, column, 1))[:3], place, atol=0.1)
            index = (to_index @ (-place[0], -place[1], place[2], 1))[:3]
            np.testing.assert_allclose(index, index.round(), atol=0.1)
            stored = voxels[tuple(index.round().astype(int))]
            assert stored == pytest.approx(rescale(d)[row, column], rel=1e-5, abs=1e-3)
    assert seen == set(range(len(slices)))
