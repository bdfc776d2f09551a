"""Measures → SR: every number, unit and end point as measured, under the codes of the standard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr import _concepts_dict as standard

from support.dicom_factory import AXIAL, OBLIQUE, SAGITTAL, Phantom
from support.objects import LATER, MADE, as_pet, box, phantom_source, region, source_of
from tumorcast_core.snapshot import Coding, Issue
from tumorcast_imaging.dicom import Region, Volume
from tumorcast_imaging.model.lesions.lesion import Lesion, measure_lesion
from tumorcast_imaging.model.objects import (
    Measured,
    Source,
    measurement_report,
    segmentation_object,
    write_object,
)

SIZE = ((1, 4), (2, 8), (3, 7))
ORIENTATIONS = {"axial": AXIAL, "sagittal": SAGITTAL, "oblique": OBLIQUE}


def measured(source: Source, volume: Volume, *regions: Region, radiomics: bool = False) -> Measured:
    seg = segmentation_object(source, regions, made=MADE)
    assert not isinstance(seg, Issue), seg
    return Measured(source, seg, tuple(measure_lesion(volume, one, radiomics=radiomics) for one in regions))


def read(report: Any, folder: Path) -> Any:
    """The report as highdicom reads it from disk."""
    assert not isinstance(report, Issue), report
    return hd.sr.srread(write_object(report, folder).path)


def numbers(group: Any) -> list[tuple[str, str, str, float]]:
    """Code, derivation, unit and value of each measure of a group."""
    found = []
    for one in group.get_measurements():
        derivation = one.derivation.value if one.derivation else ""
        found.append((one.name.value, derivation, one.unit.value, one.value))
    return found


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_size_comes_back_exactly_and_end_points_lie_where_they_were_measured(orientation: Any, tmp_path: Path):
    source, volume = phantom_source(orientation)
    one = measured(source, volume, region(box(volume, *SIZE), label="GTV"))
    (lesion,) = one.lesions
    report = read(measurement_report([one], made=MADE), tmp_path)
    (volumetric,) = report.content.get_volumetric_roi_measurement_groups()
    assert numbers(volumetric) == [
        ("118565006", "", "ml", lesion.size.volume_ml),
        ("L0JK", "", "mm", lesion.size.maximum_3d_diameter_mm),
    ]
    (linear,) = report.content.get_image_measurement_groups()
    long, short = linear.get_measurements()
    assert numbers(linear) == [
        ("103339001", "", "mm", lesion.size.longest_diameter_mm),
        ("103340004", "", "mm", lesion.size.short_axis_mm),
    ]
    for measure, axis in ((long, lesion.size.long_axis), (short, lesion.size.short_axis)):
        ends = in_space(measure, volume)
        assert np.allclose(ends, axis, atol=1e-3)
        assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(measure.value, abs=1e-3)


def in_space(measure: Any, volume: Volume) -> np.ndarray:
    """The end points of a length in mm LPS, by highdicom's own transformer from image coordinates."""
    (ends,) = measure.referenced_coordinates
    (image,) = ends.ContentSequence
    k = volume.sop_instance_uids.index(image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
    to_space = hd.spatial.ImageToReferenceTransformer(
        image_position=(volume.affine_lps @ (k, 0, 0, 1))[:3],
        image_orientation=[
            *(volume.affine_lps[:3, 2] / volume.spacing_mm[2]),
            *(volume.affine_lps[:3, 1] / volume.spacing_mm[1]),
        ],
        pixel_spacing=volume.spacing_mm[1:],
    )
    return np.asarray(to_space(np.asarray(ends.value)))


def test_uptake_comes_back_exactly(tmp_path: Path):
    source, volume = phantom_source(edit=as_pet)
    one = measured(source, volume, region(box(volume, *SIZE)))
    uptake = one.lesions[0].uptake
    assert uptake is not None
    report = read(measurement_report([one], made=MADE), tmp_path)
    (group,) = report.content.get_volumetric_roi_measurement_groups()
    assert numbers(group)[2:] == [
        ("126401", "56851009", "g/ml{SUVbw}", uptake.suv_max),
        ("126401", "373098007", "g/ml{SUVbw}", uptake.suv_mean),
        ("126401", "126031", "g/ml{SUVbw}", uptake.suv_peak),
        ("126032", "", "ml", uptake.mtv_ml),
        ("126033", "", "g", uptake.tlg_g),
        ("126401", "373098007", "g/ml{SUVbw}", uptake.suv_mean_41),
        ("126032", "", "ml", uptake.mtv_41_ml),
        ("126033", "", "g", uptake.tlg_41_g),
    ]


def test_two_measures_of_one_code_say_of_what_each_is():
    source, volume = phantom_source(edit=as_pet)
    report = measurement_report([measured(source, volume, region(box(volume, *SIZE)))], made=MADE)
    seen = set()
    for item in walk(report):
        if item.get("ValueType") == "NUM" and item.RelationshipType == "CONTAINS":
            texts = [child.TextValue for child in item.get("ContentSequence", ()) if child.ValueType == "TEXT"]
            modifiers = [
                child.ConceptCodeSequence[0].CodeValue
                for child in item.get("ContentSequence", ())
                if child.ValueType == "CODE"
            ]
            seen.add((item.ConceptNameCodeSequence[0].CodeValue, *modifiers, *texts))
    assert len(seen) == 12


def walk(dataset: Any) -> Any:
    yield dataset
    for item in dataset.get("ContentSequence", ()):
        yield from walk(item)


def test_every_code_is_that_of_the_standard():
    """pydicom's dictionary of PS3.16, which its authors generate from the standard's text."""
    source, volume = phantom_source(edit=as_pet)
    mask = box(volume, *SIZE)
    report = measurement_report([measured(source, volume, region(mask))], made=MADE, timepoint="baseline")
    known = {
        (scheme, code): meaning
        for scheme, names in standard.concepts.items()
        for codes in names.values()
        for code, (meaning, _) in codes.items()
    }
    unknown = set()
    for item in walk_all(report):
        if "CodeMeaning" in item:
            key = item.CodingSchemeDesignator, item.get("CodeValue") or item.LongCodeValue
            if key not in known:
                unknown.add((*key, item.CodeMeaning))
    assert unknown == {  # UCUM and RFC 5646 are grammars, of which the standard lists examples
        ("UCUM", "g", "gram"),
        ("UCUM", "ml", "milliliter"),
        ("UCUM", "{pixels}", "Pixels"),
        ("UCUM", "{-1:1}", "{-1:1}"),
        ("RFC5646", "en-US", "English (United States)"),
        ("UMLS", "C2348792", "Time Point"),  # of TID 1502, row 1
    }


def walk_all(dataset: Any) -> Any:
    yield dataset
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from walk_all(item)


def test_each_group_names_its_lesion_and_its_segment(tmp_path: Path):
    source, volume = phantom_source()
    lung = Coding("http://snomed.info/sct", "39607008", "Lung")
    first = region(box(volume, *SIZE), 1, label="Upper", tracking_uid="1.2.3", tracking_id="T1", site=lung)
    second = region(box(volume, (5, 6), (0, 2), (0, 2)), 2, label="Lower")
    one = measured(source, volume, first, second)
    report = read(measurement_report([one], made=MADE, timepoint="baseline"), tmp_path)
    groups = report.content.get_volumetric_roi_measurement_groups()
    for number, group in enumerate(groups, 1):
        segment = group.referenced_segment
        reference = segment[0].ReferencedSOPSequence[0]
        assert reference.ReferencedSOPInstanceUID == one.segmentation.SOPInstanceUID
        assert reference.ReferencedSegmentNumber == number
        described = one.segmentation.SegmentSequence[number - 1]
        assert (group.tracking_uid, group.tracking_identifier) == (described.TrackingUID, described.TrackingID)
        assert group.finding_type.value == "4147007"
    assert [site.value.value for site in groups[0].finding_sites] == ["39607008"]
    assert [group.tracking_uid for group in report.content.get_image_measurement_groups()] == [
        group.tracking_uid for group in groups
    ]


def test_several_series_of_a_study_stand_in_one_report(tmp_path: Path):
    """Each with its procedure, its segmentation and its images as evidence."""
    ct, ct_volume = phantom_source()
    pet, pet_volume = phantom_source(edit=as_pet)
    both = [measured(s, v, region(box(v, *SIZE))) for s, v in ((ct, ct_volume), (pet, pet_volume))]
    report = read(measurement_report(both, made=MADE), tmp_path)
    procedures = [
        i.ConceptCodeSequence[0].CodeValue
        for i in report.ContentSequence
        if i.ConceptNameCodeSequence[0].CodeValue == "121058"
    ]
    assert procedures == ["25045-6", "44136-0"]
    assert len(report.content.get_volumetric_roi_measurement_groups()) == 2
    evidence = {uid for _, _, uid, _ in report.get_evidence(current_procedure_only=True)}
    assert {one.segmentation.SOPInstanceUID for one in both} <= evidence
    assert set(ct_volume.sop_instance_uids) <= evidence


def test_the_observer_is_a_device_and_nobody_has_verified_it(tmp_path: Path):
    source, volume = phantom_source()
    report = read(measurement_report([measured(source, volume, region(box(volume, *SIZE)))], made=MADE), tmp_path)
    (observer,) = report.content.get_observer_contexts()
    assert observer.observer_type.meaning == "Device"
    assert observer.observer_identifying_attributes.name == "Tumorcast"
    assert (report.VerificationFlag, report.CompletionFlag, report.PreliminaryFlag) == (
        "UNVERIFIED",
        "COMPLETE",
        "PRELIMINARY",
    )
    assert "VerifyingObserverSequence" not in report
    assert (report.PatientID, report.PatientName) == ("PHANTOM-1", "Phantom^One")


def test_the_same_input_gives_the_same_report(tmp_path: Path):
    source, volume = phantom_source()
    one = measured(source, volume, region(box(volume, *SIZE)))
    first = measurement_report([one], made=MADE)
    assert first == measurement_report([one], made=MADE)
    later, another = measurement_report([one], made=LATER), measurement_report([one], made=MADE, timepoint="week 6")
    assert later.SOPInstanceUID == first.SOPInstanceUID != another.SOPInstanceUID
    path = write_object(first, tmp_path).path
    content = path.read_bytes()
    assert not write_object(later, tmp_path).new
    assert path.read_bytes() == content


def test_one_voxel_has_a_report_and_so_have_sixty_lesions(tmp_path: Path):
    source, volume = phantom_source(shape=(20, 30, 30))
    masks = [
        box(volume, (k % 20, k % 20 + 1), (3 * (k // 20), 3 * (k // 20) + 2), (k % 9, k % 9 + 3)) for k in range(60)
    ]
    masks[0] = box(volume, (0, 1), (29, 30), (29, 30))
    one = measured(source, volume, *(region(mask, k + 1) for k, mask in enumerate(masks)))
    report = read(measurement_report([one], made=MADE), tmp_path)
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert [numbers(group)[0][3] for group in groups] == [lesion.size.volume_ml for lesion in one.lesions]
    for group in report.content.get_image_measurement_groups():
        for measure in group.get_measurements():
            (ends,) = measure.referenced_coordinates
            assert np.min(ends.value) >= 0
            assert np.max(ends.value) <= 30


def test_radiomics_without_binning_stand_in_the_report_where_they_were_computed(tmp_path: Path):
    source, volume = phantom_source()
    one = measured(source, volume, region(box(volume, *SIZE)))
    (bare,) = one.lesions
    lesion = Lesion(
        **{f: getattr(bare, f) for f in bare.__dataclass_fields__}
        | {"radiomics": {"shape_sphericity": 0.75, "glcm_contrast": 3.0}}
    )
    report = read(measurement_report([Measured(source, one.segmentation, (lesion,))], made=MADE), tmp_path)
    (group,) = report.content.get_volumetric_roi_measurement_groups()
    assert ("QCFX", "", "1", 0.75) in numbers(group)
    assert 3.0 not in [value for *_, value in numbers(group)]


def test_a_report_needs_lesions_of_one_study(tmp_path: Path):
    source, volume = phantom_source()
    one = measured(source, volume, region(box(volume, *SIZE)))
    Phantom(shape=(6, 10, 12), study="1.2.3").write(tmp_path)
    elsewhere = measured(*source_of(tmp_path), region(box(volume, *SIZE)))
    refusals = {
        "OBJECT_WITHOUT_REGIONS": ([], [Measured(source, one.segmentation, ())]),
        "MIXED_STUDIES": ([one, elsewhere],),
    }
    for code, cases in refusals.items():
        for case in cases:
            found = measurement_report(case, made=MADE)
            assert isinstance(found, Issue)
            assert found.code == code


def test_the_report_can_be_read_without_pixels_of_its_segmentation(tmp_path: Path):
    """A report of references only: a copy of the segmentation's identity is enough to make it."""
    source, volume = phantom_source()
    one = measured(source, volume, region(box(volume, *SIZE)))
    light = pydicom.Dataset()
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(light, keyword, one.segmentation[keyword].value)
    assert measurement_report([Measured(source, light, one.lesions)], made=MADE) == measurement_report([one], made=MADE)
