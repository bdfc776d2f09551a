"""A segmentation that fits becomes a mask on the volume's voxels; any other gives an issue."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support.dicom_factory import AXIAL, OBLIQUE, SAGITTAL, Phantom
from tumorcast_imaging.dicom import read_segmentation, read_study


def code(segmentation) -> str:
    (issue,) = segmentation.issues
    assert segmentation.mask is None
    return issue.code


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
    assert np.array_equal(segmentation.mask, phantom.mask)
    assert segmentation.sop_instance_uid in path.name
    assert segmentation.segment_number == 1
    assert not segmentation.issues


def test_slices_without_a_frame_are_empty(tmp_path: Path, volume):
    phantom = Phantom()
    mask = phantom.mask.copy()
    mask[[4, 6]] = False  # a lesion in two parts; highdicom leaves empty frames out
    phantom.write_segmentation(tmp_path, mask=mask)
    assert np.array_equal(read_segmentation(tmp_path, volume).mask, mask)


def test_no_segmentation_is_told(tmp_path: Path, volume):
    assert code(read_segmentation(tmp_path, volume)) == "SEGMENTATION_MISSING"


def test_several_segmentations_without_a_uid_are_ambiguous(tmp_path: Path, volume):
    for uid in ("1.2.3.1", "1.2.3.2"):
        Phantom().write_segmentation(tmp_path, uid=uid)
    assert code(read_segmentation(tmp_path, volume)) == "AMBIGUOUS_SEGMENTATION"
    assert read_segmentation(tmp_path, volume, "1.2.3.2").sop_instance_uid == "1.2.3.2"
    assert code(read_segmentation(tmp_path, volume, "1.2.3.3")) == "SEGMENTATION_NOT_FOUND"


def test_several_segments_are_ambiguous(tmp_path: Path, volume):
    Phantom().write_segmentation(tmp_path, segments=2)
    assert code(read_segmentation(tmp_path, volume)) == "AMBIGUOUS_SEGMENT"


def test_a_fractional_segmentation_is_refused_by_name(tmp_path: Path, volume):
    Phantom().write_segmentation(tmp_path, kind="FRACTIONAL")
    assert code(read_segmentation(tmp_path, volume)) == "UNSUPPORTED_SEGMENTATION_TYPE"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"PatientID": "PHANTOM-2"}, "SEGMENTATION_OF_ANOTHER_PATIENT"),
        ({"StudyInstanceUID": "1.2.3"}, "SEGMENTATION_OF_ANOTHER_PATIENT"),
        ({"FrameOfReferenceUID": "1.2.3"}, "SEGMENTATION_FRAME_OF_REFERENCE_DIFFERS"),
        ({"PixelData": b"\0\0"}, "TRUNCATED_PIXELS"),
        ({"NumberOfFrames": 1}, "EXCESS_PIXELS"),
        ({"PerFrameFunctionalGroupsSequence": []}, "MALFORMED_SEGMENTATION"),
    ],
)
def test_a_segmentation_of_something_else_is_refused(tmp_path: Path, volume, change, expected):
    def edit(seg) -> None:
        for name, value in change.items():
            setattr(seg, name, value)

    Phantom().write_segmentation(tmp_path, edit=edit)
    assert code(read_segmentation(tmp_path, volume)) == expected


def test_a_segmentation_of_another_series_is_refused(tmp_path: Path, volume):
    replace(Phantom(), series="1.2.3").write_segmentation(tmp_path)
    assert code(read_segmentation(tmp_path, volume)) == "SEGMENTATION_OF_ANOTHER_SERIES"


@pytest.mark.parametrize(
    "grid",
    [{"origin_mm": (-49.0, -40.0, 120.0)}, {"spacing_mm": (4.0, 2.5, 2.01)}, {"origin_mm": (-50.0, -40.0, 96.0)}],
)
def test_a_segmentation_off_the_grid_is_refused(tmp_path: Path, volume, grid):
    replace(Phantom(), **grid).write_segmentation(tmp_path)
    assert code(read_segmentation(tmp_path, volume)) == "SEGMENTATION_GRID_DIFFERS"


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


def test_a_frame_beyond_all_bounds_lies_off_the_grid(tmp_path: Path, volume):
    def move(seg) -> None:
        for item in seg.PerFrameFunctionalGroupsSequence:
            item.PlanePositionSequence[0].ImagePositionPatient = ["1e300", "0", "0"]

    Phantom().write_segmentation(tmp_path, edit=move)
    assert code(read_segmentation(tmp_path, volume)) == "SEGMENTATION_GRID_DIFFERS"
