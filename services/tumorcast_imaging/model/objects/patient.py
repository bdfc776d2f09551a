"""Whose images they are: patient and study attributes of a source image, copied so that a new object may carry them.

The copy is in UTF-8. What the standard wants present but may be empty (type 2) is there, empty where the source does
not say or says what no reader could take; nothing is invented. Name, patient id and accession number are never cut or
emptied.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from tumorcast_imaging.model.objects.text import CHARACTER_SET, clean, long_string

_DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):?(?:([0-5]\d):?(?:([0-5]\d(?:\.\d{1,6})?))?)?", re.ASCII)
_SHORT_STRING = 16
_AGE = re.compile(r"\d{3}[DWMY]", re.ASCII)


def _date(value: Any) -> str:
    found = _DATE.fullmatch(str(value).strip())
    try:
        return f"{datetime.date(*map(int, found.groups())):%Y%m%d}" if found else ""
    except ValueError:
        return ""


def _time(value: Any) -> str:
    found = _TIME.fullmatch(str(value).strip())
    return "".join(part or "" for part in found.groups()) if found else ""


def _sex(value: Any) -> str:
    word = str(value).strip()
    return word if word in ("M", "F", "O") else ""


def _yes_no(value: Any) -> str:
    word = str(value).strip()
    return word if word in ("YES", "NO") else ""


def _age(value: Any) -> str:
    word = str(value).strip()
    return word if _AGE.fullmatch(word) else ""


def _decimal(value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return ""
    return f"{number:.10g}" if 0 < number < 1e6 else ""


def _text(value: Any) -> str | list[str]:
    if isinstance(value, MultiValue | list):
        return [clean(str(one)) for one in value]
    return clean(str(value))


def _study_id(value: Any) -> str:
    word = clean(str(value))
    return word if len(word.encode()) <= _SHORT_STRING else ""


def _description(value: Any) -> str:
    return long_string(str(value))


Cleaner = Callable[[Any], str | list[str]]
TYPE_2: dict[str, Cleaner] = {
    "PatientID": _text,
    "PatientName": _text,
    "PatientBirthDate": _date,
    "PatientSex": _sex,
    "StudyDate": _date,
    "StudyTime": _time,
    "StudyID": _study_id,
    "AccessionNumber": _text,
    "ReferringPhysicianName": _text,
}
_OPTIONAL: dict[str, Cleaner] = {
    "IssuerOfPatientID": _text,
    "PatientAge": _age,
    "PatientSize": _decimal,
    "PatientWeight": _decimal,
    "PatientIdentityRemoved": _yes_no,
    "DeidentificationMethod": _text,
    "StudyDescription": _description,
}
_TRIAL = (
    "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID",
    "ClinicalTrialSiteName",
    "ClinicalTrialSubjectID",
)
_METHODS = "DeidentificationMethodCodeSequence"
_CODE_PARTS = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")
KEYWORDS = (*TYPE_2, *_OPTIONAL, *_TRIAL, _METHODS, "SeriesNumber")


def patient_and_study(image: Dataset) -> Dataset:
    """Patient and study attributes of ``image``, cleaned, with every attribute of type 2 present."""
    copy = Dataset()
    copy.SpecificCharacterSet = CHARACTER_SET
    for keyword, cleaned in TYPE_2.items():
        setattr(copy, keyword, cleaned(_value(image, keyword)))
    for keyword, cleaned in _OPTIONAL.items():
        if value := cleaned(_value(image, keyword)):
            setattr(copy, keyword, value)
    _copy_trial(image, copy)
    methods = [_code(item) for item in image.get(_METHODS) or ()]
    if whole := [item for item in methods if item is not None]:
        copy.DeidentificationMethodCodeSequence = whole
    if "DeidentificationMethod" not in copy and not whole:
        copy.pop("PatientIdentityRemoved", None)  # it may be said only with how
    return copy


def _value(image: Dataset, keyword: str) -> Any:
    value = image.get(keyword)
    return "" if value is None else value


def _copy_trial(image: Dataset, copy: Dataset) -> None:
    """The clinical trial's subject, which needs sponsor, protocol and subject, or is left out."""
    said = {keyword: _text(_value(image, keyword)) for keyword in _TRIAL}
    if said["ClinicalTrialSponsorName"] and said["ClinicalTrialProtocolID"] and said["ClinicalTrialSubjectID"]:
        for keyword, value in said.items():
            setattr(copy, keyword, value)


def _code(item: Dataset) -> Dataset | None:
    code = Dataset()
    for keyword in _CODE_PARTS:
        value = clean(str(_value(item, keyword)))
        if not value:
            return None
        setattr(code, keyword, value)
    return code
