"""The images that an object is made from: clean, light stand-ins that carry what an object copies or refers to.

They are built from the gate's checked headers instead of the files themselves, so that what a file holds beside (odd
values, big endian, compressed pixels) cannot reach an object that is written. Pixels are not in them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from pydicom import uid as uids
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.valuerep import format_number_as_ds

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import Series, Volume
from tumorcast_imaging.dicom.dataset import guarded, read_dataset
from tumorcast_imaging.dicom.enhanced import SOP_CLASSES as ENHANCED
from tumorcast_imaging.dicom.header import Header
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.dicom.series import slices_of
from tumorcast_imaging.model.objects.patient import KEYWORDS, TYPE_2, patient_and_study
from tumorcast_imaging.model.objects.uids import derived_uid

_ALONE = {str(uid): uids.CTImageStorage if kind == "CT" else uids.MRImageStorage for uid, kind in ENHANCED.items()}
"""Multi-frame SOP class → that of one frame alone."""
_REPAIRED = ("TILT_CORRECTED", "RESAMPLED")
_LARGEST_NUMBER = 1 << 30


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A volume and the images that it was read from, slice by slice; ``patient`` has patient and study attributes.

    Of the volume's values none is kept (its array is all zeros and takes no memory).
    """

    volume: Volume
    slices: tuple[Header, ...] = field(repr=False)
    patient: Dataset = field(repr=False)
    series_number: int = 0

    @property
    def enhanced(self) -> bool:
        """Whether the slices are frames of multi-frame images."""
        return self.slices[0].sop_class_uid in _ALONE

    def image(self, k: int) -> Dataset:
        """The image of slice ``k``, without pixels; a frame of a multi-frame image, as if it were an image alone."""
        h, first = self.slices[k], self.slices[0]
        d = Dataset()
        for keyword in TYPE_2:  # whose it is comes in when the object is made: highdicom's warnings quote names
            setattr(d, keyword, "")
        d.file_meta = FileMetaDataset()
        d.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
        d.SOPClassUID, d.SOPInstanceUID = _ALONE.get(h.sop_class_uid, h.sop_class_uid), self.alone_uid(k)
        d.StudyInstanceUID, d.SeriesInstanceUID = h.study_instance_uid, h.series_instance_uid
        d.FrameOfReferenceUID = self.frame_of_reference_uid
        d.Modality, d.Rows, d.Columns = h.dicom_modality, h.rows, h.columns
        d.LossyImageCompression = "01" if any(s.lossy for s in self.slices) else "00"
        d.PixelSpacing = _decimals(first.pixel_spacing)
        d.SliceThickness = format_number_as_ds(float(first.slice_thickness or self.volume.spacing_mm[0]))
        d.ImageOrientationPatient = _decimals(first.orientation)
        d.ImagePositionPatient = _decimals(h.position)
        return d

    def alone_uid(self, k: int) -> str:
        """The UID of ``image(k)``: the image's own, or one that stands for a frame."""
        h = self.slices[k]
        return derived_uid("frame", h.sop_instance_uid, str(h.frame)) if self.enhanced else h.sop_instance_uid

    @property
    def frame_of_reference_uid(self) -> str:
        """The frame of reference, or one that stands for it where the images state none."""
        stated = self.volume.frame_of_reference_uid
        return stated or derived_uid("frame of reference", self.volume.series_instance_uid)


def read_source(series: Series, volume: Volume) -> Source | Issue:
    """The images that ``volume`` of ``series`` was read from, or why no object can be made for them."""
    try:
        if any(problem.code in _REPAIRED for problem in volume.problems):
            raise Refused("OBJECT_OF_REPAIRED_VOLUME")
        slices = slices_of(series.headers, volume.part, series.limits)
        if tuple(h.sop_instance_uid for h in slices) != volume.sop_instance_uids:
            raise Refused("CHANGED_WHILE_READ")
        dataset = read_dataset(slices[0].path, series.limits, KEYWORDS, pixels=False)
        with guarded("MALFORMED_HEADER"), disable_value_validation():
            patient = patient_and_study(dataset)
    except Refused as refusal:
        return issue(refusal.code, volume.series_instance_uid)
    without_values = replace(volume, array=np.broadcast_to(np.float32(0), volume.array.shape))
    return Source(without_values, slices, patient, _series_number(dataset.get("SeriesNumber")))


def _series_number(stated: Any) -> int:
    try:
        number = int(stated)
    except (TypeError, ValueError):
        return 0
    return number if 0 < number < _LARGEST_NUMBER else 0


def _decimals(values: tuple[float, ...]) -> list[str]:
    return [format_number_as_ds(float(value)) for value in values]
