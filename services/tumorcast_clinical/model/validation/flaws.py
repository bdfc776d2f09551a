"""What JSON and FHIR forbid and ``fhir.resources`` lets pass, anywhere inside a resource.

Keys that stand twice, numbers that JSON lacks, half characters, nesting without end, and what must not be ignored
where it is not understood: modifier extensions and implicit rules (FHIR R4 2.4.0.2, 2.26.3.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tumorcast_clinical.model.record.entry import Entry, Refusal
from tumorcast_clinical.model.record.json_reader import Ambiguous, NotJson
from tumorcast_clinical.model.record.tree import is_broken

ELEMENT = re.compile(r"[a-z][A-Za-z0-9]{0,40}")
_MOST_NODES = 100_000  # a resource that is not usual is checked by a slower way
_LARGEST = 10**300  # what follows can be held by an IEEE 754 double


def flaw_of(entry: Entry, max_depth: int) -> Refusal | None:
    """Find the first flaw of a resource, or none."""
    for count, (path, depth, key, node) in enumerate(_walk(entry.resource)):
        if depth > max_depth:
            return Refusal("NESTED_TOO_DEEP", "is nested too deep to be read; it is not used.")
        if count > _MOST_NODES:
            return Refusal("RESOURCE_TOO_LARGE", "has too many elements to be checked; it is not used.")
        refusal = _flaw(key, node)
        if refusal is not None:
            return Refusal(*refusal, path=path)
    return None


def _flaw(key: str, node: Any) -> tuple[str, str] | None:
    if isinstance(node, Ambiguous):
        return "DUPLICATE_KEY", "has an object in which a key stands twice; it is not used."
    if isinstance(node, NotJson) or (isinstance(node, (int, Decimal)) and not -_LARGEST <= node <= _LARGEST):
        return "NOT_A_NUMBER", "has a number that JSON does not know; it is not used."
    if is_broken(key) or (isinstance(node, str) and is_broken(node)):
        return "NOT_TEXT", "has half of a Unicode surrogate pair for text; it is not used."
    if key == "modifierExtension" and node:
        return "UNKNOWN_MODIFIER_EXTENSION", "carries a modifier extension whose meaning is not known; it is not used."
    if key == "implicitRules" and node:
        return "IMPLICIT_RULES", "follows implicit rules that are not known; it is not used."
    return None


def _walk(root: Any) -> Iterator[tuple[str, int, str, Any]]:
    """Every node with its path, depth and key; without recursion."""
    todo: list[tuple[str, int, str, Any]] = [("", 1, "", root)]
    while todo:
        path, depth, key, node = todo.pop()
        yield path, depth, key, node
        if isinstance(node, dict):
            for name, value in node.items():
                step = name if ELEMENT.fullmatch(name) else ""
                todo.append((f"{path}.{step}" if path and step else path or step, depth + 1, name, value))
        elif isinstance(node, list):
            todo.extend((f"{path}[{i}]", depth + 1, "", value) for i, value in enumerate(node))
