"""Real lesions: all 120 sarcoma series are measured, spot-checked by SimpleITK, and FTV is what UCSF's maps state.

40 sarcoma patients (PET, CT and T1 MR each, one RTSTRUCT a series; TCIA 10.7937/K9/TCIA.2015.7GO2GSKS) and breast
DCE-MRI maps (TCIA, Breast-MRI-NACT-Pilot), from ../shared/data.
"""

from __future__ import annotations

import json
import math
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 - its own name for itself
from numpy.typing import NDArray

from tumorcast_imaging.dicom import Region, Volume, read_study, regions_of
from tumorcast_imaging.model.lesions.functional_volume import EnhancementMaps, functional_volume
from tumorcast_imaging.model.lesions.lesion import measure_lesion
from tumorcast_platform import cli

DATA = Path(__file__).parents[3] / "shared" / "data"
SARCOMA = sorted(DATA.glob("sarcoma_pet_ct_mr/*.tar.xz"))
BREAST = DATA / "dicom_breast_dce" / "UCSF-BR-06.tar.xz"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SARCOMA, reason="../shared/data is not here")]

EXPLAINED = {
    "FRAME_OF_REFERENCE_MISSING": "the anonymizer took Frame of Reference UID away",
    "LESION_IN_PARTS": "the tumor is drawn in several parts",
    "PEAK_BESIDE_LESION": "hotter tissue lies beside the tumor",
}


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


@pytest.fixture(params=SARCOMA, ids=lambda archive: archive.name.split(".")[0])
def patient(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """One patient's archive, unpacked for one test."""
    return unpacked(request.param, tmp_path / "in")


def test_every_series_of_a_sarcoma_is_measured(patient: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["imaging", "measure", str(patient), "--json", "--no-radiomics"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sorted(lesion["dicom_modality"] for lesion in found["lesions"]) == ["CT", "MR", "PT"]
    assert sorted(entry["lesions"] for entry in found["series"]) == [1, 1, 1]
    entries = [*found["lesions"], *found["series"], {"problems": found["problems"]}]
    assert {p["code"] for entry in entries for p in entry["problems"]} <= EXPLAINED.keys()
    for lesion in found["lesions"]:
        check_size(lesion)
        if lesion["dicom_modality"] == "PT":
            check_uptake(lesion["uptake"], lesion["size"])


def check_size(lesion: dict[str, Any]) -> None:
    size = lesion["size"]
    assert lesion["label"].startswith("GTV_Mass")
    assert 20 < size["longest_diameter_mm"] < 400
    assert 0 < size["short_axis_mm"] <= size["longest_diameter_mm"] * (1 + 1e-9)
    assert size["maximum_3d_diameter_mm"] >= size["longest_diameter_mm"] * (1 - 1e-9)
    assert size["volume_ml"] == pytest.approx(size["source_volume_ml"], rel=0.05)
    around_ml = math.pi / 6 * (size["maximum_3d_diameter_mm"] / 10) ** 3  # no body of a diameter is larger (Bieberbach)
    assert size["volume_ml"] <= around_ml
    for axis, length in (("long_axis", "longest_diameter_mm"), ("short_axis", "short_axis_mm")):
        assert math.dist(*size[axis]) == pytest.approx(size[length], rel=1e-6)


def check_uptake(uptake: dict[str, Any], size: dict[str, Any]) -> None:
    assert 1 < uptake["suv_mean"] < uptake["suv_peak"] <= uptake["suv_max"] < 60
    assert uptake["mtv_ml"] == pytest.approx(size["volume_ml"])
    assert uptake["mtv_41_ml"] < uptake["mtv_ml"]
    assert uptake["tlg_g"] == pytest.approx(uptake["suv_mean"] * uptake["mtv_ml"])
    assert uptake["suv_mean"] < uptake["suv_mean_41"]


@pytest.fixture(scope="module", params=["STS_001", "STS_014", "STS_033"])
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Volumes and regions of one patient."""
    archive = next(path for path in SARCOMA if path.name.startswith(request.param))
    study = read_study(unpacked(archive, tmp_path_factory.mktemp(request.param)))
    return [(volume, region) for volume, found in regions_of(study) for region in found.regions]


def label_image(region: Region, volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(region.mask.astype(np.uint8))
    image.SetSpacing(volume.spacing_mm[::-1])
    return image


def test_simpleitk_finds_the_same_volume_and_diameters(drawn: list[tuple[Volume, Region]]) -> None:
    for volume, region in drawn:
        size = measure_lesion(volume, region, radiomics=False).size
        shape = sitk.LabelShapeStatisticsImageFilter()
        shape.ComputeFeretDiameterOn()  # between centers of voxels: half a voxel less at each end
        image = label_image(region, volume)
        shape.Execute(image)
        assert size.volume_ml == pytest.approx(shape.GetPhysicalSize(1) / 1000)
        gap = size.maximum_3d_diameter_mm - shape.GetFeretDiameter(1)
        assert 0 <= gap <= max(volume.spacing_mm) * 1.01
        if size.parts == 1:
            shape.Execute(image[:, :, size.slice_index])
            assert 0 <= size.longest_diameter_mm - shape.GetFeretDiameter(1) <= max(volume.spacing_mm[1:]) * 1.01


def test_simpleitk_finds_the_same_uptake(drawn: list[tuple[Volume, Region]]) -> None:
    volume, region = next((v, r) for v, r in drawn if v.dicom_modality == "PT")
    uptake = measure_lesion(volume, region, radiomics=False).uptake
    assert uptake is not None
    statistics = sitk.LabelStatisticsImageFilter()
    image = label_image(region, volume)
    values = sitk.GetImageFromArray(volume.array)
    values.CopyInformation(image)
    statistics.Execute(values, image)
    assert uptake.suv_max == pytest.approx(statistics.GetMaximum(1))
    assert uptake.suv_mean == pytest.approx(statistics.GetMean(1))
    assert uptake.suv_peak == pytest.approx(mean_in_a_ball(volume, uptake.suv_peak_at), rel=0.005)


def mean_in_a_ball(volume: Volume, center_lps: tuple[float, float, float]) -> float:
    """Mean over 1 cm³ of points a quarter of a millimeter apart, each with the value of its voxel."""
    steps = np.arange(-6.375, 6.5, 0.25)
    offsets = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    points = np.array(center_lps) + offsets[np.linalg.norm(offsets, axis=1) <= (3000 / (4 * math.pi)) ** (1 / 3)]
    homogeneous = np.column_stack([points, np.ones(len(points))])
    index = np.rint(np.linalg.inv(volume.affine_lps) @ homogeneous.T)[:3].astype(int)
    return float(volume.array[tuple(index)].mean())


@pytest.fixture(scope="module")
def breast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not BREAST.exists():
        pytest.skip("../shared/data/dicom_breast_dce is not here")
    return unpacked(BREAST, tmp_path_factory.mktemp("breast"))


def stated_volumes(folder: Path, kind: str) -> dict[str, tuple[int, float]]:
    """Voxels and mL that UCSF's own software wrote into the private attributes of a map, by name."""
    files = map(pydicom.dcmread, folder.rglob("*.dcm"))
    image = next(d for d in files if kind in d.get("ImageType", ()))
    items = image.private_block(0x0117, "UCSF BIRP PRIVATE CREATOR 011710xx")[0xB0].value
    return {
        item[0x0117, 0x10B5].value: (int(item[0x0117, 0x10B3].value), float(item[0x0117, 0x10B4].value))
        for item in items
    }


def test_the_functional_volume_is_to_the_voxel_what_ucsf_states(
    breast: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["imaging", "measure", str(breast), "--json", "--no-radiomics"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["functional_volumes"]
    voxels, volume_ml = stated_volumes(breast, "PE1")["FTVpe(PEearly>70%)"]
    assert (voxels, volume_ml) == (41105, pytest.approx(40.6434, abs=1e-4))
    assert found["voxels"] == voxels
    assert found["measures"]["functional_tumor_volume"]["value"] == pytest.approx(volume_ml, abs=1e-3)


def test_what_does_not_go_on_enhancing_is_what_ucsf_states(breast: Path) -> None:
    study = read_study(breast)
    ((pe, drawn), (ser, _)) = sorted(regions_of(study), key=lambda pair: -pair[0].array.max())
    maps = EnhancementMaps(pe.array.astype(float), ser.array.astype(float))
    found = functional_volume(maps, drawn.regions[0].mask, pe.spacing_mm)
    _, volume_ml = stated_volumes(breast, "SER")["FTVser(PEearly>70%, SER>0.9)"]
    assert found.plateau_ml + found.washout_ml == pytest.approx(volume_ml, rel=0.002)  # stored SER is in thousandths


def test_the_maps_are_in_percent_and_a_ratio_that_agree(breast: Path) -> None:
    pe, ser = sorted(read_study(breast).volumes, key=lambda volume: -volume.array.max())
    tissue: NDArray[np.bool_] = ser.array > 0
    assert pe.array[tissue].min() == 70
    assert ser.array.max() == pytest.approx(3.0)
    assert 0.5 < np.median(ser.array[tissue]) < 2
