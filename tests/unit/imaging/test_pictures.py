"""A picture shows what is there, where it is: places, grays, colors and letters are checked, not bytes."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial.transform import Rotation

from support.volumes import ORIENTATIONS, affine_of, places, volume_of
from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model.pictures import (
    PLANES,
    Axis,
    Field,
    RegionLayer,
    View,
    Window,
    at_slice,
    draw_plane,
    lay,
    layer_of,
    middle,
    palette,
    png,
    region_color,
    render_plane,
    side_by_side,
    through,
    window_for,
)
from tumorcast_imaging.model.pictures.canvas import round_length_mm
from tumorcast_imaging.model.pictures.raster import letters

LEFT, POSTERIOR, SUPERIOR = np.eye(3)
UNIT_WINDOW = Window(0.5, 1.0)


def dark(_x):
    return np.zeros(_x.shape[:-1])


def ball(center_mm, radius_mm):
    return lambda x: (np.linalg.norm(x - np.array(center_mm), axis=-1) <= radius_mm).astype(float)


def pixels(picture):
    """The picture's own part of the sheet, (rows, columns, 3)."""
    raster = picture.raster
    whole = np.asarray(picture.image)
    return whole[picture.top : picture.top + raster.rows, picture.left : picture.left + raster.columns].astype(int)


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
@pytest.mark.parametrize(
    ("plane", "marker", "side"),
    [
        ("axial", LEFT, "right"),
        ("axial", POSTERIOR, "bottom"),
        ("coronal", LEFT, "right"),
        ("coronal", SUPERIOR, "top"),
        ("sagittal", POSTERIOR, "right"),
        ("sagittal", SUPERIOR, "top"),
    ],
)
def test_a_marker_stands_where_radiologists_expect_it_however_it_was_scanned(orientation, plane, marker, side):
    volume = volume_of(ball(12 * marker, 4), orientation=orientation, spacing_mm=(1.5, 1.5, 1.5), shape=(31, 31, 31))
    shown = pixels(draw_plane(volume, plane, View(through_mm=np.zeros(3), window=UNIT_WINDOW, pixels=200)))
    rows, columns = np.nonzero((shown > 128).all(axis=-1) & (shown != palette.BEYOND).any(axis=-1))
    middle_row, middle_column = (np.array(shown.shape[:2]) - 1) / 2
    found = {"right": columns.mean() > middle_column + 20, "left": columns.mean() < middle_column - 20}
    found |= {"bottom": rows.mean() > middle_row + 20, "top": rows.mean() < middle_row - 20}
    assert {name for name, there in found.items() if there} == {side}


@pytest.mark.parametrize(
    ("plane", "around"), [("axial", "RLAP"), ("coronal", "RLSI"), ("sagittal", "APSI")], ids=["axial", "cor", "sag"]
)
@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_letters_of_anatomical_planes_do_not_depend_on_the_scanner(plane, around, orientation):
    raster = lay(volume_of(dark, orientation=orientation), plane, np.zeros(3))
    assert "".join(map(letters, (-raster.right, raster.right, -raster.down, raster.down))) == around


def test_letters_of_an_oblique_acquisition_name_the_strongest_direction_first():
    raster = lay(volume_of(dark, orientation=ORIENTATIONS["oblique"]), "acquired", np.zeros(3))
    assert [letters(raster.right), letters(raster.down)] == ["LP", "SPR"]
    assert [letters(-raster.right), letters(-raster.down)] == ["RA", "IAL"]


@settings(max_examples=40)
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing_mm=st.tuples(*[st.floats(0.7, 4)] * 3),
    slope=st.tuples(*[st.floats(-0.02, 0.02)] * 3),
    plane=st.sampled_from(PLANES),
    field_mm=st.sampled_from([0.0, 25.0]),
)
def test_every_pixel_has_the_value_of_its_place(angles, spacing_mm, slope, plane, field_mm):
    """A ramp in space is what linear interpolation reproduces, so each gray tells where its pixel lies."""
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    volume = volume_of(
        lambda x: x @ np.array(slope) + 0.5, orientation=(*turn[0], *turn[1]), spacing_mm=spacing_mm, shape=(9, 12, 14)
    )
    raster = lay(volume, plane, middle(volume), field_mm=field_mm, pixels=60)
    values = raster.sample(volume.array, volume.affine_lps)
    at = raster.points(*np.indices((raster.rows, raster.columns)).astype(float))
    index = (at - volume.affine_lps[:3, 3]) @ np.linalg.inv(volume.affine_lps[:3, :3]).T
    inside = ((index >= 0) & (index <= np.array(volume.array.shape) - 1)).all(axis=-1)
    assert inside.any()
    np.testing.assert_allclose(values[inside], (at @ np.array(slope) + 0.5)[inside], atol=1e-4)
    beyond = ((index < -0.51) | (index > np.array(volume.array.shape) - 0.49)).any(axis=-1)
    assert np.isnan(values[beyond]).all()
    row, column = raster.pixel(at[3, 5])
    assert (row, column) == pytest.approx((3, 5), abs=1e-6)


@pytest.mark.parametrize(
    ("window", "value", "gray"),
    [
        (Window(40, 400), -160, 0),
        (Window(40, 400), 40, 128),
        (Window(40, 400), 240, 255),
        (Window(40, 400), 3000, 255),
        (Window(-600, 1500), -975, 64),
        (Window(5, 10, inverted=True), 0, 255),
        (Window(5, 10, inverted=True), 2.5, 191),
        (Window(5, 10, inverted=True), 20, 0),
    ],
)
def test_a_window_maps_known_values_to_known_grays(window, value, gray):
    volume = volume_of(lambda x: np.full(x.shape[:-1], float(value)))
    shown = pixels(draw_plane(volume, "axial", View(window=window, pixels=60)))
    assert np.unique(shown).tolist() == [gray]


@pytest.mark.parametrize(
    ("unit", "wanted", "expected"),
    [
        ("HU", "", Window(40, 400)),
        ("SUVbw", "", Window(5, 10, inverted=True)),
        ("HU", "lung", Window(-600, 1500)),
        ("HU", "55,350", Window(55, 350)),
        ("arbitrary", "10,4", Window(10, 4)),
    ],
)
def test_the_usual_window_is_by_unit(unit, wanted, expected):
    assert window_for(volume_of(dark, unit=unit), wanted) == expected


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [("SUVbw", "lung"), ("HU", "suv"), ("HU", "x"), ("HU", "40,0"), ("HU", "nan,5"), ("HU", "1,2,3")],
)
def test_a_window_that_cannot_be_is_refused(unit, wanted):
    with pytest.raises(InvalidInput):
        window_for(volume_of(dark, unit=unit), wanted)


def test_percentiles_leave_the_masked_background_out():
    values = np.arange(1000.0)
    volume = volume_of(dark, unit="arbitrary", shape=(10, 10, 20))
    array = np.zeros(2000, np.float32)
    array[1000:] = values + 1
    window = window_for(replace(volume, array=array.reshape(10, 10, 20)))
    low, high = np.percentile(values + 1, (1, 99))
    assert (window.level - window.width / 2, window.level + window.width / 2) == pytest.approx((low, high))


def test_a_constant_volume_has_a_window():
    assert window_for(volume_of(dark, unit="arbitrary")) == Window(0, 1)


def box_layer(volume, **how):
    """A box of 20 × 15 × 10 mm (L, P, S) around the origin."""
    at = np.abs(places(volume.affine_lps, volume.array.shape))
    return RegionLayer(Field.of((at <= np.array([10, 7.5, 5])).all(axis=-1), volume.affine_lps), **how)


@pytest.mark.parametrize("number", [1, 2, 7])
def test_an_outline_has_the_regions_color_where_the_mask_ends_and_nothing_inside(number):
    volume = volume_of(dark, spacing_mm=(2, 1, 1), shape=(21, 41, 41))
    view = View(through_mm=np.zeros(3), regions=[box_layer(volume, number=number)], window=UNIT_WINDOW, pixels=400)
    picture = draw_plane(volume, "axial", view)
    edge = picture.image.getpixel(picture.pixel((10.45, 0, 0))[::-1])
    assert edge == region_color(number)
    assert picture.image.getpixel(picture.pixel((0, 0, 0))[::-1]) == (0, 0, 0)
    assert picture.image.getpixel(picture.pixel((14, 0, 0))[::-1]) == (0, 0, 0)


def test_a_filled_region_is_tinted_and_has_no_edge():
    volume = volume_of(dark, spacing_mm=(2, 1, 1), shape=(21, 41, 41))
    view = View(through_mm=np.zeros(3), regions=[box_layer(volume, style="fill")], window=UNIT_WINDOW, pixels=400)
    picture = draw_plane(volume, "coronal", view)
    shown = pixels(picture)
    inside = (shown != 0).any(axis=-1)
    assert np.unique(shown[inside], axis=0).shape[0] <= 4
    assert inside.sum() * picture.raster.pixel_mm**2 == pytest.approx(21 * 11, rel=0.1)
    assert picture.image.getpixel(picture.pixel((0, 0, 0))[::-1]) == tuple(round(0.35 * c) for c in region_color(1))


@pytest.mark.parametrize("spacing_mm", [(5.0, 1.0, 1.0), (1.0, 1.0, 4.0), (2.0, 3.0, 1.0)])
@pytest.mark.parametrize("plane", PLANES)
def test_a_ball_is_round_whatever_the_voxels_are(spacing_mm, plane):
    shape = tuple(int(60 / s) for s in spacing_mm)
    volume = volume_of(ball((0, 0, 0), 18), spacing_mm=spacing_mm, shape=shape)
    layer = RegionLayer(Field.of(volume.array, volume.affine_lps), style="fill")
    picture = draw_plane(volume, plane, View(regions=[layer], window=Window(5, 1), pixels=300))
    rows, columns = np.nonzero((pixels(picture) != 0).any(axis=-1))
    coarsest = max(spacing_mm)
    for extent in (np.ptp(rows), np.ptp(columns)):
        assert extent * picture.raster.pixel_mm == pytest.approx(36, abs=1.3 * coarsest)


def test_a_mask_on_its_own_grid_lies_where_it_is_in_the_patient():
    volume = volume_of(dark, spacing_mm=(1, 1, 1), shape=(41, 41, 41))
    affine = affine_of(ORIENTATIONS["sagittal"], (2, 2, 2), (12, 12, 12), (8, -5, 3))
    layer = RegionLayer(Field.of(np.ones((12, 12, 12)), affine), style="fill")
    picture = draw_plane(volume, "axial", View(through_mm=np.array([0, 0, 3.0]), regions=[layer], window=UNIT_WINDOW))
    rows, columns = np.nonzero((pixels(picture) != 0).any(axis=-1))
    center = picture.raster.points(rows.astype(float), columns.astype(float)).mean(axis=0)
    np.testing.assert_allclose(center, (8, -5, 3), atol=0.2)


def test_saliency_is_strongest_where_it_is_highest_and_absent_where_there_is_none():
    volume = volume_of(lambda x: np.full(x.shape[:-1], 0.5), spacing_mm=(1, 1, 1), shape=(31, 31, 31))
    saliency = -np.exp(-(np.linalg.norm(places(volume.affine_lps, (31, 31, 31)) - [6, 0, 0], axis=-1) ** 2) / 18)
    view = View(heat=Field.of(saliency, volume.affine_lps), window=UNIT_WINDOW)
    picture = draw_plane(volume, "axial", view)
    shown = pixels(picture)
    colored = np.ptp(shown, axis=-1)
    row, column = picture.raster.pixel((6, 0, 0))
    hottest = shown[round(row), round(column)]
    assert hottest[0] > hottest[2] + 60
    assert shown[..., 1].max() == pytest.approx(hottest[1], abs=1)
    far = np.hypot(*(np.indices(colored.shape) - np.array([[[row]], [[column]]]))) * picture.raster.pixel_mm > 7
    assert not colored[far].any()


def test_no_saliency_leaves_the_image_as_it_is():
    volume = volume_of(ball((0, 0, 0), 8))
    empty = Field.of(np.zeros(volume.array.shape), volume.affine_lps)
    with_heat = pixels(draw_plane(volume, "axial", View(heat=empty)))
    assert (with_heat == pixels(draw_plane(volume, "axial"))).all()


def test_an_axis_is_drawn_only_on_the_plane_that_it_lies_in():
    volume = volume_of(dark, spacing_mm=(2, 1, 1), shape=(21, 41, 41))
    axis = Axis((-10.0, 0.0, 0.0), (10.0, 0.0, 0.0))
    shown, hidden = (
        draw_plane(volume, "axial", View(through_mm=np.array([0, 0, z]), axes=[axis], window=UNIT_WINDOW))
        for z in (0.0, 4.0)
    )
    assert shown.image.getpixel(shown.pixel((5, 0, 0))[::-1]) == palette.LONG_AXIS
    assert shown.image.getpixel(shown.pixel((13, 0, 0))[::-1]) == (0, 0, 0)
    assert not pixels(hidden).any()


def test_the_scale_bar_is_as_long_as_it_says():
    volume = volume_of(dark, spacing_mm=(2, 2, 2), shape=(50, 50, 50))
    picture = draw_plane(volume, "axial", View(pixels=400))
    below = np.asarray(picture.image)[picture.top + picture.raster.rows + 40 :][:22]
    ink = (below == palette.INK).all(axis=-1)
    bar = ink.sum(axis=1).max()
    assert bar * picture.raster.pixel_mm == pytest.approx(round_length_mm(100 / 3) + 1, abs=1.5)


def chunks(data):
    """Types of a PNG's chunks."""
    found, at = [], 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        found.append(kind)
        at += 12 + size
    return found


def test_a_png_holds_an_image_and_nothing_else():
    data = render_plane(volume_of(ball((0, 0, 0), 8)))
    assert set(chunks(data)) == {b"IHDR", b"IDAT", b"IEND"}
    assert Image.open(io.BytesIO(data)).info == {}


def test_nothing_of_the_patient_is_in_the_picture():
    one = volume_of(ball((0, 0, 0), 8), patient_id="DOE^JANE", date="1999-12-31")
    other = replace(
        one,
        patient_id="ROE^RICHARD",
        date="2026-01-01",
        series_instance_uid="9.9.9",
        study_instance_uid="9.9",
        frame_of_reference_uid="9.8",
        sop_instance_uids=("9.7",) * 20,
    )
    views = [View(regions=[RegionLayer(Field.of(v.array, v.affine_lps))]) for v in (one, other)]
    assert render_plane(one, "axial", views[0]) == render_plane(other, "axial", views[1])


def test_the_same_picture_has_the_same_bytes():
    volume = volume_of(ball((0, 0, 0), 8))
    view = View(regions=[box_layer(volume)], heat=Field.of(volume.array, volume.affine_lps))
    assert render_plane(volume, "acquired", view) == render_plane(volume, "acquired", view)


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_through_a_lesion_is_through_the_layer_that_holds_most_of_it(orientation):
    volume = volume_of(dark, orientation=orientation, spacing_mm=(2, 2, 2), shape=(25, 25, 25))
    at = places(volume.affine_lps, (25, 25, 25))
    mask = (np.linalg.norm(at - [3, -4, 5], axis=-1) <= 9) | (np.linalg.norm(at - [3, -4, 14], axis=-1) <= 2)
    for plane, axis in (("axial", 2), ("coronal", 1), ("sagittal", 0)):
        point = through(volume, mask, plane)
        assert point[axis] == pytest.approx((3, -4, 5)[axis], abs=2)
        np.testing.assert_allclose(np.delete(point, axis), np.delete((3, -4, 5), axis), atol=1.5)


def test_a_slice_of_the_scanner_is_shown_without_mixing_slices():
    rng = np.random.default_rng(2)
    volume = volume_of(lambda x: rng.random(x.shape[:-1]), spacing_mm=(3, 1, 1), shape=(7, 20, 20))
    point = at_slice(volume, "axial", 4)
    assert layer_of(volume, "axial", point) == 4
    raster = lay(volume, "axial", point, pixel_mm=1.0)
    assert (raster.rows, raster.columns) == (20, 20)
    np.testing.assert_allclose(raster.sample(volume.array, volume.affine_lps), volume.array[4], atol=1e-6)


@pytest.mark.parametrize("index", [-1, 20])
def test_a_slice_that_is_not_there_is_refused(index):
    with pytest.raises(InvalidInput, match="0 to 19"):
        at_slice(volume_of(dark), "axial", index)


def test_an_empty_mask_is_refused():
    volume = volume_of(dark)
    with pytest.raises(InvalidInput):
        through(volume, np.zeros(volume.array.shape, bool), "axial")


def test_an_unknown_plane_and_a_giant_picture_are_refused():
    with pytest.raises(InvalidInput):
        render_plane(volume_of(dark), "transverse")
    with pytest.raises(InvalidInput):
        render_plane(volume_of(dark), "axial", View(pixel_mm=0.001))


def test_one_voxel_can_be_drawn_and_outlined():
    volume = volume_of(dark, shape=(1, 1, 1), spacing_mm=(4, 2, 2))
    layer = RegionLayer(Field.of(np.ones((1, 1, 1)), volume.affine_lps))
    assert chunks(render_plane(volume, "sagittal", View(regions=[layer])))


def test_pictures_side_by_side_stand_on_one_sheet():
    a, b = (draw_plane(volume_of(dark), "axial", View(pixels=size)).image for size in (200, 300))
    sheet = side_by_side([[a, b], [a]])
    assert sheet.size == (a.width + b.width, max(a.height, b.height) + a.height)
    assert Image.open(io.BytesIO(png(sheet))).size == sheet.size


# Machado, Oliveira and Fernandes 2009 (IEEE TVCG 15:1291), severity 1.0, linear RGB.
BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "normal": np.eye(3).tolist(),
}


@pytest.mark.parametrize("eyes", BLIND)
def test_neighboring_colors_are_told_apart_by_color_blind_eyes(eyes):
    def seen(color):
        linear = (np.array(color) / 255) ** 2.2
        return np.clip(np.array(BLIND[eyes]) @ linear, 0, 1) ** (1 / 2.2) * 255

    used = [*palette.REGIONS[:4], palette.LONG_AXIS, palette.SHORT_AXIS]
    for a, b in combinations(used, 2):
        assert np.linalg.norm(seen(a) - seen(b)) > 30, (a, b)


def test_the_heat_maps_lightness_only_rises():
    colors, opacity = palette.heat(np.linspace(0, 1, 50, dtype=np.float32))
    lightness = colors @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) > 0).all()
    assert (np.diff(opacity) >= 0).all()
    assert (opacity[0], opacity[-1]) == (0, palette.OPACITY)
