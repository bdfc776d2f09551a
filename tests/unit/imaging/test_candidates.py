"""Hot places of a PET are found, boxed and ranked; normal uptake stands below where anatomy can be told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.clicks import ball
from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model.candidates import candidates, organs_told
from tumorcast_imaging.model.candidates.body import Body
from tumorcast_imaging.model.candidates.physiology import Finding, physiologic

BODY = Body((-180.0, -120.0, 0.0), (180.0, 120.0, 960.0), whole=True, with_head=True)


def test_a_hot_ball_is_the_first_candidate_with_its_box() -> None:
    volume, mask, center = ball("PT", index=(12.0, 20.0, 30.0), radius_mm=12)
    first, *others = candidates(volume)
    low, high = map(np.array, first.box_lps_mm)
    assert first.rank == 1
    assert first.suv_max == pytest.approx(8)
    assert first.contrast == pytest.approx(8)
    assert np.array_equal(first.region.mask, mask)
    assert np.allclose((low + high) / 2, center)
    assert np.allclose(high - low, 9 * 3.0)
    assert not others


def test_of_two_equal_balls_the_hotter_comes_first() -> None:
    volume, one, _ = ball("PT", index=(10.0, 12.0, 12.0), radius_mm=10)
    _, other, _ = ball("PT", index=(28.0, 30.0, 34.0), radius_mm=10)
    volume.array[other] = 15
    found = candidates(volume)
    assert [c.suv_max for c in found] == [15, 8]
    assert [c.region.mask[mask].all() for c, mask in zip(found, (other, one), strict=True)] == [True, True]


def test_a_cold_volume_has_no_candidate() -> None:
    volume, _, _ = ball("PT", radius_mm=0)
    volume.array[...] = 1
    assert candidates(volume) == ()


def test_a_ct_is_refused() -> None:
    volume, _, _ = ball("CT")
    with pytest.raises(InvalidInput):
        candidates(volume)


def test_a_cropped_scan_says_that_organs_are_not_told() -> None:
    assert not organs_told(ball("PT")[0])


@pytest.mark.parametrize(
    ("place", "size_mm", "volume_ml", "suv", "organ"),
    [
        ((0, 0, 880), 130, 900, 9, "brain"),
        ((45, -40, 590), 80, 120, 9, "heart"),
        ((-60, 50, 410), 100, 90, 12, "kidney"),
        ((0, -20, 200), 80, 150, 25, "bladder"),
        ((-75, -10, 470), 160, 1400, 2.8, "liver or spleen"),
        ((-85, 0, 630), 20, 4, 9, ""),
        ((0, 70, 500), 20, 4, 9, ""),
        ((0, 0, 880), 20, 4, 30, ""),
    ],
)
def test_normal_uptake_is_named_by_place_and_size(place, size_mm, volume_ml, suv, organ) -> None:
    at = np.array(place, float)
    finding = Finding(at, (tuple(at - size_mm / 2), tuple(at + size_mm / 2)), volume_ml, suv)
    assert physiologic(finding, BODY) == organ
    assert physiologic(finding, replace(BODY, with_head=False)) == ""
