"""What the components of a variant say of it (HL7 Genomics Reporting STU2 and STU3, mCODE 1 to 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tumorcast_clinical.model.record.entry import Entry, Refusal
from tumorcast_clinical.model.record.tree import Json, child, items, text
from tumorcast_clinical.model.terms.analytes import Key, keys_of
from tumorcast_clinical.model.terms.answers import answer_of
from tumorcast_clinical.model.terms.systems import LOINC

TO_BE_CODED = "http://hl7.org/fhir/uv/genomics-reporting/CodeSystem/tbd-codes-cs"
GENE, SIGNIFICANCE, SOURCE_CLASS = (LOINC, "48018-6"), (LOINC, "53037-8"), (LOINC, "48002-0")
_CHANGE_TYPES = ((LOINC, "48019-4"), (LOINC, "48006-1"), (TO_BE_CODED, "molecular-consequence"))
_CODING_CHANGE, _PROTEIN_CHANGE, _GENOMIC_CHANGE = (LOINC, "48004-6"), (LOINC, "48005-3"), (LOINC, "81290-9")
_COPY_NUMBER = (LOINC, "82155-3")
_VARIATION, _ALTERNATE_ALLELE = (LOINC, "81252-9"), (LOINC, "69551-0")
_UNCHANGED_PROTEIN = re.compile(
    r"p\.\(?(?:[A-Za-z*]{0,3}\d*)=\)?|(?i:\bwild[- ]?type\b|\bno (?:mutation|change|variant)\b)"
)
# Hot spots of the TERT promoter: c.-124C>T and c.-146C>T, by position in GRCh37 and GRCh38, and their neighbors
# (Huang 2013, Science 339:957)
_PROMOTER = re.compile(r"c\.(?:1)?-(?:57|124|125|138|139|146)(?!\d)|g\.(?:1295113|1295135|1295228|1295250)G>A")


@dataclass(frozen=True, slots=True)
class Variant:
    """An observation of a variant, and its components, with their places, by code."""

    entry: Entry
    components: Mapping[Key, list[tuple[int, Json]]]

    @classmethod
    def of(cls, entry: Entry) -> Variant:
        """Sort the components by their codes."""
        found: dict[Key, list[tuple[int, Json]]] = {}
        for i, component in enumerate(items(entry.resource, "component")):
            for key in keys_of(child(component, "code")):
                found.setdefault(key, []).append((i, component))
        return cls(entry, found)

    @property
    def kind(self) -> str:
        """What kind of change it is: a member of the value set ``change_type``, empty where nothing says so."""
        if any(_UNCHANGED_PROTEIN.search(wording) for wording in self._wordings(_PROTEIN_CHANGE)):
            return "silent"
        answers = [answer_of(concept, "change_type") for concept in self._concepts(*_CHANGE_TYPES)]
        kinds = {answer.value for answer in answers if not isinstance(answer, Refusal)}
        for kind in ("silent", "fusion", "amplification", "gain", "loss", "sequence"):
            if kind in kinds:
                return kind
        if self._wordings(_CODING_CHANGE, _PROTEIN_CHANGE):
            return "sequence"
        return "copies" if _COPY_NUMBER in self.components else ""

    @property
    def significance(self) -> str:
        """``pathogenic``, ``uncertain`` or ``benign``; "?" if not known, empty if not stated."""
        return self._member("clinical_significance", SIGNIFICANCE)

    @property
    def source_class(self) -> str:
        """``germline``, ``somatic`` or ``unknown``; "?" if not known, empty if not stated."""
        return self._member("genomic_source", SOURCE_CLASS)

    @property
    def is_of_promoter(self) -> bool:
        """Whether it is at a hot spot of the TERT promoter."""
        return any(_PROMOTER.search(wording) for wording in self._wordings(_CODING_CHANGE, _GENOMIC_CHANGE))

    @property
    def names_one_change(self) -> bool:
        """Whether it is about one change of the gene, not about the gene."""
        keys = (_CODING_CHANGE, _PROTEIN_CHANGE, _GENOMIC_CHANGE, _VARIATION, _ALTERNATE_ALLELE)
        return any(key in self.components for key in keys)

    def _member(self, value_set: str, key: Key) -> str:
        answers = [answer_of(concept, value_set) for concept in self._concepts(key)]
        members = {"?" if isinstance(answer, Refusal) else answer.value for answer in answers}
        return members.pop() if len(members) == 1 else "?" if members else ""

    def _concepts(self, *keys: Key) -> list[Json]:
        found = (part for key in keys for _, part in self.components.get(key, ()))
        return [child(part, "valueCodeableConcept") for part in found]

    def _wordings(self, *keys: Key) -> list[str]:
        return [
            wording
            for concept in self._concepts(*keys)
            for wording in (
                text(concept, "text"),
                *(text(c, key) for c in items(concept, "coding") for key in ("code", "display")),
            )
            if wording
        ]
