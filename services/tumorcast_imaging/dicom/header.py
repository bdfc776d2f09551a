"""The header of one DICOM file, read defensively into plain values.

pydicom raises anything at all on malformed bytes, so every touch of it in this package stands inside ``guarded``.
"""

from __future__ import annotations

import io
import logging
import math
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pydicom
from pydicom import uid as uids
from pydicom.dataset import Dataset

from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.reasons import Refused

# pydicom warns about odd values by quoting them, into logs that must not hold patient data; what matters is an issue.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\.")

UID = re.compile(r"(?=.{1,64}\Z)[0-9]+(\.[0-9]+)*")
"""A DICOM UID (PS3.5 section 9); digits and dots only, so it is safe as a file name."""

NATIVE = frozenset({uids.ImplicitVRLittleEndian, uids.ExplicitVRLittleEndian, uids.ExplicitVRBigEndian})
"""Transfer syntaxes that are read: uncompressed pixels, no deflated stream that could unfold to gigabytes."""

_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "ImageType",
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "AcquisitionDate",
    "SeriesDate",
    "StudyDate",
    "AcquisitionNumber",
    "AcquisitionTime",
    "ConvolutionKernel",
    "KVP",
    "EchoNumbers",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PhotometricInterpretation",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SliceThickness",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "ReferencedSeriesSequence",
]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Header:
    """What the gate needs to know of one file; empty or ``None`` where the file does not say."""

    path: Path = field(repr=False)
    size_bytes: int
    transfer_syntax_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    frame_of_reference_uid: str
    dicom_modality: str
    image_type: tuple[str, ...]
    patient_id: str = field(repr=False)
    patient: tuple[str, str, str] = field(repr=False)
    date: str = field(repr=False)
    acquisition_number: int | None
    acquisition_time: str
    technique: tuple[str, str, str]
    """Convolution kernel, kVp and echo number: what tells two reconstructions or echoes of one place apart."""
    rows: int
    columns: int
    frames: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool | None
    photometric: str
    pixel_spacing: tuple[float, ...]
    orientation: tuple[float, ...]
    position: tuple[float, ...]
    slice_thickness: float | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    padding: tuple[int, int] | None
    referenced_series_uids: tuple[str, ...]


@contextmanager
def guarded(code: str) -> Iterator[None]:
    """Turn whatever a foreign parser raises on malformed bytes into a refusal with ``code``."""
    try:
        yield
    except Refused:
        raise
    except OSError as e:
        raise Refused("UNREADABLE" if e.errno else code) from e
    except Exception as e:  # pydicom and highdicom raise anything; deep nesting is a RecursionError
        raise Refused(code) from e


def read_dataset(path: Path, limits: Limits, tags: list[str], *, pixels: bool) -> Dataset:
    """Read the named attributes of a Part 10 file; raises ``Refused`` unless it is safe to parse.

    Size and transfer syntax are looked at first: a deflated file of 200 KB can unfold to 200 MB.
    """
    with guarded("NOT_DICOM"):
        if not path.is_file():
            raise Refused("NOT_A_FILE")
        if path.stat().st_size > limits.max_file_bytes:
            raise Refused("FILE_TOO_LARGE")
        with path.open("rb") as file:
            preamble = file.read(132)
        if preamble[128:] != b"DICM":
            raise Refused("NOT_DICOM")
    with guarded("MALFORMED_HEADER"):
        meta = pydicom.filereader.read_file_meta_info(path)
        if meta.get("TransferSyntaxUID") == uids.DeflatedExplicitVRLittleEndian:
            raise Refused("UNSUPPORTED_TRANSFER_SYNTAX")
        with _MeteredFile(path, limits.max_reads) as metered:
            return pydicom.dcmread(metered, specific_tags=tags, stop_before_pixels=not pixels)


class _MeteredFile(io.BufferedReader):
    """A file that refuses to be read in more than ``reads`` pieces."""

    def __init__(self, path: Path, reads: int) -> None:
        super().__init__(io.FileIO(path))
        self._left = reads

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise OSError("too many reads")  # pydicom turns other errors into this one anyway
        return super().read(size)


def read_header(path: Path, limits: Limits) -> Header:
    """Read one file's header; raises ``Refused``."""
    dataset = read_dataset(path, limits, _TAGS, pixels=False)
    with guarded("MALFORMED_HEADER"):
        if dataset.file_meta.get("MediaStorageSOPClassUID") == uids.MediaStorageDirectoryStorage:
            raise Refused("NOT_AN_IMAGE")  # a DICOMDIR lies beside the images on every medium
        header = _header(path, dataset)
    identifiers = (header.sop_class_uid, header.sop_instance_uid, header.series_instance_uid, header.study_instance_uid)
    if not all(UID.fullmatch(uid) for uid in identifiers):
        raise Refused("HEADER_INCOMPLETE")
    return header


def _header(path: Path, d: Dataset) -> Header:
    return Header(
        path=path,
        size_bytes=path.stat().st_size,
        transfer_syntax_uid=str(d.file_meta.get("TransferSyntaxUID", "")),
        sop_class_uid=_text(d, "SOPClassUID"),
        sop_instance_uid=_text(d, "SOPInstanceUID"),
        series_instance_uid=_text(d, "SeriesInstanceUID"),
        study_instance_uid=_text(d, "StudyInstanceUID"),
        frame_of_reference_uid=_text(d, "FrameOfReferenceUID"),
        dicom_modality=_text(d, "Modality"),
        image_type=tuple(str(word).strip().upper() for word in _values(d, "ImageType")),
        patient_id=_text(d, "PatientID"),
        patient=(_text(d, "PatientID"), _text(d, "PatientName"), _text(d, "PatientBirthDate")),
        date=_date(d),
        acquisition_number=_one(d, "AcquisitionNumber", int),
        acquisition_time=_text(d, "AcquisitionTime"),
        technique=(_text(d, "ConvolutionKernel"), _text(d, "KVP"), _text(d, "EchoNumbers")),
        rows=_one(d, "Rows", int) or 0,
        columns=_one(d, "Columns", int) or 0,
        frames=_one(d, "NumberOfFrames", int) or 1,
        samples_per_pixel=_one(d, "SamplesPerPixel", int) or 1,
        bits_allocated=_one(d, "BitsAllocated", int) or 0,
        bits_stored=_one(d, "BitsStored", int) or 0,
        high_bit=_one(d, "HighBit", int) or 0,
        signed={0: False, 1: True, None: None}.get(_one(d, "PixelRepresentation", int)),
        photometric=_text(d, "PhotometricInterpretation"),
        pixel_spacing=_floats(d, "PixelSpacing"),
        orientation=_floats(d, "ImageOrientationPatient"),
        position=_floats(d, "ImagePositionPatient"),
        slice_thickness=_one(d, "SliceThickness", float),
        slope=_one(d, "RescaleSlope", float),
        intercept=_one(d, "RescaleIntercept", float),
        rescale_type=_text(d, "RescaleType"),
        padding=_padding(d),
        referenced_series_uids=tuple(
            _text(item, "SeriesInstanceUID") for item in _values(d, "ReferencedSeriesSequence")
        ),
    )


def _values(d: Dataset, keyword: str) -> list[Any]:
    value = d.get(keyword)
    if value is None or value == "":
        return []
    if isinstance(value, bytes):  # under a wrong value representation; its bytes would pass for numbers
        raise ValueError("binary value")
    return [value] if isinstance(value, str | int | float) else list(value)


def _text(d: Dataset, keyword: str) -> str:
    value = d.get(keyword)
    return "" if value is None else str(value).strip(" \0")


def _one(d: Dataset, keyword: str, kind: Callable[[Any], _T]) -> _T | None:
    values = _values(d, keyword)
    return kind(values[0]) if len(values) == 1 else None


def _floats(d: Dataset, keyword: str) -> tuple[float, ...]:
    values = tuple(float(value) for value in _values(d, keyword))
    return values if all(map(math.isfinite, values)) else ()


def _date(d: Dataset) -> str:
    """The acquisition's date, or the nearest to it that is a date, as ISO 8601."""
    for keyword in ("AcquisitionDate", "SeriesDate", "StudyDate"):
        found = re.fullmatch(r"(\d{4})\.?(0[1-9]|1[0-2])\.?(0[1-9]|[12]\d|3[01])", _text(d, keyword))
        if found:
            return "-".join(found.groups())
    return ""


def _padding(d: Dataset) -> tuple[int, int] | None:
    """Range of stored values that mean "outside the scanned field" (PS3.3 C.7.5.1.1.2), as written."""
    value = _one(d, "PixelPaddingValue", int)
    if value is None:
        return None
    limit = _one(d, "PixelPaddingRangeLimit", int)
    return value, value if limit is None else limit
