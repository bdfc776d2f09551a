"""Lesions as DICOM objects for the PACS: segmentations (SEG) and measurement reports (SR, TID 1500).

Brings highdicom (0.6 s), so it is imported only where objects are written.
"""

from tumorcast_imaging.model.objects.algorithm import Algorithm, algorithm_of
from tumorcast_imaging.model.objects.files import ObjectFile, object_bytes, write_object
from tumorcast_imaging.model.objects.report import Measured, measurement_report
from tumorcast_imaging.model.objects.segmentation import SegmentationType, segmentation_object
from tumorcast_imaging.model.objects.source import Source, read_source

__all__ = [
    "Algorithm",
    "Measured",
    "ObjectFile",
    "SegmentationType",
    "Source",
    "algorithm_of",
    "measurement_report",
    "object_bytes",
    "read_source",
    "segmentation_object",
    "write_object",
]
