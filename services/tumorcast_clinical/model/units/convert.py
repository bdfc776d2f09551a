"""Units as laboratories write them → the catalog's canonical unit, exactly, or a refusal; never a guess.

In this order: the alias table (a UCUM library reads ``K/uL`` as kelvin per microliter), conversion within a dimension,
molar mass, then dimension and the catalog's plausible range. Arithmetic is rational, so that ``4100 /uL`` and
``4.1 10*9/L`` give the very same number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_core.catalog import CatalogEntry

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_POWER = re.compile(r"^(?:[x×X*]?10(?:\*\*|[*^eE]|(?=\())|1[eE])\+?\(?0?(\d{1,2})\)?(?=[/{a-zA-Z])")
_SUPERSCRIPT_POWER = re.compile(r"10([⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_CUBIC_MILLIMETER = re.compile(r"/(?:mm\^?3|mm³|cu\.?mm|cmm)$", re.IGNORECASE)
_LITER = re.compile(r"(?<=[/dmun])l(?![a-zA-Z])")
_CELLS = re.compile(r"(?:cells?|Cells?|WBCs?)(?=/)")
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_MAX_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Unit:
    """A dimension and the unit's size in that dimension's first unit."""

    dimension: str
    size: Fraction


def _yaml(name: str) -> Any:
    return yaml.safe_load(files("tumorcast_clinical.model.units").joinpath(name).read_text(encoding="utf-8"))


@cache
def known_units() -> Mapping[str, Unit]:
    """Every spelling in ``units.yaml``."""
    return {
        spelling: Unit(dimension, Fraction(str(raw["size"])))
        for dimension, units in _yaml("units.yaml").items()
        for name, raw in units.items()
        for spelling in (str(name), *map(str, raw["also"]))
    }


@cache
def _gram_per_mole() -> Mapping[str, Fraction]:
    return {name: Fraction(mass) for name, mass in _yaml("molar_masses.yaml").items()}


def read_unit(spelling: str) -> Unit | None:
    """Find the unit, however it is spelled; ``None`` if it is not known.

    >>> read_unit("x10^3/µL") == read_unit("K/uL") == read_unit("G/L")
    True
    """
    known = known_units()
    if len(spelling) > _MAX_LENGTH:
        return None
    uniform = _uniform(spelling)
    return known.get(spelling) or known.get(uniform) or known.get(_ANNOTATION.sub("", uniform))


def convert(value: Fraction, spelling: str, analyte: CatalogEntry) -> float | Refusal:
    """``value`` in the analyte's canonical unit, checked against the catalog's range."""
    given, wanted = read_unit(spelling), known_units()[analyte.unit]
    if given is None:
        return Refusal("UNKNOWN_UNIT", f"states {analyte.name} in a unit that is not known; it is not used.")
    if given.dimension != wanted.dimension:
        by_mass = _as_mass(given, analyte.name)
        if by_mass is None or by_mass.dimension != wanted.dimension:
            return Refusal(
                "UNIT_MISMATCH", f"states {analyte.name} in a unit of another kind of quantity; it is not used."
            )
        given = by_mass
    return plausible(value * given.size / wanted.size, analyte)


def plausible(number: Fraction, analyte: CatalogEntry) -> float | Refusal:
    """Return the number if it lies in the catalog's range; the message states the range, never the value."""
    low, high = analyte.range
    if not low <= number <= high:
        span = f"{low:g} to {high:g} {analyte.unit}".rstrip()
        return Refusal("IMPLAUSIBLE_VALUE", f"states {analyte.name} outside {span}; it is not used.")
    return float(number)


def _as_mass(given: Unit, name: str) -> Unit | None:
    mass = _gram_per_mole().get(name)
    if given.dimension != "substance_concentration" or mass is None:
        return None
    return Unit("mass_concentration", given.size * mass)


def _uniform(spelling: str) -> str:
    """Return the spelling with uniform powers of ten, micro signs, liters and without blanks."""
    spelling = _SUPERSCRIPT_POWER.sub(lambda power: "10*" + power[1].translate(_SUPERSCRIPTS), spelling)
    spelling = "".join(unicodedata.normalize("NFC", spelling).split())
    spelling = (
        spelling.replace("µ", "u").replace("μ", "u").replace("mcL", "uL").replace("mcl", "uL").replace("mcmol", "umol")
    )
    spelling = _CUBIC_MILLIMETER.sub("/uL", spelling.replace("mcg", "ug"))
    spelling = _LITER.sub("L", spelling).replace("/DL", "/dL").replace("/UL", "/uL").replace("/ML", "/mL")
    return _CELLS.sub("", _POWER.sub(lambda power: f"10*{int(power[1])}", spelling))
