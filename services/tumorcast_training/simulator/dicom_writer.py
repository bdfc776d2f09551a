"""Writes a rendered volume as a CT series and its tumor as a DICOM SEG, the same bytes for the same input.

CT Image IOD: PS3.3 A.3. Segmentation IOD: PS3.3 A.51, built by highdicom.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from tumorcast_training.simulator.phantom import SHAPE, SPACING_MM


@dataclass(frozen=True, slots=True)
class StudyIdentity:
    """Who and when: patient id, role of the visit and its date; all UIDs follow from them."""

    patient_id: str
    role: str
    day: date

    def uid(self, *parts: object) -> str:
        """A UID that depends on the identity and ``parts`` alone."""
        return str(generate_uid(entropy_srcs=["tumorcast-simulator", self.patient_id, self.role, *map(str, parts)]))

    @property
    def study_instance_uid(self) -> str:
        return self.uid("study")

    @property
    def lesion_uid(self) -> str:
        """Tracking UID of the lesion, the same at every visit."""
        return str(generate_uid(entropy_srcs=["tumorcast-simulator", self.patient_id, "lesion"]))


def write_study(
    folder: Path, identity: StudyIdentity, hu: NDArray[np.int16], mask: NDArray[np.bool_], *, male: bool
) -> None:
    """Write one CT series and one SEG into ``folder``; ``hu`` and ``mask`` are (slices, rows, columns)."""
    folder.mkdir(parents=True, exist_ok=True)
    slices = [_ct_slice(identity, number, plane, male=male) for number, plane in enumerate(hu)]
    for number, ds in enumerate(slices):
        ds.save_as(folder / f"CT{number:03d}.dcm", enforce_file_format=True)
    _segmentation(identity, slices, mask).save_as(folder / "SEG.dcm", enforce_file_format=True)


def _ct_slice(identity: StudyIdentity, number: int, plane: NDArray[np.int16], *, male: bool) -> Dataset:
    ds = Dataset()
    _put_study(ds, identity, male=male)
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = identity.uid("ct", number)
    ds.SeriesInstanceUID = identity.uid("series")
    ds.FrameOfReferenceUID = identity.uid("frame")
    ds.Modality, ds.Manufacturer, ds.SeriesDescription = "CT", "Tumorcast simulator", "SIMULATED portal venous"
    ds.SeriesNumber, ds.AcquisitionNumber, ds.InstanceNumber = 1, 1, number + 1
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.BodyPartExamined, ds.PatientPosition, ds.KVP = "LIVER", "HFS", "120"
    _put_plane(ds, number, plane)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def _put_study(ds: Dataset, identity: StudyIdentity, *, male: bool) -> None:
    """Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1), and every date and time of the visit."""
    ds.StudyInstanceUID = identity.study_instance_uid
    ds.PatientID, ds.PatientName, ds.PatientBirthDate = identity.patient_id, "Simulated^Patient", ""
    ds.PatientSex = "M" if male else "F"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = f"{identity.day:%Y%m%d}"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "100000"
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "1", "", ""


def _put_plane(ds: Dataset, number: int, plane: NDArray[np.int16]) -> None:
    """Image Plane, Image Pixel and CT Image modules (PS3.3 C.7.6.2, C.7.6.3, C.8.2.1) of slice ``number``."""
    x, y = (-(n - 1) / 2 * s for n, s in ((SHAPE[2], SPACING_MM[2]), (SHAPE[1], SPACING_MM[1])))
    z = (number - (SHAPE[0] - 1) / 2) * SPACING_MM[0]
    ds.PositionReferenceIndicator = ""
    ds.ImagePositionPatient = [x, y, z]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness = list(SPACING_MM[1:]), SPACING_MM[0]
    ds.Rows, ds.Columns = plane.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = -1024, 1, "HU"
    ds.WindowCenter, ds.WindowWidth = 60, 400
    ds.PixelData = (plane.astype(np.int32) + 1024).astype("<u2").tobytes()


def _segmentation(identity: StudyIdentity, slices: list[Dataset], mask: NDArray[np.bool_]) -> Dataset:
    description = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="Tumor",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="Tumorcast simulator", version="1", family=codes.DCM.ArtificialIntelligence
        ),
        tracking_uid=identity.lesion_uid,
        tracking_id="target lesion 1",
    )
    seg = hd.seg.Segmentation(
        source_images=slices,
        pixel_array=mask.astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[description],
        series_instance_uid=identity.uid("seg-series"),
        series_number=2,
        sop_instance_uid=identity.uid("seg"),
        instance_number=1,
        manufacturer="Tumorcast simulator",
        manufacturer_model_name="Tumorcast simulator",
        software_versions="1",
        device_serial_number="0",
        series_description="SIMULATED tumor",
        omit_empty_frames=True,
    )
    return _made_deterministic(seg, identity)


def _made_deterministic(seg: Dataset, identity: StudyIdentity) -> Dataset:
    """Replace the wall clock and the random UID that highdicom puts in."""
    day = f"{identity.day:%Y%m%d}"
    for date_tag, time_tag in (
        ("SeriesDate", "SeriesTime"),
        ("ContentDate", "ContentTime"),
        ("InstanceCreationDate", "InstanceCreationTime"),
    ):
        setattr(seg, date_tag, day)
        setattr(seg, time_tag, "100000")
    for equipment in seg.ContributingEquipmentSequence:
        equipment.ContributionDateTime = f"{day}100000"
    dimension = identity.uid("dimension")
    seg.DimensionOrganizationSequence[0].DimensionOrganizationUID = dimension
    for item in seg.DimensionIndexSequence:
        item.DimensionOrganizationUID = dimension
    return seg
