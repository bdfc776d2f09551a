"""Enhanced multi-frame images: many slices in one file, each frame with its own place and rescale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom import uid as uids
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items

from support.adversarial.case import Case, Truth, part, truth
from support.adversarial.phantom import Field, Series, pixels, set_pixels, write
from support.adversarial.pixel_cases import INTERCEPTS, SLOPES
from support.adversarial.several_cases import SPLIT
from support.adversarial.syntax_cases import jpeg_2000
from support.dicom_factory import OBLIQUE

CT = Series(bits=(16, 16))
MR = Series(modality="MR", field=Field(offset=1000, unit="arbitrary"), intercepts=(0.0,))
SHUFFLED = (3, 7, 0, 9, 1, 5, 8, 2, 6, 4)
BY_FRAME = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
)
CLASSES = {
    "CT": uids.EnhancedCTImageStorage,
    "MR": uids.EnhancedMRImageStorage,
    "legacy CT": uids.LegacyConvertedEnhancedCTImageStorage,
    "legacy MR": uids.LegacyConvertedEnhancedMRImageStorage,
}


def _item(**attributes: object) -> Items:
    d = Dataset()
    for keyword, value in attributes.items():
        setattr(d, keyword, value)
    return Items([d])


def frames(slices: Sequence[Dataset], kind: str, stacks: Sequence[str] = (), times: Sequence[int] = ()) -> Dataset:
    """One multi-frame data set of single-frame ones, in their order, nothing sorted (PS3.3 C.7.6.16)."""
    first = slices[0]
    d = Dataset()
    d.file_meta = first.file_meta
    for element in first:
        if element.keyword not in (*BY_FRAME, "PixelData", "AcquisitionTime"):
            d.add(element)
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = CLASSES[kind]
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = f"{first.SeriesInstanceUID}.900"
    d.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    d.NumberOfFrames, d.VolumetricProperties = len(slices), "VOLUME"
    d.SharedFunctionalGroupsSequence = _item(
        PixelMeasuresSequence=_item(PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness),
        PlaneOrientationSequence=_item(ImageOrientationPatient=first.ImageOrientationPatient),
    )
    d.PerFrameFunctionalGroupsSequence = Items(
        [_frame(s, i, (stacks or ["1"] * len(slices))[i], times[i] if times else 1) for i, s in enumerate(slices)]
    )
    d.PixelData = b"".join(s.PixelData for s in slices)
    d["PixelData"].VR = "OW"
    return d


def _frame(s: Dataset, number: int, stack: str, time: int) -> Dataset:
    d = Dataset()
    d.FrameContentSequence = _item(
        StackID=stack,
        InStackPositionNumber=number + 1,
        TemporalPositionIndex=time,
        FrameAcquisitionNumber=1,
        FrameAcquisitionDateTime=f"20260304120{time}00",
        DimensionIndexValues=[int(stack), number + 1, time],
    )
    d.PlanePositionSequence = _item(ImagePositionPatient=s.ImagePositionPatient)
    if "RescaleSlope" in s:
        d.PixelValueTransformationSequence = _item(
            RescaleSlope=s.RescaleSlope, RescaleIntercept=s.RescaleIntercept, RescaleType=s.get("RescaleType", "US")
        )
    return d


Change = Callable[[Dataset], None]


def _one(
    name: str,
    series: Series = CT,
    kind: str = "CT",
    order: Sequence[int] = range(10),
    change: Change | None = None,
    codes: tuple[str, ...] = (),
    *,
    is_sound: bool = True,
) -> Case:
    def files(folder: Path) -> Truth:
        slices = series.datasets()
        d = frames([slices[k] for k in order], kind)
        if change:
            change(d)
        write([d], folder)
        parts = (part(series),) if is_sound else ()
        return truth(*parts, fields=(series.field,), slope=max(series.slopes))

    return Case(name, "sound" if is_sound else "unsound", files, codes)


def _without_place(d: Dataset) -> None:
    del d.PerFrameFunctionalGroupsSequence[4].PlanePositionSequence


def _without_groups(d: Dataset) -> None:
    del d.PerFrameFunctionalGroupsSequence, d.SharedFunctionalGroupsSequence


def _too_few_groups(d: Dataset) -> None:
    d.PerFrameFunctionalGroupsSequence = d.PerFrameFunctionalGroupsSequence[:-2]


def _promise(count: int) -> Change:
    return lambda d: setattr(d, "NumberOfFrames", count)


def _two_volumes(name: str, stacks: tuple[str, str], times: tuple[int, int], by_mm: float) -> Case:
    def files(folder: Path) -> Truth:
        center = (*MR.center_mm[:2], MR.center_mm[2] + by_mm)
        twin = replace(MR, field=replace(MR.field, offset=1150.0), center_mm=center)
        both = [s for pair in zip(MR.datasets(), twin.datasets(), strict=True) for s in pair]
        write([frames(both, "MR", stacks * 10, times * 10)], folder)
        return truth(part(MR), part(twin))

    return Case(name, "split", files, SPLIT)


def _compress(d: Dataset) -> None:
    stored = np.frombuffer(d.PixelData, "<u2").reshape(-1, d.Rows, d.Columns)
    d.PixelData = encapsulate([jpeg_2000(frame) for frame in stored])
    d["PixelData"].VR = "OB"
    d.file_meta.TransferSyntaxUID = uids.JPEG2000Lossless


def _in_two_files(folder: Path) -> Truth:
    """A concatenation: the first six frames in one file, the others in the next."""
    slices = CT.datasets()
    pieces = [frames(slices[:6], "CT"), frames(slices[6:], "CT")]
    for number, d in enumerate(pieces):
        d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = f"{d.SeriesInstanceUID}.90{number}"
        d.InConcatenationNumber, d.ConcatenationUID = number + 1, f"{d.SeriesInstanceUID}.99"
    write(pieces, folder)
    return truth(part(CT))


def _numbered_single(folder: Path) -> Truth:
    CT.write(folder, lambda k, d: setattr(d, "NumberOfFrames", 1))
    return truth(part(CT))


def _many_in_a_plain_class(folder: Path) -> Truth:
    """Ten frames in one CT image storage, which holds one."""
    d = CT.datasets()[0]
    d.NumberOfFrames = 10
    set_pixels(d, np.concatenate([pixels(s) for s in CT.datasets()]))
    d.Rows = 18
    write([d], folder)
    return truth(fields=(CT.field,))


MULTI = ("MULTI_FRAME_NOT_SUPPORTED", "UNSUPPORTED_SOP_CLASS")
PLACE = ("BAD_POSITION", "HEADER_INCOMPLETE", "MALFORMED_HEADER", "MISSING_SLICE")
CASES: tuple[Case, ...] = (
    _one("enhanced CT"),
    _one("enhanced CT, frames shuffled", order=SHUFFLED),
    _one("enhanced CT, double oblique, frames shuffled", replace(CT, orientation=OBLIQUE), order=SHUFFLED),
    _one("enhanced CT, rescale of each frame", replace(CT, slopes=SLOPES, intercepts=INTERCEPTS), order=SHUFFLED),
    _one("enhanced CT in JPEG 2000", change=_compress),
    _one("enhanced MR", MR, "MR", SHUFFLED),
    _one("legacy converted enhanced CT", CT, "legacy CT", SHUFFLED),
    _one("legacy converted enhanced MR", MR, "legacy MR", SHUFFLED),
    _two_volumes("enhanced MR of two stacks", ("1", "2"), (1, 1), -60.0),
    _two_volumes("enhanced MR of two times", ("1", "1"), (1, 2), 0.0),
    Case("enhanced CT in two files", "sound", _in_two_files),
    _one("frame without a place", change=_without_place, codes=PLACE, is_sound=False),
    _one("multi-frame without functional groups", change=_without_groups, codes=(*PLACE, *MULTI), is_sound=False),
    _one("fewer functional groups than frames", change=_too_few_groups, codes=PLACE, is_sound=False),
    _one(
        "more frames promised than there",
        change=_promise(12),
        codes=(*PLACE, "TRUNCATED_PIXELS"),
        is_sound=False,
    ),
    _one("frame missing", order=(0, 1, 2, 4, 5, 6, 7, 8, 9), codes=("MISSING_SLICE",), is_sound=False),
    _one(
        "two frames at one place", order=(0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9), codes=("DUPLICATE_SLICE",), is_sound=False
    ),
    Case("number of frames 1 on single frames", "sound", _numbered_single),
    Case("ten frames in a single-frame class", "unsound", _many_in_a_plain_class, (*MULTI, *PLACE)),
)
