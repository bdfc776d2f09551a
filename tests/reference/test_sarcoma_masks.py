"""Contours of 40 sarcoma patients on PET, CT and MR, and a breast SEG: read whole, and with the volume that was drawn.

RTSTRUCT of TCIA 10.7937/K9/TCIA.2015.7GO2GSKS (120 series), SEG of TCIA Breast-MRI-NACT-Pilot, from ../shared/data.
The voxels of a mask can differ from the contours that they were taken from only where a contour runs through a voxel:
by at most half a voxel along the whole surface if all erred to one side. Some gain what others lose, so a tenth of that
band is asked for (over 120 series the largest share of it was 4.3 %, between two series of a patient 2.8 %).
"""

from __future__ import annotations

import tarfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tumorcast_imaging.dicom import Region, StudyVolumes, Volume, read_study, regions_of, transfer

DATA = Path(__file__).parents[3] / "shared" / "data"
SARCOMA = sorted(DATA.glob("sarcoma_pet_ct_mr/*.tar.xz"))
BREAST = sorted(DATA.glob("dicom_breast_dce/*.tar.xz"))
OF_BAND = 0.1
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SARCOMA, reason="../shared/data is not here")]


def unpacked(archive: Path, folder: Path) -> StudyVolumes:
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    return read_study(folder)


@pytest.fixture(params=SARCOMA, ids=lambda archive: archive.name.split(".")[0])
def patient(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, StudyVolumes]:
    """One patient's folder and its three series."""
    return tmp_path, unpacked(request.param, tmp_path)


def half_voxel_band_ml(volume: Volume, mask: np.ndarray) -> float:
    """Surface of the mask times half the distance between voxels across it: each face counts half its voxel."""
    padded = np.pad(mask, 1)
    faces = sum(int(np.count_nonzero(np.diff(padded, axis=axis))) for axis in range(3))
    return faces * float(np.prod(volume.spacing_mm)) / 2 / 1000


def voxel_ml(volume: Volume, mask: np.ndarray) -> float:
    return np.count_nonzero(mask) * float(np.prod(volume.spacing_mm)) / 1000


def drawn_in(folder: Path, uid: str) -> list[np.ndarray]:
    """The contours of the structure set of that UID, as pydicom alone reads them."""
    files = (pydicom.dcmread(path) for path in folder.rglob("RS.dcm"))
    (structure_set,) = [d for d in files if uid == d.SOPInstanceUID]
    (roi,) = structure_set.ROIContourSequence
    return [np.array(c.ContourData, float).reshape(-1, 3) for c in roi.ContourSequence]


def test_the_three_contours_of_a_patient_are_read_whole_and_agree(patient: tuple[Path, StudyVolumes]) -> None:
    _, study = patient
    pairs = regions_of(study)
    assert sorted(volume.dicom_modality for volume, _ in pairs) == ["CT", "MR", "PT"]
    measured: list[tuple[float, float]] = []
    for volume, found in pairs:
        assert not found.issues, [issue.code for issue in found.issues]
        (region,) = found.regions
        assert region.kind == "roi"
        band = half_voxel_band_ml(volume, region.mask)
        counted = voxel_ml(volume, region.mask)
        assert abs(counted - region.volume_ml) < OF_BAND * band
        assert abs(counted / region.volume_ml - 1) < 0.025
        measured.append((counted, band))
    exact = [found.regions[0].volume_ml for _, found in pairs]
    assert max(exact) / min(exact) < 1.005  # one contour, drawn on MR and carried to the others by registration
    for (one, its_band), (other, other_band) in combinations(measured, 2):
        assert abs(one - other) < OF_BAND * (its_band + other_band)


def test_every_pixel_is_in_or_out_as_matplotlib_has_it(patient: tuple[Path, StudyVolumes]) -> None:
    """matplotlib's test for points in a path, contour by contour, combined by exclusive or."""
    paths = pytest.importorskip("matplotlib.path")
    folder, study = patient
    for volume, found in regions_of(study):
        (region,) = found.regions
        to_index = np.linalg.inv(volume.affine_lps)
        expected, near = np.zeros((2, *region.mask.shape), bool)
        for points in drawn_in(folder, region.source_uid):
            index = points @ to_index[:3, :3].T + to_index[:3, 3]
            outline = paths.Path(np.vstack([index[:, 1:], index[:1, 1:]]), closed=True)
            low, high = np.floor(index[:, 1:].min(axis=0)).astype(int), np.ceil(index[:, 1:].max(axis=0)).astype(int)
            part = (round(float(index[:, 0].mean())), slice(low[0], high[0] + 1), slice(low[1], high[1] + 1))
            grid = np.indices(expected[part].shape)
            centers = grid.reshape(2, -1).T + low
            expected[part] ^= outline.contains_points(centers).reshape(grid.shape[1:])
            narrow, wide = (outline.contains_points(centers, radius=r).reshape(grid.shape[1:]) for r in (-1e-3, 1e-3))
            near[part] |= narrow != wide
        assert not (expected != region.mask)[~near].any()
        assert np.count_nonzero(expected != region.mask) < 0.002 * np.count_nonzero(region.mask)


def test_a_region_carried_from_mr_to_pet_is_the_one_that_was_drawn_there(patient: tuple[Path, StudyVolumes]) -> None:
    _, study = patient
    drawn = {volume.dicom_modality: (volume, found.regions[0]) for volume, found in regions_of(study)}
    mr, region = drawn["MR"]
    pet, own = drawn["PT"]
    carried = transfer(region, mr, pet)
    assert isinstance(carried, Region)
    shared = 2 * np.count_nonzero(carried.mask & own.mask)
    assert shared / (np.count_nonzero(carried.mask) + np.count_nonzero(own.mask)) > 0.9


@pytest.mark.skipif(not BREAST, reason="../shared/data is not here")
def test_the_fractional_breast_segmentation_lies_on_both_maps(tmp_path: Path) -> None:
    """42 frames of 60 slices, by their own positions, as pydicom reads them."""
    study = unpacked(BREAST[0], tmp_path)
    pairs = regions_of(study)
    assert len(pairs) == 2
    (path,) = [file.path for file in study.segmentations]
    seg = pydicom.dcmread(path)
    for volume, found in pairs:
        assert [issue.code for issue in found.issues] == ["SEGMENTATION_SERIES_UNSTATED"]
        (region,) = found.regions
        assert (region.label, region.mask.shape) == ("Breast", (60, 256, 256))
        assert np.count_nonzero(region.mask) == np.count_nonzero(seg.pixel_array >= 128)
        places = [
            float(f.PlanePositionSequence[0].ImagePositionPatient[0]) for f in seg.PerFrameFunctionalGroupsSequence
        ]
        for k in range(60):
            at = float((volume.affine_lps @ (k, 0, 0, 1))[0])
            frames = [frame for frame, x in zip(seg.pixel_array, places, strict=True) if abs(x - at) < 0.01]
            expected = frames[0] >= 128 if frames else np.zeros((256, 256), bool)
            assert np.array_equal(region.mask[k], expected)
