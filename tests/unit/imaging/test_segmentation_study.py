"""A study's volumes get the regions that were drawn on them; a region goes along to a series without its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support.dicom_factory import Phantom
from support.segmentations import written
from support.structure_sets import Contour, StructureSet, box, on_slice
from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import Region, read_study, regions_of, transfer
from tumorcast_imaging.model.ports import Instance

PHANTOM = Phantom()
OTHER = Phantom(series="1.2.3.4", pixel_seed=2)
"""Another phase on the same grid."""
COARSE = Phantom(series="1.2.3.5", spacing_mm=(4.0, 5.0, 4.0), shape=(12, 20, 24), origin_mm=(-49.0, -38.75, 120.0))
"""The same place in larger pixels."""
LEFT, RIGHT = np.zeros((2, 1, *PHANTOM.shape), bool)
LEFT[0, 3:8, 10:25, 5:20] = RIGHT[0, 3:8, 10:25, 25:45] = True


def unnamed(seg) -> None:
    del seg.ReferencedSeriesSequence


def contours(phantom: Phantom) -> list[Contour]:
    return [on_slice(phantom, k, box(9.5, 4.5, 24.5, 19.5)) for k in range(3, 8)]


def told(folder: Path, uid: str = "") -> list[tuple[str, int, list[str]]]:
    """Series, number of regions and codes of each pair."""
    return [
        (volume.series_instance_uid, len(found.regions), [issue.code for issue in found.issues])
        for volume, found in regions_of(read_study(folder), uid)
    ]


def test_every_volume_gets_the_segmentation_that_names_it(tmp_path):
    PHANTOM.write(tmp_path)
    OTHER.write(tmp_path)
    written(tmp_path, LEFT, "BINARY")
    StructureSet({1: contours(OTHER)}, OTHER).write(tmp_path)
    pairs = regions_of(read_study(tmp_path))
    assert [(v.series_instance_uid, s.regions[0].kind, s.issues) for v, s in pairs] == [
        (OTHER.series, "roi", ()),
        (PHANTOM.series, "segment", ()),
    ]
    assert np.array_equal(pairs[0][1].regions[0].mask, pairs[1][1].regions[0].mask)


def test_segmentations_of_different_places_are_all_taken_and_said(tmp_path):
    PHANTOM.write(tmp_path)
    written(tmp_path, LEFT, "BINARY", uid="1.2.1")
    written(tmp_path, RIGHT, "BINARY", uid="1.2.2")
    assert told(tmp_path) == [(PHANTOM.series, 1, ["SEVERAL_SEGMENTATIONS"])] * 2
    assert told(tmp_path, "1.2.2") == [(PHANTOM.series, 1, [])]


@pytest.mark.parametrize(("shift", "ambiguous"), [(0, True), (13, True), (14, False)])
def test_two_segmentations_of_one_place_are_ambiguous_until_one_is_named(tmp_path, shift, ambiguous):
    PHANTOM.write(tmp_path)
    written(tmp_path, LEFT, "BINARY", uid="1.2.1")
    written(tmp_path, np.roll(LEFT, shift, axis=-1), "BINARY", uid="1.2.2")
    found = told(tmp_path)
    assert (found == [(PHANTOM.series, 0, ["AMBIGUOUS_SEGMENTATION"])]) is ambiguous
    assert told(tmp_path, "1.2.2") == [(PHANTOM.series, 1, [])]


def test_a_segmentation_that_names_no_series_goes_to_every_volume_on_whose_voxels_it_lies(tmp_path):
    for phantom in (PHANTOM, OTHER, COARSE):
        phantom.write(tmp_path)
    written(tmp_path, LEFT, "BINARY", edit=unnamed)
    assert told(tmp_path) == [
        (OTHER.series, 1, ["SEGMENTATION_SERIES_UNSTATED"]),
        (PHANTOM.series, 1, ["SEGMENTATION_SERIES_UNSTATED"]),
    ]


def test_one_that_names_no_series_and_lies_on_the_voxels_of_none_goes_to_the_only_one_there_is(tmp_path):
    COARSE.write(tmp_path)
    written(tmp_path, LEFT, "BINARY", edit=unnamed)
    assert told(tmp_path) == [(COARSE.series, 1, ["SEGMENTATION_SERIES_UNSTATED", "SEGMENTATION_RESAMPLED"])]


def test_one_that_names_no_series_and_lies_on_the_voxels_of_none_of_several_is_ambiguous(tmp_path):
    COARSE.write(tmp_path)
    replace(COARSE, series="1.2.3.6").write(tmp_path)
    written(tmp_path, LEFT, "BINARY", edit=unnamed)
    assert told(tmp_path) == [(COARSE.series, 0, ["SEGMENTATION_SERIES_AMBIGUOUS"])]


def test_what_is_missing_or_unreadable_is_told(tmp_path):
    PHANTOM.write(tmp_path)
    assert told(tmp_path) == [(PHANTOM.series, 0, ["SEGMENTATION_MISSING"])]
    assert told(tmp_path, "1.2.9") == [(PHANTOM.series, 0, ["SEGMENTATION_NOT_FOUND"])]
    written(tmp_path, LEFT, "BINARY", phantom=OTHER)
    assert told(tmp_path) == [(PHANTOM.series, 0, ["SEGMENTATION_OF_ANOTHER_SERIES"])]
    (tmp_path / "none").mkdir()
    assert regions_of(read_study(tmp_path / "none")) == ()


def region_on(folder: Path, phantom: Phantom, mask: np.ndarray):
    volume = next(v for v in read_study(phantom.write(folder)).volumes if v.series_instance_uid == phantom.series)
    return volume, Region(mask=mask, number=3, label="Lesion", tracking_uid="1.2.3", volume_ml=1.5, source_uid="1.9")


def test_a_region_goes_to_another_series_of_its_frame_of_reference(tmp_path):
    volume, region = region_on(tmp_path, PHANTOM, LEFT[0])
    coarse, _ = region_on(tmp_path, COARSE, np.zeros(COARSE.shape, bool))
    carried = transfer(region, volume, coarse)
    assert isinstance(carried, Region)
    assert (carried.number, carried.label, carried.tracking_uid, carried.volume_ml, carried.source) == (
        *(3, "Lesion", "1.2.3", 1.5),
        "1.9#segment=3",
    )
    assert carried.mask.shape == coarse.array.shape
    assert carried.mask.sum() * 80 == pytest.approx(LEFT.sum() * 20, rel=0.1)
    there = np.argwhere(carried.mask).mean(axis=0) @ coarse.affine_lps[:3, :3].T + coarse.affine_lps[:3, 3]
    here = np.argwhere(LEFT[0]).mean(axis=0) @ volume.affine_lps[:3, :3].T + volume.affine_lps[:3, 3]
    assert np.allclose(there, here, atol=2.1)


def test_carried_to_its_own_series_a_region_stays_as_it_is(tmp_path):
    volume, region = region_on(tmp_path, PHANTOM, PHANTOM.mask)
    carried = transfer(region, volume, volume)
    assert isinstance(carried, Region)
    assert np.array_equal(carried.mask, region.mask)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"frame_of_reference_uid": "1.2"}, "SEGMENTATION_FRAME_OF_REFERENCE_DIFFERS"),
        ({"frame_of_reference_uid": ""}, "SEGMENTATION_FRAME_OF_REFERENCE_DIFFERS"),
        ({"patient_id": "someone"}, "SEGMENTATION_OF_ANOTHER_PATIENT"),
    ],
)
def test_a_region_goes_nowhere_else(tmp_path, change, code):
    volume, region = region_on(tmp_path, PHANTOM, LEFT[0])
    refused = transfer(region, volume, replace(volume, **change))
    assert isinstance(refused, Issue)
    assert (refused.code, refused.location) == (code, "1.9#segment=3")


def test_a_region_that_the_other_series_does_not_cover_is_told(tmp_path):
    volume, region = region_on(tmp_path, PHANTOM, LEFT[0])
    elsewhere = replace(volume, affine_lps=volume.affine_lps + np.array([[0, 0, 0, 40.0], *np.zeros((3, 4))]))
    refused = transfer(region, volume, elsewhere)
    assert isinstance(refused, Issue)
    assert refused.code == "SEGMENTATION_OUTSIDE_VOLUME"


@pytest.mark.parametrize(
    ("sop_class", "expected"),
    [
        ("1.2.840.10008.5.1.4.1.1.66.4", True),
        ("1.2.840.10008.5.1.4.1.1.66.7", True),
        ("1.2.840.10008.5.1.4.1.1.481.3", True),
        ("1.2.840.10008.5.1.4.1.1.66.5", False),
        ("1.2.840.10008.5.1.4.1.1.2", False),
    ],
)
def test_an_uploaded_seg_label_map_or_structure_set_is_a_segmentation(sop_class, expected):
    assert Instance("1.2", "1.3", sop_class, "1.4").is_segmentation is expected
