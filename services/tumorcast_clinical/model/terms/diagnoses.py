"""What a diagnosis code means: a cancer and its site, a metastasis, a comorbidity, or none of the patient's diseases.

The tables stand in ``conditions/*.yaml``. ICD-10 and ICD-O-3 go by prefix or range, SNOMED CT by code. Codes of one
concept are joined: a general one yields to a specific one, and two that contradict each other are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import yaml

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, items, text
from tumorcast_clinical.model.terms.systems import ICD_10, ICD_10_CM, ICD_10_GM, ICD_O_3, SNOMED, system_of

ICD_10_SYSTEMS = frozenset({ICD_10, ICD_10_CM, ICD_10_GM})

_ICD = re.compile(r"[A-Z]\d[0-9A-Z]{1,5}")
_DECORATION = re.compile(r"[.\s]|[-+*!†#]+$")
_REMISSION = re.compile(r"C9[0-5]\d1|C8[1-8]\dA")
_MORPHOLOGY = re.compile(r"M?(\d{4})(?:/(\d))?\d?")
_RANGE = re.compile(r"([A-Z]?)(\d+)-[A-Z]?(\d+)")


class Kind(StrEnum):
    """What sort of statement a diagnosis code makes."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    MALIGNANT = "malignant"
    METASTATIC = "metastatic"
    COMORBIDITY = "comorbidity"
    IN_SITU = "in_situ"
    BENIGN = "benign"
    UNCERTAIN = "uncertain"
    FAMILY_HISTORY = "family_history"
    PERSONAL_HISTORY = "personal_history"
    SCREENING = "screening"
    FOLLOW_UP = "follow_up"


_T = TypeVar("_T")
_GENERAL = {Kind.MALIGNANT: (Kind.PRIMARY,), Kind.METASTATIC: (Kind.SECONDARY,)}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The meaning of a diagnosis: ``value`` is the site or the comorbidity; ``coding`` (system, code) said so."""

    kind: Kind
    value: str = ""
    histology: str = ""
    in_remission: bool = False
    coding: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Morphology:
    """A histology, empty where the catalog has none for it, and the ICD-O-3 behavior digit, empty if not said."""

    histology: str
    behavior: str
    site: str = ""


def diagnosis_of(concept: Json) -> Diagnosis | Refusal | None:
    """The meaning of a diagnosis' codes; ``None`` if no table knows any of them.

    >>> diagnosis_of({"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C34.11"}]}).value
    'lung'
    """
    return _joined([found for coding in items(concept, "coding") if (found := _meaning(coding))])


def site_of(concepts: Iterable[Json], of_metastasis: bool) -> str:
    """The site that body sites name (SNOMED CT, ICD-O-3 topography); empty if none, or several different ones."""
    snomed = _snomed("place_of_metastasis" if of_metastasis else "place")
    topography = _icd_o("topography_of_metastasis" if of_metastasis else "topography")
    sites = set()
    for concept in concepts:
        for coding in items(concept, "coding"):
            system, code = system_of(coding), text(coding, "code").strip()
            if system == SNOMED:
                sites.add(snomed.get(code, ""))
            elif system == ICD_O_3:
                sites.add(_longest(topography, _plain(code)) or "")
    sites.discard("")
    return sites.pop() if len(sites) == 1 else ""


def morphology_of(concept: Json) -> Morphology | None:
    """The histology that ICD-O-3 or SNOMED CT morphology codes mean; ``None`` if none is known or they differ.

    >>> morphology_of({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/icd-o-3", "code": "8500/2"}]})
    Morphology(histology='ductal_carcinoma', behavior='2', site='')
    """
    found = set()
    for coding in items(concept, "coding"):
        code = text(coding, "code").strip()
        system = system_of(coding)
        if system == ICD_O_3 and (match := _MORPHOLOGY.fullmatch(code)):
            number = int(match[1])
            histology, site = _by_number("histology").get(number, ""), _by_number("site_by_morphology").get(number, "")
            found.add(Morphology(histology, match[2] or "", site))
        elif system == SNOMED and code in _snomed("morphology"):
            found.add(Morphology(_snomed("morphology")[code], ""))
    known = {m.histology for m in found}
    behaviors = {m.behavior for m in found} - {""}
    if len(known) != 1 or len(behaviors) > 1:
        return None
    return max(found, key=lambda m: (m.behavior, m.site))


def comorbidities() -> Mapping[str, Mapping[str, Any]]:
    """The comorbidity groups with weight, ``history`` and ``part_of``."""
    return _yaml("comorbidities")


def _meaning(coding: Json) -> Diagnosis | None:
    system, code = system_of(coding), text(coding, "code").strip()
    if system in ICD_10_SYSTEMS:
        plain = _plain(code)
        found = _of_icd_10(plain, system) if _ICD.fullmatch(plain) else None
    elif system == SNOMED:
        found = _snomed_diagnoses().get(code)
    elif system == ICD_O_3:
        site = _longest(_icd_o("topography"), _plain(code))
        found = Diagnosis(Kind.PRIMARY, site) if site else None
    else:
        found = None
    return replace(found, coding=(system, code)) if found else None


def _of_icd_10(code: str, system: str) -> Diagnosis | None:
    found = _longest(_icd_10(system), code)
    if found is None or found.kind is not Kind.PRIMARY:
        return found
    histology = _longest(_icd_10_histology(), code) or ""
    return replace(found, histology=histology, in_remission=bool(_REMISSION.fullmatch(code[:5])))


def _joined(found: list[Diagnosis]) -> Diagnosis | Refusal | None:
    if len(found) < 2:
        return found[0] if found else None
    kinds = {diagnosis.kind for diagnosis in found}
    for general, special in _GENERAL.items():
        if kinds & set(special):
            kinds.discard(general)
    if Kind.SECONDARY in kinds or Kind.METASTATIC in kinds:
        kinds.discard(Kind.MALIGNANT)
    kept = [diagnosis for diagnosis in found if diagnosis.kind in kinds]
    values = _specific({diagnosis.value for diagnosis in kept})
    histologies = {diagnosis.histology for diagnosis in kept} - {""}
    if len(kinds) > 1 or len(values) > 1 or len(histologies - _GENERAL_HISTOLOGIES) > 1:
        return Refusal("CONFLICTING_CODES", "is coded as two different diagnoses; it is not used.", "code")
    first = next(diagnosis for diagnosis in kept if diagnosis.value in values)
    histology = next(iter(sorted(histologies - _GENERAL_HISTOLOGIES) or sorted(histologies)), "")
    remission = any(diagnosis.in_remission for diagnosis in kept)
    return replace(first, histology=histology, in_remission=remission)


_GENERAL_HISTOLOGIES = frozenset({"non_small_cell_carcinoma", "renal_cell_carcinoma", "carcinoma_not_specified"})


def _specific(values: set[str]) -> set[str]:
    """The values without those that others of them are a special case of."""
    wider = {group["part_of"]: name for name, group in comorbidities().items() if "part_of" in group}
    values = {value for value in values if not any(wider.get(other) == value for other in values)}
    return values - {"other"} or values


def _plain(code: str) -> str:
    return _DECORATION.sub("", code.upper()) if code else ""


def _longest(table: Mapping[str, _T], code: str) -> _T | None:
    for length in range(len(code), 2, -1):
        if code[:length] in table:
            return table[code[:length]]
    return None


@cache
def _yaml(name: str) -> Mapping[str, Any]:
    folder = files("tumorcast_clinical.model.terms").joinpath("conditions")
    loaded: Mapping[str, Any] = yaml.load(folder.joinpath(f"{name}.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
    return loaded


@cache
def _icd_10(system: str) -> Mapping[str, Diagnosis]:
    raw = _yaml("icd10")
    table: dict[str, Diagnosis] = {}
    for name, group in comorbidities().items():
        table |= {_plain(code): Diagnosis(Kind.COMORBIDITY, name) for code in group["icd10"]}
    for kind in Kind:
        listed = raw.get(kind, {})
        by_value = listed if isinstance(listed, dict) else {"": listed}
        table |= {prefix: Diagnosis(kind, value) for prefix, value in _prefixes(by_value)}
    if system == ICD_10_CM:
        table |= {prefix: Diagnosis(Kind.SECONDARY, value) for prefix, value in _prefixes(raw["icd10cm_secondary"])}
    return table


@cache
def _icd_10_histology() -> Mapping[str, str]:
    return dict(_prefixes(_yaml("icd10")["histology"]))


@cache
def _icd_o(section: str) -> Mapping[str, str]:
    table: dict[str, str] = {}
    for prefix, value in _prefixes(_yaml("icdo3")[section]):
        if value != "other" or prefix not in table:
            table[prefix] = value
    return table


@cache
def _by_number(section: str) -> Mapping[int, str]:
    """Value by morphology number; of ranges that hold one number, the narrowest counts."""
    spans = []
    for value, listed in _yaml("icdo3")[section].items():
        for item in map(str, listed):
            first, _, last = item.partition("-")
            spans.append((int(first), int(last or first), value))
    spans.sort(key=lambda span: span[0] - span[1])
    return {number: value for first, last, value in spans for number in range(first, last + 1)}


@cache
def _snomed(section: str) -> Mapping[str, str]:
    return {str(code): value for value, codes in _yaml("snomed")[section].items() for code in codes}


@cache
def _snomed_diagnoses() -> Mapping[str, Diagnosis]:
    raw, table = _yaml("snomed"), dict[str, Diagnosis]()
    for name, group in comorbidities().items():
        table |= {str(code): Diagnosis(Kind.COMORBIDITY, name) for code in group["sct"]}
    for kind in Kind:
        listed = raw.get(kind, {})
        by_value = listed if isinstance(listed, dict) else {"": listed}
        for value, codes in by_value.items():
            table |= {str(code): Diagnosis(kind, value, _snomed("histology").get(str(code), "")) for code in codes}
    return table


def _prefixes(by_value: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    for value, listed in by_value.items():
        for item in map(str, listed):
            match = _RANGE.fullmatch(item)
            if match:
                for number in range(int(match[2]), int(match[3]) + 1):
                    yield f"{match[1]}{number:02d}", value
            else:
                yield _plain(item), value
