"""Diameters and volume agree with ellipsoids whose size is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from support.dicom_factory import Phantom
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


@settings(max_examples=100, deadline=None)
@given(plane=hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))).filter(np.any))
def test_the_longest_diameter_is_that_of_all_edge_midpoints(plane):
    steps = [(0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5)]
    points = (np.argwhere(plane)[:, None] + np.array(steps)).reshape(-1, 2) * (0.9, 1.1)
    longest = np.linalg.norm(points[:, None] - points[None], axis=2).max()
    assert measure(plane[None], (3.0, 0.9, 1.1)).longest_diameter_mm == pytest.approx(longest)


def test_a_size_outside_the_catalogs_range_is_an_issue_not_a_feature():
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    made, issues = features(measure(mask, (0.5, 0.5, 0.5)), timepoint="baseline")
    assert not made
    assert {issue.code for issue in issues} == {"IMPLAUSIBLE_VALUE"}
