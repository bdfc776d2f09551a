"""Whose images an object says it is made from: any file the gate reads gives an object, or a reason code."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import uid as uids
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from support.adversarial import CASES, THEMES, Case
from support.dicom_factory import OBLIQUE, Phantom, save
from support.objects import MADE, box, only_volume, phantom_source, region, source_of
from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import Volume, open_study, read_segmentation
from tumorcast_imaging.model.objects import read_source, segmentation_object, write_object

SMALL = Phantom(shape=(4, 8, 9))


def exported(folder: Path, edit: Any = None, **attributes: Any) -> Dataset:
    """The SEG of a box on the small phantom, whose slices were edited, as it lies on disk."""
    SMALL.write(folder / "in", edit)
    source, volume = source_of(folder / "in")
    seg = segmentation_object(source, [region(box(volume, (1, 3), (2, 5), (2, 6)), **attributes)], made=MADE)
    assert not isinstance(seg, Issue), seg
    return pydicom.dcmread(write_object(seg, folder).path)


def without(*keywords: str) -> Any:
    return lambda k, d: [delattr(d, keyword) for keyword in keywords]


def stating(**values: Any) -> Any:
    return lambda k, d: [setattr(d, keyword, value) for keyword, value in values.items()]


def test_patient_and_study_are_those_of_the_images(tmp_path: Path):
    seg = exported(tmp_path, stating(StudyDescription="Chest", PatientAge="061Y", PatientWeight="70.5"))
    assert (seg.PatientID, seg.PatientName, seg.PatientBirthDate, seg.PatientSex) == (
        "PHANTOM-1",
        "Phantom^One",
        "19600101",
        "O",
    )
    assert (seg.StudyDate, seg.StudyTime, seg.StudyID, seg.StudyDescription) == ("20260304", "120000", "1", "Chest")
    assert (seg.PatientAge, float(seg.PatientWeight)) == ("061Y", 70.5)
    assert (seg.StudyInstanceUID, seg.FrameOfReferenceUID) == (SMALL.study, "1.2.826.0.1.3680043.8.498.3")
    (series,) = seg.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == SMALL.series
    assert len(series.ReferencedInstanceSequence) == SMALL.shape[0]


TYPE_2 = {
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
}


def test_what_the_images_do_not_say_is_there_and_empty(tmp_path: Path):
    seg = exported(tmp_path, without(*TYPE_2, "PatientID"))
    for keyword in (*TYPE_2, "PatientID"):
        assert keyword in seg, keyword
        assert not seg[keyword].value, keyword


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("PatientBirthDate", "1960.01.02", "19600102"),
        ("PatientBirthDate", "19600231", ""),
        ("PatientBirthDate", "last year", ""),
        ("PatientSex", "female", ""),
        ("PatientSex", "F", "F"),
        ("StudyTime", "12:30:59.5", "123059.5"),
        ("StudyTime", "2530", ""),
        ("StudyID", "longer than sixteen characters", ""),
        ("AccessionNumber", "longer than sixteen characters", "longer than sixteen characters"),
        ("PatientID", "P" * 80, "P" * 80),
        ("PatientName", "Only one component", "Only one component"),
        ("StudyDescription", "x" * 80, "x" * 64),
    ],
)
def test_values_are_cleaned_but_identifiers_stay(keyword: str, value: str, expected: str, tmp_path: Path):
    with pydicom.config.disable_value_validation():
        seg = exported(tmp_path, stating(**{keyword: value}))
        assert str(seg[keyword].value) == expected


@pytest.mark.parametrize(
    ("character_set", "name"),
    [("ISO_IR 100", "Müller^Jörg"), ("ISO_IR 192", "山田^太郎"), (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎")],
)
def test_text_in_any_character_set_becomes_utf_8(character_set: Any, name: str, tmp_path: Path):
    seg = exported(tmp_path, stating(SpecificCharacterSet=character_set, PatientName=name))
    assert seg.SpecificCharacterSet == "ISO_IR 192"
    assert str(seg.PatientName) == name


def test_de_identification_is_told_with_its_method_or_not_at_all(tmp_path: Path):
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113100", "DCM", "Basic Profile"
    methods = Sequence([code])
    told = exported(tmp_path / "1", stating(PatientIdentityRemoved="YES", DeidentificationMethodCodeSequence=methods))
    assert (told.PatientIdentityRemoved, told.DeidentificationMethodCodeSequence[0].CodeValue) == ("YES", "113100")
    assert "PatientIdentityRemoved" not in exported(tmp_path / "2", stating(PatientIdentityRemoved="YES"))


def test_a_clinical_trial_is_told_only_whole(tmp_path: Path):
    trial = {"ClinicalTrialSponsorName": "Sponsor", "ClinicalTrialProtocolID": "P1", "ClinicalTrialSubjectID": "S1"}
    assert exported(tmp_path / "1", stating(**trial)).ClinicalTrialSubjectID == "S1"
    assert "ClinicalTrialSponsorName" not in exported(tmp_path / "2", stating(ClinicalTrialSponsorName="Sponsor"))


LABELS = {
    "empty": ("", "Lesion 1"),
    "spaces": ("  \t ", "Lesion 1"),
    "backslash": ("a\\b", "a/b"),
    "lines": ("left\r\nlung", "left lung"),
    "null": ("GTV\0\0", "GTV"),
    "long": ("x" * 200, "x" * 64),
    "Japanese": ("肝臓" * 40, "肝臓" * 10 + "肝"),
    "surrogate": ("a\ud800b", "a b"),
    "markup": ("<script>&amp;</script>", "<script>&amp;</script>"),
}


@pytest.mark.parametrize(("label", "expected"), LABELS.values(), ids=LABELS)
def test_any_label_is_written_as_a_long_string(label: str, expected: str, tmp_path: Path):
    (segment,) = exported(tmp_path, label=label).SegmentSequence
    assert segment.SegmentLabel == expected
    assert isinstance(segment.TrackingID, str)


@settings(max_examples=30)
@given(st.text(max_size=300), st.text(max_size=100))
def test_no_text_a_reader_typed_breaks_the_file(tmp_path_factory, label, tracking_id):
    source, volume = phantom_source()
    drawn = region(box(volume, (1, 3), (2, 5), (2, 6)), label=label, tracking_id=tracking_id)
    seg = segmentation_object(source, [drawn], made=MADE)
    assert not isinstance(seg, Issue)
    (segment,) = pydicom.dcmread(write_object(seg, tmp_path_factory.mktemp("seg")).path).SegmentSequence
    assert isinstance(segment.SegmentLabel, str)
    assert 1 <= len(segment.SegmentLabel.encode()) <= 64
    assert len(segment.get("SegmentDescription", "").encode()) <= 1024


def test_no_warning_or_log_line_names_the_patient(tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: Any):
    caplog.set_level(logging.DEBUG)
    with pydicom.config.disable_value_validation():
        SMALL.write(tmp_path / "in", stating(PatientName="SECRET", PatientID="SECRET" * 20, PatientSex="SECRET"))
    source, volume = source_of(tmp_path / "in")
    drawn = region(box(volume, (1, 3), (2, 5), (2, 6)), label="SECRET\\" * 50)
    seg = segmentation_object(source, [drawn], made=MADE)
    write_object(seg, tmp_path)
    assert "SECRET" not in caplog.text + "".join(str(w.message) for w in recwarn) + repr(source) + repr(drawn)


def test_big_endian_images_give_a_little_endian_object(tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    for d in SMALL.slices():
        d.PixelData = np.frombuffer(d.PixelData, "<u2").astype(">u2").tobytes()
        d.file_meta.TransferSyntaxUID = uids.ExplicitVRBigEndian
        save(d, folder / f"{d.InstanceNumber}.dcm")
    source, volume = source_of(folder)
    drawn = region(box(volume, (1, 3), (2, 5), (2, 6)))
    file = write_object(segmentation_object(source, [drawn], made=MADE), tmp_path)
    assert pydicom.dcmread(file.path).file_meta.TransferSyntaxUID == uids.ExplicitVRLittleEndian
    assert np.array_equal(read_segmentation(file.path, volume).regions[0].mask, drawn.mask)


def test_images_without_frame_of_reference_give_an_object_without(tmp_path: Path):
    seg = exported(tmp_path, without("FrameOfReferenceUID"))
    assert "FrameOfReferenceUID" not in seg
    _, volume = only_volume(tmp_path / "in")
    assert read_segmentation(seg.filename, volume).regions[0].mask.sum() == 24


def test_a_volume_that_was_straightened_is_refused(tmp_path: Path):
    def tilt(k: int, d: Dataset) -> None:
        d.ImagePositionPatient = [*d.ImagePositionPatient[:1], d.ImagePositionPatient[1] + k, d.ImagePositionPatient[2]]

    SMALL.write(tmp_path, tilt)
    (series,) = open_study(tmp_path, repair=True).series
    (volume,) = series.read()
    assert isinstance(volume, Volume)
    found = read_source(series, volume)
    assert isinstance(found, Issue)
    assert found.code == "OBJECT_OF_REPAIRED_VOLUME"


def test_frames_of_a_multi_frame_image_are_referred_to_by_number(tmp_path: Path):
    case = next(case for case in THEMES["multi-frame"] if case.name.startswith("enhanced CT"))
    case.write(tmp_path / "in")
    source, volume = source_of(tmp_path / "in")
    seg = segmentation_object(source, [region(np.ones(volume.array.shape, bool))], made=MADE)
    file = write_object(seg, tmp_path)
    (image,) = map(pydicom.dcmread, (tmp_path / "in").iterdir())
    places = [item.PlanePositionSequence[0].ImagePositionPatient for item in image.PerFrameFunctionalGroupsSequence]
    written = pydicom.dcmread(file.path)
    assert [ref.ReferencedSOPInstanceUID for ref in written.SourceImageSequence] == [image.SOPInstanceUID]
    assert written.SourceImageSequence[0].ReferencedSOPClassUID == image.SOPClassUID
    for frame in written.PerFrameFunctionalGroupsSequence:
        (reference,) = frame.DerivationImageSequence[0].SourceImageSequence
        assert reference.ReferencedSOPInstanceUID == image.SOPInstanceUID
        expected = places[reference.ReferencedFrameNumber - 1]
        assert np.allclose(frame.PlanePositionSequence[0].ImagePositionPatient, expected, atol=1e-6)


def test_files_that_changed_since_they_were_read_are_refused(tmp_path: Path):
    SMALL.write(tmp_path)
    series, volume = only_volume(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(b"gone")
    found = read_source(series, volume)
    assert isinstance(found, Issue)


def check_every_volume(case: Case, folder: Path) -> int:
    """Write and read back an object for every volume that the gate accepts of a case's files."""
    case.write(folder / "in")
    count = 0
    for series in open_study(folder / "in").series:
        for volume in series.read():
            if isinstance(volume, Volume):
                source = read_source(series, volume)
                assert not isinstance(source, Issue), source
                mask = np.random.default_rng(1).random(volume.array.shape) < 0.1
                mask[0, 0, 0] = True
                seg = segmentation_object(source, [region(mask)], made=MADE)
                assert not isinstance(seg, Issue), seg
                read = read_segmentation(write_object(seg, folder).path, volume)
                assert np.array_equal(read.regions[0].mask, mask), read.issues
                count += 1
    return count


@pytest.mark.parametrize("case", [c for theme in ("multi-frame", "several volumes") for c in THEMES[theme]], ids=str)
def test_multi_frame_images_and_split_series_give_objects_too(case: Case, tmp_path: Path):
    assert check_every_volume(case, tmp_path) or case.kind == "unsound"


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case.kind != "unsound"], ids=str)
def test_every_series_that_the_gate_reads_gives_an_object(case: Case, tmp_path: Path):
    assert check_every_volume(case, tmp_path)


def test_an_oblique_series_puts_every_frame_where_its_image_lies():
    source, volume = phantom_source(OBLIQUE)
    seg = segmentation_object(source, [region(np.ones(volume.array.shape, bool))], made=MADE)
    for frame in seg.PerFrameFunctionalGroupsSequence:
        (reference,) = frame.DerivationImageSequence[0].SourceImageSequence
        k = volume.sop_instance_uids.index(reference.ReferencedSOPInstanceUID)
        place = (volume.affine_lps @ (k, 0, 0, 1))[:3]
        assert np.allclose(list(map(float, frame.PlanePositionSequence[0].ImagePositionPatient)), place, atol=1e-3)
