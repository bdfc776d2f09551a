"""Every series that is not sound is refused with its reason code, and never read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from support.dicom_factory import SAGITTAL, Phantom, save
from tumorcast_imaging.dicom import read_study
from tumorcast_imaging.dicom.reasons import CODES

ONE = 5
"""The slice that the edit touches, unless it touches all."""


def one(**attributes: object) -> Callable[[int, Dataset], None]:
    def edit(k: int, d: Dataset) -> None:
        if k == ONE:
            _set(d, attributes)

    return edit


def every(**attributes: object) -> Callable[[int, Dataset], None]:
    return lambda k, d: _set(d, attributes)


def _set(d: Dataset, attributes: dict[str, object]) -> None:
    for name, value in attributes.items():
        if value is None:
            delattr(d, name)
        else:
            setattr(d, name, value)


def move(*, along_mm: float = 0, sideways_mm: Callable[[int], float] = lambda k: 0, only: int | None = None):
    def edit(k: int, d: Dataset) -> None:
        if only is None or k == only:
            x, y, z = map(float, d.ImagePositionPatient)
            d.ImagePositionPatient = [x, y + sideways_mm(k), z + along_mm]

    return edit


def widen(k: int, d: Dataset) -> None:
    x, y, z = map(float, d.ImagePositionPatient)
    d.ImagePositionPatient = [x, y, z + max(0, k - 6) * 0.7]


def interleave(k: int, d: Dataset) -> None:
    d.AcquisitionNumber = 1 + k % 2


def cut_pixels(k: int, d: Dataset) -> None:
    if k == ONE:
        d.PixelData = d.PixelData[:-100]


def more_pixels(k: int, d: Dataset) -> None:
    if k == ONE:
        d.PixelData = d.PixelData + bytes(100)


def other_file_same_uid(k: int, d: Dataset) -> None:
    if k == 6:
        d.SOPInstanceUID = f"{Phantom().series}.{ONE + 1}"


def as_value(keyword: str, vr: str, value: object) -> Callable[[int, Dataset], None]:
    """One slice states an attribute under a value representation that is not its own."""

    def edit(k: int, d: Dataset) -> None:
        if k == ONE:
            if keyword == "PixelData":
                d.DataSetTrailingPadding = bytes(8000)  # as long as a file with pixels
            d[keyword] = DataElement(keyword, vr, value)

    return edit


def alternate(keyword: str, *values: object) -> Callable[[int, Dataset], None]:
    def edit(k: int, d: Dataset) -> None:
        del d.AcquisitionNumber
        setattr(d, keyword, values[k % 2])

    return edit


def mostly_derived(k: int, d: Dataset) -> None:
    d.ImageType = ["ORIGINAL" if k == ONE else "DERIVED", "PRIMARY" if k == ONE else "SECONDARY"]


def mr_with_one_slope(k: int, d: Dataset) -> None:
    d.Modality, d.SOPClassUID = "MR", "1.2.840.10008.5.1.4.1.1.4"
    if k != ONE:
        del d.RescaleSlope


PET = "1.2.840.10008.5.1.4.1.1.128"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
RLE = "1.2.840.10008.1.2.5"

CASES = {
    "a slice of another patient": ("MIXED_PATIENTS", one(PatientID="PHANTOM-2")),
    "a slice of a namesake without id": ("MIXED_PATIENTS", one(PatientName="Phantom^Two")),
    "a slice of another study": ("MIXED_STUDIES", one(StudyInstanceUID="1.2.3.4")),
    "a slice of another modality": ("MIXED_MODALITIES", one(Modality="MR")),
    "another frame of reference": ("MIXED_FRAMES_OF_REFERENCE", one(FrameOfReferenceUID="1.2.3.5")),
    "another number of rows": ("MIXED_SIZES", one(Rows=20, PixelData=bytes(20 * 48 * 2))),
    "another pixel spacing": ("MIXED_SPACING", one(PixelSpacing=[2.5, 2.1])),
    "another orientation": ("MIXED_ORIENTATION", one(ImageOrientationPatient=list(SAGITTAL))),
    "one slice of another kernel": ("MIXED_ACQUISITIONS", one(ConvolutionKernel="B70f")),
    "one slice of another acquisition": ("MIXED_ACQUISITIONS", one(AcquisitionNumber=7)),
    "more derived images than originals": ("MIXED_IMAGE_TYPES", mostly_derived),
    "pixel spacing of a nanometer": ("BAD_SPACING", every(PixelSpacing=["1e-6", "1e-6"])),
    "pixel spacing beyond all bounds": ("BAD_SPACING", every(PixelSpacing=["1e300", "1e300"])),
    "a position beyond all bounds": ("BAD_POSITION", every(ImagePositionPatient=["1e308", "0", "0"])),
    "no pixel spacing": ("BAD_SPACING", one(PixelSpacing=None)),
    "zero pixel spacing": ("BAD_SPACING", every(PixelSpacing=[0, 0])),
    "no orientation": ("BAD_ORIENTATION", one(ImageOrientationPatient=None)),
    "orientation not perpendicular": ("BAD_ORIENTATION", every(ImageOrientationPatient=[1, 0, 0, 0.1, 1, 0])),
    "orientation all zero": ("BAD_ORIENTATION", every(ImageOrientationPatient=[0, 0, 0, 0, 0, 0])),
    "no position": ("BAD_POSITION", one(ImagePositionPatient=None)),
    "two slices in one place": ("DUPLICATE_SLICE", move(along_mm=4.0, only=ONE)),
    "two files under one UID": ("DUPLICATE_SLICE", other_file_same_uid),
    "spacing that changes": ("IRREGULAR_SPACING", widen),
    "one slice out of line": ("IRREGULAR_SPACING", move(along_mm=0.5, only=ONE)),
    "one slice shifted sideways": ("IRREGULAR_SPACING", move(sideways_mm=lambda k: 5.0, only=ONE)),
    "gantry tilt": ("GANTRY_TILT", move(sideways_mm=lambda k: k * 1.0)),
    "truncated pixels": ("TRUNCATED_PIXELS", cut_pixels),
    "too many pixels": ("EXCESS_PIXELS", more_pixels),
    "a header that promises more than the file": ("TRUNCATED_PIXELS", every(Rows=20000, Columns=20000)),
    "empty pixels": ("NO_PIXELS", as_value("PixelData", "OW", b"")),
    "pixels that are a text": ("NO_PIXELS", as_value("PixelData", "UT", "a" * 3840)),
    "two frames": ("MULTI_FRAME_NOT_SUPPORTED", one(NumberOfFrames=2)),
    "no rows": ("HEADER_INCOMPLETE", one(Rows=None)),
    "no sign": ("HEADER_INCOMPLETE", one(PixelRepresentation=None)),
    "an unknown sign": ("HEADER_INCOMPLETE", one(PixelRepresentation=2)),
    "no pixels": ("NO_PIXELS", one(PixelData=None, DataSetTrailingPadding=bytes(8000))),
    "a lookup table in place of rescale": ("MODALITY_LUT", one(ModalityLUTSequence=[Dataset()])),
    "color": ("UNSUPPORTED_PIXEL_FORMAT", every(PhotometricInterpretation="RGB", SamplesPerPixel=3)),
    "32 bits": ("UNSUPPORTED_PIXEL_FORMAT", every(BitsAllocated=32, BitsStored=32, HighBit=31)),
    "a shifted high bit": ("UNSUPPORTED_PIXEL_FORMAT", every(BitsStored=12, HighBit=15)),
    "no rescale": ("RESCALE_MISSING", one(RescaleSlope=None)),
    "a slope beyond float32": ("RESCALE_MISSING", one(RescaleSlope="1e300")),
    "a slope below float32": ("RESCALE_MISSING", one(RescaleSlope="1e-300")),
    "an intercept beyond float32": ("RESCALE_MISSING", one(RescaleIntercept="1e300")),
    "an MR of which one slice alone is rescaled": ("RESCALE_MISSING", mr_with_one_slope),
    "zero slope": ("RESCALE_MISSING", one(RescaleSlope=0)),
    "not Hounsfield units": ("UNSUPPORTED_UNIT", every(RescaleType="US")),
    "PET without units": ("SUV_UNITS_NOT_SUPPORTED", every(SOPClassUID=PET, Modality="PT")),
    "multi-frame without frames": ("HEADER_INCOMPLETE", every(SOPClassUID=ENHANCED_CT)),
    "secondary capture": ("UNSUPPORTED_SOP_CLASS", every(SOPClassUID=SECONDARY_CAPTURE)),
    "localizers only": ("ONLY_LOCALIZERS", every(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_by_name(tmp_path: Path, case: str):
    code, edit = CASES[case]
    study = read_study(Phantom().write(tmp_path, edit))
    assert not study.volumes
    (refused,) = study.refused
    assert [problem.code for problem in refused.problems] == [code]
    assert refused.problems[0].blocks
    assert "NO_VOLUME" in [issue.code for issue in study.study_issues]


@pytest.mark.parametrize("without", [(5,), (5, 6), (1,), (3, 8)])
def test_a_missing_slice_is_noticed(tmp_path: Path, without: tuple[int, ...]):
    study = read_study(Phantom().write(tmp_path, without=without))
    assert not study.volumes
    assert [p.code for p in study.problems] == ["MISSING_SLICE"]


def test_a_missing_slice_is_noticed_in_a_long_series_near_its_end(tmp_path: Path):
    phantom = Phantom(shape=(200, 4, 4), spacing_mm=(0.6, 1, 1), semi_axes_mm=(2, 1, 1))
    study = read_study(phantom.write(tmp_path, without=(197,)))
    assert [p.code for p in study.problems] == ["MISSING_SLICE"]


def test_pixels_that_do_not_decode_are_refused(tmp_path: Path):
    from pydicom.encaps import encapsulate

    for k, d in enumerate(Phantom().slices()):
        d.file_meta.TransferSyntaxUID = RLE
        d.PixelData = encapsulate([d.PixelData])
        save(d, tmp_path / f"{k}.dcm")
    assert [p.code for p in read_study(tmp_path).problems] == ["UNDECODABLE_PIXELS"]


def test_a_compression_that_is_not_read_is_refused_by_name(tmp_path: Path):
    from pydicom.encaps import encapsulate

    for k, d in enumerate(Phantom().slices()):
        d.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG2
        d.PixelData = encapsulate([d.PixelData])
        save(d, tmp_path / f"{k}.dcm")
    assert [p.code for p in read_study(tmp_path).problems] == ["UNSUPPORTED_TRANSFER_SYNTAX"]


def test_a_single_slice_without_thickness_is_refused(tmp_path: Path):
    study = read_study(Phantom().write(tmp_path, every(SliceThickness=None), without=tuple(range(1, 12))))
    assert [p.code for p in study.problems] == ["SPACING_UNKNOWN"]


def test_messages_hold_no_patient_data_and_no_paths(tmp_path: Path):
    for code, edit in CASES.values():
        assert code in CODES
        study = read_study(Phantom().write(tmp_path / code, edit))
        for issue in study.issues:
            assert "PHANTOM" not in issue.message
            assert str(tmp_path) not in repr(issue)


def test_a_nan_position_is_refused(tmp_path: Path):
    study = read_study(Phantom().write(tmp_path, one(ImagePositionPatient=["nan", "0", "0"])))
    assert not any(np.isnan(v.affine_lps).any() for v in study.volumes)
    assert [p.code for p in study.problems] == ["BAD_POSITION"]


def test_bytes_under_a_wrong_value_representation_are_no_numbers(tmp_path: Path):
    def edit(k: int, d: Dataset) -> None:
        d["PixelSpacing"] = DataElement("PixelSpacing", "OB", b"2 ")  # as numbers: 50 and 32

    study = read_study(Phantom().write(tmp_path, edit))
    assert not study.volumes
    assert [p.code for p in study.problems] == ["BAD_SPACING"]


@pytest.mark.parametrize("keyword", ["WindowCenter", "RescaleSlope", "SliceThickness"])
def test_a_needed_number_that_is_none_refuses_the_series(tmp_path: Path, keyword: str):
    refused = read_study(Phantom().write(tmp_path, as_value(keyword, "LO", "one")))
    assert bool(refused.volumes) == (keyword == "WindowCenter")  # it is not needed


def test_eight_bits_in_big_endian_are_refused_for_their_order_is_not_sure(tmp_path: Path):
    for k, d in enumerate(Phantom().slices()):
        d.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.2"
        d.BitsAllocated, d.BitsStored, d.HighBit = 8, 8, 7
        d.PixelData = bytes(d.Rows * d.Columns)
        d.save_as(tmp_path / f"{k}.dcm", implicit_vr=False, little_endian=False, enforce_file_format=True)
    assert [p.code for p in read_study(tmp_path).problems] == ["UNSUPPORTED_PIXEL_FORMAT"]
