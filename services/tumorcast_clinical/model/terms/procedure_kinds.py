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

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, items, text
from tumorcast_clinical.model.tables import read_table
from tumorcast_clinical.model.terms.analytes import Key, keys_of, unmapped
from tumorcast_clinical.model.terms.mentions import Names, by_first_word, mentions_of, words_of
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
_JOINING = frozenset({"with", "and", "plus", "mit", "und", "avec", "et"})
_COMBINED = {_BY_ITSELF: (_SURGERY,), "chemoradiotherapy": ("chemotherapy", "radiotherapy")}
"""What the tables call otherwise: surgery of a cancer whatever the reason, and two treatments in one."""


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
    words: Names


def kinds_of(concept: Json) -> list[Kind] | Refusal:
    """Find the kinds of treatment that a procedure's code means, by code, else by wording: chemoradiation is two."""
    keys = keys_of(concept)
    coded = [(key, kind) for key in keys if (kind := _by_code(*key))]
    worded = _by_words(concept)
    if coded:
        return _of_codes(coded, worded)
    if isinstance(worded, Refusal):
        return worded
    if worded:
        return _found([Kind(kind, Coding("", kind, kind.replace("_", " ")), from_text=True) for kind in worded])
    if any(system in _PUBLIC for system, _ in keys):
        message = "has a code that stands for no feature of the catalog; it is not used."
        return Refusal("UNMAPPED_CODE", message, "code", Severity.INFORMATION)
    return unmapped(keys)


def _of_codes(coded: list[tuple[Key, str]], worded: tuple[str, ...] | Refusal) -> list[Kind] | Refusal:
    """The kinds of known codes, which neither each other nor the wording may contradict."""
    meant = [_plain(kind) for _, kind in coded]
    kinds = max(meant, key=len)
    if any(not set(kind) <= set(kinds) for kind in meant):
        return Refusal("CONFLICTING_CODES", "is coded as two different kinds of procedure; it is not used.", "code")
    if isinstance(worded, Refusal) and worded.code == "THERAPY_NOT_GIVEN":
        return worded
    clear = () if isinstance(worded, Refusal) or kinds == (NOT_TREATMENT,) else worded
    if clear not in ((), (NOT_TREATMENT,)) and not set(clear) & set(kinds):
        message = "names another kind of procedure than its code; it is not used."
        return Refusal("CONFLICTING_CODES", message, "code")
    (system, code), _ = next(pair for pair, kind in zip(coded, meant, strict=True) if kind == kinds)
    by_itself = any(kind == _BY_ITSELF for _, kind in coded)
    return _found([Kind(kind, Coding(system, code, kind.replace("_", " ")), by_itself) for kind in kinds])


def _found(kinds: list[Kind]) -> list[Kind] | Refusal:
    if any(kind.name == NOT_TREATMENT for kind in kinds):
        message = "is a biopsy, planning or another procedure that does not treat a cancer; it is not used."
        return Refusal("NOT_TREATMENT", message, "code", Severity.INFORMATION)
    return kinds


def _plain(kind: str) -> tuple[str, ...]:
    return _COMBINED.get(kind, (kind,))


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


def _by_words(concept: Json) -> tuple[str, ...] | Refusal:
    """The kinds that the wordings name, none if they say nothing clear; what treats nobody decides."""
    found: set[str] = set()
    for wording in (text(concept, "text"), *(text(coding, "display") for coding in items(concept, "coding"))):
        kinds = _of_wording(words_of(wording)) if wording else ()
        if isinstance(kinds, Refusal):
            return kinds
        found |= set(kinds)
    if NOT_TREATMENT in found:
        return (NOT_TREATMENT,)
    return tuple(sorted(found))


def _of_wording(words: list[str]) -> tuple[str, ...] | Refusal:
    """The kinds that one wording names, part by part: "mastectomy with reconstruction" has two parts.

    A part that names two kinds ("radiotherapy after mastectomy") leaves open which of them was done.
    """
    found: list[str] = []
    mentions = mentions_of(words, _table().words)
    if mentions.denied - {NOT_TREATMENT}:
        message = "is named in words that say that it was not done; it is not used."
        return Refusal("THERAPY_NOT_GIVEN", message, "code", Severity.WARNING)
    for part in _parts(words):
        kinds = {plain for kind in mentions_of(part, _table().words).stated for plain in _plain(kind)}
        if NOT_TREATMENT in kinds and not found:
            others = mentions.stated - {NOT_TREATMENT} and not kinds - {NOT_TREATMENT}
            return _unclear() if others else (NOT_TREATMENT,)
        if NOT_TREATMENT in kinds:
            continue
        combined = _COMBINED["chemoradiotherapy"]
        if len(kinds) > 1 and kinds != set(combined):
            return ()
        found += sorted(kinds)
    return tuple(dict.fromkeys(found))


def _unclear() -> Refusal:
    message = "names a treatment beside what treats nobody; what was done is not known."
    return Refusal("THERAPY_NOT_CERTAIN", message, "code", Severity.WARNING)


def _parts(words: list[str]) -> list[list[str]]:
    """The words between those that join."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word in _JOINING:
            parts.append([])
        else:
            parts[-1].append(word)
    return [part for part in parts if part]


@cache
def _table() -> _Table:
    raw: dict[str, dict[str, Any]] = read_table("terms", "procedures", "procedures.yaml")
    bounds = [(str(pair).split("-"), kind) for kind, codes in raw.items() for pair in codes.get("cpt", ())]
    ranges = [(int(low), int(high), kind) for (low, high), kind in bounds]
    return _Table(
        sct={str(code): kind for kind, codes in raw.items() for code in codes.get("sct", ())},
        cpt=tuple((low, high, kind) for low, high, kind in sorted(ranges, key=lambda item: item[1] - item[0])),
        ops={str(code): kind for kind, codes in raw.items() for code in codes.get("ops", ())},
        words=by_first_word((said, kind) for kind, codes in raw.items() for said in codes.get("words", ())),
    )
