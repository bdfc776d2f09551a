"""The crop is the same cube of space whatever the scanner's grid was."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from support.dicom_factory import AXIAL, OBLIQUE, SAGITTAL, Phantom
from tumorcast_imaging.dicom import read_study
from tumorcast_imaging.model import cut
from tumorcast_imaging.model.crop import _resample
from tumorcast_imaging.model.mask import bounding_box, centroid

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


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 20)] * 3),
    order=st.permutations(range(3)),
    scale=st.tuples(*[st.floats(0.2, 4)] * 3),
    flips=st.tuples(*[st.booleans()] * 3),
    shift=st.tuples(*[st.floats(-25, 25)] * 3),
    sigma=st.tuples(*[st.sampled_from([0.0, 0.7, 2.3])] * 3),
    outside=st.sampled_from([0.0, -1024.0]),
)
def test_axis_by_axis_gives_what_scipy_gives(shape, order, scale, flips, shift, sigma, outside):
    array = np.random.default_rng(3).normal(0, 300, shape).astype(np.float32)
    matrix = (np.eye(3) * np.where(flips, -1, 1) * scale)[list(order)]
    expected = ndimage.affine_transform(
        ndimage.gaussian_filter(array.astype(float), sigma, mode="nearest"),
        matrix,
        shift,
        output_shape=(9, 9, 9),
        order=1,
        mode="grid-constant",
        cval=outside,
    )
    found = _resample(array, matrix, np.array(shift), 9, np.array(sigma), outside)
    assert found.shape == (9, 9, 9)
    assert np.abs(found - expected).max() < 0.02  # HU


@pytest.mark.parametrize("place", [(0, 0, 0), (3, 1, 4), (6, 7, 8)])
def test_box_and_centroid_of_one_voxel_are_that_voxel(place):
    mask = np.zeros((7, 8, 9), bool)
    mask[place] = True
    assert np.argwhere(mask[bounding_box(mask)]).tolist() == [[0, 0, 0]]
    assert centroid(mask).tolist() == list(place)


@given(seed=st.integers(0, 10_000), share=st.floats(0.01, 0.9))
def test_the_centroid_is_the_mean_of_all_voxels(seed, share):
    mask = np.random.default_rng(seed).random((5, 6, 7)) < share
    mask[2, 3, 4] = True
    assert np.array_equal(centroid(mask), np.argwhere(mask).mean(axis=0))
    box = bounding_box(mask)
    assert mask[box].sum() == mask.sum()
    assert all(mask[box].any(axis=others)[[0, -1]].all() for others in ((1, 2), (0, 2), (0, 1)))


@pytest.mark.parametrize("threads", ["2", "4"])
def test_a_crop_does_not_depend_on_the_number_of_threads(tmp_path: Path, threads: str):
    Phantom(shape=(60, 200, 200), spacing_mm=(1.0, 0.8, 0.8), semi_axes_mm=(12, 18, 14)).write(tmp_path)
    code = """
import hashlib, sys
from pathlib import Path
from support.dicom_factory import Phantom
from tumorcast_imaging.dicom import read_study
from tumorcast_imaging.model import cut
phantom = Phantom(shape=(60, 200, 200), spacing_mm=(1.0, 0.8, 0.8), semi_axes_mm=(12, 18, 14))
(volume,) = read_study(Path(sys.argv[1])).volumes
crop = cut(volume, phantom.mask, voxels=48, spacing_mm=2.5, window=(-160, 240))
print(hashlib.sha256(crop.tobytes()).hexdigest())
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env=os.environ | {"OMP_NUM_THREADS": number, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for number in ("1", threads)
    }
    assert len(said) == 1
