"""Volumes of the phantom with the images they were read from, and regions on them: what objects are written of."""

from __future__ import annotations

import datetime
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import PositronEmissionTomographyImageStorage

from support.dicom_factory import AXIAL, Edit, Phantom
from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import Region, Series, Volume, open_study
from tumorcast_imaging.model.objects import Source, read_source

MADE = datetime.datetime(2026, 3, 4, 12, 30)
LATER = datetime.datetime(2027, 1, 1, 0, 0, 1)
DRAWN = "1.2.826.0.1.3680043.8.498.800"


def as_pet(k: int, d: Dataset) -> None:
    """The phantom's slice as PET that states SUV by body weight, from 0 to some 16."""
    d.Modality, d.SOPClassUID = "PT", PositronEmissionTomographyImageStorage
    d.file_meta.MediaStorageSOPClassUID = d.SOPClassUID
    d.Units, d.SUVType, d.DecayCorrection, d.CorrectedImage = "GML", "BW", "START", ["DECY", "ATTN"]
    d.RescaleSlope, d.RescaleIntercept = 0.015, 0
    del d.RescaleType


def only_volume(folder: Path) -> tuple[Series, Volume]:
    """The only series below a folder, and its only volume."""
    (series,) = open_study(folder).series
    (volume,) = series.read()
    assert isinstance(volume, Volume), volume
    return series, volume


def source_of(folder: Path) -> tuple[Source, Volume]:
    """The images of the only volume below a folder."""
    series, volume = only_volume(folder)
    source = read_source(series, volume)
    assert not isinstance(source, Issue), source
    return source, volume


@cache
def phantom_source(
    orientation: tuple[float, ...] = AXIAL,
    spacing_mm: tuple[float, float, float] = (4.0, 2.5, 2.0),
    shape: tuple[int, int, int] = (6, 10, 12),
    edit: Edit | None = None,
) -> tuple[Source, Volume]:
    """Images of a small phantom, written and read once for all tests."""
    with tempfile.TemporaryDirectory() as folder:
        Phantom(orientation=orientation, spacing_mm=spacing_mm, shape=shape).write(Path(folder), edit)
        return source_of(Path(folder))


def region(mask: NDArray[np.bool_], number: int = 1, **attributes: object) -> Region:
    """A region that was drawn in ``DRAWN``."""
    return Region(mask=mask, number=number, source_uid=DRAWN, **attributes)  # type: ignore[arg-type]


def box(volume: Volume, *corners: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask that is true between the corners along slices, rows and columns."""
    mask = np.zeros(volume.array.shape, bool)
    mask[tuple(slice(*corner) for corner in corners)] = True
    return mask
