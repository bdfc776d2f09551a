"""Segmentations (SEG, RTSTRUCT) → regions on a volume's voxels, checked against it, or reasons why not."""

from tumorcast_imaging.dicom.masks.reading import read_segmentation
from tumorcast_imaging.dicom.masks.transfer import transfer
from tumorcast_imaging.dicom.masks.whole_study import regions_of

__all__ = ["read_segmentation", "regions_of", "transfer"]
