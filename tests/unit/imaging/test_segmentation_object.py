"""Regions → SEG: the same voxels for independent readers, the same object for the same input."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from support.dicom_factory import AXIAL, OBLIQUE, SAGITTAL
from support.objects import DRAWN, LATER, MADE, box, phantom_source, region
from tumorcast_core.snapshot import Coding, Issue
from tumorcast_imaging.dicom import Region, Volume, read_segmentation
from tumorcast_imaging.model.objects import Algorithm, Source, segmentation_object, write_object
from tumorcast_imaging.model.objects.segmentation import SegmentationType

SHAPE = (6, 10, 12)
LIVER = Coding("http://snomed.info/sct", "10200004", "Liver")


def made(source: Source, *regions: Region, **options: Any) -> Dataset:
    found = segmentation_object(source, regions, **{"made": MADE, **options})
    assert not isinstance(found, Issue), found
    return found


def code(source: Source, *regions: Region, **options: Any) -> str:
    found = segmentation_object(source, regions, **{"made": MADE, **options})
    assert isinstance(found, Issue)
    return found.code


def by_highdicom(path: Path, volume: Volume) -> NDArray[Any]:
    """Slices × rows × columns × segments, each frame put where its source image lies."""
    seg = hd.seg.segread(path)
    options: dict[str, Any] = {"assert_missing_frames_are_empty": True, "segment_numbers": _numbers(seg)}
    pixels = seg.get_pixels_by_source_instance(list(volume.sop_instance_uids), **options)
    return np.asarray(pixels)


def _numbers(seg: Any) -> list[int]:
    return [int(item.SegmentNumber) for item in seg.SegmentSequence if item.SegmentNumber > 0]


def by_place(path: Path, volume: Volume) -> NDArray[np.bool_]:
    """The same by pydicom alone: every frame of a BINARY segmentation at its own position."""
    seg = pydicom.dcmread(path)
    found = np.zeros((*volume.array.shape, len(seg.SegmentSequence)), bool)
    frames = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    shared = seg.SharedFunctionalGroupsSequence[0]
    for k, item in enumerate(seg.PerFrameFunctionalGroupsSequence):
        position = np.array([*map(float, item.PlanePositionSequence[0].ImagePositionPatient), 1])
        slice_, row, column, _ = np.linalg.inv(volume.affine_lps) @ position
        assert abs(row) < 1e-3
        assert abs(column) < 1e-3
        group = item if "SegmentIdentificationSequence" in item else shared
        number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        size = seg.Rows * seg.Columns
        found[round(slice_), ..., number - 1] = frames[k * size : (k + 1) * size].reshape(seg.Rows, seg.Columns)
    return found


masks = arrays(np.bool_, SHAPE, elements=st.sampled_from([False, False, False, True])).filter(np.any)


@settings(max_examples=25)
@given(
    st.lists(masks, min_size=1, max_size=4),
    st.sampled_from([AXIAL, SAGITTAL, OBLIQUE]),
    st.sampled_from([(4.0, 2.5, 2.0), (0.7, 0.7, 0.7), (9.0, 0.5, 3.0)]),
    st.sampled_from([True, False, None]),
)
def test_any_masks_come_back_bit_for_bit_by_three_readers(tmp_path_factory, drawn, orientation, spacing_mm, keep):
    source, volume = phantom_source(orientation, spacing_mm)
    seg = made(source, *(region(mask, k + 1) for k, mask in enumerate(drawn)), keep_empty_frames=keep)
    file = write_object(seg, tmp_path_factory.mktemp("seg"))
    expected = np.stack(drawn, axis=-1)
    assert np.array_equal(by_highdicom(file.path, volume).astype(bool), expected)
    assert np.array_equal(by_place(file.path, volume), expected)
    read = read_segmentation(file.path, volume)
    assert np.array_equal(np.stack([one.mask for one in read.regions], axis=-1), expected)
    frames = sum(int(mask.any(axis=(1, 2)).sum()) for mask in drawn) if keep is False else SHAPE[0] * len(drawn)
    assert seg.NumberOfFrames == frames


@settings(max_examples=15)
@given(arrays(np.float32, SHAPE, elements=st.floats(0, 1, width=32)).filter(lambda o: (o >= 0.5).any()))
def test_how_much_of_a_voxel_is_inside_comes_back_within_half_a_step(tmp_path_factory, occupancy):
    source, volume = phantom_source(OBLIQUE)
    drawn = region(occupancy >= 0.5, occupancy=occupancy)
    file = write_object(made(source, drawn, segmentation_type="FRACTIONAL"), tmp_path_factory.mktemp("seg"))
    assert np.abs(by_highdicom(file.path, volume)[..., 0] - occupancy).max() <= 0.5 / 255 + 1e-6
    seg = pydicom.dcmread(file.path)
    assert (seg.SegmentationFractionalType, seg.MaximumFractionalValue) == ("OCCUPANCY", 255)


@settings(max_examples=15)
@given(st.integers(1, 5), st.randoms(use_true_random=False))
def test_regions_that_stay_apart_come_back_from_a_label_map(tmp_path_factory, count, random):
    source, volume = phantom_source()
    numbers = np.array([random.randint(0, count) for _ in range(int(np.prod(SHAPE)))]).reshape(SHAPE)
    numbers.flat[:count] = range(1, count + 1)
    drawn = [region(numbers == k + 1, k + 1) for k in range(count)]
    file = write_object(made(source, *drawn, segmentation_type="LABELMAP"), tmp_path_factory.mktemp("seg"))
    expected = np.stack([one.mask for one in drawn], axis=-1)
    assert np.array_equal(by_highdicom(file.path, volume).astype(bool), expected)
    read = read_segmentation(file.path, volume)
    assert np.array_equal(np.stack([one.mask for one in read.regions], axis=-1), expected)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_sixty_lesions_and_one_of_a_single_voxel_come_back(kind: SegmentationType, tmp_path: Path):
    source, volume = phantom_source(shape=(20, 30, 30))
    places = [(k % 20, 3 * (k // 20) + 1, 5 * (k % 5)) for k in range(60)]
    masks = [box(volume, (z, z + 1), (y, y + 2), (x, x + 2)) for z, y, x in places]
    masks[7] = box(volume, (19, 20), (29, 30), (29, 30))
    drawn = [region(mask, k + 1, label=f"Lesion {k + 1}") for k, mask in enumerate(masks)]
    file = write_object(made(source, *drawn, segmentation_type=kind), tmp_path)
    assert np.array_equal(by_highdicom(file.path, volume).astype(bool), np.stack(masks, axis=-1))
    assert [int(one.mask.sum()) for one in read_segmentation(file.path, volume).regions].count(1) == 1


def test_the_same_input_gives_the_same_bytes(tmp_path: Path):
    source, volume = phantom_source()
    drawn = region(box(volume, (1, 3), (2, 5), (2, 6)), label="GTV")
    files = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        files.append(write_object(made(source, drawn), tmp_path / name))
    one, other = files
    assert one.path.read_bytes() == other.path.read_bytes()


def test_made_at_another_moment_it_is_the_same_object_and_the_first_file_stays(tmp_path: Path):
    source, volume = phantom_source()
    drawn = region(box(volume, (1, 3), (2, 5), (2, 6)), label="GTV")
    first = write_object(made(source, drawn), tmp_path)
    content = first.path.read_bytes()
    again = write_object(made(source, drawn, made=LATER), tmp_path)
    assert (first.new, again.new, again.path) == (True, False, first.path)
    assert first.path.read_bytes() == content


def test_another_file_of_that_name_is_not_replaced(tmp_path: Path):
    source, volume = phantom_source()
    seg = made(source, region(box(volume, (1, 3), (2, 5), (2, 6))))
    path = tmp_path / f"SEG-{seg.SOPInstanceUID}.dcm"
    path.write_bytes(b"something else")
    found = write_object(seg, tmp_path)
    assert isinstance(found, Issue)
    assert found.code == "FILE_EXISTS"
    assert path.read_bytes() == b"something else"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_whatever_differs_makes_another_object():
    source, volume = phantom_source()
    mask = box(volume, (1, 3), (2, 5), (2, 6))
    larger = mask.copy()
    larger[3, 3, 3] = True
    drawn = region(mask, label="GTV")
    objects = [
        made(source, drawn),
        made(source, replace(drawn, mask=larger)),
        made(source, replace(drawn, label="Node")),
        made(source, replace(drawn, tracking_uid="1.2.3")),
        made(source, replace(drawn, type=Coding("SCT", "52988006", "Lesion"))),
        made(source, replace(drawn, site=LIVER)),
        made(source, drawn, drawn),
        made(source, drawn, segmentation_type="LABELMAP"),
        made(source, drawn, segmentation_type="FRACTIONAL"),
        made(source, drawn, keep_empty_frames=False),
        made(source, drawn, algorithms=[Algorithm("AUTOMATIC", "a threshold")]),
        made(phantom_source(SAGITTAL)[0], drawn),
    ]
    assert len({seg.SOPInstanceUID for seg in objects[:-1]}) == len(objects) - 1
    assert len({seg.SeriesInstanceUID for seg in objects[:-1]}) == len(objects) - 1
    for seg in objects:
        for uid in (seg.SOPInstanceUID, seg.SeriesInstanceUID, seg.SegmentSequence[-1].get("TrackingUID", "2.25.1")):
            assert pydicom.uid.UID(uid).is_valid


def test_nothing_given_is_changed():
    source, volume = phantom_source()
    mask = box(volume, (1, 3), (2, 5), (2, 6))
    occupancy = mask.astype(np.float32)
    mask.flags.writeable = occupancy.flags.writeable = False
    patient = source.patient.to_json()
    for kind in ("BINARY", "FRACTIONAL", "LABELMAP"):
        seg = made(source, region(mask, occupancy=occupancy), segmentation_type=kind)
        seg.PatientName, seg.PatientID = "Somebody^Else", "other"
    assert source.patient.to_json() == patient


def test_tracking_uids_are_kept_or_made_from_where_the_region_was_drawn():
    source, volume = phantom_source()
    one, two = box(volume, (1, 3), (2, 5), (2, 6)), box(volume, (4, 5), (2, 5), (2, 6))
    kept = made(source, region(one, tracking_uid="1.2.3.4", tracking_id="T1")).SegmentSequence[0]
    assert (kept.TrackingUID, kept.TrackingID) == ("1.2.3.4", "T1")
    drawn = [region(one, 1, label="Liver"), region(two, 2)]
    first, again = made(source, *drawn), made(source, drawn[1], drawn[0], segmentation_type="FRACTIONAL")
    assert [s.TrackingUID for s in first.SegmentSequence] == [s.TrackingUID for s in again.SegmentSequence][::-1]
    assert len({s.TrackingUID for s in first.SegmentSequence}) == 2
    assert [s.TrackingID for s in first.SegmentSequence] == ["Liver", "Lesion 2"]
    elsewhere = made(source, replace(drawn[0], source_uid=f"{DRAWN}.1")).SegmentSequence[0]
    assert elsewhere.TrackingUID != first.SegmentSequence[0].TrackingUID


def coded(item: Any) -> tuple[str, str, str]:
    return item.get("CodeValue") or item.LongCodeValue, item.CodingSchemeDesignator, item.CodeMeaning


def test_codes_of_the_source_are_kept_and_otherwise_it_is_a_mass():
    source, volume = phantom_source()
    mask = box(volume, (1, 3), (2, 5), (2, 6))
    told = region(
        mask,
        category=Coding("http://snomed.info/sct", "49755003", "Morphologically Abnormal Structure"),
        type=Coding("SCT", "108369006", "Neoplasm"),
        site=LIVER,
    )
    silent, odd = region(mask), region(mask, type=Coding("no scheme at all", "1 2"), site=Coding("SCT", ""))
    segments = made(source, told, silent, odd).SegmentSequence
    assert coded(segments[0].SegmentedPropertyTypeCodeSequence[0]) == ("108369006", "SCT", "Neoplasm")
    assert coded(segments[0].AnatomicRegionSequence[0]) == ("10200004", "SCT", "Liver")
    for segment in segments[1:]:
        assert coded(segment.SegmentedPropertyTypeCodeSequence[0]) == ("4147007", "SCT", "Mass")
        category = segment.SegmentedPropertyCategoryCodeSequence[0]
        assert coded(category)[:2] == ("49755003", "SCT")
        assert "AnatomicRegionSequence" not in segment


def test_how_a_region_was_drawn_is_said():
    source, volume = phantom_source()
    drawn = region(box(volume, (1, 3), (2, 5), (2, 6)))
    algorithms = [
        Algorithm(),
        Algorithm("AUTOMATIC", "41 % of maximum"),
        Algorithm("SEMIAUTOMATIC", "click", "1.0", learned=True),
    ]
    by_hand, threshold, network, unsaid = made(source, *[drawn] * 4, algorithms=algorithms).SegmentSequence
    assert by_hand.SegmentAlgorithmType == unsaid.SegmentAlgorithmType == "MANUAL"
    assert "SegmentAlgorithmName" not in by_hand
    assert (threshold.SegmentAlgorithmType, threshold.SegmentAlgorithmName) == ("AUTOMATIC", "41 % of maximum")
    assert "SegmentationAlgorithmIdentificationSequence" not in threshold
    (identified,) = network.SegmentationAlgorithmIdentificationSequence
    assert (identified.AlgorithmName, identified.AlgorithmVersion) == ("click", "1.0")
    assert coded(identified.AlgorithmFamilyCodeSequence[0]) == ("123110", "DCM", "Artificial Intelligence")


def test_it_says_what_made_it_and_names_no_person():
    source, volume = phantom_source()
    seg = made(source, region(box(volume, (1, 3), (2, 5), (2, 6))))
    assert (seg.Manufacturer, seg.ManufacturerModelName) == ("Tumorcast", "Tumorcast")
    assert seg.SoftwareVersions
    assert seg.ContentCreatorName == ""
    assert (seg.ContentDate, seg.ContentTime) == (MADE.date(), MADE.time())
    assert (seg.InstanceCreationDate, seg.InstanceCreationTime) == (MADE.date(), MADE.time())
    moments = {item.ContributionDateTime for item in seg.ContributingEquipmentSequence}
    assert moments == {datetime.datetime(2026, 3, 4, 12, 30)}


def test_what_cannot_be_written_is_refused_by_name():
    source, volume = phantom_source()
    mask = box(volume, (1, 3), (2, 5), (2, 6))
    assert code(source) == "OBJECT_WITHOUT_REGIONS"
    assert code(source, region(mask[1:])) == "SEGMENTATION_GRID_DIFFERS"
    assert code(source, region(np.zeros_like(mask))) == "EMPTY_SEGMENTATION"
    assert code(source, region(mask), region(mask, 2), segmentation_type="LABELMAP") == "OBJECT_SEGMENTS_OVERLAP"
    for kind in ("BINARY", "FRACTIONAL", "LABELMAP"):
        assert code(source, region(mask), segmentation_type=kind, most_bytes=10) == "OBJECT_TOO_LARGE"
