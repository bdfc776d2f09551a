"""An RT structure set becomes regions on its volume's voxels, each rightly or not at all, with a reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.dicom_factory import AXIAL, OBLIQUE, SAGITTAL, Phantom
from support.structure_sets import UID, Contour, StructureSet, box, ellipse, on_slice
from tumorcast_core.snapshot import Coding
from tumorcast_imaging.dicom import DEFAULT_LIMITS, read_segmentation, read_study

PHANTOM = Phantom()
PIXEL_ML = 4.0 * 2.5 * 2.0 / 1000
BOX = box(9.5, 9.5, 19.5, 29.5)
"""10 rows × 20 columns whose centers lie inside."""


def read(folder: Path, *rois, phantom: Phantom = PHANTOM, edit=lambda _: None, limits=DEFAULT_LIMITS, **said):
    """The regions of interest, numbered from 1, read onto the phantom's series."""
    phantom.write(folder)
    numbered = dict(enumerate(rois, 1))
    StructureSet(numbered, phantom, **said).write(folder, edit)
    (volume,) = read_study(folder).volumes
    return read_segmentation(folder, volume, limits=limits)


def codes(segmentation) -> list[str]:
    return [issue.code for issue in segmentation.issues]


def boxes(*slices: float, points=BOX, phantom: Phantom = PHANTOM) -> list[Contour]:
    return [on_slice(phantom, k, points) for k in slices]


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, OBLIQUE])
def test_contours_on_slices_of_any_orientation_mark_the_pixels_whose_centers_they_enclose(tmp_path, orientation):
    phantom = replace(PHANTOM, orientation=orientation)
    found = read(tmp_path, boxes(3, 4, 5, phantom=phantom), phantom=phantom)
    (region,) = found.regions
    expected = np.zeros(phantom.shape, bool)
    expected[3:6, 10:20, 10:30] = True
    assert np.array_equal(region.mask, expected)
    assert region.volume_ml == pytest.approx(600 * PIXEL_ML, rel=1e-6)
    assert not found.issues


def test_a_region_is_named_as_in_the_file(tmp_path):
    found = read(tmp_path, boxes(3), boxes(4, 5))
    first, second = found.regions
    assert (first.number, first.kind, first.label, first.source) == (1, "roi", "ROI 1", f"{UID}#roi=1")
    assert first.type == Coding("http://snomed.info/sct", "4147007", "Mass")
    assert (first.mask.sum(), second.mask.sum()) == (200, 400)
    assert found.sop_instance_uid == UID


@pytest.mark.parametrize(
    ("contours", "pixels"),
    [
        ([BOX, box(11.5, 14.5, 16.5, 24.5)], 200 - 50),
        ([BOX, box(11.5, 14.5, 16.5, 24.5), box(12.5, 16.5, 14.5, 18.5)], 200 - 50 + 4),
        ([BOX, box(29.5, 9.5, 34.5, 14.5)], 200 + 25),
        ([[*BOX, (9.5, 9.5), (11.5, 14.5), *box(11.5, 14.5, 16.5, 24.5)[::-1], (11.5, 14.5), (9.5, 9.5)]], 200 - 50),
    ],
    ids=["hole", "island in a hole", "two parts", "keyhole"],
)
@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_contours_of_one_plane_count_by_the_even_odd_rule(tmp_path, contours, pixels, kind):
    found = read(tmp_path, [on_slice(PHANTOM, 4, points, kind) for points in contours])
    (region,) = found.regions
    assert region.mask.sum() == pixels
    assert region.volume_ml == pytest.approx(pixels * PIXEL_ML, rel=1e-6)


def test_an_ellipsoid_has_the_volume_of_its_contours(tmp_path):
    depth = [np.sqrt(1 - ((k - 5.5) / 4) ** 2) for k in range(2, 10)]
    drawn = [
        on_slice(PHANTOM, k, ellipse((20, 24), (12 * d, 15 * d))) for k, d in zip(range(2, 10), depth, strict=True)
    ]
    (region,) = read(tmp_path, drawn).regions
    polygons = 200 / (2 * np.pi) * np.sin(2 * np.pi / 200)
    exact = sum(np.pi * 12 * 15 * d * d * polygons for d in depth) * PIXEL_ML
    assert region.volume_ml == pytest.approx(exact, rel=1e-6)
    assert region.mask.sum() * PIXEL_ML == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize(
    ("slices", "marked", "code", "volume_slices"),
    [
        ((3, 4, 5), [3, 4, 5], [], 3),
        ((3.05, 4.05, 5.05), [3, 4, 5], [], 3),
        ((3.4, 4.4, 5.4), [3, 4, 5], ["CONTOUR_OFF_GRID"], 3),
        ((3.5, 4.5, 5.5), [3, 4, 5], ["CONTOUR_OFF_GRID"], 3),
        ((3.0, 3.5, 4.0, 4.5, 5.0), [3, 4, 5], ["CONTOUR_OFF_GRID"], 2.5),
        ((2, 4, 6), [1, 2, 3, 4, 5, 6], ["CONTOUR_SLICES_FILLED"], 6),
        ((2, 3, 7, 8), [2, 3, 7, 8], ["CONTOUR_GAP"], 4),
        ((2, 3, 4, 6, 7), [2, 3, 4, 6, 7], ["CONTOUR_GAP"], 5),
        ((3, 6), [3, 6], ["CONTOUR_GAP"], 2),
        ((2, 6, 10), [2, 6, 10], ["CONTOUR_GAP"], 3),
        ((3.4,), [3], ["CONTOUR_OFF_GRID"], 1),
    ],
)
def test_slices_between_contours_are_marked_if_the_contours_are_spaced_like_that(
    tmp_path, slices, marked, code, volume_slices
):
    found = read(tmp_path, boxes(*slices))
    (region,) = found.regions
    assert np.flatnonzero(region.mask.any(axis=(1, 2))).tolist() == marked
    assert codes(found) == code
    assert all(region.mask[k].sum() == 200 for k in marked)
    assert region.volume_ml == pytest.approx(200 * volume_slices * PIXEL_ML, rel=1e-6)


def test_between_two_contours_the_outline_lies_half_way(tmp_path):
    narrow, wide = box(9.5, 9.5, 19.5, 19.5), box(9.5, 9.5, 19.5, 29.5)
    drawn = [*boxes(2, 4, points=narrow), *boxes(6, points=wide)]
    (region,) = read(tmp_path, drawn).regions
    assert 130 <= region.mask[5].sum() <= 170


def cut(d) -> None:
    del d.ROIContourSequence[0].ContourSequence[0].ContourData[-1]


def elsewhere(d) -> None:
    d.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = "1.2.3"


TILTED = Contour(np.array([(-20.0, -20, 130), (0, -20, 130), (0, 0, 150), (-20, 0, 150)]))
BENT = Contour(np.array([(-20.0, -20, 130), (0, -20, 150), (0, 0, 130), (-20, 0, 150)]))


@pytest.mark.parametrize(
    ("bad", "edit", "code"),
    [
        ([TILTED], None, "CONTOUR_NOT_IN_SLICES"),
        ([BENT], None, "CONTOUR_NOT_PLANAR"),
        (boxes(3), cut, "CONTOUR_MALFORMED"),
        (boxes(3), elsewhere, "ROI_FRAME_OF_REFERENCE_DIFFERS"),
        (boxes(-3), None, "SEGMENTATION_OUTSIDE_VOLUME"),
        (boxes(3, points=box(9.5, -9.5, 19.5, 19.5)), None, "SEGMENTATION_OUTSIDE_VOLUME"),
        (boxes(3, points=box(9.1, 9.1, 9.4, 29.4)), None, "REGION_BELOW_RESOLUTION"),
        ([replace(boxes(3)[0], kind="OPEN_PLANAR")], None, "ROI_NOT_CLOSED"),
        ([Contour(boxes(3)[0].points[:1], "POINT")], None, "ROI_NOT_CLOSED"),
        ([Contour(boxes(3)[0].points[:2])], None, "EMPTY_REGION"),
        ([], None, "EMPTY_REGION"),
    ],
)
def test_a_region_that_cannot_be_read_is_told_and_the_next_one_stands(tmp_path, bad, edit, code):
    found = read(tmp_path, bad, boxes(5), edit=edit or (lambda _: None))
    assert [region.number for region in found.regions] == [2]
    assert [(issue.code, issue.location) for issue in found.issues] == [(code, f"{UID}#roi=1")]


@pytest.mark.parametrize("text", ["NaN", "inf", "1e300", "1_0", "x", ""])
def test_what_is_no_coordinate_is_refused(tmp_path, text):
    data = PHANTOM.write(tmp_path)
    path = StructureSet({1: boxes(3)}).write(tmp_path)
    raw = path.read_bytes()
    at = raw.index(b"\\", raw.index(b"\x06\x30\x50\x00DS") + 8) + 1
    end = raw.index(b"\\", at)
    old = raw[at:end]
    path.write_bytes(raw[:at] + text.encode().ljust(len(old)) + raw[end:])
    (volume,) = read_study(data).volumes
    found = read_segmentation(data, volume)
    assert codes(found) == ["CONTOUR_MALFORMED"]
    assert not found.regions


@pytest.mark.parametrize(
    ("contours", "code", "pixels"),
    [
        ([*boxes(3), *boxes(3)], "CONTOUR_DUPLICATE", 200),
        ([*boxes(3), Contour(boxes(3)[0].points[:2])], "CONTOUR_TOO_SHORT", 200),
        ([*boxes(3), Contour(boxes(3)[0].points[:1], "POINT")], "CONTOUR_NOT_CLOSED", 200),
        ([*boxes(3), *boxes(3, points=box(14.5, 9.5, 24.5, 29.5))], "CONTOUR_CROSSES", 200),
        (boxes(3, points=[(9.5, 9.5), (19.5, 29.5), (19.5, 9.5), (9.5, 29.5)]), "CONTOUR_CROSSES", 100),
    ],
)
def test_doubtful_contours_are_read_with_a_warning(tmp_path, contours, code, pixels):
    found = read(tmp_path, contours)
    (region,) = found.regions
    assert codes(found) == [code]
    assert region.mask.sum() == pytest.approx(pixels, abs=6)


@pytest.mark.parametrize(
    ("said", "edit", "code"),
    [
        ({"series": "1.2.3"}, None, ["SEGMENTATION_OF_ANOTHER_SERIES"]),
        ({"frame": "1.2.3"}, None, ["SEGMENTATION_FRAME_OF_REFERENCE_DIFFERS"]),
        ({"series": ""}, None, ["SEGMENTATION_SERIES_UNSTATED"]),
        ({}, lambda d: setattr(d, "PatientID", "PHANTOM-2"), ["SEGMENTATION_OF_ANOTHER_PATIENT"]),
        ({}, lambda d: setattr(d, "StudyInstanceUID", "1.2.3"), ["SEGMENTATION_OF_ANOTHER_PATIENT"]),
        ({}, lambda d: setattr(d, "StructureSetROISequence", []), ["EMPTY_SEGMENTATION"]),
        ({}, lambda d: setattr(d.StructureSetROISequence[0], "ROINumber", None), ["MALFORMED_SEGMENTATION"]),
        ({}, lambda d: d.StructureSetROISequence.append(d.StructureSetROISequence[0]), ["MALFORMED_SEGMENTATION"]),
    ],
)
def test_a_structure_set_of_something_else_is_told(tmp_path, said, edit, code):
    assert codes(read(tmp_path, boxes(3), edit=edit or (lambda _: None), **said)) == code


@pytest.mark.parametrize(
    ("image", "code"), [(f"{PHANTOM.series}.4", []), ("1.2.3", ["SEGMENTATION_OF_ANOTHER_SERIES"])]
)
def test_a_structure_set_that_names_no_series_belongs_where_its_images_are(tmp_path, image, code):
    contour = replace(boxes(3)[0], images=(image,))
    assert codes(read(tmp_path, [contour], series="")) == code


@pytest.mark.parametrize(
    "limit",
    [
        {"max_contours": 2},
        {"max_contour_points": 11},
        {"max_contour_crossings": 50},
        {"max_regions": 1},
        {"max_region_voxels": 700},
    ],
)
def test_more_than_the_limit_is_refused_before_the_work(tmp_path, limit):
    found = read(tmp_path, boxes(3, 4, 5), boxes(7), limits=replace(DEFAULT_LIMITS, **limit))
    assert codes(found) == ["SEGMENTATION_TOO_LARGE"]
    assert not found.regions


def test_a_study_lists_its_structure_sets_beside_its_segs(tmp_path):
    PHANTOM.write(tmp_path)
    PHANTOM.write_segmentation(tmp_path)
    StructureSet({1: boxes(3)}).write(tmp_path)
    study = read_study(tmp_path)
    assert sorted((s.kind, s.referenced_series_uids) for s in study.segmentations) == [
        ("RTSTRUCT", (PHANTOM.series,)),
        ("SEG", (PHANTOM.series,)),
    ]
    assert not study.issues


@settings(max_examples=10)
@given(st.integers(-2, 2), st.integers(-5, 5), st.integers(-5, 5))
def test_contours_shifted_by_whole_voxels_shift_the_mask(tmp_path_factory, slices, rows, columns):
    def shifted(k: int, r: int, c: int):
        points = [(row + r, column + c) for row, column in ellipse((20, 24), (8.3, 6.7), 60)]
        return read(tmp_path_factory.mktemp("x"), boxes(4 + k, 5 + k, points=points)).regions[0].mask

    assert np.array_equal(np.roll(shifted(0, 0, 0), (slices, rows, columns), (0, 1, 2)), shifted(slices, rows, columns))


def test_a_region_says_what_it_is_and_who_drew_it(tmp_path: Path):
    def edit(d) -> None:
        d.StructureSetROISequence[0].ROIGenerationAlgorithm = "SEMIAUTOMATIC"
        d.RTROIObservationsSequence[1].RTROIInterpretedType = "ORGAN"
        del d.RTROIObservationsSequence[2]

    found = read(tmp_path, boxes(3), boxes(4), boxes(5), edit=edit).regions
    assert [(region.interpreted_type, region.drawn_by) for region in found] == [
        ("GTV", "SEMIAUTOMATIC"),
        ("ORGAN", ""),
        ("", ""),
    ]
