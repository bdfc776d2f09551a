"""Radiomics keep IBSI's laws: what must not matter does not, what does not exist is not there."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorcast_core import catalog
from tumorcast_imaging.dicom import Region, Volume
from tumorcast_imaging.model.lesions.radiomics import preparation, radiomics
from tumorcast_imaging.model.lesions.radiomics.peak import RADIUS_MM, peaks
from tumorcast_imaging.model.lesions.radiomics.preparation import prepare

PREFIXES = {"PT": "pet", "CT": "ct", "MR": "mr"}
UNITS = {"PT": "SUVbw", "CT": "HU", "MR": "arbitrary"}
SPACING_MM = {"PT": (3.27, 4.07, 4.07), "CT": (3.0, 0.98, 0.98), "MR": (4.0, 1.2, 1.2)}
ROOT = Path(__file__).parents[3]


def volume(kind="MR", shape=(14, 24, 26), spacing_mm=None, array=None, seed=0):
    if array is None:
        low, high = {"PT": (0, 12), "CT": (-150, 200), "MR": (100, 900)}[kind]
        array = np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)
    spacing_mm = spacing_mm or SPACING_MM[kind]
    uid = "1.2.3"
    return Volume(array, np.diag([*spacing_mm, 1.0]), spacing_mm, UNITS[kind], kind, uid, uid, uid, "", "", ())


def ball(shape=(14, 24, 26), spacing_mm=SPACING_MM["MR"], radius_mm=11.0):
    """A ball around the middle of a grid."""
    away = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing_mm, strict=True)]
    squared = sum(np.square(a).reshape([-1 if i == axis else 1 for i in range(3)]) for axis, a in enumerate(away))
    return squared <= radius_mm**2


def of(volume, mask):
    return radiomics(volume, Region(mask, 1))


@pytest.mark.parametrize("kind", PREFIXES)
def test_every_feature_is_finite_and_in_the_catalog_with_its_range(kind):
    found = of(volume(kind), ball(spacing_mm=SPACING_MM[kind]))
    assert set(found) == {name.removeprefix(f"{PREFIXES[kind]}_") for name in catalog_of(kind)}
    for stem, value in found.items():
        known = catalog.entry(f"{PREFIXES[kind]}_{stem}")
        known.check(value, known.unit)


def catalog_of(kind):
    """Names in the catalog of the radiomics of one kind of image."""
    return {e.name for e in catalog.catalog().values() if e.name.startswith(PREFIXES[kind]) and is_radiomics(e)}


def is_radiomics(entry):
    return "IBSI" in entry.codings[0].display and not entry.codings[0].system


@pytest.mark.parametrize("kind", PREFIXES)
def test_a_larger_volume_around_the_lesion_and_another_place_in_it_change_nothing(kind):
    shape, room = (14, 24, 26), ((3, 6), (7, 2), (4, 9))
    array = np.pad(volume(kind, shape).array, 12, mode="edge")
    mask = np.pad(ball(shape, SPACING_MM[kind], 9.0), 12)
    moved = volume(kind, array=np.pad(array, room, mode="edge"))
    assert of(moved, np.pad(mask, room)) == of(volume(kind, array=array), mask)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_lesion_has_the_same_radiomics(axis):
    mask, whole = ball(), volume()
    mask[7:, 13:, 9:12] = False
    plain, mirrored = of(whole, mask), of(replace(whole, array=np.flip(whole.array, axis)), np.flip(mask, axis))
    assert plain.keys() == mirrored.keys()
    for name, value in plain.items():
        assert mirrored[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


@given(st.integers(-6, 10), st.integers(-1000, 1000))
@settings(max_examples=10)
def test_textures_of_mr_do_not_depend_on_the_scale_of_its_arbitrary_units(power, offset):
    values = np.random.default_rng(1).integers(0, 200, (12, 20, 20)).astype(float)
    plain = volume(array=values, spacing_mm=(2.0, 2.0, 2.0))
    mask = ball((12, 20, 20), (2.0, 2.0, 2.0), 9.0)
    scaled = replace(plain, array=values * 2.0**power + offset)
    first, second = of(plain, mask), of(scaled, mask)
    for name in (n for n in first if not n.startswith(("intensity_", "shape_center"))):
        assert second[name] == first[name], name


def test_uptake_in_other_units_would_have_other_gray_levels():
    mask = ball(spacing_mm=SPACING_MM["PT"])
    plain = volume("PT")
    doubled = of(replace(plain, array=plain.array * 2), mask)
    assert doubled["histogram_mean"] == pytest.approx(2 * of(plain, mask)["histogram_mean"], rel=0.03)


@pytest.mark.parametrize(
    ("spacing_mm", "near"),
    [((1.0, 1.0, 1.0), 0.04), ((2.0, 2.0, 2.0), 0.04), ((3.27, 0.98, 0.98), 0.08), ((5.0, 0.7, 0.7), 0.12)],
)
def test_a_ball_has_its_analytic_shape_as_near_as_the_slices_allow(spacing_mm, near):
    shape = tuple(int(60 / mm) + 4 for mm in spacing_mm)
    found = of(volume(shape=shape, spacing_mm=spacing_mm), ball(shape, spacing_mm, 25.0))
    assert found["shape_mesh_volume"] == pytest.approx(4 / 3 * math.pi * 25**3, rel=near)
    assert found["shape_maximum_3d_diameter"] == pytest.approx(50, rel=near + 0.02)
    assert found["shape_major_axis_length"] == pytest.approx(2 * 25 * math.sqrt(4 / 5), rel=near)
    assert found["shape_sphericity"] == pytest.approx(0.94, abs=near)  # a mesh of steps is rougher than a ball
    assert found["shape_volume_density_convex_hull"] == pytest.approx(0.98, abs=near)
    assert found["shape_flatness"] == pytest.approx(1, abs=near)


def masks():
    one, row, plane, two = (np.zeros((14, 24, 26), bool) for _ in range(4))
    one[7, 12, 13] = True
    row[7, 12, 4:20] = True
    plane[7, 4:20, 4:20] = True
    two[2:5, 3:8, 3:8] = two[9:12, 14:20, 14:20] = True
    return {"voxel": one, "row": row, "plane": plane, "two parts": two, "all": np.ones((14, 24, 26), bool)}


@pytest.mark.parametrize("kind", PREFIXES)
@pytest.mark.parametrize("shape", masks())
@pytest.mark.parametrize("constant", [False, True])
def test_a_degenerate_lesion_has_what_exists_of_it_and_nothing_that_is_no_number(kind, shape, constant):
    plain = volume(kind)
    if constant:
        plain = replace(plain, array=np.full_like(plain.array, 50.0))
    found = of(plain, masks()[shape])
    assert found["shape_voxel_volume"] > 0
    assert found["intensity_maximum"] >= found["intensity_mean"] >= found["intensity_minimum"]
    assert all(map(math.isfinite, found.values()))
    for stem, value in found.items():
        known = catalog.entry(f"{PREFIXES[kind]}_{stem}")
        known.check(value, known.unit)
    if constant:
        assert not [name for name in found if name.startswith(("gl", "ng", "histogram", "ivh"))]
        assert "intensity_skewness" not in found


def test_a_voxel_of_its_grid_has_no_axes_and_a_plane_no_flatness():
    even = (2.0, 2.0, 2.0)
    voxel, plane = of(volume(spacing_mm=even), masks()["voxel"]), of(volume(spacing_mm=even), masks()["plane"])
    assert "shape_major_axis_length" not in voxel
    assert "shape_elongation" in plane
    assert not {"shape_flatness", "shape_least_axis_length", "shape_volume_density_ellipsoid"} & plane.keys()


@pytest.mark.parametrize(("kind", "outside"), [("CT", 3000.0), ("CT", -2000.0), ("PT", -1.0), ("MR", np.nan)])
def test_what_is_no_tumor_leaves_shape_alone(kind, outside):
    plain = volume(kind)
    found = of(replace(plain, array=np.full_like(plain.array, outside)), ball(spacing_mm=SPACING_MM[kind]))
    assert found
    assert all(name.startswith("shape_") for name in found)


def test_bone_in_the_lesion_counts_as_shape_and_not_as_intensity():
    plain, mask = volume("CT"), ball(spacing_mm=SPACING_MM["CT"])
    array = plain.array.copy()
    array[6:9, 10:14, 11:15] = 1200
    with_bone, without = of(replace(plain, array=array), mask), of(plain, mask)
    assert with_bone["intensity_maximum"] <= 400
    shapes = [name for name in without if name.startswith("shape_")]
    assert [with_bone[name] for name in shapes] == [without[name] for name in shapes]


@pytest.mark.parametrize(
    ("kind", "values", "levels"),
    [
        ("CT", [-1000, -976, -975, 0, 24, 25, 399, 400], [1, 1, 2, 41, 41, 42, 56, 57]),
        ("PT", [0, 0.49, 0.5, 2.5, 41.2, 41.5, 41.9, 42.0], [1, 1, 2, 6, 83, 84, 84, 85]),
        ("MR", [0, 1, 2, 3, 29, 30, 31, 32], [1, 2, 3, 4, 30, 31, 32, 32]),
    ],
)
def test_gray_levels_are_those_of_the_bins(kind, values, levels):
    image = np.array(values, float).reshape(2, 2, 2)
    found = preparation.discretized(image, np.ones((2, 2, 2), bool), UNITS[kind])
    assert found.ravel().tolist() == levels


def test_outliers_of_arbitrary_units_are_left_out():
    image = np.append(np.random.default_rng(0).normal(100, 5, 999), 5000.0).reshape(10, 10, 10)
    kept = preparation.within_bounds(image, np.ones_like(image, bool), "arbitrary")
    assert not kept[-1, -1, -1]
    assert np.count_nonzero(kept) == 999


def test_the_grid_is_isotropic_and_centered_on_the_region():
    ramp = np.arange(14.0)[:, None, None] * np.ones((14, 24, 26))
    mask = np.zeros((14, 24, 26), bool)
    mask[3:8, 5:15, 6:16] = True
    prepared = prepare(volume("CT", array=ramp * 100), Region(mask, 1))
    assert prepared.spacing_mm == 2.0
    assert prepared.image[prepared.mask].mean() == pytest.approx(500, abs=0.5)
    assert np.count_nonzero(prepared.mask) * 8 == pytest.approx(np.count_nonzero(mask) * 3 * 0.98**2, rel=0.15)


def test_an_occupancy_decides_where_it_is_one_half():
    even = (2.0, 2.0, 2.0)
    mask = np.zeros((14, 24, 26), bool)
    mask[4:9, 5:15, 6:16] = True
    occupancy = np.where(mask, 0.9, 0.2).astype(np.float32)
    occupancy[4] *= 0.5
    prepared = prepare(volume(spacing_mm=even), Region(mask, 1, occupancy=occupancy))
    assert np.count_nonzero(prepared.mask) == 4 * 10 * 10


@given(st.integers(0, 2**31), st.sampled_from([1.0, 2.0, 4.0, 7.0]))
@settings(max_examples=15)
def test_a_peak_is_the_mean_of_the_voxels_within_the_sphere_that_the_volume_has(seed, spacing_mm):
    rng = np.random.default_rng(seed)
    image, mask, inside = rng.normal(size=(5, 6, 7)), rng.random((5, 6, 7)) > 0.5, rng.random((5, 6, 7)) > 0.2
    mask[2, 3, 3] = inside[2, 3, 3] = True
    everywhere = np.argwhere(inside)
    means = {}
    for voxel in map(tuple, np.argwhere(mask)):
        near = everywhere[np.linalg.norm((everywhere - voxel) * spacing_mm, axis=1) <= RADIUS_MM]
        means[voxel] = image[tuple(near.T)].mean() if len(near) else 0.0
    highest = max(means, key=lambda voxel: image[voxel])
    found = peaks(image, mask, inside, spacing_mm)
    assert found["intensity_global_peak"] == pytest.approx(max(means.values()))
    assert found["intensity_local_peak"] == pytest.approx(means[highest])


def test_a_region_too_large_for_a_lesion_has_none():
    shape = (70, 70, 70)
    assert of(volume(array=np.zeros(shape, np.float32), spacing_mm=(5.0, 5.0, 5.0)), np.ones(shape, bool)) == {}


PROGRAM = """
import json, sys
sys.path[:0] = ["shared", "services", "tests/unit/imaging"]
from test_radiomics import ball, of, volume
print(json.dumps({name: value.hex() for name, value in of(volume(), ball()).items()}))
"""


def test_the_number_of_threads_changes_no_bit():
    told = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env={"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": str(ROOT / "tests")},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for threads in ("1", "4")
    ]
    assert told[0] == told[1]
    assert len(told[0]) > 1000
