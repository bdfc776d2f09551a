"""The attributes of one PET image that decide its standardized uptake value, read into plain values.

DICOM PS3.3 C.8.9.1 (PET series), C.8.9.2 (PET isotope), C.8.9.4 (PET image). Every value may be missing, empty, of
several values, under a wrong representation or not a number; it is then ``None`` or empty, and ``suv_factors`` refuses
what it cannot do without. Times are seconds since the beginning of the year 1, in the scanner's own time zone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag

from tumorcast_imaging.dicom.reasons import Refused

_KEYWORDS = (
    *("Units", "SUVType", "DecayCorrection", "CorrectedImage", "PatientWeight", "TimezoneOffsetFromUTC"),
    *("SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime"),
    *("FrameReferenceTime", "ActualFrameDuration", "DecayFactor", "RadiopharmaceuticalInformationSequence"),
)
_PHILIPS = (0x7053, "Philips PET Private Group")
_GE = (0x0009, "GEMS_PETD_01")
_SIEMENS = (0x0071, "SIEMENS MED PT")
_PRIVATE = ((_PHILIPS, 0x00), (_PHILIPS, 0x09), (_GE, 0x0D), (_SIEMENS, 0x22))
_BLOCKS = range(0x10, 0x14)
"""Private blocks looked at (PS3.5 section 7.8.1); vendors take the first, archives that add their own may move it."""

TAGS: list[int | str] = [
    *_KEYWORDS,
    *sorted({group << 16 | block for (group, _), _ in _PRIVATE for block in _BLOCKS}),
    *sorted(group << 16 | block << 8 | element for (group, _), element in _PRIVATE for block in _BLOCKS),
]
"""What a header read must keep, as ``pydicom.dcmread(specific_tags=...)`` wants it."""
TAG_NUMBERS = frozenset(int(Tag(tag)) for tag in TAGS)

DAY_S = 86400.0
_T = TypeVar("_T")
_TIME = re.compile(r"([01][0-9]|2[0-3]):?([0-5][0-9])(?::?([0-5][0-9]|60)(\.[0-9]{1,6})?)?")
_DATE = re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})")
_DATETIME = re.compile(r"([0-9]{8})([0-9]{4}(?:[0-9]{2}(?:\.[0-9]{1,6})?)?)([+-][0-9]{4})?")
_ZONE = re.compile(r"([+-])(0[0-9]|1[0-4])([0-5][0-9])")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PetImage:
    """One PET image as its header describes it; empty or ``None`` where the header does not say."""

    units: str = ""
    suv_type: str = ""
    decay_correction: str = ""
    corrections: frozenset[str] = frozenset()
    zone_s: float | None = None
    """Offset of the scanner's time zone from UTC."""
    series_s: float | None = field(default=None, repr=False)
    acquisition_s: float | None = field(default=None, repr=False)
    """When the frame began."""
    weight_kg: float | None = field(default=None, repr=False)
    frame_reference_s: float | None = None
    """When the frame's values hold, after the series' reference time."""
    frame_duration_s: float | None = None
    decay_factor: float | None = None
    """By what the frame's values were multiplied for decay."""
    radiopharmaceuticals: int = 0
    dose_bq: float | None = None
    half_life_s: float | None = None
    nuclide_code: str = ""
    injection_s: float | None = field(default=None, repr=False)
    """Date and time of injection (0018,1078); ``None`` where its zone cannot be compared with the scanner's."""
    injection_time_s: float | None = field(default=None, repr=False)
    """Time of day of injection (0018,1072)."""
    philips_suv_scale: float | None = None
    philips_activity_scale: float | None = None
    ge_scan_s: float | None = field(default=None, repr=False)
    siemens_decay_s: float | None = field(default=None, repr=False)


def read_pet(dataset: Dataset) -> PetImage:
    """Read one image's attributes; never raises."""
    zone_s = _zone(_text(dataset, "TimezoneOffsetFromUTC"))
    items = _items(dataset, "RadiopharmaceuticalInformationSequence")
    drug = items[0] if items else Dataset()
    codes = _items(drug, "RadionuclideCodeSequence")
    return PetImage(
        units=_word(dataset, "Units"),
        suv_type=_word(dataset, "SUVType"),
        decay_correction=_word(dataset, "DecayCorrection"),
        corrections=frozenset(_words(dataset, "CorrectedImage")),
        zone_s=zone_s,
        series_s=_date_and_time(dataset, "SeriesDate", "SeriesTime"),
        acquisition_s=_date_and_time(dataset, "AcquisitionDate", "AcquisitionTime"),
        weight_kg=_number(_text(dataset, "PatientWeight")),
        frame_reference_s=_seconds(_text(dataset, "FrameReferenceTime")),
        frame_duration_s=_seconds(_text(dataset, "ActualFrameDuration")),
        decay_factor=_number(_text(dataset, "DecayFactor")),
        radiopharmaceuticals=len(items),
        dose_bq=_number(_text(drug, "RadionuclideTotalDose")),
        half_life_s=_number(_text(drug, "RadionuclideHalfLife")),
        nuclide_code=_word(codes[0], "CodeValue") if len(codes) == 1 else "",
        injection_s=_moment(_text(drug, "RadiopharmaceuticalStartDateTime"), zone_s),
        injection_time_s=_time(_text(drug, "RadiopharmaceuticalStartTime")),
        philips_suv_scale=_number(_private(dataset, _PHILIPS, 0x00)),
        philips_activity_scale=_number(_private(dataset, _PHILIPS, 0x09)),
        ge_scan_s=_moment(_private(dataset, _GE, 0x0D), zone_s),
        siemens_decay_s=_moment(_private(dataset, _SIEMENS, 0x22), zone_s),
    )


def shared(images: Sequence[PetImage], value: Callable[[PetImage], _T]) -> _T:
    """The value that all images of a series have in common; raises ``Refused`` if they differ."""
    first, *others = {value(image) for image in images}
    if others:
        raise Refused("SUV_MIXED_IMAGES")
    return first


def _value(dataset: Dataset, key: str | int) -> Any:
    """A value as pydicom understands it, or ``None`` where that fails."""
    try:
        found = dataset.get(key)
        return found.value if isinstance(key, int) and found is not None else found
    except Exception:  # pydicom raises anything on malformed bytes; what cannot be read is not there
        return None


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    value = _value(dataset, keyword)
    return list(value) if isinstance(value, Items) else []


def _text(dataset: Dataset, key: str | int) -> str:
    """The text of a value; an element under an unknown representation holds it as bytes (PS3.5 section 6.2.2)."""
    value = _value(dataset, key)
    if isinstance(value, bytes):
        return value.decode("ascii", "replace").strip(" \0")
    return str(value).strip(" \0") if isinstance(value, str | int | float) else ""


def _word(dataset: Dataset, keyword: str) -> str:
    return _text(dataset, keyword).upper()


def _words(dataset: Dataset, keyword: str) -> list[str]:
    value = _value(dataset, keyword)
    several = not isinstance(value, str | bytes | int | float) and hasattr(value, "__iter__")
    words = [str(word) for word in value] if several else _text(dataset, keyword).split("\\")
    return [word.strip(" \0").upper() for word in words]


def _private(dataset: Dataset, owner: tuple[int, str], element: int) -> str:
    """The text of a private element, in whichever block its creator reserved."""
    group, creator = owner
    found = (
        _text(dataset, group << 16 | block << 8 | element)
        for block in _BLOCKS
        if _text(dataset, group << 16 | block) == creator
    )
    return next(filter(None, found), "")


def _number(text: str) -> float | None:
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def _seconds(milliseconds: str) -> float | None:
    value = _number(milliseconds)
    return None if value is None else value / 1000


def _date_and_time(dataset: Dataset, date_keyword: str, time_keyword: str) -> float | None:
    day, seconds = _day(_text(dataset, date_keyword)), _time(_text(dataset, time_keyword))
    return None if day is None or seconds is None else day + seconds


def _day(text: str) -> float | None:
    """A date (DA, also with the dots of ACR-NEMA) as seconds."""
    found = _DATE.fullmatch(text)
    try:
        return (date(*map(int, found.groups())).toordinal() - 1) * DAY_S if found else None
    except ValueError:  # the 31st of February
        return None


def _time(text: str) -> float | None:
    """Seconds since midnight (TM, also with the colons of ACR-NEMA); hours alone are too coarse to be a time."""
    found = _TIME.fullmatch(text)
    if not found:
        return None
    hours, minutes, seconds, fraction = found.groups()
    return int(hours) * 3600.0 + int(minutes) * 60 + int(seconds or 0) + float(fraction or 0)


def _zone(text: str) -> float | None:
    found = _ZONE.fullmatch(text)
    if not found:
        return None
    sign, hours, minutes = found.groups()
    return (-1.0 if sign == "-" else 1.0) * (int(hours) * 3600 + int(minutes) * 60)


def _moment(text: str, zone_s: float | None) -> float | None:
    """A date and time (DT) in the scanner's zone; ``None`` if it names a zone and the scanner's is not known."""
    found = _DATETIME.fullmatch(text)
    if not found:
        return None
    day, seconds = _day(found[1]), _time(found[2])
    if day is None or seconds is None:
        return None
    if not found[3]:
        return day + seconds
    own_s = _zone(found[3])
    return None if own_s is None or zone_s is None else day + seconds - own_s + zone_s
