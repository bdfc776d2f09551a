"""A phantom whose value at any place in the patient is a formula, and series of slices cut through it.

The formula has another slope along each axis of the patient, so any flip, swap, shift, wrong gap, interleaved or
foreign slice gives a wrong value somewhere. A volume is judged by its own affine: the value of every voxel must be the
formula's at the place where that affine puts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import uid as uids
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag

from support.dicom_factory import AXIAL, save

ROOT = "1.2.826.0.1.3680043.8.498.7"
STUDY, SERIES, FRAME = f"{ROOT}.1", f"{ROOT}.2", f"{ROOT}.3"
CENTER_MM = (12.0, -31.0, 140.0)
SOP_CLASS = {
    "CT": uids.CTImageStorage,
    "MR": uids.MRImageStorage,
    "PT": uids.PositronEmissionTomographyImageStorage,
}
UNIT = {"CT": "HU", "MR": "arbitrary", "PT": "SUVbw"}
Floats = NDArray[np.float64]
Edit = Callable[[int, Dataset], None]


@dataclass(frozen=True)
class Field:
    """The value at a place in the patient: ``offset + gain × formula``, in ``unit``."""

    offset: float = 0.0
    gain: float = 1.0
    unit: str = "HU"
    center_mm: tuple[float, float, float] = CENTER_MM

    def __call__(self, points_mm: Floats) -> Floats:
        left, posterior, superior = np.moveaxis(points_mm - np.array(self.center_mm), -1, 0)
        wave = 12 * np.sin(left / 3.1 + posterior / 4.7) + 9 * np.cos(superior / 2.3 - posterior / 5.9)
        return np.asarray(self.offset + self.gain * (11 * left + 17 * posterior - 25 * superior + wave))

    @property
    def steepest_per_mm(self) -> float:
        """No place has a larger gradient: |(11, 17, 25)| and what the waves add."""
        return 40 * abs(self.gain)

    def times(self, factor: float, unit: str) -> Field:
        return replace(self, offset=self.offset * factor, gain=self.gain * factor, unit=unit)


@dataclass(frozen=True)
class Series:
    """Slices through the phantom, as a scanner would write them.

    ``offsets_mm`` says where the slices lie along their normal (``k × gap`` if not given), ``sideways_mm`` by how much
    each is shifted within its plane; pixels are cut where the slices truly lie. ``slopes`` and ``intercepts`` hold one
    value, or one per slice.
    """

    shape: tuple[int, int, int] = (10, 18, 14)
    spacing_mm: tuple[float, float, float] = (2.5, 1.25, 1.5)
    orientation: tuple[float, ...] = AXIAL
    center_mm: tuple[float, float, float] = CENTER_MM
    offsets_mm: tuple[float, ...] | None = None
    sideways_mm: tuple[tuple[float, float], ...] | None = None
    field: Field = Field()
    slopes: tuple[float, ...] = (1.0,)
    intercepts: tuple[float, ...] = (-1024.0,)
    signed: bool = False
    bits: tuple[int, int] = (16, 16)
    modality: str = "CT"
    uid: str = SERIES
    first_number: int = 1

    @cached_property
    def axes(self) -> Floats:
        """Unit vectors along the normal, down a column and along a row, as columns."""
        row, column = np.array(self.orientation, float).reshape(2, 3)
        return np.stack([np.cross(row, column), column, row], axis=1)

    @cached_property
    def affine_lps(self) -> Floats:
        affine = np.eye(4)
        affine[:3, :3] = self.axes * self.spacing_mm
        affine[:3, 3] = np.array(self.center_mm) - affine[:3, :3] @ (np.array(self.shape) - 1) / 2
        return affine

    @cached_property
    def positions_mm(self) -> Floats:
        """Place of the first voxel of each slice."""
        n, gap = self.shape[0], self.spacing_mm[0]
        along = np.array(self.offsets_mm if self.offsets_mm is not None else [k * gap for k in range(n)])
        sideways = np.array(self.sideways_mm if self.sideways_mm is not None else [(0.0, 0.0)] * n)
        shift = np.concatenate([along[:, None], sideways], axis=1)
        return np.asarray(self.affine_lps[:3, 3] + shift @ self.axes.T)

    def points_mm(self, k: int) -> Floats:
        """Places of all voxels of slice ``k``: rows × columns × 3."""
        rows, columns = np.indices(self.shape[1:])
        down, along = self.affine_lps[:3, 1], self.affine_lps[:3, 2]
        return np.asarray(self.positions_mm[k] + rows[..., None] * down + columns[..., None] * along)

    def rescale(self, k: int) -> tuple[float, float]:
        return self.slopes[k % len(self.slopes)], self.intercepts[k % len(self.intercepts)]

    def stored(self, k: int) -> NDArray[np.integer]:
        """Stored values of slice ``k``: the formula, rounded to the nearest that slope and intercept can say."""
        slope, intercept = self.rescale(k)
        values = np.rint((self.field(self.points_mm(k)) - intercept) / slope)
        allocated, used = self.bits
        lowest = -(1 << (used - 1)) if self.signed else 0
        if values.min() < lowest or values.max() >= lowest + (1 << used):
            raise ValueError("the case needs more bits")
        return values.astype(f"{'i' if self.signed else 'u'}{allocated // 8}")

    def datasets(self, edit: Edit | None = None) -> list[Dataset]:
        """The slices' data sets along the normal; ``edit(k, dataset)`` changes the k-th, however wrongly."""
        found = [self._dataset(k) for k in range(self.shape[0])]
        with pydicom.config.disable_value_validation():
            for k, d in enumerate(found):
                if edit:
                    edit(k, d)
                d.file_meta.MediaStorageSOPInstanceUID = d.get("SOPInstanceUID", "1.2.3")
                d.file_meta.MediaStorageSOPClassUID = d.get("SOPClassUID", "1.2.3")
        return found

    def _dataset(self, k: int) -> Dataset:
        d = Dataset()
        d.file_meta = FileMetaDataset()
        d.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
        d.SOPClassUID, d.SOPInstanceUID = SOP_CLASS[self.modality], f"{self.uid}.{self.first_number + k}"
        d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = STUDY, self.uid, FRAME
        d.Modality, d.ImageType = self.modality, ["ORIGINAL", "PRIMARY", "AXIAL"]
        d.PatientID, d.PatientName, d.PatientBirthDate, d.PatientSex = "P-1", "Phantom^One", "19600101", "O"
        d.StudyDate = d.SeriesDate = d.AcquisitionDate = d.ContentDate = "20260304"
        d.StudyTime = d.SeriesTime = d.AcquisitionTime = "120000"
        d.StudyID, d.AccessionNumber, d.ReferringPhysicianName, d.Manufacturer = "1", "", "", "Phantom"
        d.SeriesNumber, d.AcquisitionNumber, d.InstanceNumber = 1, 1, self.first_number + k
        d.Rows, d.Columns = self.shape[1:]
        d.PixelSpacing, d.SliceThickness = list(map(ds, self.spacing_mm[1:])), ds(self.spacing_mm[0])
        d.ImageOrientationPatient = list(map(ds, self.orientation))
        d.ImagePositionPatient = list(map(ds, self.positions_mm[k]))
        d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
        d.BitsAllocated, d.BitsStored, d.HighBit = *self.bits, self.bits[1] - 1
        d.PixelRepresentation = int(self.signed)
        d.RescaleSlope, d.RescaleIntercept = map(ds, self.rescale(k))
        if self.modality == "CT":
            d.RescaleType, d.KVP = "HU", "120"
        set_pixels(d, self.stored(k))
        return d

    def write(self, folder: Path, edit: Edit | None = None, *, without: Sequence[int] = (), seed: int = 7) -> None:
        """Write the series to ``folder`` under names that tell nothing of the order."""
        write(self.datasets(edit), folder, without=without, seed=seed)


def write(slices: Sequence[Dataset], folder: Path, *, without: Sequence[int] = (), seed: int = 7) -> None:
    """Write data sets to ``folder``, beside what lies there."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = len(list(folder.iterdir()))
    for number, k in enumerate(np.random.default_rng(seed).permutation(len(slices))):
        if k not in without:
            save(slices[k], folder / f"IM{taken + number:04}")


def set_pixels(d: Dataset, stored: NDArray[np.integer]) -> None:
    d.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    if len(d.PixelData) % 2:
        d.PixelData += b"\0"
    d["PixelData"].VR = "OW"


def pixels(d: Dataset) -> NDArray[np.integer]:
    """The stored words of a data set that this module wrote: rows × columns."""
    kind = "i" if d.PixelRepresentation else "u"
    count = d.Rows * d.Columns
    return np.frombuffer(d.PixelData, f"<{kind}{d.BitsAllocated // 8}")[:count].reshape(d.Rows, d.Columns).copy()


def ds(value: float) -> str:
    """A decimal string of at most 16 characters (PS3.5 section 6.2)."""
    return next(text for digits in range(12, 0, -1) if len(text := f"{value:.{digits}g}") <= 16)


def raw(d: Dataset, keyword: str, vr: str, text: str) -> None:
    """Put an attribute's bytes as they stand, valid or not."""
    tag, data = Tag(keyword), text.encode()
    data += b" " * (len(data) % 2)
    d._dict[tag] = RawDataElement(tag, vr, len(data), data, 0, False, True)
