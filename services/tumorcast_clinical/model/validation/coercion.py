"""Values that ``fhir.resources`` takes in another JSON type than FHIR has them, and would read as what they are not.

It takes a number for a date, text for a number or for a whole element, and 1 for true. Readers see the JSON, not the
model; what only coercion made valid is therefore not valid (FHIR R4 2.6.2, JSON representation of primitives).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

_NUMBERS = (int, float, Decimal)


def coerced_path(given: Any, kept: Any, path: str = "") -> str | None:
    """Path of the first value of ``given`` whose JSON type differs in ``kept``, the model's own JSON; else ``None``.

    >>> coerced_path({"a": [1, "2"]}, {"a": [1, 2]})
    'a[1]'
    """
    if _kind(given) != _kind(kept):
        return path
    for step, below, other in _pairs(given, kept, path):
        found = coerced_path(below, other, step)
        if found is not None:
            return found
    return None


def _pairs(given: Any, kept: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """What stands on both sides, with its path; empty elements that the model dropped are no harm."""
    if isinstance(given, dict):
        for key, value in given.items():
            if key in kept:
                yield f"{path}.{key}" if path else key, value, kept[key]
    elif isinstance(given, list):
        for i, (value, other) in enumerate(zip(given, kept, strict=False)):
            yield f"{path}[{i}]", value, other


def _kind(value: Any) -> type:
    if isinstance(value, bool) or value is None:
        return type(value)
    if isinstance(value, _NUMBERS):
        return Decimal
    return dict if isinstance(value, dict) else list if isinstance(value, list) else type(value)
