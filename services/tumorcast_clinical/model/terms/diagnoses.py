"""What a diagnosis code means: a cancer and its site, a metastasis, a comorbidity, or none of the patient's diseases.

The tables stand in ``conditions/*.yaml``. ICD-10 and ICD-O-3 go by prefix or range, SNOMED CT by code. Codes of one
concept are joined: a general one yields to a specific one, and two that contradict each other are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, items, text
from tumorcast_clinical.model.terms.condition_tables import by_number, icd_o, longest, plain, prefixes, snomed, table_of
from tumorcast_clinical.model.terms.systems import ICD_10, ICD_10_CM, ICD_10_GM, ICD_O_3, SNOMED, system_of

ICD_10_SYSTEMS = frozenset({ICD_10, ICD_10_CM, ICD_10_GM})

_ICD = re.compile(r"[A-Z]\d[0-9A-Z]{1,5}")
_REMISSION = re.compile(r"C9[0-5][0-9A-Z]1|C8[68]\d1|C8[1-8][0-9A-Z]A")
_MORPHOLOGY = re.compile(r"M?(\d{4})(?:/(\d))?\d?")


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
    places = snomed("place_of_metastasis" if of_metastasis else "place")
    topography = icd_o("topography_of_metastasis" if of_metastasis else "topography")
    sites = set()
    for concept in concepts:
        for coding in items(concept, "coding"):
            system, code = system_of(coding), text(coding, "code").strip()
            if system == SNOMED:
                sites.add(places.get(code, ""))
            elif system == ICD_O_3:
                sites.add(longest(topography, plain(code)) or "")
    sites.discard("")
    return sites.pop() if len(sites) == 1 else ""


def is_elsewhere(site: str, value: str) -> bool:
    """Whether two site groups are of organs apart from each other; of neighbors, records name now one, now the other.

    >>> is_elsewhere("lung", "breast"), is_elsewhere("liver", "biliary_tract"), is_elsewhere("lung", "other")
    (True, False, False)
    """
    if site in ("", value):
        return False
    organs = {*snomed("place").values(), *snomed("place_of_metastasis").values()} - {"other", "lymph_node"}
    return {site, value} <= organs and not any({site, value} <= near for near in _NEIGHBORS)


_NEIGHBORS = (
    frozenset({"liver", "biliary_tract", "pancreas"}),
    frozenset({"kidney", "bladder_urothelial", "adrenal"}),
    frozenset({"uterus", "cervix", "ovary", "peritoneum"}),
    frozenset({"esophagus", "stomach", "head_and_neck"}),
    frozenset({"colorectal", "anus"}),
    frozenset({"lung", "pleura"}),
)


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
            histology, site = by_number("histology").get(number, ""), by_number("site_by_morphology").get(number, "")
            found.add(Morphology(histology, match[2] or "", site))
        elif system == SNOMED and code in snomed("morphology"):
            found.add(Morphology(snomed("morphology")[code], ""))
    known = {m.histology for m in found}
    behaviors = {m.behavior for m in found} - {""}
    if len(known) != 1 or len(behaviors) > 1:
        return None
    return max(found, key=lambda m: (m.behavior, m.site))


def comorbidities() -> Mapping[str, Mapping[str, Any]]:
    """The comorbidity groups with weight, ``history`` and ``part_of``."""
    return table_of("comorbidities")


def _meaning(coding: Json) -> Diagnosis | None:
    system, code = system_of(coding), text(coding, "code").strip()
    if system in ICD_10_SYSTEMS:
        bare = plain(code)
        found = _of_icd_10(bare, system) if _ICD.fullmatch(bare) else None
    elif system == SNOMED:
        found = _snomed_diagnoses().get(code)
    elif system == ICD_O_3:
        site = longest(icd_o("topography"), plain(code))
        found = Diagnosis(Kind.PRIMARY, site) if site else None
    else:
        found = None
    return replace(found, coding=(system, code)) if found else None


def _of_icd_10(code: str, system: str) -> Diagnosis | None:
    found = longest(_icd_10(system), code)
    if found is None or found.kind is not Kind.PRIMARY:
        return found
    histology = longest(_icd_10_histology(), code) or ""
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


@cache
def _icd_10(system: str) -> Mapping[str, Diagnosis]:
    raw = table_of("icd10")
    table: dict[str, Diagnosis] = {}
    for name, group in comorbidities().items():
        table |= {plain(code): Diagnosis(Kind.COMORBIDITY, name) for code in group["icd10"]}
    for kind in Kind:
        listed = raw.get(kind, {})
        by_value = listed if isinstance(listed, dict) else {"": listed}
        table |= {prefix: Diagnosis(kind, value) for prefix, value in prefixes(by_value)}
    if system == ICD_10_CM:
        table |= {prefix: Diagnosis(Kind.SECONDARY, value) for prefix, value in prefixes(raw["icd10cm_secondary"])}
    return table


@cache
def _icd_10_histology() -> Mapping[str, str]:
    return dict(prefixes(table_of("icd10")["histology"]))


@cache
def _snomed_diagnoses() -> Mapping[str, Diagnosis]:
    raw, table = table_of("snomed"), dict[str, Diagnosis]()
    for name, group in comorbidities().items():
        table |= {str(code): Diagnosis(Kind.COMORBIDITY, name) for code in group["sct"]}
    for kind in Kind:
        listed = raw.get(kind, {})
        by_value = listed if isinstance(listed, dict) else {"": listed}
        for value, codes in by_value.items():
            table |= {str(code): Diagnosis(kind, value, snomed("histology").get(str(code), "")) for code in codes}
    return table
