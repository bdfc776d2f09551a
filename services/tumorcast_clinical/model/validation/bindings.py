"""Codes against their required bindings, which ``fhir.resources`` does not check (FHIR R4 4.1.3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from tumorcast_clinical.model.record.entry import Entry, Refusal
from tumorcast_clinical.model.record.tree import text

_EVENTS = ("completed", "entered-in-error", "on-hold", "stopped", "unknown")
_ORDERS = ("order", "original-order", "reflex-order", "filler-order", "instance-order")
_RESULTS = ("registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown")

REQUIRED_BINDINGS: Mapping[tuple[str, str], frozenset[str]] = {
    ("FamilyMemberHistory", "status"): frozenset({"partial", "completed", "entered-in-error", "health-unknown"}),
    ("Medication", "status"): frozenset({"active", "inactive", "entered-in-error"}),
    ("MedicationAdministration", "status"): frozenset({*_EVENTS, "in-progress", "not-done"}),
    ("MedicationRequest", "intent"): frozenset({*_ORDERS, "proposal", "plan", "option"}),
    ("MedicationRequest", "status"): frozenset({*_EVENTS, "active", "cancelled", "draft"}),
    ("MedicationStatement", "status"): frozenset({*_EVENTS, "active", "intended", "not-taken"}),
    ("Observation", "status"): frozenset(_RESULTS),
    ("Patient", "gender"): frozenset({"male", "female", "other", "unknown"}),
    ("Procedure", "status"): frozenset({*_EVENTS, "preparation", "in-progress", "not-done"}),
}


def _by_type() -> Mapping[str, tuple[tuple[str, frozenset[str]], ...]]:
    found: dict[str, tuple[tuple[str, frozenset[str]], ...]] = defaultdict(tuple)
    for (kind, element), codes in REQUIRED_BINDINGS.items():
        found[kind] += ((element, codes),)
    return dict(found)


_BY_TYPE = _by_type()


def binding_of(entry: Entry) -> Refusal | None:
    """Find the first code outside its required value set, or none."""
    for element, codes in _BY_TYPE.get(entry.type, ()):
        if entry.resource.get(element) is not None and text(entry.resource, element) not in codes:
            return Refusal("INVALID_CODE", f"has a {element} outside its required value set; it is not used.", element)
    return None
