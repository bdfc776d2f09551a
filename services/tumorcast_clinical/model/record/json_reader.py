"""Bytes → JSON as RFC 8259 has it, strictly.

What Python's reader lets pass stays visible and costs the resource that it stands in, not the file: a key that stands
twice (``Ambiguous``), NaN and absurdly long numbers (``NotJson``), and entries of a Bundle that are nested deeper than
the reader can follow (``TOO_DEEP``).
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from tumorcast_clinical.model.record.tree import Json
from tumorcast_core.errors import MalformedFhir

TOO_DEEP = ""
"""Key of the object that stands for an entry of a Bundle nested too deep to be read."""

_MARK = b'{"": 0}'
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_ITEM_DEPTH = 3  # the Bundle, its list of entries, an entry
_MOST_BYTES_CUT = 16 << 20
_MAX_DIGITS = 400  # also of an exponent's value: exact arithmetic on 1e-999999999 would never end
_USUAL_LENGTH = 18


class Ambiguous(dict[str, Any]):
    """An object in which a key stood twice."""


class NotJson:
    """A number that JSON has no word for: NaN, infinite or absurdly long."""


def load(data: bytes, max_depth: int) -> Any:
    """Read JSON in UTF-8; integers as ``int``, other numbers as exact ``Decimal``. Raises ``MalformedFhir``.

    >>> load(b'{"value": 1.00, "flag": NaN}', 10)["value"]
    Decimal('1.00')
    """
    try:
        try:
            return _loads(data.decode("utf-8-sig"))
        except RecursionError:
            return _load_deep(data, max_depth)
    except ValueError as e:
        raise MalformedFhir("The record is not JSON in UTF-8.") from e


def _loads(written: str) -> Any:
    hooks: dict[str, Any] = {
        "object_pairs_hook": _object,
        "parse_float": _number,
        "parse_constant": lambda _: NotJson(),
    }
    try:
        return json.loads(written, **hooks)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of more digits than Python converts (sys.set_int_max_str_digits)
        return json.loads(written, parse_int=_number, **hooks)


def _number(literal: str) -> Any:
    """Read an ``int`` or an exact ``Decimal``: ``1.00`` keeps its precision (FHIR R4 2.24.0.1, ``decimal``)."""
    if len(literal) <= _USUAL_LENGTH and "e" not in literal and "E" not in literal:
        return Decimal(literal)
    exponent = literal.lower().partition("e")[2]
    if len(literal) > _MAX_DIGITS or abs(int(exponent or 0)) > _MAX_DIGITS or abs(float(literal)) == float("inf"):
        return NotJson()
    return int(literal) if literal.lstrip("-").isdigit() else Decimal(literal)


def _object(pairs: list[tuple[str, Any]]) -> Json:
    node = dict(pairs)
    return node if len(node) == len(pairs) else Ambiguous(node)


def _load_deep(data: bytes, max_depth: int) -> Any:
    """Read a Bundle of which some entries are nested too deep; raises ``MalformedFhir`` if the depth lies elsewhere."""
    try:
        root = _loads(_without_deep_items(data, max_depth).decode("utf-8-sig"))
    except RecursionError:
        root = None
    if not isinstance(root, dict) or root.get("resourceType") != "Bundle":
        raise MalformedFhir(f"The record is nested deeper than {max_depth} levels.")
    return root


def _without_deep_items(data: bytes, max_depth: int) -> bytes:
    """Put a mark in the place of each third-level value, a Bundle's entry, that is nested deeper than ``max_depth``."""
    if len(data) > _MOST_BYTES_CUT:
        return b"null"
    kept: list[bytes] = []
    end = start = depth = deepest = 0
    for token in _TOKEN.finditer(data):
        byte = data[token.start()]
        if byte in b"{[":
            depth += 1
            if depth == _ITEM_DEPTH:
                start, deepest = token.start(), 0
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
            if depth == _ITEM_DEPTH - 1 and deepest > max_depth:
                kept += [data[end:start], _MARK]
                end = token.end()
    return b"".join([*kept, data[end:]])
