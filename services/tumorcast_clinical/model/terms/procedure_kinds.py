"""What a Procedure's codes and words mean: surgery of a cancer, radiotherapy, chemotherapy, or no treatment.

``procedures/procedures.yaml`` holds, for each kind, SNOMED CT codes (``sct``), ranges of CPT codes (``cpt``),
beginnings of OPS codes (``ops``) and words of a name (``words``, whole and in lower case). ICD-10-PCS follows from its
positions:

- section 0 (medical and surgical), root operation B excision, T resection, 5 destruction or 6 detachment: surgery, but
  a biopsy with the qualifier X (diagnostic);
- section D (radiation therapy), modality 0 beam, 1 brachytherapy, 2 stereotactic or Y other: radiotherapy, but
  hyperthermia (Y with qualifier 8).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, items, text
from tumorcast_clinical.model.terms.analytes import keys_of, unmapped
from tumorcast_clinical.model.terms.systems import SNOMED
from tumorcast_core.snapshot import Coding, Severity

CPT = frozenset({"http://www.ama-assn.org/go/cpt", "urn:oid:2.16.840.1.113883.6.12"})
ICD_10_PCS = frozenset(
    {
        "http://www.cms.gov/Medicare/Coding/ICD10",
        "http://hl7.org/fhir/sid/icd-10-pcs",
        "urn:oid:2.16.840.1.113883.6.4",
    }
)
OPS = frozenset(
    {
        "http://fhir.de/CodeSystem/bfarm/ops",
        "http://fhir.de/CodeSystem/dimdi/ops",
    }
)
_PUBLIC = CPT | ICD_10_PCS | OPS

NOT_TREATMENT = "not_treatment"
_BY_ITSELF = "cancer_surgery_by_itself"
_SURGERY = "cancer_surgery"
_SURGICAL_ROOTS = frozenset("BT56")
_RADIATION_MODALITIES = frozenset("012Y")
_WORD = re.compile(r"[^\W\d_]+")
_LONGEST_WORDING = 500


@dataclass(frozen=True, slots=True)
class Kind:
    """``cancer_surgery``, ``radiotherapy`` or ``chemotherapy``, with the coding that said so.

    ``by_itself``: of a cancer whatever the reason; ``from_text``: no known code but the wording alone said so.
    """

    name: str
    coding: Coding
    by_itself: bool = False
    from_text: bool = False


@dataclass(frozen=True, slots=True)
class _Table:
    sct: Mapping[str, str]
    cpt: tuple[tuple[int, int, str], ...]
    ops: Mapping[str, str]
    words: Mapping[str, list[tuple[tuple[str, ...], str]]]


def kind_of(concept: Json) -> Kind | Refusal:
    """Find the kind of treatment that a procedure's code means, by code, else by wording."""
    keys = keys_of(concept)
    coded = [(key, kind) for key in keys if (kind := _by_code(*key))]
    worded = _by_words(concept)
    kinds = {_plain(kind) for _, kind in coded}
    if len(kinds) > 1:
        return Refusal("CONFLICTING_CODES", "is coded as two different kinds of procedure; it is not used.", "code")
    if coded:
        (system, code), kind = coded[0]
        if kinds != {NOT_TREATMENT} and worded and worded not in (_plain(kind), NOT_TREATMENT):
            message = "names another kind of procedure than its code; it is not used."
            return Refusal("CONFLICTING_CODES", message, "code")
        by_itself = any(kind == _BY_ITSELF for _, kind in coded)
        return _found(_plain(kind), Coding(system, code, _plain(kind).replace("_", " ")), by_itself=by_itself)
    if worded:
        return _found(worded, Coding("", worded, worded.replace("_", " ")), from_text=True)
    if any(system in _PUBLIC for system, _ in keys):
        message = "has a code that stands for no feature of the catalog; it is not used."
        return Refusal("UNMAPPED_CODE", message, "code", Severity.INFORMATION)
    return unmapped(keys)


def _found(name: str, coding: Coding, *, by_itself: bool = False, from_text: bool = False) -> Kind | Refusal:
    if name == NOT_TREATMENT:
        message = "is a biopsy, planning or another procedure that does not treat a cancer; it is not used."
        return Refusal("NOT_TREATMENT", message, "code", Severity.INFORMATION)
    return Kind(name, coding, by_itself, from_text)


def _plain(kind: str) -> str:
    return _SURGERY if kind == _BY_ITSELF else kind


def _by_code(system: str, code: str) -> str:
    """The kind of a code, empty if it is of none.

    >>> _by_code("http://www.cms.gov/Medicare/Coding/ICD10", "0HTV0ZZ")
    'cancer_surgery'
    >>> _by_code("http://www.cms.gov/Medicare/Coding/ICD10", "0HBT3ZX")
    'not_treatment'
    >>> _by_code("http://www.ama-assn.org/go/cpt", "77412"), _by_code("http://www.ama-assn.org/go/cpt", "77413")
    ('radiotherapy', '')
    >>> _by_code("http://fhir.de/CodeSystem/bfarm/ops", "5-870.a0")
    'cancer_surgery'
    """
    table = _table()
    if system == SNOMED:
        return table.sct.get(code, "")
    if system in ICD_10_PCS:
        return _of_icd_10_pcs(code.upper())
    if system in CPT and len(code) == 5 and code.isascii() and code.isdigit():
        return next((kind for low, high, kind in table.cpt if low <= int(code) <= high), "")
    if system in OPS:
        return next((table.ops[code[:end]] for end in range(len(code), 2, -1) if code[:end] in table.ops), "")
    return ""


def _of_icd_10_pcs(code: str) -> str:
    if len(code) != 7:
        return ""
    if code[0] == "0" and code[2] in _SURGICAL_ROOTS:
        return NOT_TREATMENT if code[6] == "X" else _SURGERY
    if code[0] == "D" and code[2] in _RADIATION_MODALITIES and code[4] != "8":
        return "radiotherapy"
    return ""


def _by_words(concept: Json) -> str:
    """The one kind that the wording names, empty if it names none or several; what treats nobody decides."""
    wordings = [text(concept, "text"), *(text(coding, "display") for coding in items(concept, "coding"))]
    by_words, kinds = _table().words, set()
    for wording in wordings:
        words = _WORD.findall(wording[:_LONGEST_WORDING].lower())
        for i, word in enumerate(words):
            kinds |= {kind for said, kind in by_words.get(word, ()) if tuple(words[i : i + len(said)]) == said}
    if NOT_TREATMENT in kinds:
        return NOT_TREATMENT
    return kinds.pop() if len(kinds) == 1 else ""


@cache
def _table() -> _Table:
    source = files("tumorcast_clinical.model.terms").joinpath("procedures", "procedures.yaml")
    raw: dict[str, dict[str, Any]] = yaml.load(source.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    bounds = [(str(pair).split("-"), kind) for kind, codes in raw.items() for pair in codes.get("cpt", ())]
    ranges = [(int(low), int(high), kind) for (low, high), kind in bounds]
    words: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for kind, codes in raw.items():
        for said in codes.get("words", ()):
            words.setdefault(said.split()[0], []).append((tuple(said.split()), kind))
    return _Table(
        sct={str(code): kind for kind, codes in raw.items() for code in codes.get("sct", ())},
        cpt=tuple((low, high, kind) for low, high, kind in sorted(ranges, key=lambda item: item[1] - item[0])),
        ops={str(code): kind for kind, codes in raw.items() for code in codes.get("ops", ())},
        words=words,
    )
