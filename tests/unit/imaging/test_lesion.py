"""One region becomes one lesion: all its measures under their catalogued names, its doubts in words."""

from dataclasses import replace

import numpy as np
import pytest

from tumorcast_core.catalog import entry
from tumorcast_core.errors import UnsoundSegmentation
from tumorcast_core.snapshot import Coding
from tumorcast_imaging.dicom import Region, Volume
from tumorcast_imaging.model.lesions.lesion import features, is_lesion, measure_lesion, measured

SCT = "http://snomed.info/sct"
UNITS = {"PT": "SUVbw", "CT": "HU", "MR": "arbitrary"}
SIZES = {"tumor_longest_diameter", "tumor_short_axis", "tumor_volume", "tumor_maximum_3d_diameter"}
UPTAKE = {"suv_max", "suv_mean", "suv_peak", "mtv", "tlg", "mtv_41", "suv_mean_41", "tlg_41"}


def volume(kind="PT", shape=(12, 16, 16), spacing_mm=(3.27, 4.0, 4.0)):
    array = np.random.default_rng(3).uniform(1, 9, shape).astype(np.float32)
    return Volume(
        array=array,
        affine_lps=np.diag([*spacing_mm, 1.0]),
        spacing_mm=spacing_mm,
        unit=UNITS[kind],
        dicom_modality=kind,
        series_instance_uid="1.2.3",
        study_instance_uid="1.2",
        frame_of_reference_uid="1.9",
        patient_id="",
        date="2026-03-04",
        sop_instance_uids=(),
    )


def region(*boxes, shape=(12, 16, 16)):
    mask = np.zeros(shape, bool)
    for box in boxes:
        mask[tuple(slice(*span) for span in box)] = True
    return Region(mask, 2, "roi", "1.2.3.4", label="GTV", tracking_uid="2.25.7")


BLOCK = ((3, 8), (4, 10), (5, 9))
ONE = ((5, 6), (7, 8), (7, 8))


@pytest.mark.parametrize(("kind", "prefix"), [("PT", "pet"), ("CT", "ct"), ("MR", "mr")])
def test_names_begin_with_the_kind_of_image_and_plain_ones_are_those_of_anatomy(kind, prefix):
    made, issues = features(measure_lesion(volume(kind), region(BLOCK), radiomics=False), "baseline")
    expected = {f"{prefix}_{stem}" for stem in SIZES | (UPTAKE if kind == "PT" else set())}
    assert {f.name for f in made} == expected | (set() if kind == "PT" else SIZES)
    assert not issues
    for feature in made:
        assert feature.unit == entry(feature.name).unit
        assert (feature.source, feature.sources) == ("1.2.3.4#roi=2", ("1.2.3",))
        assert (feature.effective, feature.timepoint) == ("2026-03-04", "baseline")


@pytest.mark.parametrize("kind", UNITS)
def test_one_voxel_is_measured_and_what_is_out_of_range_is_an_issue(kind):
    fine = volume(kind, spacing_mm=(0.5, 0.5, 0.5))
    lesion = measure_lesion(fine, region(ONE), radiomics=False)
    assert lesion.size.longest_diameter_mm == pytest.approx(0.5)
    made, issues = features(lesion)
    assert {issue.code for issue in issues} <= {"IMPLAUSIBLE_VALUE", "PEAK_BESIDE_LESION"}
    assert "IMPLAUSIBLE_VALUE" in {issue.code for issue in issues}
    assert not {f.name for f in made} & SIZES
    coarse = measure_lesion(volume(kind, spacing_mm=(5.0, 5.0, 5.0)), region(ONE), radiomics=False)
    assert {f.name for f in features(coarse)[0]} >= {f"{kind.lower().replace('pt', 'pet')}_tumor_volume"}


def test_parts_and_a_peak_beside_the_lesion_are_told():
    pet = volume()
    pet.array[:] = 1
    pet.array[5, 7, 8] = 80
    lesion = measure_lesion(pet, region(ONE, ((9, 10), (2, 3), (2, 3))), radiomics=False)
    codes = [issue.code for issue in features(lesion)[1]]
    assert codes == ["LESION_IN_PARTS", "PEAK_BESIDE_LESION"]
    assert all(issue.location == "1.2.3" for issue in features(lesion)[1])


def test_an_extraction_gets_the_lesion_with_its_place_and_name():
    lesion = measure_lesion(volume(), region(BLOCK), radiomics=False)
    told = measured(lesion, "baseline")
    assert (told.tracking_uid, told.label, told.source) == ("2.25.7", "GTV", "1.2.3.4#roi=2")
    assert told.measurements == features(lesion, "baseline")[0]


def test_neither_label_nor_date_stands_in_the_text_of_a_lesion():
    lesion = measure_lesion(volume(), region(BLOCK), radiomics=False)
    assert "GTV" not in repr(lesion)
    assert "2026" not in repr(lesion)


TISSUE, ORGAN = Coding(SCT, "85756007", "Tissue"), Coding(SCT, "91723000", "Anatomical Structure")
CHANGED, BREAST = Coding(SCT, "49755003"), Coding(SCT, "76752008", "Breast")


@pytest.mark.parametrize(
    ("category", "kind", "expected"),
    [
        (None, None, True),
        (CHANGED, Coding(SCT, "108369006", "Neoplasm"), True),
        (CHANGED, BREAST, True),
        (TISSUE, TISSUE, True),  # what 3D Slicer writes where nobody chose
        (TISSUE, None, True),
        (TISSUE, Coding(SCT, "4147007", "Mass"), True),
        (TISSUE, BREAST, False),
        (ORGAN, Coding(SCT, "39607008", "Lung"), False),
        (Coding("SRT", "T-D0050"), Coding("MRSC", "B-1000"), False),  # breast tissue of Breast-MRI-NACT-Pilot
    ],
)
def test_a_region_is_a_lesion_unless_its_codes_say_that_it_is_healthy(category, kind, expected):
    assert is_lesion(replace(region(BLOCK), category=category, type=kind)) is expected


@pytest.mark.parametrize(
    ("interpreted_type", "label", "kind", "expected"),
    [
        ("GTV", "anything", None, True),
        ("", "anything", None, True),
        ("SOMETHING_NEW", "anything", None, True),
        ("ORGAN", "Liver", None, False),
        ("ORGAN", "GTV_Mass", None, True),
        ("ORGAN", "ROI 1", Coding(SCT, "4147007"), True),
        ("EXTERNAL", "Body", None, False),
        ("EXTERNAL", "GTV", None, False),
        ("PTV", "PTV_High", None, False),
        ("CTV", "CTV", Coding(SCT, "4147007"), False),
        ("SUPPORT", "Table", None, False),
    ],
)
def test_an_roi_that_is_an_organ_a_device_or_planned_is_no_lesion(interpreted_type, label, kind, expected):
    roi = replace(region(BLOCK), interpreted_type=interpreted_type, label=label, type=kind)
    assert is_lesion(roi) is expected


def test_radiomics_that_came_back_empty_are_told_and_those_not_asked_for_are_not(monkeypatch):
    monkeypatch.setattr("tumorcast_imaging.model.lesions.radiomics.preparation.MOST_POINTS", 10)
    asked, unasked = (measure_lesion(volume("CT"), region(BLOCK), radiomics=wish) for wish in (True, False))
    assert [issue.code for issue in features(asked)[1]] == ["RADIOMICS_NOT_COMPUTED"]
    assert not features(unasked)[1]


def test_an_empty_region_is_refused():
    empty = replace(region(BLOCK), mask=np.zeros((12, 16, 16), bool))
    with pytest.raises(UnsoundSegmentation):
        measure_lesion(volume(), empty, radiomics=False)


@pytest.mark.parametrize("kind", UNITS)
def test_every_radiomics_measure_is_in_the_catalog(kind):
    lesion = measure_lesion(volume(kind), region(BLOCK))
    assert lesion.radiomics
    made, issues = features(lesion)
    assert len(made) + len(issues) >= len(lesion.radiomics)
