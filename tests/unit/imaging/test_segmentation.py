"""A SEG becomes regions on its volume's voxels, or an issue says why not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import RLELossless

from support.dicom_factory import AXIAL, OBLIQUE, SAGITTAL, Phantom
from support.segmentations import written
from tumorcast_core.snapshot import Coding
from tumorcast_imaging.dicom import DEFAULT_LIMITS, read_segmentation, read_study

VOXEL_ML = 4.0 * 2.5 * 2.0 / 1000


def code(segmentation) -> str:
    (issue,) = segmentation.issues
    assert not segmentation.regions
    return issue.code


def codes(segmentation) -> list[str]:
    return [issue.code for issue in segmentation.issues]


@pytest.fixture
def volume(tmp_path: Path):
    return read_study(Phantom().write(tmp_path)).volumes[0]


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, OBLIQUE])
def test_the_mask_lies_on_the_volumes_voxels(tmp_path: Path, orientation):
    phantom = Phantom(orientation=orientation)
    phantom.write(tmp_path)
    path = phantom.write_segmentation(tmp_path)
    (volume,) = read_study(tmp_path).volumes
    segmentation = read_segmentation(tmp_path, volume)
    (region,) = segmentation.regions
    assert np.array_equal(region.mask, phantom.mask)
    assert segmentation.sop_instance_uid == region.source_uid
    assert region.source_uid in path.name
    assert (region.number, region.kind, region.occupancy) == (1, "segment", None)
    assert region.volume_ml == pytest.approx(phantom.mask.sum() * VOXEL_ML)
    assert not segmentation.issues


def test_slices_without_a_frame_are_empty(tmp_path: Path, volume):
    phantom = Phantom()
    mask = phantom.mask.copy()
    mask[[4, 6]] = False  # a lesion in two parts; highdicom leaves empty frames out
    phantom.write_segmentation(tmp_path, mask=mask)
    assert np.array_equal(read_segmentation(tmp_path, volume).regions[0].mask, mask)


def test_no_segmentation_is_told(tmp_path: Path, volume):
    assert code(read_segmentation(tmp_path, volume)) == "SEGMENTATION_MISSING"


def test_several_segmentations_without_a_uid_are_ambiguous(tmp_path: Path, volume):
    for uid in ("1.2.3.1", "1.2.3.2"):
        Phantom().write_segmentation(tmp_path, uid=uid)
    assert code(read_segmentation(tmp_path, volume)) == "AMBIGUOUS_SEGMENTATION"
    assert read_segmentation(tmp_path, volume, "1.2.3.2").sop_instance_uid == "1.2.3.2"
    assert code(read_segmentation(tmp_path, volume, "1.2.3.3")) == "SEGMENTATION_NOT_FOUND"


BLOCKS = np.zeros((2, *Phantom().shape), bool)
BLOCKS[0, 2:5, 5:15, 6:20] = BLOCKS[1, 4:8, 20:33, 18:41] = True
OVERLAPPING = BLOCKS.copy()
OVERLAPPING[1, 2:4, 5:8, 6:9] = True


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_several_segments_are_several_regions_with_their_names_and_codes(tmp_path: Path, volume, kind):
    written(tmp_path, BLOCKS, kind)
    found = read_segmentation(tmp_path, volume)
    assert [region.number for region in found.regions] == [1, 2]
    for region, mask in zip(found.regions, BLOCKS, strict=True):
        assert np.array_equal(region.mask, mask)
        assert region.volume_ml == pytest.approx(mask.sum() * VOXEL_ML)
        assert region.label == f"Lesion {region.number}"
        assert (region.tracking_uid, region.tracking_id) == (f"1.2.3.{region.number}", f"L{region.number}")
        assert region.type == Coding("http://snomed.info/sct", "372087000", "Neoplasm, Primary")
        assert region.category == Coding("http://snomed.info/sct", "49755003", "Morphologically Abnormal Structure")
        assert region.site == Coding("http://snomed.info/sct", "10200004", "Liver")
    assert not found.issues


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_segments_may_overlap(tmp_path: Path, volume, kind):
    written(tmp_path, OVERLAPPING, kind)
    assert [region.mask.sum() for region in read_segmentation(tmp_path, volume).regions] == [
        OVERLAPPING[0].sum(),
        OVERLAPPING[1].sum(),
    ]


def test_an_empty_segment_beside_another_is_told(tmp_path: Path, volume):
    written(tmp_path, np.stack([BLOCKS[0], np.zeros_like(BLOCKS[0])]), "BINARY")
    found = read_segmentation(tmp_path, volume)
    assert [region.number for region in found.regions] == [1]
    assert [(issue.code, issue.location[-10:]) for issue in found.issues] == [("EMPTY_REGION", "#segment=2")]


@pytest.mark.parametrize(("fraction", "doubts"), [("OCCUPANCY", []), ("PROBABILITY", ["SEGMENTATION_PROBABILITY"])])
def test_a_fractional_segmentation_keeps_its_occupancy_and_is_cut_at_one_half(tmp_path: Path, volume, fraction, doubts):
    share = np.zeros((1, *Phantom().shape))
    share[0, 5, 10:20, 10:20] = np.linspace(0, 1, 10)
    written(tmp_path, share, "FRACTIONAL", fractional_type=fraction, max_fractional_value=200)
    found = read_segmentation(tmp_path, volume)
    (region,) = found.regions
    stored = np.round(share[0] * 200) / 200
    assert np.allclose(region.occupancy, stored, atol=1e-6)
    assert np.array_equal(region.mask, stored >= 0.5)
    of_voxels = region.mask.sum() if fraction == "PROBABILITY" else stored.sum()
    assert region.volume_ml == pytest.approx(of_voxels * VOXEL_ML, rel=1e-6)
    assert codes(found) == doubts


def test_a_label_map_of_sixteen_bits_is_read(tmp_path: Path, volume):
    labels = np.zeros(Phantom().shape, np.uint16)
    labels[3:5, 4:9, 4:9], labels[6, 20:30, 20:22] = 7, 300
    written(tmp_path, labels, "LABELMAP", numbers=(7, 300))
    found = read_segmentation(tmp_path, volume)
    assert [(region.number, region.mask.sum()) for region in found.regions] == [(7, 50), (300, 20)]


@pytest.mark.parametrize("kind", ["FRACTIONAL", "LABELMAP"])
def test_a_segmentation_compressed_by_run_lengths_is_read(tmp_path: Path, volume, kind):
    written(tmp_path, BLOCKS, kind, transfer_syntax_uid=RLELossless)
    found = read_segmentation(tmp_path, volume)
    assert [np.array_equal(r.mask, m) for r, m in zip(found.regions, BLOCKS, strict=True)] == [True, True]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"PatientID": "PHANTOM-2"}, "SEGMENTATION_OF_ANOTHER_PATIENT"),
        ({"StudyInstanceUID": "1.2.3"}, "SEGMENTATION_OF_ANOTHER_PATIENT"),
        ({"FrameOfReferenceUID": "1.2.3"}, "SEGMENTATION_FRAME_OF_REFERENCE_DIFFERS"),
        ({"PixelData": b"\0\0"}, "TRUNCATED_PIXELS"),
        ({"NumberOfFrames": 1}, "EXCESS_PIXELS"),
        ({"PerFrameFunctionalGroupsSequence": []}, "MALFORMED_SEGMENTATION"),
        ({"SegmentSequence": []}, "MALFORMED_SEGMENTATION"),
        ({"SegmentationType": "SURFACE"}, "UNSUPPORTED_SEGMENTATION_TYPE"),
        ({"SegmentationType": "LABELMAP"}, "UNSUPPORTED_SEGMENTATION_TYPE"),
        ({"SegmentationType": "FRACTIONAL"}, "UNSUPPORTED_SEGMENTATION_TYPE"),
    ],
)
def test_a_segmentation_of_something_else_is_refused(tmp_path: Path, volume, change, expected):
    def edit(seg) -> None:
        for name, value in change.items():
            setattr(seg, name, value)

    Phantom().write_segmentation(tmp_path, edit=edit)
    assert code(read_segmentation(tmp_path, volume)) == expected


def _label_nobody_names(seg) -> None:
    seg.PixelData = seg.PixelData.replace(b"\2", b"\3")


def _beyond_the_maximum(seg) -> None:
    seg.MaximumFractionalValue = 10


def _fraction_of_nothing(seg) -> None:
    del seg.SegmentationFractionalType


@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        ("LABELMAP", _label_nobody_names),
        ("FRACTIONAL", _beyond_the_maximum),
        ("FRACTIONAL", _fraction_of_nothing),
    ],
)
def test_values_that_mean_nothing_are_malformed(tmp_path: Path, volume, kind, edit):
    written(tmp_path, BLOCKS, kind, edit=edit)
    assert code(read_segmentation(tmp_path, volume)) == "MALFORMED_SEGMENTATION"


def test_a_segmentation_of_another_series_is_refused(tmp_path: Path, volume):
    replace(Phantom(), series="1.2.3").write_segmentation(tmp_path)
    assert code(read_segmentation(tmp_path, volume)) == "SEGMENTATION_OF_ANOTHER_SERIES"


@pytest.mark.parametrize(
    "grid",
    [
        {"origin_mm": (-49.0, -40.0, 120.0)},
        {"origin_mm": (-49.0, -38.75, 122.0)},
        {"spacing_mm": (4.0, 2.5, 2.01)},
        {"spacing_mm": (2.0, 1.25, 1.0), "shape": (24, 80, 96)},
        {"spacing_mm": (6.0, 4.0, 4.0), "shape": (8, 25, 24)},
        {"orientation": (0.0, 1, 0, 1, 0, 0), "shape": (12, 48, 40), "spacing_mm": (4.0, 2.0, 2.5)},
        {"origin_mm": (-48.0, -40.0, 128.0), "shape": (8, 40, 46)},
    ],
    ids=["half a pixel", "half a voxel each way", "spacing", "finer", "coarser", "turned", "subset"],
)
def test_a_segmentation_on_another_grid_is_resampled_in_space_and_said(tmp_path: Path, volume, grid):
    other = replace(Phantom(), **grid)
    if "orientation" in grid:  # rows and columns change places, so the normal turns over
        other = replace(other, origin_mm=tuple((Phantom().affine_lps @ (11, 0, 0, 1))[:3]))
    inside = _ellipsoid(other)
    other.write_segmentation(tmp_path, mask=inside)
    found = read_segmentation(tmp_path, volume)
    (region,) = found.regions
    exact = 4 / 3 * np.pi * 15 * 15 * 15 / 1000
    expected = _ellipsoid(Phantom())
    dice = 2 * (region.mask & expected).sum() / (region.mask.sum() + expected.sum())
    on_its_voxels = grid.get("shape") == (8, 40, 46)
    assert codes(found) == ([] if on_its_voxels else ["SEGMENTATION_RESAMPLED"])
    assert dice > 0.85 if grid.get("spacing_mm") == (6.0, 4.0, 4.0) else dice > 0.9
    assert region.mask.sum() * VOXEL_ML == pytest.approx(exact, rel=0.1)
    assert region.volume_ml == pytest.approx(inside.sum() * np.prod(other.spacing_mm) / 1000)


def _ellipsoid(phantom: Phantom) -> np.ndarray:
    """A ball of 15 mm in the middle of the plain phantom, on any grid."""
    middle = (Phantom().affine_lps @ (*Phantom().center, 1))[:3]
    index = np.moveaxis(np.indices(phantom.shape), 0, -1)
    places = index @ phantom.affine_lps[:3, :3].T + phantom.affine_lps[:3, 3]
    return np.linalg.norm(places - middle, axis=-1) <= 15


@pytest.mark.parametrize("origin_mm", [(-49.0, -40.0, 120.0), (-50.0, -38.75, 120.0), (-50.0, -40.0, 122.0)])
def test_a_shift_by_half_a_voxel_keeps_the_volume_of_a_block(tmp_path: Path, volume, origin_mm):
    other = replace(Phantom(), origin_mm=origin_mm)
    mask = np.zeros(other.shape, bool)
    mask[4:8, 10:20, 15:25] = True
    other.write_segmentation(tmp_path, mask=mask)
    (region,) = read_segmentation(tmp_path, volume).regions
    assert region.mask.sum() == 400


@pytest.mark.parametrize("origin_mm", [(-50.0, -40.0, 96.0), (-50.0, -80.0, 120.0), (3000.0, 0.0, 0.0)])
def test_a_segmentation_that_leaves_the_volume_is_refused(tmp_path: Path, volume, origin_mm):
    replace(Phantom(), origin_mm=origin_mm).write_segmentation(tmp_path)
    found = read_segmentation(tmp_path, volume)
    assert not found.regions
    assert "SEGMENTATION_OUTSIDE_VOLUME" in codes(found)


def test_frames_that_form_no_grid_are_refused(tmp_path: Path, volume):
    def shear(seg) -> None:
        for k, item in enumerate(seg.PerFrameFunctionalGroupsSequence):
            place = item.PlanePositionSequence[0]
            place.ImagePositionPatient = [
                float(place.ImagePositionPatient[0]) + 0.7 * k,
                *place.ImagePositionPatient[1:],
            ]

    Phantom().write_segmentation(tmp_path, edit=shear)
    assert code(read_segmentation(tmp_path, volume)) == "SEGMENTATION_FRAMES_IRREGULAR"


def test_an_empty_segmentation_is_told(tmp_path: Path, volume):
    def clear(seg) -> None:
        seg.PixelData = bytes(len(seg.PixelData))

    Phantom().write_segmentation(tmp_path, edit=clear)
    assert code(read_segmentation(tmp_path, volume)) == "EMPTY_SEGMENTATION"


def test_two_frames_in_one_place_are_malformed(tmp_path: Path, volume):
    def pile_up(seg) -> None:
        first, *others = seg.PerFrameFunctionalGroupsSequence
        for item in others:
            item.PlanePositionSequence = first.PlanePositionSequence

    Phantom().write_segmentation(tmp_path, edit=pile_up)
    assert code(read_segmentation(tmp_path, volume)) == "MALFORMED_SEGMENTATION"


def test_a_frame_beyond_all_bounds_is_malformed(tmp_path: Path, volume):
    def move(seg) -> None:
        for item in seg.PerFrameFunctionalGroupsSequence:
            item.PlanePositionSequence[0].ImagePositionPatient = ["1e300", "0", "0"]

    Phantom().write_segmentation(tmp_path, edit=move)
    assert code(read_segmentation(tmp_path, volume)) == "MALFORMED_SEGMENTATION"


@pytest.mark.parametrize("limit", [{"max_regions": 1}, {"max_region_voxels": 500}, {"max_elements": 40}])
def test_more_than_the_limit_is_refused(tmp_path: Path, volume, limit):
    written(tmp_path, BLOCKS, "BINARY")
    found = read_segmentation(tmp_path, volume, limits=replace(DEFAULT_LIMITS, **limit))
    assert not found.regions


@settings(max_examples=8)
@given(st.data(), st.sampled_from(["BINARY", "FRACTIONAL", "LABELMAP"]))
def test_what_highdicom_writes_is_read_back(tmp_path_factory, data, kind):
    folder = tmp_path_factory.mktemp("round-trip")
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    phantom = Phantom(shape=(3, 9, 11), orientation=data.draw(st.sampled_from([AXIAL, SAGITTAL, OBLIQUE])))
    labels = random.integers(0, 3, phantom.shape)
    labels[1, 4, 4:6] = 1, 2
    masks = np.stack([labels == 1, labels == 2])
    (volume,) = read_study(phantom.write(folder)).volumes
    written(folder, masks, kind, phantom=phantom)
    found = read_segmentation(folder, volume)
    assert np.array_equal([region.mask for region in found.regions], masks)
    again = folder / "again"
    written(again, np.stack([region.mask for region in found.regions]), kind, phantom=phantom)
    second = read_segmentation(again, volume)
    assert np.array_equal([region.mask for region in second.regions], masks)


@pytest.mark.parametrize(
    ("stated", "expected"), [("AUTOMATIC", "AUTOMATIC"), ("MANUAL", "MANUAL"), ("BY EYE", ""), (None, "")]
)
def test_a_region_says_what_drew_it(tmp_path: Path, volume, stated, expected):
    def edit(seg) -> None:
        seg.SegmentSequence[0].SegmentAlgorithmType = stated
        seg.SegmentSequence[0].SegmentAlgorithmName = "growing"

    Phantom().write_segmentation(tmp_path, edit=edit)
    (region,) = read_segmentation(tmp_path, volume).regions
    assert (region.drawn_by, region.algorithm_name) == (expected, "growing")
