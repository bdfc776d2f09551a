"""Lesions as DICOM objects for the PACS: segmentations (SEG) and measurement reports (SR, TID 1500).

Brings highdicom (0.6 s), so it is imported only where objects are written.
"""

from tumorcast_imaging.model.objects.drawn import Algorithm, how_drawn
from tumorcast_imaging.model.objects.files import ObjectFile, write_object
from tumorcast_imaging.model.objects.report import Measured, measurement_report
from tumorcast_imaging.model.objects.segmentation import SegmentationType, segmentation_object
from tumorcast_imaging.model.objects.source import Source, read_source

__all__ = [
    "Algorithm",
    "Measured",
    "ObjectFile",
    "SegmentationType",
    "Source",
    "how_drawn",
    "measurement_report",
    "read_source",
    "segmentation_object",
    "write_object",
]
