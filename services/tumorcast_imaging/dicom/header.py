"""The header of one DICOM file, read defensively into plain values."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Container, Hashable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydicom import uid as uids
from pydicom.datadict import tag_for_keyword

from tumorcast_imaging.dicom import dataset, part10
from tumorcast_imaging.dicom.dataset import guarded
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.part10 import TRANSFER_SYNTAX, Element, Elements, Odd, PixelElement
from tumorcast_imaging.dicom.reasons import Refused
from tumorcast_imaging.dicom.values import Malformed, integer, number, numbers, private_text, text, texts

UID = re.compile(r"(?=.{1,64}\Z)[0-9]+(\.[0-9]+)*")
"""A DICOM UID (PS3.5 section 9); digits and dots only, so it is safe as a file name."""

_DA = re.compile(r"(\d{4})[.-]?(0[1-9]|1[0-2])[.-]?(0[1-9]|[12]\d|3[01])", re.ASCII)
_TM = re.compile(r"([01]\d|2[0-3]):?(?:([0-5]\d):?(?:([0-5]\d(?:\.\d{1,6})?))?)?(?![\d:])", re.ASCII)
_CS = re.compile(r"[A-Z0-9_ ]{0,16}")
NATIVE = frozenset({uids.ImplicitVRLittleEndian, uids.ExplicitVRLittleEndian, uids.ExplicitVRBigEndian})
"""Transfer syntaxes whose pixels stand in the file as they are."""

_TECHNIQUE = (
    "TemporalPositionIdentifier",
    "EchoNumbers",
    "EchoTime",
    "InversionTime",
    "DiffusionBValue",
    "ConvolutionKernel",
    "KVP",
    "NominalPercentageOfCardiacPhase",
    "SequenceName",
    "RepetitionTime",
    "FlipAngle",
    "ContrastBolusAgent",
)
_PHASE = ("TriggerTime", "DiffusionGradientOrientation")
_KEYWORDS = """
SpecificCharacterSet SOPClassUID SOPInstanceUID SeriesInstanceUID StudyInstanceUID FrameOfReferenceUID Modality
PatientID PatientName PatientBirthDate AcquisitionDate SeriesDate StudyDate ContentDate AcquisitionTime
AcquisitionDateTime ContentTime Rows Columns NumberOfFrames SamplesPerPixel BitsAllocated BitsStored HighBit
PixelRepresentation PhotometricInterpretation PixelSpacing ImageOrientationPatient ImagePositionPatient
SliceThickness RescaleSlope RescaleIntercept RescaleType PixelPaddingValue PixelPaddingRangeLimit
LossyImageCompression ModalityLUTSequence AcquisitionNumber ImageType
"""


def _tag(keyword: str) -> int:
    found = tag_for_keyword(keyword)
    assert found is not None, keyword  # noqa: S101 - a slip of the pen, not input
    return int(found)


_TAG = {
    keyword: _tag(keyword) for keyword in (*_KEYWORDS.split(), "AcquisitionNumber", "ImageType", *_TECHNIQUE, *_PHASE)
}
_IDENTIFIERS = [_TAG[name] for name in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")]
WANTED = frozenset(_TAG.values())
"""Tags that are read of every file."""
_NOTHING = Element(b"", b"")
_MEDIA_CLASS = 0x00020002
_T = TypeVar("_T")
_WINDOW_BYTES = 16 << 10
"""How much of a file is read at first; the header of a scanner's slice is a few KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the gate needs to know of one image: a file, or one frame of an enhanced file.

    Empty or ``None`` where the file does not say; ``damaged`` if an attribute is there but cannot be understood.
    """

    path: Path = field(repr=False)
    stamp: tuple[int, int, int]
    """Size, time of change and inode of the file when its header was read."""
    transfer_syntax_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    dicom_modality: str
    damaged: bool = False
    frame_of_reference_uid: str = ""
    image_type: tuple[str, ...] = ()
    patient_id: str = field(default="", repr=False)
    patient: tuple[str, str, str] = field(default=("", "", ""), repr=False)
    date: str = field(default="", repr=False)
    acquired_s: float | None = None
    """When the acquisition began, in seconds; since midnight where the date is not known."""
    written_s: float | None = None
    """When the image was made (Content Time), likewise."""
    acquisition: Hashable = None
    """Acquisition number: a volume may be of several, one after the other."""
    technique: tuple[Hashable, ...] = ()
    """What is the same throughout a volume."""
    phase: tuple[Hashable, ...] = ()
    """What may tell two images of one place apart, and may also vary along a volume."""
    frame: int = 0
    frames: int = 1
    rows: int = 0
    columns: int = 0
    samples_per_pixel: int = 1
    bits_allocated: int = 0
    bits_stored: int = 0
    high_bit: int = 0
    signed: bool | None = None
    photometric: str = ""
    pixel_spacing: tuple[float, ...] = ()
    orientation: tuple[float, ...] = ()
    position: tuple[float, ...] = ()
    slice_thickness: float | None = None
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    has_modality_lut: bool = False
    lossy: bool | None = None
    padding: tuple[int, int] | None = None
    pixels: PixelElement | None = None
    big_endian: bool = False

    @property
    def size_bytes(self) -> int:
        """Length of the file."""
        return self.stamp[0]


def read_header(path: Path, limits: Limits) -> Header:
    """Read one file's header; raises ``Refused``."""
    with guarded("NOT_DICOM"):
        if not path.is_file():
            raise Refused("NOT_A_FILE")
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if status.st_size > limits.max_file_bytes:
                raise Refused("FILE_TOO_LARGE")
            elements = strict(file, status.st_size, limits)
    if elements is None:
        elements = dataset.read_elements(path, limits, WANTED)
    with guarded("MALFORMED_HEADER"):
        return _header(path, (status.st_size, status.st_mtime_ns, status.st_ino), elements)


def raw_values(path: Path, limits: Limits, wanted: Container[int]) -> tuple[tuple[int, Element], ...] | None:
    """The bytes of the wanted elements, to be compared; ``None`` if the file does not follow the standard's letter."""
    with guarded("UNREADABLE"), path.open("rb", buffering=0) as file:
        elements = strict(file, os.fstat(file.fileno()).st_size, limits, wanted)
    return None if elements is None else tuple((tag, e) for tag, e in elements.values.items() if tag in wanted)


def strict(file: BinaryIO, size: int, limits: Limits, wanted: Container[int] | None = None) -> Elements | None:
    """The wanted elements as the standard's letter has them; ``None`` if the file does not follow it."""
    window = min(_WINDOW_BYTES, size)
    data = file.read(window)
    if data[128:132] != b"DICM":
        raise Refused("NOT_DICOM")
    while True:
        try:
            elements = _walk(data, limits, WANTED if wanted is None else wanted)
        except Odd:
            elements = None
        whole = len(data) == size
        if elements is not None and (elements.pixels is not None or whole):
            return elements
        if whole or len(data) >= limits.max_header_bytes or not (more := file.read(15 * len(data))):
            return None
        data += more


def _walk(data: bytes, limits: Limits, wanted: Container[int]) -> Elements:
    meta, start = part10.walk_meta(data)
    syntax = meta.get(TRANSFER_SYNTAX, _NOTHING).value.rstrip(b"\0 ").decode("ascii", "replace")
    if syntax == uids.DeflatedExplicitVRLittleEndian or not syntax:
        raise Odd
    found = part10.walk(
        data,
        start,
        wanted,
        explicit=syntax != uids.ImplicitVRLittleEndian,
        big_endian=syntax == uids.ExplicitVRBigEndian,
        max_elements=limits.max_elements,
    )
    found.values.update(meta)
    return found


def _header(path: Path, stamp: tuple[int, int, int], e: Elements) -> Header:
    if text(e, _MEDIA_CLASS) == uids.MediaStorageDirectoryStorage:
        raise Refused("NOT_AN_IMAGE")  # a DICOMDIR lies beside the images on every medium
    sop_class, sop, series, study = (text(e, tag) for tag in _IDENTIFIERS)
    if not all(map(_is_uid, (sop_class, sop, series, study))):
        raise Refused("HEADER_INCOMPLETE")
    damaged: list[int] = []
    content = _content(_Defensive(e, damaged))
    return Header(
        path=path,
        stamp=stamp,
        transfer_syntax_uid=text(e, TRANSFER_SYNTAX),
        sop_class_uid=sop_class,
        sop_instance_uid=sop,
        series_instance_uid=series,
        study_instance_uid=study,
        damaged=bool(damaged),
        pixels=e.pixels,
        big_endian=e.big_endian,
        **content,
    )


class _Defensive:
    """Reads attributes by keyword; one that cannot be understood is none, and is remembered."""

    def __init__(self, elements: Elements, damaged: list[int]) -> None:
        self._elements, self._damaged = elements, damaged

    def __call__(self, read: Callable[[Elements, int], _T], keyword: str, otherwise: _T) -> _T:
        try:
            return read(self._elements, _TAG[keyword])
        except Malformed:
            self._damaged.append(_TAG[keyword])
            return otherwise

    def has(self, keyword: str) -> bool:
        return _TAG[keyword] in self._elements.values

    def text(self, keyword: str) -> str:
        return self(text, keyword, "")

    def private(self, keyword: str) -> str:
        return self(private_text, keyword, "")

    def texts(self, keyword: str) -> tuple[str, ...]:
        return self(texts, keyword, ())

    def number(self, keyword: str) -> float | None:
        return self(number, keyword, None)

    def numbers(self, keyword: str) -> tuple[float, ...]:
        return self(numbers, keyword, ())

    def integer(self, keyword: str) -> int | None:
        return self(integer, keyword, None)

    def keys(self, keywords: Sequence[str]) -> tuple[Hashable, ...]:
        """Bytes that can be compared, whatever they mean."""
        return tuple(self._elements.values.get(_TAG[k], _NOTHING).value.strip(b" \0") for k in keywords)


@lru_cache(maxsize=4096)
def _is_uid(uid: str) -> bool:
    return UID.fullmatch(uid) is not None


def _content(e: _Defensive) -> dict[str, Any]:
    patient_id = e.private("PatientID")
    return {
        "dicom_modality": _modality(e),
        "frame_of_reference_uid": e.text("FrameOfReferenceUID"),
        "image_type": tuple(word.upper() for word in e.texts("ImageType")),
        "patient_id": patient_id,
        "patient": (patient_id, e.private("PatientName").rstrip("^ "), e.private("PatientBirthDate")),
        "date": _date(e),
        "acquired_s": _acquired(e),
        "written_s": seconds(e.text("ContentDate"), e.text("ContentTime")),
        "acquisition": e.keys(["AcquisitionNumber"]),
        "technique": e.keys(_TECHNIQUE),
        "phase": e.keys(_PHASE),
        "pixel_spacing": e.numbers("PixelSpacing"),
        "orientation": e.numbers("ImageOrientationPatient"),
        "position": e.numbers("ImagePositionPatient"),
        "slice_thickness": e.number("SliceThickness"),
        "slope": e.number("RescaleSlope"),
        "intercept": e.number("RescaleIntercept"),
        "rescale_type": e.text("RescaleType").upper(),
        "has_modality_lut": e.has("ModalityLUTSequence"),
        "lossy": {"00": False, "01": True}.get(e.text("LossyImageCompression")),
        **_pixel_format(e),
    }


def _modality(e: _Defensive) -> str:
    """A code string (PS3.5 section 6.2), or none: it is told to the caller, so nobody's name may come out of it."""
    found = e.text("Modality")
    return found if _CS.fullmatch(found) else ""


def _pixel_format(e: _Defensive) -> dict[str, Any]:
    return {
        "frames": int(e.number("NumberOfFrames") or 1),
        "rows": e.integer("Rows") or 0,
        "columns": e.integer("Columns") or 0,
        "samples_per_pixel": e.integer("SamplesPerPixel") or 1,
        "bits_allocated": e.integer("BitsAllocated") or 0,
        "bits_stored": e.integer("BitsStored") or 0,
        "high_bit": e.integer("HighBit") or 0,
        "signed": {0: False, 1: True, None: None}.get(e.integer("PixelRepresentation")),
        "photometric": e.text("PhotometricInterpretation"),
        "padding": _padding(e),
    }


def _acquired(e: _Defensive) -> float | None:
    whole = e.text("AcquisitionDateTime")
    apart = seconds(e.text("AcquisitionDate"), e.text("AcquisitionTime"))
    return apart if apart is not None else seconds(whole[:8], whole[8:])


@lru_cache(maxsize=4096)
def seconds(day: str, time: str) -> float | None:
    """A DICOM date and time (PS3.5 section 6.2: DA, TM) in seconds; ``None`` if there is no such time.

    >>> seconds("", "0130"), seconds("00010102", "01:00:00.5")
    (5400.0, 90000.5)
    """
    found = _TM.match(time)
    if not found:
        return None
    hours, minutes, rest = found.groups()
    date = _DA.fullmatch(day)
    try:
        days = datetime.date(*map(int, date.groups())).toordinal() - 1 if date else 0
    except ValueError:  # the 31st of February
        days = 0
    return days * 86400.0 + int(hours) * 3600 + int(minutes or 0) * 60 + float(rest or 0)


def _date(e: _Defensive) -> str:
    """The acquisition's date, or the nearest to it that is a date, as ISO 8601."""
    for keyword in ("AcquisitionDate", "SeriesDate", "StudyDate"):
        found = _DA.fullmatch(e.text(keyword))
        if found:
            return "-".join(found.groups())
    return ""


def _padding(e: _Defensive) -> tuple[int, int] | None:
    """Range of stored values that mean "outside the scanned field" (PS3.3 C.7.5.1.1.2), as written."""
    value = e.integer("PixelPaddingValue")
    if value is None:
        return None
    limit = e.integer("PixelPaddingRangeLimit")
    return value, value if limit is None else limit
