"""One resource against FHIR R4, alone, so that a bad one costs itself and not the Bundle.

``fhir.resources.R4B`` checks structure and types. It takes, and so we check here: duplicate keys, numbers that JSON
lacks, codes outside required bindings, modifier extensions (which must not be ignored, FHIR R4 2.4.0.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from tumorcast_clinical.model.record.entry import Entry, Refusal, Report
from tumorcast_clinical.model.record.parse import Ambiguous, NotJson
from tumorcast_clinical.model.record.tree import is_broken, text
from tumorcast_clinical.model.validation.resource_types import model_of

_ANY = ("completed", "entered-in-error", "on-hold", "stopped", "unknown")
_ORDERS = ("order", "original-order", "reflex-order", "filler-order", "instance-order")
_RESULTS = ("registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown")

REQUIRED_BINDINGS: dict[tuple[str, str], frozenset[str]] = {
    ("Observation", "status"): frozenset(_RESULTS),
    ("MedicationAdministration", "status"): frozenset({*_ANY, "in-progress", "not-done"}),
    ("MedicationRequest", "status"): frozenset({*_ANY, "active", "cancelled", "draft"}),
    ("MedicationRequest", "intent"): frozenset({*_ORDERS, "proposal", "plan", "option"}),
    ("MedicationStatement", "status"): frozenset({*_ANY, "active", "intended", "not-taken"}),
    ("Patient", "gender"): frozenset({"male", "female", "other", "unknown"}),
}
_ELEMENT = re.compile(r"[a-z][A-Za-z0-9]{0,40}")


def is_valid(entry: Entry, report: Report) -> bool:
    """Whether the resource may be read; if not, an issue says why."""
    refusal = _flaw(entry) or _structure(entry) or _binding(entry)
    if refusal:
        report.refuse(entry, refusal)
    return refusal is None


def _flaw(entry: Entry) -> Refusal | None:
    for path, key, node in _walk(entry.resource):
        if isinstance(node, Ambiguous):
            return Refusal("DUPLICATE_KEY", "has an object in which a key stands twice; it is not used.", path)
        if isinstance(node, NotJson):
            return Refusal("NOT_A_NUMBER", "has a number that JSON does not know; it is not used.", path)
        if is_broken(key) or (isinstance(node, str) and is_broken(node)):
            return Refusal("NOT_TEXT", "has half of a Unicode surrogate pair for text; it is not used.", path)
        if key == "modifierExtension" and node:
            message = "carries a modifier extension whose meaning is not known; it is not used."
            return Refusal("UNKNOWN_MODIFIER_EXTENSION", message, path)
        if key == "implicitRules" and node:
            return Refusal("IMPLICIT_RULES", "follows implicit rules that are not known; it is not used.", path)
    return None


def _walk(root: Any) -> Iterator[tuple[str, str, Any]]:
    """Every node with its path and key; without recursion."""
    todo: list[tuple[str, str, Any]] = [("", "", root)]
    while todo:
        path, key, node = todo.pop()
        yield path, key, node
        if isinstance(node, dict):
            for name, value in node.items():
                step = name if _ELEMENT.fullmatch(name) else ""
                todo.append((f"{path}.{step}" if path and step else path or step, name, value))
        elif isinstance(node, list):
            todo.extend((f"{path}[{i}]", "", value) for i, value in enumerate(node))


def _structure(entry: Entry) -> Refusal | None:
    model = model_of(entry.type)
    if model is None:
        return Refusal("UNKNOWN_RESOURCE_TYPE", "is of no type that can be read; it is not used.")
    try:
        model.model_validate(entry.resource)
    except ValidationError as e:
        return Refusal("INVALID_RESOURCE", "is not valid FHIR R4; it is not used.", _where(e))
    except Exception:  # KeyError on an unknown contained type, RecursionError, TypeError, ...
        return Refusal("INVALID_RESOURCE", "cannot be validated as FHIR R4; it is not used.")
    return None


def _where(error: ValidationError) -> str:
    """FHIRPath of the first complaint; a key that the standard does not know is not repeated."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    steps = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _ELEMENT.fullmatch(step):
            path += f".{step}" if path else step
    return path


def _binding(entry: Entry) -> Refusal | None:
    for (kind, element), codes in REQUIRED_BINDINGS.items():
        if (
            entry.type == kind
            and entry.resource.get(element) is not None
            and text(entry.resource, element) not in codes
        ):
            return Refusal("INVALID_CODE", f"has a {element} outside its required value set; it is not used.", element)
    return None
