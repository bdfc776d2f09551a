"""What ``Observation.code`` means: one entry of the feature catalog, or why it means none."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, items, text
from tumorcast_clinical.model.terms.systems import is_public, system_of
from tumorcast_core.catalog import CatalogEntry, by_coding
from tumorcast_core.snapshot import Coding, Modality, Severity

Key = tuple[str, str]
_READ = frozenset({Modality.LABS, Modality.GENOMICS, Modality.CLINICAL, Modality.THERAPY, Modality.IMAGING})


@cache
def analytes() -> Mapping[Key, tuple[CatalogEntry, Coding]]:
    """List the catalog entries that an Observation may state, with the coding that says so, by (system, code)."""
    return {
        key: (entry, coding)
        for key, entry in by_coding().items()
        if entry.modality in _READ and entry.observed and key[0]
        for coding in entry.codings
        if (coding.system, coding.code) == key
    }


def keys_of(concept: Json) -> list[Key]:
    """The (system, code) of each coding, with the system's canonical URI."""
    return [(system_of(coding), text(coding, "code").strip()) for coding in items(concept, "coding")]


def analyte_of(concept: Json) -> tuple[CatalogEntry, Coding] | Refusal:
    """Find the catalog entry that a code means, with the coding that said so."""
    known, codings = analytes(), items(concept, "coding")
    if len(codings) == 1 and (sure := known.get((codings[0].get("system"), codings[0].get("code")))):  # type: ignore[arg-type]
        return sure
    keys = keys_of(concept)
    found = {entry.name: (entry, coding) for entry, coding in (known[key] for key in keys if key in known)}
    if len(found) > 1:
        return Refusal("CONFLICTING_CODES", "is coded as two different quantities; it is not used.", "code")
    return next(iter(found.values())) if found else unmapped(keys)


def unmapped(keys: list[Key], path: str = "code") -> Refusal:
    """Why codes that no table knows are not used: no code, no code system, a local one, or simply no feature."""
    coded = [system for system, code in keys if code]
    if not coded:
        return Refusal("NO_CODE", "is named by text alone; it is not used.", path, Severity.WARNING)
    if not any(coded):
        message = "is coded without a code system; it is not used."
        return Refusal("CODE_SYSTEM_MISSING", message, path, Severity.WARNING)
    if not any(is_public(system) for system in coded):
        message = "is coded in a code system that is not known, perhaps a local one; it is not used."
        return Refusal("CODE_SYSTEM_UNKNOWN", message, path, Severity.WARNING)
    message = "has a code that stands for no feature of the catalog; it is not used."
    return Refusal("UNMAPPED_CODE", message, path, Severity.INFORMATION)
