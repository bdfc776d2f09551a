"""Whether two files are the same instance, although an archive may rewrite file meta and patient attributes."""

from __future__ import annotations

from pathlib import Path

import pydicom
from pydicom import uid as uids

from tumorcast_imaging.adapters.studies.disk import same_content

_KEYWORDS = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "Modality",
    "ImageType", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelSpacing", "ImageOrientationPatient",
    "ImagePositionPatient", "SliceThickness", "RescaleSlope", "RescaleIntercept", "RescaleType", "Units",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "SegmentSequence",
    "ReferencedSeriesSequence", "ContentSequence", "PixelData", "FloatPixelData", "DoubleFloatPixelData",
]  # fmt: skip


def same_instance(a: Path, b: Path) -> bool:
    """Whether two complete DICOM files hold the same pixels at the same place under the same UIDs."""
    if same_content(a, b):
        return True
    try:
        one, other = (
            pydicom.dcmread(path, specific_tags=["TransferSyntaxUID"], stop_before_pixels=True) for path in (a, b)
        )
        syntax = one.file_meta.TransferSyntaxUID
        if syntax != other.file_meta.TransferSyntaxUID or syntax == uids.DeflatedExplicitVRLittleEndian:
            return False  # a deflated file may unfold to any size
        one, other = (pydicom.dcmread(path, specific_tags=_KEYWORDS) for path in (a, b))
        return bool(one == other)
    except Exception:  # pydicom raises anything on odd bytes
        return False
