"""Functional tumor volume agrees with phantoms whose enhancement is known, and its parts sum to it."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tumorcast_core.errors import InvalidInput, UnsoundSegmentation, UnsoundSeries
from tumorcast_imaging.model.lesions.enhancement_maps import find_maps, map_features, maps_of, measure_maps
from tumorcast_imaging.model.lesions.functional_volume import (
    EnhancementMaps,
    Thresholds,
    features,
    functional_volume,
    maps_from_phases,
)

SPACING = (2.0, 0.7, 0.7)
VOXEL_ML = 2 * 0.7 * 0.7 / 1000
SHAPE = (10, 20, 20)
EVERYWHERE = np.ones(SHAPE, bool)


def block(k, rows, columns):
    mask = np.zeros(SHAPE, bool)
    mask[k, rows, columns] = True
    return mask


WASHOUT = block(slice(2, 6), slice(2, 8), slice(2, 8))
PLATEAU = block(slice(2, 6), slice(2, 8), slice(10, 16))
PERSISTENT = block(slice(2, 6), slice(10, 16), slice(2, 8))
SLOW = block(slice(2, 6), slice(10, 16), slice(10, 16))
"""Four blocks of 144 voxels; the last enhances by 50 % only."""


def phases():
    """Signal 100 before contrast in the breast and 10 in air; early and late signal by block."""
    before = np.full(SHAPE, 100.0)
    before[:, :, 18:] = 10.0
    early, late = before.copy(), before.copy()
    for where, s1, s2 in ((WASHOUT, 250, 200), (PLATEAU, 250, 250), (PERSISTENT, 200, 250), (SLOW, 150, 150)):
        early[where], late[where] = s1, s2
    early[:, :, 18:] = 40.0  # air "enhances" by 300 %
    late[:, :, 18:] = 40.0
    return before, early, late


def test_a_phantom_of_known_phases_has_its_known_volumes():
    maps = maps_from_phases(*phases(), EVERYWHERE)
    assert maps.enhancement_percent[WASHOUT] == pytest.approx(150)
    assert maps.ser[WASHOUT] == pytest.approx(1.5)
    assert maps.ser[PERSISTENT] == pytest.approx(100 / 150)
    found = functional_volume(maps, EVERYWHERE, SPACING)
    assert found.voxels == 3 * 144
    assert found.volume_ml == pytest.approx(3 * 144 * VOXEL_ML)
    assert found.washout_ml == found.plateau_ml == found.persistent_ml == pytest.approx(144 * VOXEL_ML)


@pytest.mark.parametrize(("percent", "blocks"), [(50.0, 4), (50.1, 3), (100.0, 3), (100.1, 2), (151.0, 0)])
def test_the_threshold_of_enhancement_is_itself_enough(percent, blocks):
    thresholds = Thresholds(enhancement_percent=percent)
    maps = maps_from_phases(*phases(), EVERYWHERE, thresholds)
    assert functional_volume(maps, EVERYWHERE, SPACING, thresholds).voxels == blocks * 144


def test_only_the_volume_of_interest_counts():
    maps = maps_from_phases(*phases(), EVERYWHERE)
    assert functional_volume(maps, WASHOUT | SLOW, SPACING).voxels == 144
    assert functional_volume(maps, np.zeros(SHAPE, bool), SPACING).volume_ml == 0


@pytest.mark.parametrize(
    ("late", "counts"),
    [(100, True), (99, False), (101, True), (10**6, True)],
    ids=["back at the start: complete washout", "below the start: SER < 0", "nearly back", "goes on for long"],
)
def test_what_washes_out_below_its_start_does_not_count(late, counts):
    before, early, end = phases()
    end[WASHOUT] = late
    found = functional_volume(maps_from_phases(before, early, end, WASHOUT), WASHOUT, SPACING)
    assert found.voxels == (144 if counts else 0)


def test_lone_voxels_are_background():
    before, early, late = (np.full(SHAPE, 100.0) for _ in range(3))
    early[5, 5, 5] = late[5, 5, 5] = 300
    assert functional_volume(maps_from_phases(before, early, late, EVERYWHERE), EVERYWHERE, SPACING).voxels == 0
    alone = Thresholds(neighbors=0)
    maps = maps_from_phases(before, early, late, EVERYWHERE, alone)
    assert functional_volume(maps, EVERYWHERE, SPACING, alone).voxels == 1


def test_zero_signal_before_contrast_divides_nothing():
    before, early, late = (np.zeros(SHAPE) for _ in range(3))
    early += 5
    maps = maps_from_phases(before, early, late, EVERYWHERE)
    assert not maps.enhancement_percent.any()
    assert not maps.ser.any()


@settings(max_examples=60, deadline=None)
@given(
    s0=hnp.arrays(np.int16, (3, 4, 5), elements=st.integers(0, 500)),
    s1=hnp.arrays(np.int16, (3, 4, 5), elements=st.integers(0, 900)),
    s2=hnp.arrays(np.int16, (3, 4, 5), elements=st.integers(0, 900)),
    interest=hnp.arrays(bool, (3, 4, 5)).filter(np.any),
)
def test_laws_hold_for_any_phases(s0, s1, s2, interest):
    found = functional_volume(maps_from_phases(s0, s1, s2, interest), interest, SPACING)
    assert 0 <= found.voxels <= interest.sum()
    assert found.persistent_ml + found.plateau_ml + found.washout_ml == pytest.approx(found.volume_ml)
    brighter = functional_volume(
        maps_from_phases(2 * s0.astype(int), 2 * s1.astype(int), 2 * s2.astype(int), interest), interest, SPACING
    )
    assert brighter == found
    stricter = Thresholds(enhancement_percent=120)
    assert functional_volume(maps_from_phases(s0, s1, s2, interest, stricter), interest, SPACING, stricter).voxels <= (
        found.voxels
    )


def test_shapes_that_differ_are_refused():
    maps = EnhancementMaps(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))
    with pytest.raises(UnsoundSegmentation):
        functional_volume(maps, np.ones((2, 3, 5), bool), SPACING)
    with pytest.raises(InvalidInput):
        maps_from_phases(np.ones((2, 3, 4)), np.ones((2, 3, 4)), np.ones((2, 3, 5)), np.ones((2, 3, 4), bool))
    with pytest.raises(UnsoundSegmentation):
        maps_from_phases(*[np.ones((2, 3, 4))] * 3, np.zeros((2, 3, 4), bool))


def volume(array, frame="1.2", shift_mm=0.0, uid="1.9"):
    affine = np.diag([2.0, 1.0, 1.0, 1.0])
    affine[0, 3] = shift_mm
    return SimpleNamespace(
        array=np.asarray(array, np.float32),
        affine_lps=affine,
        frame_of_reference_uid=frame,
        spacing_mm=(2.0, 1.0, 1.0),
        series_instance_uid=uid,
        date="2026-03-04",
    )


def test_maps_of_one_grid_are_taken_and_others_refused():
    percent, ratio = np.full((2, 3, 4), 150.0), np.ones((2, 3, 4))
    assert maps_of(volume(percent), volume(ratio)).enhancement_percent[0, 0, 0] == 150
    for enhancement, ser, word in (
        (volume(percent), volume(ratio, shift_mm=1.0), "voxels"),
        (volume(percent), volume(ratio[:1]), "voxels"),
        (volume(percent), volume(ratio, frame="1.3"), "voxels"),
        (volume(percent / 100), volume(ratio), "percent"),
    ):
        with pytest.raises(InvalidInput, match=word):
            maps_of(enhancement, ser)


def series(*image_type, uid="1.9"):
    return SimpleNamespace(headers=(SimpleNamespace(image_type=image_type),), series_instance_uid=uid)


def test_maps_are_found_only_where_the_headers_say_so():
    pe, ser = series("DERIVED", "PRIMARY", "DCE", "PE1"), series("DERIVED", "PRIMARY", "DCE", "SER")
    other = series("ORIGINAL", "PRIMARY")
    assert find_maps(SimpleNamespace(series=(other, ser, pe))) == (pe, ser)
    late = series("DERIVED", "PRIMARY", "DCE", "PE2")
    for found in ((pe,), (pe, late), (late, ser), (pe, pe, ser), (other,), ()):
        assert find_maps(SimpleNamespace(series=found)) is None


def drawn(on, *masks):
    regions = tuple(SimpleNamespace(mask=mask, source=f"1.7#segment={i + 1}") for i, mask in enumerate(masks))
    return on, SimpleNamespace(regions=regions)


def test_regions_of_any_series_on_the_same_voxels_count_once_each():
    percent, ratio = volume(np.full((2, 3, 4), 150.0), uid="1.1"), volume(np.ones((2, 3, 4)), uid="1.2")
    before = volume(np.ones((2, 3, 4)), uid="1.3")
    elsewhere = volume(np.ones((2, 3, 4)), uid="1.4", shift_mm=5.0)
    left, right = np.zeros((2, 3, 4), bool), np.zeros((2, 3, 4), bool)
    left[..., :2] = right[..., 1:3] = True
    pairs = [drawn(before, left, right), drawn(percent, left, right), drawn(elsewhere, ~left)]
    assert [found.voxels for _, found in measure_maps(percent, ratio, pairs)] == [12, 12]
    study = SimpleNamespace(
        series=(series("D", "P", "DCE", "PE1", uid="1.1"), series("D", "P", "DCE", "SER", uid="1.2"))
    )
    made, issues = map_features(study, [percent, ratio, before, elsewhere], pairs, timepoint="t0")
    assert not issues
    assert {f.name: f.value for f in made}["functional_tumor_volume"] == pytest.approx(18 * 0.002)
    assert {(f.sources, f.timepoint) for f in made} == {(("1.1", "1.2"), "t0")}
    assert map_features(study, [percent, ratio], []) == ((), ())
    assert map_features(SimpleNamespace(series=()), [], pairs) == ((), ())
    with pytest.raises(UnsoundSeries):
        map_features(study, [percent], pairs)


def test_the_features_are_those_of_the_catalog():
    found = functional_volume(maps_from_phases(*phases(), EVERYWHERE), EVERYWHERE, SPACING)
    made, issues = features(found, timepoint="t0")
    assert not issues
    assert {f.name: f.value for f in made}["functional_tumor_volume"] == pytest.approx(found.volume_ml)
    assert {f.timepoint for f in made} == {"t0"}
