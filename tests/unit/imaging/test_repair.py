"""Tilted and uneven stacks are resampled when asked; linear interpolation of a linear field is exact."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from support.dicom_factory import AXIAL, OBLIQUE, Phantom
from tumorcast_imaging.dicom import Limits, Volume, read_study
from tumorcast_imaging.dicom.pixels import AIR_HU

SLOPES = np.array([3.0, -2.0, 4.0])
"""HU per mm toward left, posterior and superior."""


def field(points: np.ndarray) -> np.ndarray:
    return points @ SLOPES + 100


def paint(d: Dataset) -> None:
    """Give every pixel the field's value at its place, to a hundredth of a HU."""
    row, column = np.array(d.ImageOrientationPatient, float).reshape(2, 3)
    r, c = np.mgrid[: d.Rows, : d.Columns]
    down, along = map(float, d.PixelSpacing)
    places = np.array(d.ImagePositionPatient, float) + r[..., None] * down * column + c[..., None] * along * row
    d.RescaleSlope, d.RescaleIntercept = 0.05, -1024
    d.PixelData = np.round((field(places) + 1024) / 0.05).astype("<u2").tobytes()


def shifted(normal: np.ndarray, along_mm: dict[int, float], sideways_mm: float):
    """Move slice k by ``along_mm[k]`` along the normal and k × ``sideways_mm`` down its columns."""

    def edit(k: int, d: Dataset) -> None:
        column = np.array(d.ImageOrientationPatient[3:], float)
        place = np.array(d.ImagePositionPatient, float) + along_mm.get(k, 0) * normal + k * sideways_mm * column
        d.ImagePositionPatient = [float(f"{p:.9g}") for p in place]
        paint(d)

    return edit


def one_volume(folder: Path, **options: object) -> Volume:
    study = read_study(folder, **options)
    (volume,) = study.volumes
    return volume


def error_inside(volume: Volume) -> float:
    """Largest error over voxels that were inside every slice."""
    index = np.indices(volume.array.shape).reshape(3, -1)
    truth = field((volume.affine_lps[:3, :3] @ index).T + volume.affine_lps[:3, 3]).reshape(volume.array.shape)
    inside = volume.array > AIR_HU + 500
    assert inside.mean() > 0.6
    for axis in (1, 2):  # at the rim a value is half air
        inside &= np.roll(inside, 1, axis) & np.roll(inside, -1, axis)
    return float(np.abs(volume.array - truth)[inside].max())


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE])
@pytest.mark.parametrize("sideways_mm", [1.0, -0.7])
def test_gantry_tilt_is_corrected_when_asked_and_said(tmp_path: Path, orientation, sideways_mm):
    phantom = Phantom(orientation=orientation, origin_mm=(-20, -10, 30))
    phantom.write(tmp_path, shifted(phantom.affine_lps[:3, 0] / 4, {}, sideways_mm))
    assert [p.code for p in read_study(tmp_path).problems] == ["GANTRY_TILT"]
    volume = one_volume(tmp_path, repair=True)
    assert [p.code for p in volume.problems] == ["TILT_CORRECTED"]
    assert volume.affine_lps[:3, 0] @ volume.affine_lps[:3, 1] == pytest.approx(0, abs=1e-6)
    assert volume.array.shape[1] == 40 + np.ceil(abs(sideways_mm) * 11 / 2.5)
    assert error_inside(volume) < 0.06


@pytest.mark.parametrize(("gaps", "slices"), [(dict.fromkeys(range(6, 12), 2.0), 12), ({11: 4.0}, 13)])
def test_uneven_gaps_are_evened_when_asked_and_said(tmp_path: Path, gaps, slices):
    phantom = Phantom(origin_mm=(-20, -10, 30))
    phantom.write(tmp_path, shifted(np.array([0, 0, 1.0]), gaps, 0))
    assert read_study(tmp_path).problems[0].code in ("IRREGULAR_SPACING", "MISSING_SLICE")
    volume = one_volume(tmp_path, repair=True)
    assert [p.code for p in volume.problems] == ["RESAMPLED"]
    assert volume.array.shape[0] == slices
    assert volume.spacing_mm[0] == pytest.approx(4.0)
    assert error_inside(volume) < 0.06


def test_a_tilted_stack_that_lacks_a_slice_is_straightened_and_filled_when_asked(tmp_path: Path):
    phantom = Phantom(origin_mm=(-20, -10, 30))
    phantom.write(tmp_path, shifted(np.array([0, 0, 1.0]), {}, 1.0), without=(5,))
    assert [p.code for p in read_study(tmp_path).problems] == ["MISSING_SLICE"]
    volume = one_volume(tmp_path, repair=True)
    assert [p.code for p in volume.problems] == ["RESAMPLED"]
    assert volume.array.shape[0] == 12
    assert volume.affine_lps[:3, 0] == pytest.approx((0, 0, 4), abs=1e-6)
    assert error_inside(volume) < 0.06


@pytest.mark.parametrize("off_mm", [2.0, -5.0])
def test_a_slice_off_within_its_plane_is_moved_back_when_asked(tmp_path: Path, off_mm):
    def off(k: int, d: Dataset) -> None:
        x, y, z = map(float, d.ImagePositionPatient)
        d.ImagePositionPatient = [x, y + (off_mm if k == 5 else 0), z]
        paint(d)

    phantom = Phantom(origin_mm=(-20, -10, 30))
    phantom.write(tmp_path, off)
    assert [p.code for p in read_study(tmp_path).problems] == ["IRREGULAR_SPACING"]
    volume = one_volume(tmp_path, repair=True)
    assert [p.code for p in volume.problems] == ["RESAMPLED"]
    assert volume.array.shape[0] == 12
    assert error_inside(volume) < 0.06


def test_a_gap_too_wide_is_not_filled(tmp_path: Path):
    phantom = Phantom(origin_mm=(-20, -10, 30))
    phantom.write(tmp_path, shifted(np.array([0, 0, 1.0]), dict.fromkeys(range(6, 12), 12.0), 0))
    assert [p.code for p in read_study(tmp_path, repair=True).problems] == ["MISSING_SLICE"]


def test_what_is_wrong_in_other_ways_is_not_repaired(tmp_path: Path):
    Phantom().write(tmp_path, lambda k, d: setattr(d, "PatientID", f"P{k // 6}"))
    assert [p.code for p in read_study(tmp_path, repair=True).problems] == ["MIXED_PATIENTS"]


def test_a_tilt_that_would_grow_beyond_the_limit_is_refused(tmp_path: Path):
    phantom = Phantom(origin_mm=(-20, -10, 30))
    phantom.write(tmp_path, shifted(np.array([0, 0, 1.0]), {}, 3.0))
    study = read_study(tmp_path, Limits(max_voxels=12 * 40 * 48), repair=True)
    assert [p.code for p in study.problems] == ["TOO_MANY_VOXELS"]


def test_a_sound_series_is_left_as_it_is(tmp_path: Path):
    phantom = Phantom()
    volume = one_volume(phantom.write(tmp_path), repair=True)
    assert not volume.problems
    assert np.array_equal(volume.array, phantom.array)
