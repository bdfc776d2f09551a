"""DICOM files → volumes that are right, or reasons why not. No torch, MONAI or Ray."""

from tumorcast_imaging.dicom.limits import DEFAULT_LIMITS, Limits
from tumorcast_imaging.dicom.masks import read_segmentation, regions_of, transfer
from tumorcast_imaging.dicom.region import Region, Segmentation
from tumorcast_imaging.dicom.study import Series, Study, open_study, read_study
from tumorcast_imaging.dicom.volume import IgnoredFile, RefusedSeries, SegmentationFile, StudyVolumes, Volume

__all__ = [
    "DEFAULT_LIMITS",
    "IgnoredFile",
    "Limits",
    "RefusedSeries",
    "Region",
    "Segmentation",
    "SegmentationFile",
    "Series",
    "Study",
    "StudyVolumes",
    "Volume",
    "open_study",
    "read_segmentation",
    "read_study",
    "regions_of",
    "transfer",
]
