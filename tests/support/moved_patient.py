"""A patient of known anatomy and lesions, imaged again and again in other positions and on other grids.

The body is a textured elliptic cylinder, defined at every point in mm, so that a motion moves it exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from support.dicom_factory import save
from tumorcast_imaging.dicom import Region, Volume
from tumorcast_imaging.model.change import Alignment, DrawnSeries, drawn
from tumorcast_imaging.model.lesions.lesion import measure_lesion

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Ball:
    """A lesion: an ellipsoid with semi-axes in mm along x, y and z around a point of the patient."""

    center_mm: tuple[float, float, float]
    radius_mm: float | tuple[float, float, float] = 8.0
    label: str = "Liver metastasis"
    tracking_uid: str = ""

    def holds(self, points: Points) -> NDArray[np.bool_]:
        return np.asarray((((points - self.center_mm) / np.array(self.radius_mm)) ** 2).sum(axis=-1) <= 1)


@dataclass(frozen=True)
class Motion:
    """Where the patient lies: turned about z by degrees around the origin, then shifted by mm."""

    degrees: float = 0.0
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def matrix(self) -> Points:
        c, s = np.cos(np.radians(self.degrees)), np.sin(np.radians(self.degrees))
        matrix = np.eye(4)
        matrix[:2, :2] = [[c, -s], [s, c]]
        matrix[:3, 3] = self.shift_mm
        return matrix


@dataclass(frozen=True)
class Scan:
    """One study of the patient: its day, lesions, position and grid."""

    day: str
    lesions: Sequence[Ball]
    motion: Motion = Motion()
    spacing_mm: tuple[float, float, float] = (4.0, 3.0, 3.0)
    extent_mm: tuple[float, float, float] = (140.0, 180.0, 240.0)
    """Along z, y and x, around the origin."""
    offset_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    frame: str = ""
    modality: str = "CT"
    patient: int = 1
    texture: Callable[[Points], NDArray[np.float64]] | None = field(default=None, compare=False)

    def uid(self, *parts: object) -> str:
        return str(generate_uid(entropy_srcs=["moved-patient", str(self.patient), self.day, *map(str, parts)]))

    @property
    def shape(self) -> tuple[int, int, int]:
        slices, rows, columns = (int(mm / step) for mm, step in zip(self.extent_mm, self.spacing_mm, strict=True))
        return slices, rows, columns

    @property
    def affine_lps(self) -> Points:
        affine = np.eye(4)
        affine[:3, :3] = np.array([[0, 0, self.spacing_mm[2]], [0, self.spacing_mm[1], 0], [self.spacing_mm[0], 0, 0]])
        affine[:3, 3] = np.array(self.offset_mm) - affine[:3, :3] @ ((np.array(self.shape) - 1) / 2)
        return affine

    @property
    def anatomy(self) -> Points:
        """Where each voxel's center lies in the patient (slices × rows × columns × 3)."""
        index = np.moveaxis(np.indices(self.shape), 0, -1).astype(float)
        points = index @ self.affine_lps[:3, :3].T + self.affine_lps[:3, 3]
        motion = self.motion.matrix
        return np.asarray((points - motion[:3, 3]) @ motion[:3, :3])

    @property
    def array(self) -> NDArray[np.float32]:
        points = self.anatomy
        values = (self.texture or tissue(self.patient))(points)
        for lesion in self.lesions:
            values = np.where(lesion.holds(points), 150.0, values)
        noise = np.random.default_rng(int(self.day.replace("-", ""))).normal(0, 8, self.shape)
        return np.round(values + noise).astype(np.float32)

    @property
    def masks(self) -> list[NDArray[np.bool_]]:
        points = self.anatomy
        return [lesion.holds(points) for lesion in self.lesions]

    @property
    def volume_uid(self) -> str:
        return self.uid("series", self.modality)

    @property
    def volume(self) -> Volume:
        return Volume(
            array=self.array,
            affine_lps=self.affine_lps,
            spacing_mm=self.spacing_mm,
            unit={"CT": "HU", "MR": "arbitrary", "PT": "SUVbw"}[self.modality],
            dicom_modality=self.modality,
            series_instance_uid=self.volume_uid,
            study_instance_uid=self.uid("study"),
            frame_of_reference_uid=self.frame or self.uid("frame"),
            patient_id=f"patient {self.patient}",
            date=self.day,
            sop_instance_uids=tuple(self.uid("ct", k) for k in range(self.shape[0])),
        )

    def drawn(self) -> DrawnSeries:
        """The study as the change package takes it, without a way over files."""
        volume = self.volume
        regions = [
            Region(mask, n + 1, source_uid=self.uid("seg"), label=ball.label, tracking_uid=ball.tracking_uid)
            for n, (ball, mask) in enumerate(zip(self.lesions, self.masks, strict=True))
            if mask.any()
        ]
        return drawn(volume, [measure_lesion(volume, region, radiomics=False) for region in regions])

    def at(self, **changes: object) -> Scan:
        return replace(self, **changes)  # type: ignore[arg-type]

    def write(self, folder: Path) -> Path:
        """Write CT and SEG as DICOM."""
        folder.mkdir(parents=True)
        slices = [self._slice(k, plane) for k, plane in enumerate(self.array)]
        for k, dataset in enumerate(slices):
            save(dataset, folder / f"ct{k:03}.dcm")
        save(self._segmentation(slices), folder / "seg.dcm")
        return folder

    def _slice(self, k: int, plane: NDArray[np.float32]) -> Dataset:
        d = Dataset()
        d.file_meta = FileMetaDataset()
        d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        d.file_meta.MediaStorageSOPClassUID = d.SOPClassUID = CTImageStorage
        d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID = self.uid("ct", k)
        d.StudyInstanceUID, d.SeriesInstanceUID = self.uid("study"), self.volume_uid
        d.FrameOfReferenceUID, d.PositionReferenceIndicator = self.frame or self.uid("frame"), ""
        d.Modality, d.ImageType, d.Manufacturer = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"], "Phantom"
        d.PatientID, d.PatientName, d.PatientBirthDate, d.PatientSex = (
            f"patient {self.patient}",
            "Moved^Patient",
            "",
            "O",
        )
        d.StudyDate = d.SeriesDate = d.AcquisitionDate = self.day.replace("-", "")
        d.StudyTime, d.StudyID, d.AccessionNumber, d.ReferringPhysicianName = "120000", "1", "", ""
        d.AcquisitionNumber, d.InstanceNumber, d.SeriesNumber = 1, k + 1, 1
        d.Rows, d.Columns = plane.shape
        d.PixelSpacing, d.SliceThickness = list(self.spacing_mm[1:]), self.spacing_mm[0]
        d.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        d.ImagePositionPatient = [float(f"{c:.9g}") for c in (self.affine_lps @ (k, 0, 0, 1))[:3]]
        d.SamplesPerPixel, d.PhotometricInterpretation, d.PixelRepresentation = 1, "MONOCHROME2", 0
        d.BitsAllocated, d.BitsStored, d.HighBit = 16, 16, 15
        d.RescaleSlope, d.RescaleIntercept, d.RescaleType = 1, -1024, "HU"
        d.PixelData = (plane + 1024).clip(0).astype("<u2").tobytes()
        d["PixelData"].VR = "OW"
        return d

    def _segmentation(self, slices: list[Dataset]) -> Dataset:
        descriptions = [
            hd.seg.SegmentDescription(
                segment_number=n + 1,
                segment_label=ball.label,
                segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
                segmented_property_type=codes.SCT.Neoplasm,
                algorithm_type="MANUAL",
                tracking_uid=ball.tracking_uid or None,
                tracking_id=f"lesion {n + 1}" if ball.tracking_uid else None,
            )
            for n, ball in enumerate(self.lesions)
        ]
        return hd.seg.Segmentation(
            source_images=slices,
            pixel_array=np.stack(self.masks, axis=-1).astype(np.uint8),
            segmentation_type="BINARY",
            segment_descriptions=descriptions,
            series_instance_uid=self.uid("seg series"),
            series_number=2,
            sop_instance_uid=self.uid("seg"),
            instance_number=1,
            manufacturer="Phantom",
            manufacturer_model_name="Phantom",
            software_versions="1",
            device_serial_number="1",
        )


def known(*scans: Scan, uncertainty_mm: float = 3.0) -> Callable[[DrawnSeries, DrawnSeries], Alignment]:
    """The true alignment of any two of the scans, as uncertain as told, in place of a registration."""
    motions = {scan.volume_uid: scan.motion.matrix for scan in scans}

    def align(earlier: DrawnSeries, later: DrawnSeries) -> Alignment:
        first, second = motions[earlier.series_instance_uid], motions[later.series_instance_uid]
        return Alignment(second @ np.linalg.inv(first), "registration", uncertainty_mm)

    return align


def tissue(patient: int) -> Callable[[Points], NDArray[np.float64]]:
    """Hounsfield units at points: air around a body whose density waves along many directions."""
    rng = np.random.default_rng(patient)
    waves = rng.normal(0, 1, (24, 3)) / rng.uniform(7, 25, (24, 1))
    phases, heights = rng.uniform(0, 2 * np.pi, 24), rng.uniform(10, 30, 24)

    def density(points: Points) -> NDArray[np.float64]:
        x, y = points[..., 0], points[..., 1]
        inside = (x / 115) ** 2 + (y / 85) ** 2 < 1
        texture = sum(h * np.cos(points @ wave + phase) for wave, phase, h in zip(waves, phases, heights, strict=True))
        return np.where(inside, 40 + texture, -1000.0)

    return density
