"""What does not belong: slices of others, images of other kinds, files that are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom import uid as uids
from pydicom.dataset import Dataset

from support.adversarial.case import Case, Truth, part, sets, sound, truth, unsound
from support.adversarial.phantom import ROOT, Edit, Field, Series, write
from support.dicom_factory import SAGITTAL, save

PLAIN = Series()
OTHER = Field(offset=150)


def _stranger(k: int, edit: Edit) -> Callable[[Path], None]:
    """In place of slice ``k`` lies the same place of another volume, changed by ``edit``."""

    def beside(folder: Path) -> None:
        d = Series(field=OTHER, first_number=501).datasets(edit)[k]
        write([d], folder)

    return beside


def _foreign(name: str, codes: tuple[str, ...], edit: Edit, k: int = 4) -> Case:
    return unsound(name, codes, PLAIN, without=(k,), beside=_stranger(k, edit), fields=(OTHER,))


def _localizers(folder: Path) -> None:
    scout = Series((2, 24, 20), (200.0, 2.0, 2.0), SAGITTAL, field=Field(), intercepts=(-8192.0,), first_number=601)
    write(scout.datasets(sets(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])), folder)


def _same_size_localizer(folder: Path) -> None:
    scout = Series((1, 18, 14), (2.5, 1.25, 1.5), SAGITTAL, first_number=601)
    write(scout.datasets(sets(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])), folder)


def _derived(folder: Path) -> None:
    d = Series(field=OTHER, first_number=601).datasets(sets(ImageType=["DERIVED", "SECONDARY", "AXIAL"]))[5]
    write([d], folder)


def _capture(k: int, d: Dataset) -> None:
    """A screenshot with the patient's dose report, as some scanners file it under the series."""
    d.SOPClassUID, d.ConversionType, d.ImageType = uids.SecondaryCaptureImageStorage, "WSD", ["DERIVED", "SECONDARY"]
    d.SamplesPerPixel, d.PhotometricInterpretation, d.PlanarConfiguration = 3, "RGB", 0
    d.BitsAllocated = d.BitsStored = 8
    d.HighBit = 7
    d.PixelData = bytes(d.Rows * d.Columns * 3)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept"):
        del d[keyword]


def screenshot(folder: Path) -> None:
    write(Series((1, 18, 14), first_number=701).datasets(_capture), folder)


def _junk(folder: Path) -> None:
    """What lies on every medium: notes, an index, a broken link, an empty file, half a file."""
    (folder / "README.txt").write_text("Open with the viewer on this disk.")
    (folder / "AUTORUN.INF").write_bytes(b"[autorun]\r\nopen=viewer.exe\r\n")
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "lost.dcm").symlink_to(folder / "gone.dcm")
    (folder / "preamble.dcm").write_bytes(bytes(128) + b"DICM")


def _dicomdir(folder: Path) -> None:
    """The index of a disk, which lists nothing; some readers take it for an image."""
    d = Dataset()
    d.file_meta = Series((1, 2, 2)).datasets()[0].file_meta
    d.file_meta.MediaStorageSOPClassUID = uids.MediaStorageDirectoryStorage
    d.FileSetID, d.FileSetConsistencyFlag, d.DirectoryRecordSequence = "DISK", 0, []
    d.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    d.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    save(d, folder / "DICOMDIR")


def _structures(folder: Path) -> None:
    """An RTSTRUCT under its own series."""
    d = Series((1, 2, 2)).datasets()[0]
    kept = ("file_meta", "PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "StudyDate")
    other = Dataset()
    other.file_meta = d.file_meta
    for keyword in kept[1:]:
        setattr(other, keyword, d[keyword].value)
    other.SOPClassUID = other.file_meta.MediaStorageSOPClassUID = uids.RTStructureSetStorage
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.8.1"
    other.SeriesInstanceUID, other.Modality, other.StructureSetLabel = f"{ROOT}.8", "RTSTRUCT", "GTV"
    save(other, folder / "RS.dcm")


def _half_a_slice_of_another_series(folder: Path) -> None:
    d = Series((1, 18, 14), uid=f"{ROOT}.9").datasets()[0]
    save(d, folder / "whole.dcm")
    data = (folder / "whole.dcm").read_bytes()
    (folder / "whole.dcm").write_bytes(data[: len(data) - 200])


def _noise(folder: Path) -> None:
    (folder / "noise.dcm").write_bytes(np.random.default_rng(1).bytes(4000))
    (folder / "noise-2.dcm").write_bytes(bytes(128) + b"DICM" + np.random.default_rng(2).bytes(4000))


def _two_series(folder: Path) -> Truth:
    one, two = PLAIN, Series((8, 14, 18), (3.0, 1.0, 2.0), SAGITTAL, field=OTHER, uid=f"{ROOT}.6")
    slices = one.datasets() + two.datasets()
    write(slices, folder)
    return truth(part(one), part(two))


def _two_patients(folder: Path) -> Truth:
    """Two series of two patients in one folder, each sound."""
    one, two = PLAIN, replace(PLAIN, field=OTHER, uid=f"{ROOT}.6")
    other = sets(
        PatientID="P-2", PatientName="Other^Two", StudyInstanceUID=f"{ROOT}.66", FrameOfReferenceUID=f"{ROOT}.67"
    )
    write(one.datasets() + two.datasets(other), folder)
    return truth(part(one), part(two))


def _nested(folder: Path) -> Truth:
    slices = PLAIN.datasets()
    for k, d in enumerate(slices):
        write([d], folder / f"S{k % 3}" / "IMAGES")
    return truth(part(PLAIN))


def _bigger(folder: Path) -> None:
    write([Series((10, 20, 14), field=OTHER, first_number=501).datasets()[4]], folder)


def _cut(k: int, d: Dataset) -> None:
    d.PixelData = d.PixelData[: len(d.PixelData) // 2]


IDENTITY = (
    _foreign("slice of another patient, by ID", ("MIXED_PATIENTS",), sets(PatientID="P-2")),
    _foreign("slice of another patient, by name", ("MIXED_PATIENTS",), sets(PatientName="Phantom^Two")),
    _foreign("slice of another patient, by birth date", ("MIXED_PATIENTS",), sets(PatientBirthDate="19600102")),
    _foreign("slice of another patient at the end", ("MIXED_PATIENTS",), sets(PatientID="P-2"), 9),
    _foreign("slice of another study", ("MIXED_STUDIES",), sets(StudyInstanceUID=f"{ROOT}.99")),
    _foreign(
        "slice of another frame of reference", ("MIXED_FRAMES_OF_REFERENCE",), sets(FrameOfReferenceUID=f"{ROOT}.98")
    ),
    _foreign(
        "slice without frame of reference among others", ("MIXED_FRAMES_OF_REFERENCE",), sets(FrameOfReferenceUID=None)
    ),
    sound("no frame of reference", PLAIN, sets(FrameOfReferenceUID=None), codes=("FRAME_OF_REFERENCE_MISSING",)),
    sound("anonymized to empty patient", PLAIN, sets(PatientID="", PatientName="", PatientBirthDate="")),
    _foreign(
        "slice of another modality",
        ("MIXED_MODALITIES",),
        lambda k, d: sets(Modality="MR", SOPClassUID=uids.MRImageStorage)(k, d),
    ),
    unsound(
        "slice with more rows",
        ("MIXED_SIZES",),
        PLAIN,
        without=(4,),
        beside=_bigger,
        fields=(OTHER,),
    ),
    _foreign("slice with other pixel spacing", ("MIXED_SPACING",), sets(PixelSpacing=["1.3", "1.5"])),
    _foreign(
        "slice turned by 3°",
        ("MIXED_ORIENTATION",),
        sets(ImageOrientationPatient=["0.99863", "0.052336", "0", "-0.052336", "0.99863", "0"]),
    ),
    _foreign(
        "slice mirrored",
        ("MIXED_ORIENTATION",),
        sets(ImageOrientationPatient=["-1", "0", "0", "0", "1", "0"]),
    ),
    unsound("CT whose modality says MR", ("UNSUPPORTED_SOP_CLASS", "MIXED_MODALITIES"), PLAIN, sets(Modality="MR")),
)
COMPANY = (
    sound("localizers in the series", PLAIN, beside=_localizers, codes=("LOCALIZER",)),
    sound("localizer of the same size", PLAIN, beside=_same_size_localizer, codes=("LOCALIZER",)),
    sound("derived image in an original series", PLAIN, beside=_derived, codes=("DERIVED_IMAGE",)),
    sound("color screenshot in the series", PLAIN, beside=screenshot),
    sound("derived and secondary throughout", PLAIN, sets(ImageType=["DERIVED", "SECONDARY", "AXIAL"])),
    sound("no image type", PLAIN, sets(ImageType=None)),
    Case("two series in one folder", "sound", _two_series),
    Case("two patients' series in one folder", "sound", _two_patients),
    Case("slices in several folders", "sound", _nested),
    sound("text, index and broken files beside", PLAIN, beside=_junk),
    sound("DICOMDIR beside", PLAIN, beside=_dicomdir),
    sound("RTSTRUCT beside", PLAIN, beside=_structures),
    sound("truncated slice of another series beside", PLAIN, beside=_half_a_slice_of_another_series),
    sound("noise under a DICOM name beside", PLAIN, beside=_noise),
    unsound("nothing but screenshots", ("UNSUPPORTED_SOP_CLASS", "UNSUPPORTED_PIXEL_FORMAT"), PLAIN, _capture),
)
CASES: tuple[Case, ...] = IDENTITY + COMPANY
