"""Headers of PET images as scanners of three vendors write them, and the factors that worked numbers say they have."""

import io
from datetime import datetime, timedelta

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from tumorcast_imaging.dicom.reasons import CODES, Refused
from tumorcast_imaging.dicom.suv import TAGS, read_pet, suv_factors

F18_S = 6586.2
BED_S = 180.0
PHILIPS, GE, SIEMENS = (0x7053, "Philips PET Private Group"), (0x0009, "GEMS_PETD_01"), (0x0071, "SIEMENS MED PT")


def average_s(duration_s: float, half_life_s: float = F18_S) -> float:
    """When the count rate is its average over the frame, by numerical integration: independent of the formula."""
    t = (np.arange(200_000) + 0.5) * duration_s / 200_000
    mean = np.mean(np.exp2(-t / half_life_s))
    return float(-half_life_s * np.log2(mean))


def header(
    *,
    scan: datetime = datetime(2024, 3, 5, 11, 30),
    series: datetime | None = None,
    offset_s: float = 0,
    injected: datetime | None = None,
    **values: object,
) -> Dataset:
    """One image of a whole-body F-18 scan, 370 MBq, 70 kg, injected an hour before; ``None`` leaves a value out."""
    injected, series, begun = injected or scan - timedelta(hours=1), series or scan, scan + timedelta(seconds=offset_s)
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "C-111A1", "SRT"
    drug = Dataset()
    drug.RadionuclideTotalDose, drug.RadionuclideHalfLife = "370000000", str(F18_S)
    drug.RadiopharmaceuticalStartTime = f"{injected:%H%M%S.%f}"
    drug.RadiopharmaceuticalStartDateTime = f"{injected:%Y%m%d%H%M%S.%f}"
    drug.RadionuclideCodeSequence = Sequence([code])
    d = Dataset()
    d.Units, d.DecayCorrection, d.CorrectedImage, d.PatientWeight = "BQML", "START", ["DECY", "ATTN", "SCAT"], "70"
    d.SeriesDate, d.SeriesTime = f"{series:%Y%m%d}", f"{series:%H%M%S.%f}"
    d.AcquisitionDate, d.AcquisitionTime = f"{begun:%Y%m%d}", f"{begun:%H%M%S.%f}"
    d.ActualFrameDuration = str(int(BED_S * 1000))
    d.FrameReferenceTime = f"{(offset_s + average_s(BED_S)) * 1000:.6f}"
    d.RadiopharmaceuticalInformationSequence = Sequence([drug])
    for keyword, value in values.items():
        at = drug if keyword.startswith(("Radionuclide", "RadiopharmaceuticalStart")) else d
        delattr(at, keyword) if value is None else setattr(at, keyword, value)
    return d


def private(d: Dataset, owner: tuple[int, str], element: int, value: object, vr: str, block: int = 0x10) -> Dataset:
    group, creator = owner
    d.add_new((group, block), "LO", creator)
    d.add_new((group, block << 8 | element), vr, value)
    return d


def philips(d: Dataset, suv: str | None = None, activity: str | None = None) -> Dataset:
    for element, value in ((0x00, suv), (0x09, activity)):
        if value is not None:
            private(d, PHILIPS, element, value, "DS")
    return d


def factors(*headers: Dataset) -> list[float]:
    return list(suv_factors([read_pet(d) for d in headers]).factors)


def factor(*headers: Dataset) -> float:
    first, *others = factors(*headers)
    assert all(other == first for other in others)
    return float(first)


def code_of(*headers: Dataset) -> str:
    with pytest.raises(Refused) as refused:
        factors(*headers)
    assert refused.value.code in CODES
    return refused.value.code


def part10(d: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """It as a file."""
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = syntax
    d.file_meta.MediaStorageSOPClassUID, d.file_meta.MediaStorageSOPInstanceUID = "1.2", "1.3"
    file = io.BytesIO()
    pydicom.dcmwrite(file, d, enforce_file_format=True)
    return file.getvalue()


def reread(d: Dataset, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """What a header read keeps of it."""
    return pydicom.dcmread(io.BytesIO(part10(d, syntax)), specific_tags=TAGS)


# worked by hand: 70 000 g ÷ 370 MBq, and 370 MBq decayed for 3600 s of F-18 (2^(3600 ÷ 6586.2) = 1.4606367)
ADMIN_FACTOR = 1.8918919e-4
START_FACTOR = 2.7633668e-4
