"""The crop is the same cube of space whatever the scanner's grid was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support.dicom_factory import AXIAL, OBLIQUE, SAGITTAL, Phantom
from tumorcast_imaging.dicom import read_study
from tumorcast_imaging.model import cut

WINDOW = (-160.0, 240.0)


def crop(phantom: Phantom, folder: Path, voxels: int = 32, spacing_mm: float = 2.5) -> np.ndarray:
    (volume,) = read_study(phantom.write(folder)).volumes
    return cut(volume, phantom.mask, voxels=voxels, spacing_mm=spacing_mm, window=WINDOW)


def in_space(phantom: Phantom, voxels: int, spacing_mm: float) -> np.ndarray:
    """Which crop voxels lie inside the ellipsoid, by its formula in LPS millimeters."""
    z, y, x = (np.indices((voxels,) * 3) - (voxels - 1) / 2) * spacing_mm
    axes = phantom.affine_lps[:3, :3] / np.array(phantom.spacing_mm)
    k, r, c = np.tensordot(axes.T, np.stack([x, y, z]), axes=1)
    a, b, d = phantom.semi_axes_mm
    return (k / a) ** 2 + (r / b) ** 2 + (c / d) ** 2 <= 1


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, OBLIQUE])
def test_the_lesion_lies_where_it_is_in_the_patient(tmp_path: Path, orientation):
    phantom = replace(Phantom(), orientation=orientation, shape=(30, 44, 50), spacing_mm=(2.0, 2.0, 2.0))
    image, mask = crop(phantom, tmp_path)
    truth = in_space(phantom, 32, 2.5)
    assert ((mask > 0.5) != truth).mean() < 0.01
    assert image[truth].mean() == pytest.approx((60 + 160) / 400, abs=0.03)
    assert image.dtype == mask.dtype == np.float32


def test_axes_grow_toward_superior_posterior_and_left(tmp_path: Path):
    phantom = Phantom(shape=(30, 40, 40), spacing_mm=(2.0, 2.0, 2.0))
    (volume,) = read_study(phantom.write(tmp_path)).volumes
    for axis, lps in ((0, 2), (1, 1), (2, 0)):
        ramp = np.tensordot(volume.affine_lps[lps, :3], np.indices(phantom.shape), axes=1) + volume.affine_lps[lps, 3]
        object.__setattr__(volume, "array", ramp.astype(np.float32))
        image = cut(volume, phantom.mask, voxels=16, spacing_mm=2.5, window=(-1000.0, 1000.0))[0]
        steps = np.diff(image, axis=axis) * 2000
        assert steps.mean() == pytest.approx(2.5, abs=0.01)


def test_scanner_grids_of_one_patient_give_nearly_one_crop(tmp_path: Path):
    coarse = Phantom(shape=(20, 32, 36), spacing_mm=(4.0, 2.5, 2.5), pixel_seed=3)
    fine = Phantom(shape=(40, 80, 90), spacing_mm=(2.0, 1.0, 1.0), pixel_seed=4)
    a, b = crop(coarse, tmp_path / "a")[0], crop(fine, tmp_path / "b")[0]
    inside = (slice(8, 24),) * 3
    assert np.abs(a[inside] - b[inside]).mean() < 0.04


def test_outside_the_volume_is_air(tmp_path: Path):
    image, mask = crop(Phantom(), tmp_path, voxels=64, spacing_mm=4.0)
    assert image[0].max() == image[:, 0].max() == mask[0].max() == 0
    assert 0 <= image.min() <= image.max() <= 1
