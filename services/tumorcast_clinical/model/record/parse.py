"""Bytes → entries, under limits that hold before anything is built in memory.

JSON is read as RFC 8259 has it, strictly: what Python's reader lets pass (NaN, duplicate keys) stays visible as
``Ambiguous`` and ``NotJson`` and costs the entry it stands in (``flaws.py``), not the file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.tree import Json, child, items, text
from tumorcast_clinical.model.validation.resource_types import model_of
from tumorcast_core.errors import MalformedFhir, PayloadTooLarge
from tumorcast_core.snapshot import Severity

BUNDLE_TYPES = frozenset(
    {"document", "message", "transaction", "transaction-response", "batch", "batch-response", "history", "searchset"}
    | {"collection"}
)

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_STEPS = bytes.maketrans(b"[{]}", bytes([1, 1, 255, 255]))  # as int8: +1, +1, -1, -1
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_MAX_DIGITS = 400  # also of an exponent's value: exact arithmetic on 1e-999999999 would never end


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest record that is read: bytes, nesting of JSON, entries of the Bundle."""

    max_bytes: int = 32 << 20
    max_depth: int = 100
    max_entries: int = 100_000


class Ambiguous(dict[str, Any]):
    """An object in which a key stood twice."""


class NotJson:
    """A number that JSON has no word for: NaN, infinite or absurdly long."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """Entries in file order; an entry without resource deletes the one that its ``full_url`` names."""

    entries: list[Entry]
    bundle_type: str = ""


def parse(data: bytes, limits: Limits, report: Report) -> Parsed:
    """Read one resource or the entries of a Bundle; raises ``PayloadTooLarge`` or ``MalformedFhir``."""
    root = _load(data, limits)
    if not isinstance(root, dict) or not text(root, "resourceType"):
        raise MalformedFhir("The record is not a FHIR resource: it is no JSON object with a resourceType.")
    if text(root, "resourceType") != "Bundle":
        kind = text(root, "resourceType")
        return Parsed([Entry(root, kind if model_of(kind) else "Resource")])
    if isinstance(root, Ambiguous):
        raise MalformedFhir("A key of the Bundle stands twice.")
    return Parsed(list(_bundle(root, limits, report)), text(root, "type"))


def nesting(data: bytes) -> int:
    r"""Count the deepest nesting of arrays and objects without parsing.

    >>> nesting(b'{"a": [[1], "[[[[\\"["]}')
    3
    """
    steps = np.frombuffer(_STRING.sub(b"", data).translate(_STEPS, _NO_BRACKETS), np.int8)
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0))


def _load(data: bytes, limits: Limits) -> Any:
    if len(data) > limits.max_bytes:
        raise PayloadTooLarge(f"The FHIR record is larger than {limits.max_bytes} bytes.")
    if nesting(data) > limits.max_depth:
        raise MalformedFhir(f"The record is nested deeper than {limits.max_depth} levels.")
    try:
        return json.loads(
            data.decode("utf-8-sig"),
            parse_float=_number,
            parse_int=_number,
            parse_constant=lambda _: NotJson(),
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as e:
        raise MalformedFhir("The record is not JSON in UTF-8.") from e


def _number(literal: str) -> Any:
    """Read an ``int`` or an exact ``Decimal``: ``1.00`` keeps its precision (FHIR R4 2.24.0.1, ``decimal``)."""
    exponent = literal.lower().partition("e")[2]
    if len(literal) > _MAX_DIGITS or abs(int(exponent or 0)) > _MAX_DIGITS or abs(float(literal)) == float("inf"):
        return NotJson()
    return int(literal) if literal.lstrip("-").isdigit() else Decimal(literal)


def _object(pairs: list[tuple[str, Any]]) -> Json:
    node = dict(pairs)
    return node if len(node) == len(pairs) else Ambiguous(node)


def _bundle(bundle: Json, limits: Limits, report: Report) -> list[Entry]:
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise MalformedFhir("Bundle.entry is not a list.")
    if len(entries) > limits.max_entries:
        raise PayloadTooLarge(f"The Bundle has more than {limits.max_entries} entries.")
    if not entries:
        report.add(Severity.WARNING, "EMPTY_BUNDLE", "The Bundle has no entries.", "Bundle")
    if text(bundle, "type") not in BUNDLE_TYPES:
        report.add(
            Severity.WARNING, "BUNDLE_TYPE_UNKNOWN", "The Bundle does not say of which type it is.", "Bundle.type"
        )
    if any(text(link, "relation") == "next" for link in items(bundle, "link")):
        report.add(Severity.WARNING, "FURTHER_PAGES", "The Bundle has further pages that were not sent.", "Bundle.link")
    return [entry for i, item in enumerate(entries) for entry in _entry(item, f"Bundle.entry[{i}]", report)]


def _entry(item: Any, location: str, report: Report) -> list[Entry]:
    if isinstance(item, Ambiguous):
        report.add(Severity.ERROR, "DUPLICATE_KEY", "A key of this entry stands twice.", location)
        return []
    if not isinstance(item, dict):
        report.add(Severity.ERROR, "INVALID_ENTRY", "This entry is not an object.", location)
        return []
    full_url = text(item, "fullUrl")
    if "resource" not in item:
        url = text(child(item, "request"), "url")
        if text(child(item, "request"), "method") == "DELETE" and url:
            return [Entry({}, location, url)]
        report.add(Severity.INFORMATION, "NO_RESOURCE", "This entry holds no resource.", location)
        return []
    resource = item["resource"]
    if not isinstance(resource, dict) or not text(resource, "resourceType"):
        report.add(
            Severity.ERROR, "INVALID_RESOURCE", "This entry's resource has no resourceType.", f"{location}.resource"
        )
        return []
    return [Entry(resource, f"{location}.resource", full_url)]
