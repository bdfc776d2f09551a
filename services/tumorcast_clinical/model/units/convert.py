"""A quantity in any unit → a number in the catalog's, correctly rounded, or a refusal; never a guess.

The unit is read by ``spelling.py`` (table of laboratories' spellings, then UCUM). Within its dimension it converts by
its size; across dimensions only as the analyte allows (``molar_masses.yaml``, ``bridges.yaml``): amount of substance by
molar mass, equivalents by charge, katal of enzymes, international units where a standard fixes their mass. Then the
catalog's range decides. Factors are exact fractions, so that ``4100 /uL`` and ``4.1 10*9/L`` give the very same number.

What no range can tell: a factor of 10 (CRP in mg/dL under ``mg/L``), and counts that are low in one unit and high in
another (120 ``/uL`` of leukocytes is aplasia, or leukemia in ``10*9/L``). Two rules narrow that. Below
``smallest_above_zero`` nothing but zero counts, and below ten cells per microliter only whole cells do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import isclose
from typing import Any

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.tables import read_table
from tumorcast_clinical.model.units.spelling import Unit, keep, known_units, read_unit, ucum_units
from tumorcast_core.catalog import CatalogEntry

__all__ = [
    "Number",
    "Unit",
    "agree",
    "are_one_number",
    "convert",
    "factors_to",
    "known_units",
    "plausible",
    "read_unit",
]

Number = int | Decimal | Fraction
_KEPT: dict[tuple[str, str, str], tuple[int, int]] = {}
_SECONDS_PER_MINUTE = 60
_CELLS, _CELLS_PER_UNIT, _FEWEST_COUNTED = "10*9/L", 1000, 0.01


@cache
def _yaml(name: str) -> Any:
    return read_table("units", name)


def convert(value: Number, spelling: str, analyte: CatalogEntry) -> float | Refusal:
    """``value`` in the analyte's canonical unit, checked against the catalog's range."""
    factor = _factor(spelling, analyte)
    if factor is None:
        return _no_factor(spelling, analyte)
    above, below = value.as_integer_ratio()
    try:
        number = above * factor[0] / (below * factor[1])  # of integers: correctly rounded
    except OverflowError:
        return _outside(analyte)
    return plausible(number, analyte)


def agree(first: str, second: str, analyte: CatalogEntry) -> bool:
    """Whether two spellings state the same unit for this analyte: mmol/L of sodium is mEq/L, of calcium it is not.

    A spelling that is not known contradicts nothing.
    """
    if first == second or read_unit(first) is None or read_unit(second) is None:
        return True
    given = [_factor(spelling, analyte) for spelling in (first, second)]
    return given[0] == given[1] and (given[0] is not None or read_unit(first) == read_unit(second))


def plausible(number: float | Number, analyte: CatalogEntry) -> float | Refusal:
    """Return the number if it lies in the catalog's range; the message states the range, never the value."""
    low, high = analyte.range
    if not low <= number <= high:
        return _outside(analyte)
    if 0 < number < _smallest_above_zero().get(analyte.name, 0):
        least = f"{_smallest_above_zero()[analyte.name]:g} {analyte.unit}"
        message = f"states {analyte.name} above zero and below {least}, perhaps in a wrong unit; it is not used."
        return Refusal("IMPLAUSIBLE_VALUE", message)
    if analyte.unit == _CELLS and 0 < number < _FEWEST_COUNTED and not _is_whole(float(number) * _CELLS_PER_UNIT):
        message = f"states {analyte.name} as parts of a cell, perhaps in a wrong unit; it is not used."
        return Refusal("IMPLAUSIBLE_VALUE", message)
    return float(number)


def are_one_number(first: float, second: float, analyte: CatalogEntry) -> bool:
    """Whether two different values are, to rounding, one number in two of the analyte's units: a unit is mistaken.

    >>> from tumorcast_core.catalog import entry
    >>> are_one_number(120, 12, entry("c_reactive_protein")), are_one_number(120, 24, entry("c_reactive_protein"))
    (True, False)
    """
    low, high = sorted((first, second))
    return low > 0 and any(isclose(high / low, ratio, rel_tol=1e-9) for ratio in _ratios(analyte.name, analyte.unit))


@cache
def _ratios(name: str, canonical: str) -> frozenset[float]:
    """What one number in a unit is of the same number in a smaller one, of all that convert to ``canonical``."""
    factors = _factors(name, canonical)
    sizes = {u.size * factors[u.dimension] for u in ucum_units().values() if u.dimension in factors}
    return frozenset(float(large / small) for large in sizes for small in sizes if large > small)


def factors_to(analyte: CatalogEntry) -> Mapping[str, Fraction]:
    """What multiplies a number in each dimension's first unit to give the analyte's canonical unit."""
    return _factors(analyte.name, analyte.unit)


@cache
def _smallest_above_zero() -> Mapping[str, float]:
    return {name: float(least) for name, least in _yaml("bridges.yaml")["smallest_above_zero"].items()}


def _factor(spelling: str, analyte: CatalogEntry) -> tuple[int, int] | None:
    """What multiplies a number in this unit, as a ratio; ``None`` where it is not known or of another quantity."""
    key = (spelling, analyte.name, analyte.unit)
    found = _KEPT.get(key)
    if found is None and (given := read_unit(spelling)) and given.dimension in factors_to(analyte):
        found = (given.size * factors_to(analyte)[given.dimension]).as_integer_ratio()
        keep(_KEPT, key, found)
    return found


@cache
def _factors(name: str, canonical: str) -> Mapping[str, Fraction]:
    wanted = read_unit(canonical)
    if wanted is None:
        return {}
    found = {wanted.dimension: 1 / wanted.size}
    for start, end, size in _bridges(name):
        for source, target, factor in ((start, end, size), (end, start, 1 / size)):
            if target in found:
                found.setdefault(source, factor * found[target])
    if wanted.dimension.endswith("_mass_concentration"):  # a plain mass of D-dimer is in the units that the code says
        found.setdefault("mass_concentration", found[wanted.dimension])
    return found


def _bridges(name: str) -> Iterator[tuple[str, str, Fraction]]:
    """Dimensions that are one for this analyte, with the second's first units in the first's one."""
    bridges = _yaml("bridges.yaml")
    if name in (masses := _yaml("molar_masses.yaml")):
        mass = Fraction(str(masses[name]))
        yield "substance_concentration", "mass_concentration", mass
        yield "substance", "mass", mass / 10**15  # fmol, g
    if name in bridges["valence"]:
        yield "equivalent_concentration", "substance_concentration", Fraction(1, bridges["valence"][name])
        if name in masses:
            yield "equivalent_concentration", "mass_concentration", mass / bridges["valence"][name]
    if name in bridges["enzymes"]:
        yield "catalytic_concentration", "unit_concentration", Fraction(_SECONDS_PER_MINUTE)
    if name in bridges["gram_per_unit"]:
        yield "unit_concentration", "mass_concentration", Fraction(str(bridges["gram_per_unit"][name]))


def _no_factor(spelling: str, analyte: CatalogEntry) -> Refusal:
    if read_unit(spelling) is None:
        return Refusal("UNKNOWN_UNIT", f"states {analyte.name} in a unit that is not known; it is not used.")
    message = f"states {analyte.name} in a unit of another kind of quantity; it is not used."
    return Refusal("UNIT_MISMATCH", message)


def _outside(analyte: CatalogEntry) -> Refusal:
    low, high = analyte.range
    span = f"{low:g} to {high:g} {analyte.unit}".rstrip()
    return Refusal("IMPLAUSIBLE_VALUE", f"states {analyte.name} outside {span}; it is not used.")


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-9
