"""One unit as laboratories spell it → a unit of ``units.yaml``, or none; never a guess."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, TypeVar

from tumorcast_clinical.model.tables import read_table
from tumorcast_clinical.model.units.ucum import Powers, measure, words

_MAX_LENGTH = 60
_MAX_KEPT = 4096
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SUPERSCRIPT_POWER = re.compile(r"10([⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_SIGNS = str.maketrans({"µ": "u", "μ": "u", "×": "x", "·": ".", "⋅": ".", "∙": ".", "•": ".", "⁄": "/", "∕": "/"})
_DASHES = str.maketrans("‐‑‒–−", "-----")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_WORD = re.compile(r"[A-Za-z]{3,}")
_MICRO = re.compile(r"(?<![A-Za-z])mc(?=(?:g|l|mol|kat|iu|u)(?![A-Za-z]))", re.IGNORECASE)
_POWER = re.compile(r"^[xX*]?\(?(?:10(?:\*\*|[*^eE]|exp|EXP|(?=\())|1[eE])\+?\(?0?(\d{1,2})\)*(?=[/.{a-zA-Z])")
_TIMES = re.compile(r"^[xX](?=\d)")
_CUBIC_MILLIMETER = re.compile(r"/(?:mm(?:\^|\*)?3|cu\.?mm\.?|c\.?mm)$", re.IGNORECASE)
_CELLS = re.compile(r"\{?(?:cells?|wbcs?|rbcs?|zell(?:en|\.)?)\}?(?=/)", re.IGNORECASE)
_BODY_SURFACE = re.compile(
    r"^[(\[]?(?P<rate>ml/(?:min|s|sec))[)\]]?[/.*]?[{(\[]*(?:1[.,]73|173\.10\*-2)[\s._*x]*"
    r"(?:[({]?m[\^*]?2[)}]?|sqm|sq\.m\.?)?[)}\]]*$",
    re.IGNORECASE,
)
_ANNOTATION = re.compile(r"\{[^{}\d]*\}")
_QUALIFIER = re.compile(r"[{(]?(?P<kind>feu|d-?du)[)}]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Unit:
    """A dimension and the unit's size in that dimension's first unit."""

    dimension: str
    size: Fraction


Key = TypeVar("Key")
Known = TypeVar("Known")
_KEPT: dict[str, Unit] = {}


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    table: Mapping[str, Mapping[str, Mapping[str, Any]]] = read_table("units", "units.yaml")
    return table


@cache
def ucum_units() -> Mapping[str, Unit]:
    """The units of ``units.yaml`` by their UCUM spelling alone, by dimension and in its order."""
    return {
        str(name): Unit(dimension, Fraction(str(raw["size"])))
        for dimension, units in _table().items()
        for name, raw in units.items()
    }


@cache
def known_units() -> Mapping[str, Unit]:
    """Every spelling in ``units.yaml``."""
    return {
        spelling: ucum_units()[str(name)]
        for units in _table().values()
        for name, raw in units.items()
        for spelling in (str(name), *map(str, raw["also"]), *map(str, raw.get("cased", ())))
    }


@cache
def _in_any_case() -> Mapping[str, Unit]:
    """The spellings in lower case, without those that two units share."""
    found: dict[str, set[Unit]] = {}
    for units in _table().values():
        for name, raw in units.items():
            for spelling in (str(name), *map(str, raw["also"])):
                found.setdefault(spelling.lower(), set()).add(ucum_units()[str(name)])
    return {spelling: next(iter(units)) for spelling, units in found.items() if len(units) == 1}


@cache
def _dimensions() -> Mapping[Powers, tuple[str, Fraction]]:
    """Name of a dimension, and what divides a measure's size for it, by powers of UCUM's base units."""
    found: dict[Powers, tuple[str, Fraction]] = {}
    for spelling, unit in ucum_units().items():
        read = measure(spelling)
        if read and read.powers:
            found.setdefault(read.powers, (unit.dimension, read.size / unit.size))
    return found


def read_unit(spelling: str) -> Unit | None:
    """Find the unit, however it is spelled; ``None`` if it is not known.

    In this order, for the first that answers: the table, the body surface of a filtration rate, the table and UCUM's
    grammar, the same without UCUM's annotations (of which none that states a number is dropped). Spellings that are
    known are kept; others are not, since they may be anything that someone wrote.

    >>> read_unit("x10^3/µL") == read_unit("K/uL") == read_unit("thousand per microliter") == read_unit("G/L")
    True
    >>> read_unit("mL/min/1.73 m²") == read_unit("mL/min")
    False
    """
    found = _KEPT.get(spelling)
    if found is None and len(spelling) <= _MAX_LENGTH:
        found = known_units().get(spelling) or _read(_uniform(spelling))
        if found:
            keep(_KEPT, spelling, found)
    return found


def keep(kept: dict[Key, Known], key: Key, known: Known) -> None:
    """Remember what was found, until there is too much of it."""
    if len(kept) >= _MAX_KEPT:
        kept.clear()
    kept[key] = known


def _read(uniform: str) -> Unit | None:
    if surface := _BODY_SURFACE.match(uniform):
        return known_units()["mL/min/{1.73_m2}" if surface["rate"].lower() == "ml/min" else "mL/s/{1.73_m2}"]
    if qualifier := _QUALIFIER.search(uniform):
        return _qualified(_QUALIFIER.sub("", uniform), qualifier["kind"].lower().replace("-", ""))
    return _plain(uniform) or _plain(_ANNOTATION.sub("", uniform))


def _plain(uniform: str) -> Unit | None:
    found = known_units().get(uniform) or _in_any_case().get(uniform.lower())
    read = None if found else measure(uniform)
    if read is None or not read.powers:
        return found
    dimension, divisor = _dimensions().get(read.powers, (str(read.powers), Fraction(1)))
    return Unit(dimension, read.size / divisor)


def _qualified(uniform: str, kind: str) -> Unit | None:
    """D-dimer units: a mass concentration in fibrinogen equivalents (FEU) or of D-dimer (DDU)."""
    unit = _plain(_ANNOTATION.sub("", uniform))
    if unit is None or unit.dimension != "mass_concentration":
        return None
    return Unit(f"{kind}_mass_concentration", unit.size)


def _uniform(spelling: str) -> str:
    """Return the spelling in plain characters, with symbols for words, UCUM's powers of ten, and without blanks."""
    spelling = _SUPERSCRIPT_POWER.sub(lambda power: "10*" + power[1].translate(_SUPERSCRIPTS), spelling)
    spelling = unicodedata.normalize("NFKC", spelling.translate(_SUPERSCRIPTS).translate(_SIGNS))
    spelling = spelling.translate(_SIGNS).translate(_DASHES).translate(_INVISIBLE)
    spelling = _WORD.sub(lambda word: words().get(word[0].lower(), word[0]), spelling)
    spelling = _MICRO.sub("u", "".join(spelling.split()))
    spelling = _CELLS.sub("", _CUBIC_MILLIMETER.sub("/uL", spelling))
    return _TIMES.sub("", _POWER.sub(lambda power: f"10*{int(power[1])}", spelling))
