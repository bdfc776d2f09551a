"""Uptake agrees with hot spheres of known SUV, and with laws that hold for any PET."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tumorcast_core.errors import InvalidInput, UnsoundSegmentation
from tumorcast_imaging.model.lesions.size import measure
from tumorcast_imaging.model.lesions.uptake import PEAK_RADIUS_MM, measure_uptake, sphere, sphere_means
from tumorcast_imaging.model.mask import bounding_box

PET_SPACINGS = [(3.27, 5.47, 5.47), (3.27, 3.91, 3.91), (4.7, 4.7, 4.7), (4.25, 4.07, 4.07), (2.0, 2.0, 2.0)]


def pet(array, spacing_mm=(4.0, 4.0, 4.0), origin_mm=(0.0, 0.0, 0.0), unit="SUVbw"):
    """A volume as far as uptake reads one, slices along z, rows along y, columns along x."""
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = spacing_mm
    affine[:, 3] = *origin_mm, 1
    return SimpleNamespace(array=np.asarray(array, np.float32), spacing_mm=spacing_mm, affine_lps=affine, unit=unit)


def ball(shape, spacing_mm, radius_mm):
    center = (np.array(shape) - 1) / 2
    distance = np.linalg.norm((np.indices(shape).T - center) * spacing_mm, axis=-1).T
    return distance <= radius_mm


@pytest.mark.parametrize("spacing_mm", PET_SPACINGS)
def test_a_uniform_hot_sphere_has_its_suv_everywhere(spacing_mm):
    shape = (31, 25, 25)
    mask = ball(shape, spacing_mm, 20)
    uptake = measure_uptake(pet(np.where(ball(shape, spacing_mm, 32), 8.0, 1.0), spacing_mm), mask)
    assert (uptake.suv_max, uptake.suv_mean, uptake.suv_peak) == pytest.approx((8, 8, 8))
    assert uptake.mtv_ml == uptake.mtv_41_ml == pytest.approx(4 / 3 * math.pi * 8, rel=0.08)
    assert uptake.tlg_g == uptake.tlg_41_g == pytest.approx(8 * uptake.mtv_ml)


@pytest.mark.parametrize("spacing_mm", PET_SPACINGS)
def test_the_peak_of_a_cone_of_uptake_is_its_mean_over_one_cubic_centimeter(spacing_mm):
    shape = (21, 21, 21)
    center = (np.array(shape) - 1) / 2
    distance = np.linalg.norm((np.indices(shape).T - center) * spacing_mm, axis=-1).T
    uptake = measure_uptake(pet(20 - 0.5 * distance, spacing_mm), ball(shape, spacing_mm, 25))
    exact = 20 - 0.5 * 0.75 * PEAK_RADIUS_MM  # the mean distance from the center of a ball is 3/4 of its radius
    assert uptake.suv_peak == pytest.approx(exact, abs=0.25)
    assert uptake.suv_peak_at == uptake.suv_max_at


@pytest.mark.parametrize("spacing_mm", [*PET_SPACINGS, (5.0, 1.0, 1.0), (1.0, 1.0, 1.0), (9.0, 9.0, 9.0)])
def test_the_sphere_has_one_cubic_centimeter_whatever_the_voxels(spacing_mm):
    assert sphere(spacing_mm).sum() * math.prod(spacing_mm) / 1000 == pytest.approx(1, rel=0.01)


def test_whole_voxels_by_their_centers_give_another_volume_at_pet_spacing():
    volumes = [sphere(s, whole_voxels=True).sum() * math.prod(s) / 1000 for s in PET_SPACINGS]
    assert min(volumes) < 0.75
    assert max(volumes) > 1.3


def test_hand_computed_uptake_of_four_voxels():
    array = np.zeros((3, 3, 4))
    array[1, 1] = [10, 5, 4, 1]
    mask = array > 0
    uptake = measure_uptake(pet(array, (10.0, 10.0, 10.0)), mask)
    assert (uptake.suv_max, uptake.suv_mean) == (10, 5)
    assert (uptake.mtv_ml, uptake.tlg_g) == pytest.approx((4, 20))
    assert (uptake.mtv_41_ml, uptake.suv_mean_41, uptake.tlg_41_g) == pytest.approx((2, 7.5, 15))  # 4.1 is the bound


def test_the_peak_need_not_lie_around_the_maximum():
    array = np.ones((15, 15, 30))
    array[7, 7, 5] = 12.0  # a lone hot voxel
    array[5:10, 5:10, 19:24] = 9.0
    mask = np.zeros_like(array, bool)
    mask[4:11, 4:11, 3:26] = True
    uptake = measure_uptake(pet(array, (3.0, 3.0, 3.0), origin_mm=(100.0, -50.0, 7.0)), mask)
    assert uptake.suv_max_at == pytest.approx((100 + 15, -50 + 21, 7 + 21))
    assert uptake.suv_peak_at == pytest.approx((100 + 63, -50 + 21, 7 + 21))
    assert uptake.suv_peak == pytest.approx(9.0)


def test_the_peak_sphere_takes_in_what_lies_beside_the_lesion():
    array = np.ones((9, 9, 9))
    array[:, :, 5:] = 50.0
    mask = np.zeros_like(array, bool)
    mask[4, 4, 4] = True
    uptake = measure_uptake(pet(array), mask)
    assert uptake.suv_max == 1
    assert 1 < uptake.suv_peak < 50


def test_a_lesion_in_the_corner_of_the_image_is_averaged_over_the_image_alone():
    mask = np.zeros((4, 4, 4), bool)
    mask[0, 0, 0] = True
    assert measure_uptake(pet(np.full(mask.shape, 3.0)), mask).suv_peak == pytest.approx(3)


def test_one_voxel_is_measured():
    uptake = measure_uptake(pet(np.full((1, 1, 1), 2.5), (4.7, 4.7, 4.7)), np.ones((1, 1, 1), bool))
    assert uptake.suv_max == uptake.suv_mean == uptake.suv_peak == pytest.approx(2.5)
    assert uptake.mtv_ml == pytest.approx(4.7**3 / 1000)


@pytest.mark.parametrize("unit", ["HU", "arbitrary", ""])
def test_uptake_is_refused_in_any_other_unit(unit):
    with pytest.raises(InvalidInput, match="SUV"):
        measure_uptake(pet(np.ones((3, 3, 3)), unit=unit), np.ones((3, 3, 3), bool))


def test_an_empty_mask_and_values_that_are_not_finite_are_refused():
    array = np.ones((3, 3, 3))
    with pytest.raises(UnsoundSegmentation):
        measure_uptake(pet(array), np.zeros(array.shape, bool))
    array[1, 1, 1] = np.nan
    with pytest.raises(InvalidInput, match="finite"):
        measure_uptake(pet(array), np.ones(array.shape, bool))


PHANTOM = [  # IBSI digital phantom (CC BY 4.0): slices × rows × columns of 2 mm
    ["14411", "14611", "41641", "44641"],
    ["14411", "11611", "11311", "44611"],
    ["14411", "11111", "11911", "11611"],
    ["14411", "11111", "11111", "11611"],
]
PHANTOM_OUTSIDE = [(1, 2, 0), (2, 0, 3), (2, 0, 4), (2, 2, 2), (3, 0, 3), (3, 0, 4)]


def test_the_ibsi_digital_phantom_has_its_reference_peaks_and_diameter():
    array = np.array([[list(map(int, row)) for row in plane] for plane in PHANTOM], np.float32)
    mask = np.ones(array.shape, bool)
    mask[tuple(np.transpose(PHANTOM_OUTSIDE))] = False
    means = sphere_means(array, bounding_box(mask), (2.0, 2.0, 2.0), whole_voxels=True)
    assert means[mask].max() == pytest.approx(3.1, abs=0.05)  # global intensity peak, 0F91
    assert means[mask & (array == array[mask].max())].max() == pytest.approx(2.6, abs=0.05)  # local one, VJGA
    assert measure(mask, (2.0, 2.0, 2.0)).maximum_3d_diameter_mm == pytest.approx(13.1, abs=0.05)  # L0JK
    assert measure(mask, (2.0, 2.0, 2.0)).volume_ml == pytest.approx(0.592)  # approximate volume, YEKZ


@settings(max_examples=60, deadline=None)
@given(
    array=hnp.arrays(np.float32, (5, 6, 7), elements=st.floats(0, 30, width=32)),
    mask=hnp.arrays(bool, (5, 6, 7)).filter(np.any),
    spacing_mm=st.sampled_from(PET_SPACINGS),
)
def test_laws_hold_for_any_uptake(array, mask, spacing_mm):
    uptake = measure_uptake(pet(array, spacing_mm), mask)
    assert uptake.suv_mean <= uptake.suv_mean_41 * (1 + 1e-6) <= uptake.suv_max * (1 + 1e-5)
    assert uptake.mtv_41_ml <= uptake.mtv_ml
    assert uptake.tlg_41_g <= uptake.tlg_g * (1 + 1e-6)
    assert uptake.suv_peak <= array.max() * (1 + 1e-6)
    everywhere = measure_uptake(pet(array, spacing_mm), np.ones_like(mask))
    assert everywhere.suv_peak <= everywhere.suv_max * (1 + 1e-6)
    assert uptake.suv_peak <= everywhere.suv_peak + 1e-6
    doubled = measure_uptake(pet(2 * array, spacing_mm), mask)
    assert (doubled.suv_max, doubled.suv_peak, doubled.tlg_g) == pytest.approx(
        (2 * uptake.suv_max, 2 * uptake.suv_peak, 2 * uptake.tlg_g), rel=1e-5
    )


@settings(max_examples=30, deadline=None)
@given(array=hnp.arrays(np.float32, (4, 5, 6), elements=st.floats(0, 30, width=32)))
def test_the_sphere_mean_is_the_weighted_mean_of_its_voxels(array):
    spacing_mm = (4.25, 4.07, 4.07)
    share = sphere(spacing_mm)
    reach = [n // 2 for n in share.shape]
    padded = np.pad(array.astype(float), [(r, r) for r in reach], constant_values=np.nan)
    box = bounding_box(np.ones(array.shape, bool))
    means = sphere_means(array, box, spacing_mm)
    for k, row, column in ((0, 0, 0), (2, 3, 4), (3, 4, 5)):
        around = padded[k : k + share.shape[0], row : row + share.shape[1], column : column + share.shape[2]]
        known = np.isfinite(around)
        assert means[k, row, column] == pytest.approx(np.average(around[known], weights=share[known]), abs=1e-5)
