"""Real RTSTRUCT contours → SEG and SR, checked by readers that share no code with the writer.

Sarcoma patients with PET, CT and T1 MR (TCIA 10.7937/K9/TCIA.2015.7GO2GSKS), from ../shared/data.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from tumorcast_platform import cli

DATA = Path(__file__).parents[3] / "shared" / "data"
SARCOMA = sorted(DATA.glob("sarcoma_pet_ct_mr/*.tar.xz"))[:3]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SARCOMA, reason="../shared/data is not here")]


@pytest.fixture(scope="module", params=SARCOMA, ids=lambda archive: archive.name.split(".")[0])
def patient(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("patient")
    with tarfile.open(request.param) as archive:
        archive.extractall(folder / "in", filter="data")
    return folder


def export(patient: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert cli.run(["imaging", "export", str(patient / "in"), "--out", str(patient / "out"), "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert said["refused"] == said["problems"] == []
    return said


def images_of(patient: Path, series: str) -> dict[str, pydicom.Dataset]:
    found = (pydicom.dcmread(path) for path in patient.glob("in/**/image/*.dcm"))
    return {str(d.SOPInstanceUID): d for d in found if d.SeriesInstanceUID == series}


def inside(seg: Any, images: dict[str, pydicom.Dataset]) -> NDArray[np.float64]:
    """Values of the source images where the segmentation marks a voxel, each frame over the image that it names."""
    pixels = seg.get_pixels_by_source_instance(list(images), assert_missing_frames_are_empty=True)[..., 0] > 0
    values = [
        d.pixel_array * float(d.get("RescaleSlope", 1)) + float(d.get("RescaleIntercept", 0)) for d in images.values()
    ]
    return np.concatenate([value[mask] for value, mask in zip(values, pixels, strict=True)])


def test_segmentations_and_measures_of_three_modalities_agree_with_the_images(
    patient: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = export(patient, capsys)
    assert sorted(entry["dicom_modality"] for entry in said["segmentations"]) == ["CT", "MR", "PT"]
    (report,) = said["reports"]
    content = hd.sr.srread(patient / "out" / report["path"]).content
    groups = content.get_volumetric_roi_measurement_groups()
    assert len(groups) == 3
    for entry in said["segmentations"]:
        seg = hd.seg.segread(patient / "out" / entry["path"])
        images = images_of(patient, entry["series_instance_uid"])
        values = inside(seg, images)
        (segment,) = seg.SegmentSequence
        (group,) = [group for group in groups if group.tracking_uid == segment.TrackingUID]
        assert group.tracking_identifier == segment.TrackingID == segment.SegmentLabel
        first = next(iter(images.values()))
        voxel_ml = float(np.prod(first.PixelSpacing)) * spacing(images) / 1000
        measures = {
            (m.name.value, m.derivation.value if m.derivation else ""): m.value for m in group.get_measurements()
        }
        assert measures["118565006", ""] == pytest.approx(values.size * voxel_ml, rel=1e-4)
        if entry["dicom_modality"] == "PT":
            assert measures["126401", "56851009"] == pytest.approx(values.max(), rel=1e-6)


def spacing(images: dict[str, pydicom.Dataset]) -> float:
    """Distance between slices in mm, from their positions alone."""
    row, column = np.array(next(iter(images.values())).ImageOrientationPatient, float).reshape(2, 3)
    along = sorted(float(np.cross(row, column) @ np.array(d.ImagePositionPatient, float)) for d in images.values())
    return float(np.median(np.diff(along)))


def test_exporting_again_writes_nothing_new(patient: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(patient, capsys)
    said = export(patient, capsys)
    assert not any(entry["new"] for entry in (*said["segmentations"], *said["reports"]))


def test_what_was_exported_can_be_exported_again_from_the_segmentation(
    patient: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SEG in, SEG out: the same voxels and tracking UID."""
    first = export(patient, capsys)["segmentations"][0]
    folder, out = str(patient / "in"), str(patient / "again")
    seg = str(patient / "out" / first["path"])
    assert cli.run(["imaging", "export", folder, "--seg", seg, "--out", out, "--json"]) == 0
    (second,) = json.loads(capsys.readouterr().out)["segmentations"]
    one, other = (pydicom.dcmread(Path(path)) for path in (seg, Path(out) / second["path"]))
    assert one.PixelData == other.PixelData
    assert one.SegmentSequence[0].TrackingUID == other.SegmentSequence[0].TrackingUID
