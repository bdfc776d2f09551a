"""Units in UCUM's own grammar → what they measure and their size: ``fg/mL``, ``10*3/uL``, ``mg/(100.mL)``, ``g.L-1``.

A reader of its own for the grammar's prefix, unit, exponent and annotation (https://ucum.org/ucum, section 2): the
library ``ucumvert`` (MIT, on pint) takes 0.6 s to start and 0.8 ms a spelling (measured), computes in floats, and reads
``K/uL`` as kelvin per microliter and ``mL/min/1.73.m2`` as 73 m2. This one knows the units of a laboratory only,
computes in fractions, and answers ``None`` to all else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from tumorcast_clinical.model.tables import read_table

_TERM = re.compile(r"(?P<ten>10[*^])?(?P<symbol>[A-Za-z]+|\[[A-Za-z']+\])?(?P<number>[+-]?\d{1,9})?")
_GROUP = re.compile(r"/\(([^()/]*)\)")
_DECIMAL = re.compile(r"\d\.\d")  # a product in UCUM's grammar, a fraction in people's: mL/min/1.73.m2
_LARGEST_EXPONENT = 24
Powers = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """Powers of the base units, sorted, and the size in them."""

    powers: Powers
    size: Fraction


@cache
def _tables() -> Any:
    return read_table("units", "ucum.yaml")


@cache
def symbols() -> Mapping[str, tuple[str, Fraction]]:
    """Base unit and size of every unit symbol, with each prefix that it may have."""
    tables = _tables()
    plain = {**tables["metric"], **tables["not_metric"]}
    known = {symbol: (base, Fraction(str(size))) for symbol, (base, size) in plain.items()}
    for prefix, factor in tables["prefixes"].items():
        for symbol in tables["metric"]:
            base, size = known[symbol]
            known.setdefault(prefix + symbol, (base, size * Fraction(str(factor))))
    return known


@cache
def words() -> Mapping[str, str]:
    """Symbols by the words that stand for them, lower case."""
    return {str(word): str(symbol) for word, symbol in _tables()["words"].items()}


def measure(spelling: str) -> Measure | None:
    """Read a unit without annotations; ``None`` if any part of it is not known, or it holds a decimal number.

    >>> measure("ng/dL") == measure("pg/(100.uL)") == measure("10.ng.L-1")
    True
    >>> measure("K/uL") is measure("mg/") is None
    True
    """
    powers: Counter[str] = Counter()
    size = Fraction(1)
    if _DECIMAL.search(spelling):
        return None
    for sign, term in _terms(spelling):
        part = _part(term)
        if part is None:
            return None
        base, power, factor = part
        powers[base] += sign * power
        size *= factor**sign
    return Measure(tuple(sorted((base, power) for base, power in powers.items() if base and power)), size)


def _terms(spelling: str) -> list[tuple[int, str]]:
    """Each term with the sign of its exponents; a leading slash needs no numerator."""
    flat = _GROUP.sub(lambda group: "/" + group[1].replace(".", "/"), spelling)
    numerator, *denominators = flat.split("/")
    terms = [(1, term) for term in numerator.split(".")] if numerator or not denominators else []
    for denominator in denominators:
        first, *others = denominator.split(".")
        terms += [(-1, first), *((1, other) for other in others)]
    return terms


def _part(term: str) -> tuple[str, int, Fraction] | None:
    """Base, power and size of one term; the base of a number is empty."""
    found = _TERM.fullmatch(term)
    if not found or not term:
        return None
    symbol, number = found["symbol"], int(found["number"] or 1)
    if found["ten"]:
        is_power = not symbol and found["number"] is not None and abs(number) <= _LARGEST_EXPONENT
        return ("", 0, Fraction(10) ** number) if is_power else None
    if not symbol:
        return ("", 0, Fraction(number)) if number > 0 else None
    if symbol not in symbols() or not 0 < abs(number) <= 3:
        return None
    base, size = symbols()[symbol]
    return base, number, size**number
