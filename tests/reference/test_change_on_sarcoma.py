"""Real volumes, moved and re-gridded by a known transform, and their contours followed; other patients are refused.

PET, CT and T1 MR of sarcoma patients (TCIA 10.7937/K9/TCIA.2015.7GO2GSKS) from ../shared/data.
"""

from __future__ import annotations

import tarfile
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import Region, Volume, read_study, regions_of
from tumorcast_imaging.model.change import course, drawn, overview, register
from tumorcast_imaging.model.lesions.lesion import measure_lesion

DATA = Path(__file__).parents[3] / "shared" / "data"
SARCOMA = {file.name.split(".")[0]: file for file in DATA.glob("sarcoma_pet_ct_mr/*.tar.xz")}
PATIENTS = ("STS_005", "STS_016", "STS_027")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SARCOMA, reason="../shared/data is not here")]

DEGREES, SHIFT_MM, COARSER = 7.0, np.array([30.0, -12.0, 20.0]), np.array([1.4, 1.25, 1.25])


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("sarcoma")
    for name in PATIENTS:
        with tarfile.open(SARCOMA[name]) as archive:
            archive.extractall(base / name, filter="data")
    return {name: base / name for name in PATIENTS}


@cache
def pairs_of(folder: Path) -> tuple[tuple[Volume, Region], ...]:
    return tuple((volume, one.regions[0]) for volume, one in regions_of(read_study(folder)) if one.regions)


def motion_of(volume: Volume) -> NDArray[np.float64]:
    """Turned about the middle of the volume and shifted, as a matrix on mm LPS."""
    middle = (volume.affine_lps @ (*(np.array(volume.array.shape) - 1) / 2, 1))[:3]
    c, s = np.cos(np.radians(DEGREES)), np.sin(np.radians(DEGREES))
    matrix = np.eye(4)
    matrix[:2, :2] = [[c, -s], [s, c]]
    matrix[:3, 3] = middle + SHIFT_MM - matrix[:3, :3] @ middle
    return matrix


def moved(volume: Volume, mask: NDArray[np.bool_]) -> tuple[Volume, NDArray[np.bool_]]:
    """The volume and its mask as if the patient had moved, on a coarser grid, with noise of 3 %, months later."""
    shape = np.floor(np.array(volume.array.shape) / COARSER).astype(int)
    affine = volume.affine_lps.copy()
    affine[:3, :3] *= COARSER
    affine[:3, 3] += SHIFT_MM
    to_old = np.linalg.inv(motion_of(volume) @ volume.affine_lps) @ affine
    values = ndimage.affine_transform(
        volume.array, to_old[:3, :3], to_old[:3, 3], tuple(shape), order=1, cval=float(volume.array.min())
    )
    noise = np.random.default_rng(5).normal(0, 0.03 * float(volume.array.std()), shape)
    inside = ndimage.affine_transform(mask.astype(np.float32), to_old[:3, :3], to_old[:3, 3], tuple(shape), order=1)
    spacing = np.array(volume.spacing_mm) * COARSER
    later = replace(
        volume,
        array=(values + noise).astype(np.float32),
        affine_lps=affine,
        spacing_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        date="2031-01-01",
        study_instance_uid=f"{volume.study_instance_uid}.9",
        series_instance_uid=f"{volume.series_instance_uid}.9",
        frame_of_reference_uid="",
    )
    return later, inside >= 0.5


@pytest.mark.parametrize("name", PATIENTS)
def test_registration_errs_by_less_than_a_voxel_on_pet_ct_and_mr(name: str, unpacked: dict[str, Path]) -> None:
    errors = {}
    for volume, region in pairs_of(unpacked[name]):
        earlier = overview(volume)
        found = register(earlier, overview(moved(volume, region.mask)[0]))
        assert not found.failed
        points = earlier.points(np.argwhere(earlier.body)[::200].astype(float))
        motion = motion_of(volume)
        truth = points @ motion[:3, :3].T + motion[:3, 3]
        errors[volume.dicom_modality] = float(np.linalg.norm(found.forward(points) - truth, axis=1).mean())
    assert errors.keys() == {"CT", "PT", "MR"}
    print(name, {kind: round(error, 2) for kind, error in sorted(errors.items())}, "mm")  # noqa: T201 - with -s
    assert max(errors.values()) < 1.0, errors  # voxels are of 1 to 5 mm


def test_the_contour_of_a_real_tumor_is_matched_and_hardly_changes(unpacked: dict[str, Path]) -> None:
    studies = []
    for volume, region in pairs_of(unpacked[PATIENTS[0]]):
        later, mask = moved(volume, region.mask)
        again = replace(region, mask=mask, source_uid=f"{region.source_uid}.9")
        studies.append(drawn(volume, [measure_lesion(volume, region, radiomics=False)]))
        studies.append(drawn(later, [measure_lesion(later, again, radiomics=False)]))
    found = course(studies)
    assert sorted(lesion.dicom_modality for lesion in found.lesions) == ["CT", "MR", "PT"]
    for lesion in found.lesions:
        assert [sighting and sighting.status for sighting in lesion.sightings] == ["FIRST", "MATCHED"]
        assert lesion.measured[1].from_baseline["volume_ml"].percent == pytest.approx(0, abs=6)
        assert lesion.measured[1].from_baseline["longest_diameter_mm"].percent == pytest.approx(0, abs=8)
    assert [response.overall for response in found.responses] == ["SD"]


def test_no_two_patients_are_taken_for_one(unpacked: dict[str, Path]) -> None:
    by_kind: dict[str, list[Volume]] = {}
    for name in PATIENTS:
        for volume, _ in pairs_of(unpacked[name]):
            by_kind.setdefault(volume.dicom_modality, []).append(volume)
    for kind, volumes in by_kind.items():
        for one, other in combinations(map(overview, volumes), 2):
            assert register(one, other).failed, kind
