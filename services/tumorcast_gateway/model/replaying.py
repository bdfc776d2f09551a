"""Holds two answers to one snapshot against each other, number by number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace

from tumorcast_core.prognosis import Prognosis

MAX_DIFFERENCES = 100


@dataclass(frozen=True, slots=True)
class Replay:
    """A stored snapshot asked again; ``differences`` are paths into the prognosis, at most ``MAX_DIFFERENCES``."""

    prognosis_id: str
    same: bool
    model_changed: bool
    differences: tuple[str, ...]
    prognosis: Prognosis


def compare(before: Prognosis, again: Prognosis) -> Replay:
    """Compare everything but the id; equal is equal to the last bit."""
    again = replace(again, prognosis_id=before.prognosis_id)
    differences = tuple(path for path, _ in zip(_differences(before, again, ""), range(MAX_DIFFERENCES), strict=False))
    changed = before.model != again.model
    return Replay(before.prognosis_id, not differences, changed, differences, again)


def _differences(one: object, other: object, path: str) -> Iterator[str]:
    if type(one) is not type(other):
        yield path
    elif is_dataclass(one) and not isinstance(one, type):
        for field in fields(one):
            inner = f"{path}.{field.name}" if path else field.name
            yield from _differences(getattr(one, field.name), getattr(other, field.name), inner)
    elif isinstance(one, tuple) and isinstance(other, tuple):
        if len(one) != len(other):
            yield path
        for i, (a, b) in enumerate(zip(one, other, strict=False)):
            yield from _differences(a, b, f"{path}[{i}]")
    elif one != other and not _both_nan(one, other):
        yield path


def _both_nan(one: object, other: object) -> bool:
    return isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
