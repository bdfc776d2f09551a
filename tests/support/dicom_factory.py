"""DICOM files with a known truth: CT series of an ellipsoid at any orientation, and its segmentation.

A test edits single attributes of single slices (`edit`), which is how scanners, PACS and anonymizers go wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

STUDY, SERIES, FRAME = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2", "1.2.826.0.1.3680043.8.498.3"
AXIAL = (1.0, 0, 0, 0, 1, 0)
SAGITTAL = (0.0, 1, 0, 0, 0, -1)
OBLIQUE = (0.8, 0.6, 0, -0.36, 0.48, 0.8)
Edit = Callable[[int, Dataset], None]


@dataclass(frozen=True)
class Phantom:
    """An ellipsoid of 60 HU with semi-axes in mm along slices, rows and columns, in a background of −80 HU."""

    shape: tuple[int, int, int] = (12, 40, 48)
    spacing_mm: tuple[float, float, float] = (4.0, 2.5, 2.0)
    orientation: tuple[float, ...] = AXIAL
    origin_mm: tuple[float, float, float] = (-50.0, -40.0, 120.0)
    semi_axes_mm: tuple[float, float, float] = (12.0, 18.0, 14.0)
    study: str = STUDY
    series: str = SERIES
    patient_id: str = "PHANTOM-1"
    date: str = "20260304"
    pixel_seed: int = 1
    center: tuple[float, float, float] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", tuple((n - 1) / 2 for n in self.shape))

    @property
    def affine_lps(self) -> NDArray[np.float64]:
        row, column = np.array(self.orientation).reshape(2, 3)
        affine = np.eye(4)
        affine[:3, 0] = np.cross(row, column) * self.spacing_mm[0]
        affine[:3, 1] = column * self.spacing_mm[1]
        affine[:3, 2] = row * self.spacing_mm[2]
        affine[:3, 3] = self.origin_mm
        return affine

    @property
    def mask(self) -> NDArray[np.bool_]:
        index = np.indices(self.shape).T - self.center
        scaled = index * np.array(self.spacing_mm) / np.array(self.semi_axes_mm)
        return np.asarray((scaled**2).sum(axis=-1).T <= 1)

    @property
    def array(self) -> NDArray[np.int16]:
        noise = np.random.default_rng(self.pixel_seed).integers(-20, 20, self.shape)
        return (np.where(self.mask, 60, -80) + noise).astype(np.int16)

    def slices(self, edit: Edit | None = None) -> list[Dataset]:
        """The series' data sets, in order along the normal; `edit(k, dataset)` changes the k-th."""
        stored = (self.array + 1024).astype("<u2")
        return [self._slice(k, stored[k], edit) for k in range(self.shape[0])]

    def _slice(self, k: int, stored: NDArray[np.uint16], edit: Edit | None) -> Dataset:
        d = Dataset()
        d.file_meta = FileMetaDataset()
        d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        d.file_meta.MediaStorageSOPClassUID = d.SOPClassUID = CTImageStorage
        d.SOPInstanceUID = f"{self.series}.{k + 1}"
        d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = self.study, self.series, FRAME
        d.Modality, d.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        d.PatientID, d.PatientName, d.PatientBirthDate, d.PatientSex = self.patient_id, "Phantom^One", "19600101", "O"
        d.StudyDate = d.SeriesDate = d.AcquisitionDate = self.date
        d.StudyTime, d.StudyID, d.AccessionNumber, d.ReferringPhysicianName = "120000", "1", "", ""
        d.Manufacturer = "Phantom"
        d.AcquisitionNumber, d.InstanceNumber, d.SeriesNumber = 1, self.shape[0] - k, 1
        d.Rows, d.Columns = self.shape[1:]
        d.PixelSpacing, d.SliceThickness = list(self.spacing_mm[1:]), self.spacing_mm[0]
        d.ImageOrientationPatient = [float(f"{c:.9g}") for c in self.orientation]
        d.ImagePositionPatient = [float(f"{c:.9g}") for c in (self.affine_lps @ (k, 0, 0, 1))[:3]]
        d.SamplesPerPixel, d.PhotometricInterpretation, d.PixelRepresentation = 1, "MONOCHROME2", 0
        d.BitsAllocated, d.BitsStored, d.HighBit = 16, 16, 15
        d.RescaleSlope, d.RescaleIntercept, d.RescaleType = 1, -1024, "HU"
        d.PixelData = stored.tobytes()
        d["PixelData"].VR = "OW"
        if edit:
            edit(k, d)
        d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID
        return d

    def write(self, folder: Path, edit: Edit | None = None, *, without: tuple[int, ...] = ()) -> Path:
        """Write the series to `folder`, in an order that tells nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        slices = self.slices(edit)
        for name, k in enumerate(np.random.default_rng(7).permutation(len(slices))):
            if k not in without:
                save(slices[k], folder / f"{self.series}-{name:03}.dcm")
        return folder

    def write_segmentation(
        self, folder: Path, *, edit: Callable[[Dataset], None] | None = None, **changes: object
    ) -> Path:
        """Write the ellipsoid's mask (or `mask=`) as SEG, by highdicom."""
        seg = self.segmentation(**changes)
        if edit:
            edit(seg)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"seg-{seg.SOPInstanceUID}.dcm"
        save(seg, path)
        return path

    def segmentation(
        self,
        *,
        mask: NDArray[np.bool_] | None = None,
        uid: str = f"{SERIES}.900",
        segments: int = 1,
        kind: str = "BINARY",
    ) -> Dataset:
        import highdicom as hd
        from pydicom.sr.codedict import codes

        pixels = self.mask if mask is None else mask
        descriptions = [
            hd.seg.SegmentDescription(
                segment_number=number + 1,
                segment_label=f"Tumor {number + 1}",
                segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
                segmented_property_type=codes.SCT.NeoplasmPrimary,
                algorithm_type="MANUAL",
            )
            for number in range(segments)
        ]
        return hd.seg.Segmentation(
            source_images=self.slices(),
            pixel_array=np.stack([pixels] * segments, axis=-1).astype(np.uint8)
            if segments > 1
            else pixels.astype(np.uint8),
            segmentation_type=kind,
            segment_descriptions=descriptions,
            series_instance_uid=f"{self.series}.901",
            series_number=2,
            sop_instance_uid=uid,
            instance_number=1,
            manufacturer="Phantom",
            manufacturer_model_name="Phantom",
            software_versions="1",
            device_serial_number="1",
        )


def save(dataset: Dataset, path: Path) -> None:
    """Write a data set as a Part 10 file, whatever it says."""
    with pydicom.config.disable_value_validation():
        dataset.save_as(path, enforce_file_format=True)
