"""RT structure sets (RTSTRUCT) of contours that a test draws, in indices of a phantom's voxels or in millimeters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from support.dicom_factory import FRAME, Phantom, save

RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
UID = "1.2.826.0.1.3680043.8.498.9"
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Contour:
    """Points (n × 3) in LPS millimeters."""

    points: Points
    kind: str = "CLOSED_PLANAR"
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class StructureSet:
    """Contours by the number of their region of interest, drawn on a phantom's series."""

    rois: Mapping[int, Sequence[Contour]]
    phantom: Phantom = field(default_factory=Phantom)
    uid: str = UID
    frame: str = FRAME
    series: str | None = None
    """Series that is said; the phantom's if none is, no series at all if it is empty."""

    def dataset(self) -> Dataset:
        d = Dataset()
        d.file_meta = FileMetaDataset()
        d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        d.file_meta.MediaStorageSOPClassUID = d.SOPClassUID = RTSTRUCT
        d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID = self.uid
        d.StudyInstanceUID, d.SeriesInstanceUID = self.phantom.study, f"{self.phantom.series}.902"
        d.Modality, d.PatientID, d.PatientName = "RTSTRUCT", self.phantom.patient_id, "Phantom^One"
        d.PatientBirthDate, d.PatientSex = "19600101", "O"
        d.StudyDate, d.StudyTime, d.StudyID, d.AccessionNumber = self.phantom.date, "120000", "1", ""
        d.Manufacturer, d.StructureSetLabel = "Phantom", "Contours"
        d.ReferencedFrameOfReferenceSequence = [self._frame()]
        d.StructureSetROISequence = [self._named(number) for number in self.rois]
        d.ROIContourSequence = [self._drawn(number, contours) for number, contours in self.rois.items()]
        d.RTROIObservationsSequence = [self._observed(number) for number in self.rois]
        return d

    def write(self, folder: Path, edit: Callable[[Dataset], None] = lambda _: None) -> Path:
        d = self.dataset()
        edit(d)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"rs-{d.SOPInstanceUID}.dcm"
        save(d, path)
        return path

    def _frame(self) -> Dataset:
        series = self.phantom.series if self.series is None else self.series
        frame = _item(FrameOfReferenceUID=self.frame)
        if series:
            images = [_image(f"{series}.{k + 1}") for k in range(self.phantom.shape[0])]
            of_series = _item(SeriesInstanceUID=series, ContourImageSequence=images)
            study = _item(
                ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
                ReferencedSOPInstanceUID=self.phantom.study,
                RTReferencedSeriesSequence=[of_series],
            )
            frame.RTReferencedStudySequence = [study]
        return frame

    def _named(self, number: int) -> Dataset:
        return _item(ROINumber=number, ReferencedFrameOfReferenceUID=self.frame, ROIName=f"ROI {number}")

    def _drawn(self, number: int, contours: Sequence[Contour]) -> Dataset:
        return _item(ReferencedROINumber=number, ContourSequence=[_contour(c) for c in contours])

    def _observed(self, number: int) -> Dataset:
        code = _item(CodeValue="4147007", CodingSchemeDesignator="SCT", CodeMeaning="Mass")
        return _item(
            ObservationNumber=number,
            ReferencedROINumber=number,
            RTROIInterpretedType="GTV",
            RTROIIdentificationCodeSequence=[code],
        )


def _item(**values: object) -> Dataset:
    d = Dataset()
    for keyword, value in values.items():
        setattr(d, keyword, value)
    return d


def _image(uid: str) -> Dataset:
    return _item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=uid)


def _contour(contour: Contour) -> Dataset:
    d = _item(
        ContourGeometricType=contour.kind,
        NumberOfContourPoints=len(contour.points),
        ContourData=[float(f"{value:.10g}") for value in contour.points.ravel()],
    )
    if contour.images:
        d.ContourImageSequence = [_image(uid) for uid in contour.images]
    return d


def on_slice(phantom: Phantom, k: float, points: Sequence[tuple[float, float]], kind: str = "CLOSED_PLANAR") -> Contour:
    """A contour of (row, column) points on slice ``k`` of a phantom, which may lie between two."""
    index = np.array([(k, row, column, 1) for row, column in points], float)
    return Contour((index @ phantom.affine_lps.T)[:, :3], kind)


def ellipse(center: tuple[float, float], axes: tuple[float, float], points: int = 200) -> list[tuple[float, float]]:
    """Points (row, column) on an ellipse."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return list(zip(center[0] + axes[0] * np.sin(angle), center[1] + axes[1] * np.cos(angle), strict=True))


def box(top: float, left: float, bottom: float, right: float) -> list[tuple[float, float]]:
    """The corners of a rectangle, clockwise."""
    return [(top, left), (top, right), (bottom, right), (bottom, left)]
