"""Diameters and volume agree with ellipsoids whose size is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from scipy.spatial.distance import pdist

from support.dicom_factory import AXIAL, OBLIQUE, SAGITTAL, Phantom
from tumorcast_core.errors import UnsoundSegmentation
from tumorcast_imaging.model import measure
from tumorcast_imaging.model.lesions.size import features

FINE = (1.5, 0.8, 0.8)


@pytest.mark.parametrize("semi_axes_mm", [(20, 30, 25), (10, 10, 10), (15, 33, 21), (8, 12, 9)])
@pytest.mark.parametrize("spacing_mm", [FINE, (5, 0.7, 0.7), (4, 2.5, 2.5)])
def test_an_ellipsoid_has_its_analytic_size(semi_axes_mm, spacing_mm):
    shape = tuple(2 * int(a / s) + 7 for a, s in zip(semi_axes_mm, spacing_mm, strict=True))
    mask = replace(Phantom(), shape=shape, spacing_mm=spacing_mm, semi_axes_mm=semi_axes_mm).mask
    size = measure(mask, spacing_mm)
    voxel_mm = max(spacing_mm[1:])
    assert size.longest_diameter_mm == pytest.approx(2 * max(semi_axes_mm[1:]), abs=1.01 * voxel_mm)
    assert size.short_axis_mm == pytest.approx(2 * min(semi_axes_mm[1:]), abs=1.01 * voxel_mm)
    assert size.volume_ml == pytest.approx(4 / 3 * math.pi * math.prod(semi_axes_mm) / 1000, rel=0.1)


def test_one_voxel_has_its_own_size():
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    size = measure(mask, (4, 3, 2))
    assert (size.longest_diameter_mm, size.short_axis_mm, size.volume_ml) == pytest.approx((3, 2, 0.024))


def test_a_rotated_ellipse_keeps_its_diameters():
    y, x = np.indices((121, 121)) - 60
    for degrees in (0, 20, 45, 70):
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        mask = (((c * x + s * y) / 50) ** 2 + ((c * y - s * x) / 20) ** 2 <= 1)[None]
        size = measure(mask, (1, 1, 1))
        assert size.longest_diameter_mm == pytest.approx(100, abs=1)
        assert size.short_axis_mm == pytest.approx(40, abs=1)


def test_both_diameters_come_from_the_same_slice():
    mask = np.zeros((2, 30, 30), bool)
    mask[0, 10, 2:28] = True  # long and thin
    mask[1, 5:25, 5:25] = True  # short and thick
    size = measure(mask, (1, 1, 1))
    assert size.longest_diameter_mm == pytest.approx(np.hypot(20, 19))


@settings(max_examples=100, deadline=None)
@given(mask=hnp.arrays(bool, st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))).filter(np.any))
def test_laws_hold_for_any_mask(mask):
    size = measure(mask, (3.0, 0.9, 1.1))
    assert 0 < size.short_axis_mm <= size.longest_diameter_mm * (1 + 1e-9)
    assert size.longest_diameter_mm <= np.hypot(mask.shape[1] * 0.9, mask.shape[2] * 1.1)
    flipped = measure(mask[:, ::-1, ::-1], (3.0, 0.9, 1.1))
    assert flipped.longest_diameter_mm == pytest.approx(size.longest_diameter_mm)
    assert flipped.volume_ml == size.volume_ml


PLANES = hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))).filter(np.any)
MASKS = hnp.arrays(bool, st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 7))).filter(np.any)


def _midpoints(mask, spacing_mm):
    """All points halfway between a voxel and a neighbor along an axis, in mm."""
    steps = np.concatenate([np.eye(mask.ndim), -np.eye(mask.ndim)]) / 2
    return (np.argwhere(mask)[:, None] + steps).reshape(-1, mask.ndim) * spacing_mm


@settings(max_examples=100, deadline=None)
@given(plane=PLANES)
def test_the_longest_diameter_is_that_between_all_edge_midpoints_of_one_part(plane):
    labels, count = ndimage.label(plane, np.ones((3, 3)))
    longest = max(pdist(_midpoints(labels == part, (0.9, 1.1))).max() for part in range(1, count + 1))
    size = measure(plane[None], (3.0, 0.9, 1.1))
    assert size.longest_diameter_mm == pytest.approx(longest)
    assert size.parts == count


@settings(max_examples=100, deadline=None)
@given(mask=MASKS)
def test_the_3d_diameter_is_that_between_all_face_midpoints(mask):
    size = measure(mask, (3.0, 0.9, 1.1))
    assert size.maximum_3d_diameter_mm == pytest.approx(pdist(_midpoints(mask, (3.0, 0.9, 1.1))).max())
    assert size.maximum_3d_diameter_mm >= size.longest_diameter_mm * (1 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(mask=MASKS, shift=st.tuples(*[st.integers(0, 5)] * 3), times=st.floats(0.2, 5))
def test_turning_shifting_and_scaling_change_a_size_as_they_should(mask, shift, times):
    spacing_mm = (3.0, 0.9, 1.1)
    size = measure(mask, spacing_mm)
    turned = measure(np.rot90(mask, axes=(1, 2)), (3.0, 1.1, 0.9))
    shifted = measure(np.pad(mask, [(n, 1) for n in shift]), spacing_mm)
    scaled = measure(mask, tuple(times * s for s in spacing_mm))
    for other, factor in ((turned, 1), (shifted, 1), (scaled, times)):
        assert other.longest_diameter_mm == pytest.approx(factor * size.longest_diameter_mm)
        assert other.short_axis_mm == pytest.approx(factor * size.short_axis_mm)
        assert other.maximum_3d_diameter_mm == pytest.approx(factor * size.maximum_3d_diameter_mm)
        assert other.volume_ml == pytest.approx(factor**3 * size.volume_ml)
    assert shifted.slice_index == size.slice_index + shift[0]


@settings(max_examples=60, deadline=None)
@given(mask=MASKS)
def test_the_axes_end_on_the_outline_and_cross_at_right_angles(mask):
    affine = Phantom(orientation=OBLIQUE, spacing_mm=(3.0, 0.9, 1.1)).affine_lps
    size = measure(mask, affine)
    a, b = np.array(size.long_axis)
    c, d = np.array(size.short_axis)
    assert np.linalg.norm(b - a) == pytest.approx(size.longest_diameter_mm)
    assert np.linalg.norm(d - c) == pytest.approx(size.short_axis_mm)
    assert (b - a) @ (d - c) == pytest.approx(0, abs=1e-6)
    index = (np.linalg.inv(affine) @ np.column_stack([[a, b, c, d], np.ones(4)]).T)[:3]
    np.testing.assert_allclose(index[0], size.slice_index, atol=1e-6)
    for row, column in index[1:, :2].T:
        gaps = np.abs(np.argwhere(mask[size.slice_index]) - (row, column))
        assert np.isclose(np.sort(gaps, axis=1), [0, 0.5], atol=1e-6).all(axis=1).any()


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, OBLIQUE])
def test_a_size_does_not_depend_on_where_the_slices_point(orientation):
    phantom = Phantom(orientation=orientation)
    placed, plain = measure(phantom.mask, phantom.affine_lps), measure(phantom.mask, phantom.spacing_mm)
    for name in ("longest_diameter_mm", "short_axis_mm", "volume_ml", "maximum_3d_diameter_mm"):
        assert getattr(placed, name) == pytest.approx(getattr(plain, name))


def test_an_ellipsoid_has_its_analytic_3d_diameter():
    phantom = replace(Phantom(), shape=(61, 41, 41), spacing_mm=(1.5, 1.0, 1.0), semi_axes_mm=(40.0, 15.0, 12.0))
    size = measure(phantom.mask, phantom.spacing_mm)
    assert size.maximum_3d_diameter_mm == pytest.approx(80, abs=1.5)
    assert size.longest_diameter_mm == pytest.approx(30, abs=1)


def test_a_stray_voxel_far_away_lengthens_no_diameter_but_is_told():
    mask = np.zeros((3, 60, 60), bool)
    mask[0:2, 5:15, 5:15] = True
    alone = measure(mask, (2, 1, 1))
    mask[1, 55, 55] = True
    size = measure(mask, (2, 1, 1))
    assert (alone.parts, size.parts) == (1, 2)
    assert size.longest_diameter_mm == alone.longest_diameter_mm
    assert size.maximum_3d_diameter_mm > 60


def test_a_horseshoe_that_closes_in_another_slice_is_measured_across_both_arms():
    mask = np.zeros((2, 12, 30), bool)
    mask[0, 2:10, [3, 26]] = True
    mask[1, 6, 3:27] = True
    size = measure(mask, (1, 1, 1))
    assert size.parts == 1
    assert size.slice_index == 0
    assert size.longest_diameter_mm > 23


def test_an_empty_mask_is_refused():
    with pytest.raises(UnsoundSegmentation):
        measure(np.zeros((2, 3, 4), bool), (1, 1, 1))


def test_a_size_outside_the_catalogs_range_is_an_issue_not_a_feature():
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    made, issues = features(measure(mask, (0.5, 0.5, 0.5)), timepoint="baseline")
    assert not made
    assert {issue.code for issue in issues} == {"IMPLAUSIBLE_VALUE"}
