"""The tables of ``conditions/*.yaml``: codes by prefix, range or number, and how a code finds its place in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from tumorcast_clinical.model.tables import read_table

_DECORATION = re.compile(r"[.\s]|[-+*!†#]+$")
_RANGE = re.compile(r"([A-Z]?)(\d+)-[A-Z]?(\d+)")
_T = TypeVar("_T")


def plain(code: str) -> str:
    """The code in capitals without dots, blanks and marks such as dagger and asterisk."""
    return _DECORATION.sub("", code.upper()) if code else ""


def longest(table: Mapping[str, _T], code: str) -> _T | None:
    """The entry of the longest known prefix of three characters or more."""
    for length in range(len(code), 2, -1):
        if code[:length] in table:
            return table[code[:length]]
    return None


@cache
def table_of(name: str) -> Mapping[str, Any]:
    """The parsed file of that name."""
    loaded: Mapping[str, Any] = read_table("terms", "conditions", f"{name}.yaml")
    return loaded


@cache
def icd_o(section: str) -> Mapping[str, str]:
    """Value by ICD-O-3 topography prefix; ``other`` yields to any."""
    table: dict[str, str] = {}
    for prefix, value in prefixes(table_of("icdo3")[section]):
        if value != "other" or prefix not in table:
            table[prefix] = value
    return table


@cache
def by_number(section: str) -> Mapping[int, str]:
    """Value by morphology number; of ranges that hold one number, the narrowest counts."""
    spans = []
    for value, listed in table_of("icdo3")[section].items():
        for item in map(str, listed):
            first, _, last = item.partition("-")
            spans.append((int(first), int(last or first), value))
    spans.sort(key=lambda span: span[0] - span[1])
    return {number: value for first, last, value in spans for number in range(first, last + 1)}


@cache
def snomed(section: str) -> Mapping[str, str]:
    """Value by SNOMED CT code."""
    return {str(code): value for value, codes in table_of("snomed")[section].items() for code in codes}


def prefixes(by_value: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    """Each prefix that is listed, ranges spelled out, with its value."""
    for value, listed in by_value.items():
        for item in map(str, listed):
            match = _RANGE.fullmatch(item)
            if match:
                for number in range(int(match[2]), int(match[3]) + 1):
                    yield f"{match[1]}{number:02d}", value
            else:
                yield plain(item), value
