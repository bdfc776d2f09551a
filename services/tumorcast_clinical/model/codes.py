"""Code systems and value sets: which analyte a code means, which category or grade an answer means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from tumorcast_clinical.model.record import Refusal
from tumorcast_clinical.model.tree import Json, items, text
from tumorcast_core.catalog import CatalogEntry, by_coding
from tumorcast_core.snapshot import Coding, Modality, Severity

_SYSTEMS = {
    "http://loinc.org": ("https://loinc.org", "http://loinc.org/", "urn:oid:2.16.840.1.113883.6.1"),
    "http://snomed.info/sct": ("https://snomed.info/sct", "http://snomed.info/sct/", "urn:oid:2.16.840.1.113883.6.96"),
    "http://www.nlm.nih.gov/research/umls/rxnorm": ("urn:oid:2.16.840.1.113883.6.88",),
    "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl": (
        "http://ncimeta.nci.nih.gov",
        "urn:oid:2.16.840.1.113883.3.26.1.1",
    ),
}
_CANONICAL = {alias: system for system, aliases in _SYSTEMS.items() for alias in (system, *aliases)}
_READ = frozenset({Modality.LABS, Modality.GENOMICS, Modality.CLINICAL, Modality.THERAPY})
DERIVED = frozenset({"neutrophil_lymphocyte_ratio", "age", "sex", "therapy_class"})
"""Never read from an Observation: computed, or taken from the Patient."""

_STAGE = re.compile(
    r"(?:(?:ajcc|uicc|american joint committee on cancer) )?(?:(?:clinical|pathologic|pathological|anatomic) )?"
    r"(?:stage ?(?:group)?:? ?)?[cp]?(iv|i{1,3}|[1-4])(?: ?[a-e]\d?| bulky)?(?: \((?:qualifier value|finding)\))?"
)
_GRADE = re.compile(
    r"(?:(?:ecog|eastern cooperative oncology group)(?: performance status| ps)?(?: -)?(?: (?:grade|score))?[: ]*)?"
    r"([0-5])(?: \(finding\))?"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A category or grade; ``from_text`` where no known code but only its wording said so."""

    value: str
    from_text: bool = False


def system_of(coding: Json) -> str:
    """Return the canonical URI of the coding's system; empty where none is given."""
    system = text(coding, "system").strip()
    return _CANONICAL.get(system, system)


@cache
def analytes() -> Mapping[tuple[str, str], CatalogEntry]:
    """List the catalog entries that an Observation may state, by (system, code)."""
    return {key: entry for key, entry in by_coding().items() if entry.modality in _READ and entry.name not in DERIVED}


def analyte_of(concept: Json) -> tuple[CatalogEntry, Coding] | Refusal:
    """Find the catalog entry that ``Observation.code`` means, with the coding that said so."""
    codings = items(concept, "coding")
    keys = [(system_of(coding), text(coding, "code").strip()) for coding in codings]
    found = {analytes()[key].name: (analytes()[key], key) for key in keys if key in analytes()}
    if len(found) > 1:
        return Refusal("CONFLICTING_CODES", "is coded as two different quantities; it is not used.", "code")
    for entry, key in found.values():
        return entry, next(coding for coding in entry.codings if (coding.system, coding.code) == key)
    if not any(code for _, code in keys):
        return Refusal("NO_CODE", "is named by text alone; it is not used.", "code", Severity.WARNING)
    if all(not system for system, code in keys if code):
        message = "is coded without a code system; it is not used."
        return Refusal("CODE_SYSTEM_MISSING", message, "code", Severity.WARNING)
    message = "has a code that stands for no feature of the catalog; it is not used."
    return Refusal("UNMAPPED_CODE", message, "code", Severity.INFORMATION)


@cache
def _value_sets() -> Mapping[str, Mapping[tuple[str, str], str]]:
    raw = yaml.safe_load(files("tumorcast_clinical.model").joinpath("value_sets.yaml").read_text(encoding="utf-8"))
    return {
        name: {
            (raw["systems"].get(system, system), str(code)): str(value)
            for value, codes in values.items()
            for system, members in codes.items()
            for code in members
        }
        for name, values in raw["sets"].items()
    }


def answer_of(concept: Json, value_set: str) -> Answer | Refusal:
    """Find the member of ``value_set`` that a CodeableConcept means, by code, else by wording.

    Wording that contradicts the code is refused with it. Value sets: presence, stage_group, ecog.
    """
    known = _value_sets()[value_set]
    codings = items(concept, "coding")
    coded = {known[key] for coding in codings if (key := (system_of(coding), text(coding, "code").strip())) in known}
    if len(coded) > 1:
        return Refusal("CONFLICTING_CODES", "has an answer coded in two different ways; it is not used.")
    wordings = {_worded(text(coding, "display"), value_set) for coding in codings} | {
        _worded(text(concept, "text"), value_set)
    }
    wordings |= {_worded(text(coding, "code"), value_set) for coding in codings if _is_staging(system_of(coding))}
    said = wordings - {None}
    if coded and said - coded:
        return Refusal("CONFLICTING_CODES", "has an answer whose code and wording differ; it is not used.")
    if coded:
        return Answer(coded.pop())
    if len(said) == 1:
        return Answer(str(said.pop()), from_text=True)
    return Refusal("UNKNOWN_VALUE", "has an answer that is not known; it is not used.")


def _is_staging(system: str) -> bool:
    """Whether codes of that system are the stage's own words ("3C"), as AJCC's are in mCODE."""
    return system.rstrip("/") in ("http://cancerstaging.org", "https://cancerstaging.org")


def _worded(wording: str, value_set: str) -> str | None:
    words = " ".join(wording.lower().split())[:120]
    if value_set == "presence":
        return _value_sets()["presence"].get(("text", words))
    pattern = _STAGE if value_set == "stage_group" else _GRADE
    match = pattern.fullmatch(words)
    if not match:
        return None
    return (
        {"1": "I", "2": "II", "3": "III", "4": "IV"}.get(match[1], match[1].upper()) if pattern is _STAGE else match[1]
    )
