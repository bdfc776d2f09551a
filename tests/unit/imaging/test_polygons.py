"""What closed contours enclose: pixels by the even-odd rule, area exactly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorcast_imaging.dicom.masks.polygon import area, edges, inside

SQUARE = [(0, 0), (0, 4), (4, 4), (4, 0)]
KEYHOLE = [
    *[(0, 0), (0, 10), (10, 10), (10, 0), (5, 0), (5, 3), (7, 3), (7, 7), (3, 7), (3, 3), (5, 3), (5, 0)],
]
"""A square of 10 with a hole of 4 that a slit leads to."""
BOW_TIE = [(0, 0), (4, 4), (4, 0), (0, 4)]
coordinate = st.floats(-3, 33, width=32)
polygon = st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=12)
eighths = st.integers(-8, 264).map(lambda n: n / 8)
polygon_on_eighths = st.lists(st.tuples(eighths, eighths), min_size=3, max_size=12)


def arrays(*contours):
    return [np.array(contour, float) for contour in contours]


def mask_of(*contours, size: int = 30):
    return inside(edges(arrays(*contours)), range(size), range(size))


def area_of(*contours) -> float:
    return area(edges(arrays(*contours), turned=True))[0]


def crosses(*contours) -> bool:
    return area(edges(arrays(*contours), turned=True))[1]


def exactly_inside(contours, row: int, column: int) -> bool:
    """The rule in rational numbers: crossings of the row at or left of the center, upper ends in, lower ends out."""
    odd = False
    for contour in contours:
        for (r0, c0), (r1, c1) in zip(contour, [*contour[1:], contour[0]], strict=True):
            if r0 > r1:
                (r0, c0), (r1, c1) = (r1, c1), (r0, c0)
            if r0 <= row < r1:
                at = Fraction(c0) + (row - Fraction(r0)) * (Fraction(c1) - Fraction(c0)) / (Fraction(r1) - Fraction(r0))
                odd ^= at <= column
    return odd


@pytest.mark.parametrize(
    ("contours", "expected_area", "pixels"),
    [
        ([SQUARE], 16, 16),
        ([list(reversed(SQUARE))], 16, 16),
        ([SQUARE, [(1, 1), (1, 3), (3, 3), (3, 1)]], 12, 12),
        ([SQUARE, [(8, 8), (8, 11), (11, 11), (11, 8)]], 25, 25),
        ([KEYHOLE], 84, 84),
        ([BOW_TIE], 8, None),
        ([SQUARE, [(2, 2), (2, 6), (6, 6), (6, 2)]], 24, 24),
        ([[(0.5, 0.5), (0.5, 4.5), (4.5, 4.5), (4.5, 0.5)]], 16, 16),
        ([[(0, 0), (0, 0.9), (0.9, 0)]], 0.405, 1),
        ([[(2, 1), (2, 9), (2, 5)]], 0, 0),
    ],
)
def test_area_and_pixels_are_as_counted_by_hand(contours, expected_area, pixels):
    assert area_of(*contours) == pytest.approx(expected_area, abs=1e-9)
    if pixels is not None:
        assert mask_of(*contours).sum() == pixels


def test_upper_and_left_edges_are_in_and_lower_and_right_edges_are_out():
    mask = mask_of([(2, 3), (2, 6), (5, 6), (5, 3)])
    assert np.argwhere(mask).min(axis=0).tolist() == [2, 3]
    assert np.argwhere(mask).max(axis=0).tolist() == [4, 5]


def test_two_regions_that_share_an_edge_share_no_pixel_and_lose_none():
    left, right = [(0, 0), (0, 7), (20, 13), (20, 0)], [(0, 7), (0, 20), (20, 20), (20, 13)]
    assert not (mask_of(left) & mask_of(right)).any()
    assert (mask_of(left) | mask_of(right)).sum() == 400


@pytest.mark.parametrize(
    ("contours", "expected"),
    [
        ([SQUARE], False),
        ([KEYHOLE], False),
        ([SQUARE, [(1, 1), (1, 3), (3, 3), (3, 1)]], False),
        ([SQUARE, [(4, 0), (4, 4), (8, 4), (8, 0)]], False),
        ([BOW_TIE], True),
        ([SQUARE, [(2, 2), (2, 6), (6, 6), (6, 2)]], True),
    ],
)
def test_outlines_that_cross_are_known(contours, expected):
    assert crosses(*contours) is expected


@settings(max_examples=25)
@given(st.lists(polygon_on_eighths, min_size=1, max_size=3))
def test_pixels_are_those_of_rational_arithmetic(contours):
    mask = mask_of(*contours, size=33)
    for row in range(0, 33, 2):
        for column in range(0, 33, 2):
            if not _near_an_edge(contours, row, column):
                assert mask[row, column] == exactly_inside(contours, row, column)


def _near_an_edge(contours, row: int, column: int) -> bool:
    """Within rounding of an outline, where float and rational arithmetic may differ unless the edge is upright."""
    for contour in contours:
        for (r0, c0), (r1, c1) in zip(contour, [*contour[1:], contour[0]], strict=True):
            if c0 != c1 and r0 != r1 and min(r0, r1) <= row <= max(r0, r1):
                at = c0 + (row - r0) * (c1 - c0) / (r1 - r0)
                if abs(at - column) < 1e-5:
                    return True
    return False


@given(st.lists(polygon, min_size=1, max_size=3))
def test_counted_on_ever_finer_pixels_the_area_is_the_exact_one(contours):
    exact = area_of(*contours)
    perimeter = sum(
        float(np.linalg.norm(np.subtract(a, b)))
        for contour in contours
        for a, b in zip(contour, [*contour[1:], contour[0]], strict=True)
    )
    for finer in (4, 16):
        shifted = [(np.array(contour, float) + 4) * finer for contour in contours]
        counted = inside(edges(shifted), range(40 * finer), range(40 * finer)).sum() / finer**2
        assert abs(counted - exact) <= (perimeter + 1) / finer  # an edge can tip a band of one pixel's width


@given(polygon, st.integers(-5, 5), st.integers(-5, 5))
def test_a_shift_by_whole_pixels_shifts_the_mask(contour, down, along):
    grain = np.round(np.array(contour, float), 3)
    before = inside(edges([grain]), range(-10, 50), range(-10, 50))
    after = inside(
        edges([grain + np.array([down, along])]), range(-10 + down, 50 + down), range(-10 + along, 50 + along)
    )
    assert np.count_nonzero(before != after) <= 1  # a center that rounding puts on an outline


@given(polygon)
def test_area_depends_on_neither_start_nor_direction(contour):
    exact = area_of(contour)
    assert area_of(contour[::-1]) == pytest.approx(exact, abs=1e-6)
    assert area_of([*contour[2:], *contour[:2]]) == pytest.approx(exact, abs=1e-6)


def test_a_circle_with_a_hole_has_the_area_of_the_ring():
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    circle = np.column_stack([np.sin(angle), np.cos(angle)])
    ring = [100 + 80 * circle, 100 + 30 * circle]
    polygon_share = np.sin(2 * np.pi / 720) / (2 * np.pi / 720)
    assert area_of(*ring) == pytest.approx(np.pi * (80**2 - 30**2) * polygon_share, rel=1e-9)
    assert inside(edges(ring), range(200), range(200)).sum() == pytest.approx(np.pi * (80**2 - 30**2), rel=2e-3)
