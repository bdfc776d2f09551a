"""``tumorcast imaging measure``, run as a user runs it, on CT, PET and enhancement maps of known lesions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage, PositronEmissionTomographyImageStorage

from support.dicom_factory import SERIES, Phantom
from tumorcast_platform import cli

Capture = pytest.CaptureFixture[str]
PATIENT = "PHANTOM-1"


def run(capsys: Capture, *arguments: str | Path) -> tuple[int, Any]:
    status = cli.run(["imaging", "measure", *map(str, arguments), "--no-radiomics", "--json"])
    said = capsys.readouterr()
    assert not said.err
    return status, json.loads(said.out)


def said(capsys: Capture, *arguments: str | Path) -> tuple[int, str]:
    status = cli.run(["imaging", "measure", *map(str, arguments)])
    return status, capsys.readouterr().out


def codes(series: list[Any]) -> list[str]:
    return [problem["code"] for entry in series for problem in entry["problems"]]


def as_pet(k: int, d: Dataset) -> None:
    """SUV 8.5 in the lesion (60 HU before), 1.5 around it, as the sarcoma series state it."""
    stored = np.frombuffer(d.PixelData, "<u2")
    d.PixelData = np.where(stored > 1024, 850, 150).astype("<u2").tobytes()
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = PositronEmissionTomographyImageStorage
    d.Modality, d.Units, d.SUVType = "PT", "GML", "BW"
    d.CorrectedImage, d.DecayCorrection = ["ATTN", "DECY"], "START"
    d.RescaleSlope, d.RescaleIntercept = "0.01", "0"
    del d.RescaleType


def as_map(series: str, kind: str, inside: int, slope: str) -> Any:
    def edit(k: int, d: Dataset) -> None:
        stored = np.frombuffer(d.PixelData, "<u2")
        d.PixelData = np.where(stored > 1024, inside, 0).astype("<u2").tobytes()
        d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = MRImageStorage
        d.Modality, d.ImageType = "MR", ["DERIVED", "PRIMARY", "DCE", kind]
        d.SeriesInstanceUID, d.SOPInstanceUID = series, f"{series}.{k + 1}"
        d.RescaleSlope, d.RescaleIntercept = slope, "0"
        del d.RescaleType

    return edit


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    Phantom().write(tmp_path / "ct")
    Phantom().write_segmentation(tmp_path / "ct")
    return tmp_path / "ct"


def test_a_ct_lesion_has_its_size_in_the_document(ct: Path, capsys: Capture) -> None:
    status, found = run(capsys, ct)
    (lesion,) = found["lesions"]
    assert status == 0
    assert (lesion["label"], lesion["kind"], lesion["number"]) == ("Tumor 1", "segment", 1)
    assert lesion["series_instance_uid"] == SERIES
    assert lesion["size"]["longest_diameter_mm"] == pytest.approx(36, abs=2.6)
    assert lesion["size"]["short_axis_mm"] == pytest.approx(28, abs=2.6)
    assert lesion["size"]["volume_ml"] == pytest.approx(12.67, rel=0.05)
    assert lesion["size"]["source_volume_ml"] == pytest.approx(lesion["size"]["volume_ml"])
    assert lesion["measures"]["ct_tumor_volume"] == {"value": lesion["size"]["volume_ml"], "unit": "mL"}
    assert lesion["uptake"] is None
    assert found["series"] == [
        {
            "series_instance_uid": SERIES,
            "dicom_modality": "CT",
            "read": True,
            "accepted": True,
            "lesions": 1,
            "problems": [],
        }
    ]
    assert found["functional_volumes"] == found["problems"] == []


def test_the_table_has_a_row_per_lesion_and_no_column_for_what_is_not_there(ct: Path, capsys: Capture) -> None:
    status, page = said(capsys, ct)
    heading, units, row, *_ = page.splitlines()
    assert status == 0
    assert heading.split() == ["Lesion", "Series", "Longest", "×", "short", "3-D", "Volume"]
    assert units.split() == ["mm", "mm", "mL"]
    assert row.split()[:5] == ["Tumor", "1", "CT", "36.4", "×"]
    assert "SUV" not in page
    assert page.splitlines()[-1] == "1 of 1 lesion measured"


def test_a_pet_lesion_has_its_uptake(tmp_path: Path, capsys: Capture) -> None:
    Phantom().write(tmp_path, as_pet)
    Phantom().write_segmentation(tmp_path)
    status, found = run(capsys, tmp_path)
    (lesion,) = found["lesions"]
    assert status == 0
    assert lesion["uptake"]["suv_max"] == lesion["uptake"]["suv_mean"] == pytest.approx(8.5)
    assert lesion["uptake"]["suv_peak"] == pytest.approx(8.5)
    assert lesion["measures"]["pet_tlg"]["value"] == pytest.approx(8.5 * lesion["size"]["volume_ml"])
    assert lesion["measures"]["pet_tlg"]["unit"] == "g"
    _, page = said(capsys, tmp_path)
    assert page.splitlines()[0].split()[-4:] == ["SUVmax", "SUVpeak", "MTV", "TLG"]
    assert "8.50" in page


def test_a_segmentation_elsewhere_is_used_when_it_is_named(tmp_path: Path, capsys: Capture) -> None:
    Phantom().write(tmp_path / "images")
    path = Phantom().write_segmentation(tmp_path / "elsewhere")
    assert run(capsys, tmp_path / "images", "--seg", path)[0] == 0


def test_a_series_without_a_drawing_says_so_beside_one_that_has_one(ct: Path, capsys: Capture) -> None:
    Phantom(series=f"{SERIES}.5").write(ct / "other")
    status, found = run(capsys, ct)
    assert status == 0
    assert [entry["lesions"] for entry in found["series"]] == [1, 0]
    _, page = said(capsys, ct)
    assert "CT 2" in page
    assert "no lesion drawn" in page


def test_nothing_drawn_at_all_fails_with_the_reason(tmp_path: Path, capsys: Capture) -> None:
    Phantom().write(tmp_path)
    status, found = run(capsys, tmp_path)
    assert status == 1
    assert found["lesions"] == []
    assert [problem["code"] for problem in found["problems"]] == ["SEGMENTATION_MISSING"]
    status, page = said(capsys, tmp_path)
    assert status == 1
    assert page.splitlines()[-1] == "Nothing was measured"


def test_a_drawing_that_names_no_series_and_fits_none_is_explained(tmp_path: Path, capsys: Capture) -> None:
    def unnamed(seg: Dataset) -> None:
        del seg.ReferencedSeriesSequence
        seg.FrameOfReferenceUID = "1.2.3"

    Phantom().write(tmp_path)
    Phantom().write_segmentation(tmp_path, edit=unnamed)
    status, found = run(capsys, tmp_path)
    assert status == 1
    assert codes(found["series"]) == ["SEGMENTATION_FRAME_OF_REFERENCE_DIFFERS"]


def test_a_series_that_is_drawn_on_but_unsound_is_told(ct: Path, capsys: Capture) -> None:
    gap = Phantom(series=f"{SERIES}.77")
    gap.write(ct / "gap", without=(5,))
    gap.write_segmentation(ct / "gap", uid=f"{SERIES}.78")
    _, found = run(capsys, ct)
    assert [(entry["accepted"], entry["lesions"]) for entry in found["series"]] == [(True, 1), (False, 0)]
    assert "MISSING_SLICE" in codes(found["series"])
    assert "refused" in said(capsys, ct)[1]


def test_only_series_that_are_drawn_on_are_read(ct: Path, capsys: Capture) -> None:
    Phantom(series=f"{SERIES}.77").write(ct / "gap", without=(5,))
    _, found = run(capsys, ct)
    assert [(entry["read"], entry["problems"]) for entry in found["series"]] == [(True, []), (False, [])]


def test_a_stray_voxel_is_told_in_words(tmp_path: Path, capsys: Capture) -> None:
    mask: NDArray[np.bool_] = Phantom().mask.copy()
    mask[0, 0, 0] = True
    Phantom().write(tmp_path)
    Phantom().write_segmentation(tmp_path, mask=mask)
    status, page = said(capsys, tmp_path)
    assert status == 0
    assert "Tumor 1 (CT): The lesion is in several parts" in page


def test_the_patients_id_in_a_label_is_hidden(tmp_path: Path, capsys: Capture) -> None:
    def named(seg: Dataset) -> None:
        seg.SegmentSequence[0].SegmentLabel = f"{PATIENT} mass"

    Phantom().write(tmp_path)
    Phantom().write_segmentation(tmp_path, edit=named)
    _, found = run(capsys, tmp_path)
    assert found["lesions"][0]["label"] == "segment 1"
    assert PATIENT not in json.dumps(found) + said(capsys, tmp_path)[1]


def test_all_shows_every_measure(ct: Path, capsys: Capture) -> None:
    status, page = said(capsys, ct, "--all", "--no-radiomics")
    assert status == 0
    assert "ct_tumor_maximum_3d_diameter" in page


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """Enhancement of 150 % and SER 1.2 in the ellipsoid, with a volume of interest that names no series."""

    def unnamed(seg: Dataset) -> None:
        del seg.ReferencedSeriesSequence

    Phantom().write(tmp_path, as_map(f"{SERIES}.21", "PE1", 150, "1"))
    other = replace(Phantom(), series=f"{SERIES}.20")
    other.write(tmp_path, as_map(f"{SERIES}.20", "SER", 1200, "0.001"))
    Phantom().write_segmentation(tmp_path, mask=np.ones(Phantom().shape, bool), edit=unnamed)
    return tmp_path


def test_maps_of_enhancement_give_the_functional_volume(maps: Path, capsys: Capture) -> None:
    status, found = run(capsys, maps)
    (functional,) = found["functional_volumes"]
    voxels = np.count_nonzero(Phantom().mask)
    assert status == 0
    assert functional["voxels"] == voxels
    assert functional["measures"]["functional_tumor_volume"]["value"] == pytest.approx(voxels * 0.02)
    assert functional["measures"]["functional_washout_volume"]["value"] == pytest.approx(voxels * 0.02)
    assert functional["pe_series_uid"] == f"{SERIES}.21"
    assert "FTV" in said(capsys, maps)[1]


def test_the_maps_can_be_named_and_must_be_there(maps: Path, capsys: Capture) -> None:
    _, found = run(capsys, maps, "--pe", f"{SERIES}.21", "--ser", f"{SERIES}.20")
    assert len(found["functional_volumes"]) == 1
    _, found = run(capsys, maps, "--pe", f"{SERIES}.20", "--ser", f"{SERIES}.21")
    assert found["functional_volumes"] == []
    assert "INVALID_INPUT" in codes(found["series"])
    assert cli.run(["imaging", "measure", str(maps), "--pe", "1.2"]) == 2
    assert "--pe and --ser" in capsys.readouterr().err
    assert cli.run(["imaging", "measure", str(maps), "--pe", "1.2", "--ser", f"{SERIES}.20"]) == 1
    assert "not in the folder" in capsys.readouterr().err


def test_a_breast_is_no_lesion(ct: Path, capsys: Capture) -> None:
    def breast(seg: Dataset) -> None:
        item = seg.SegmentSequence[0]
        for sequence, code in (
            (item.SegmentedPropertyCategoryCodeSequence, "85756007"),
            (item.SegmentedPropertyTypeCodeSequence, "76752008"),
        ):
            sequence[0].CodeValue = code

    Phantom().write_segmentation(ct, edit=breast)
    status, found = run(capsys, ct)
    assert status == 1
    assert found["lesions"] == []
    assert codes(found["series"]) == ["NOT_A_LESION"]
