"""What is read from Observations, for people: every analyte with the units that convert to its own."""

from __future__ import annotations

from collections.abc import Mapping

from tumorcast_clinical.model.terms.analytes import analytes
from tumorcast_clinical.model.units.convert import factors_to
from tumorcast_clinical.model.units.spelling import ucum_units
from tumorcast_core.catalog import CatalogEntry, catalog


def analyte_table() -> list[tuple[CatalogEntry, Mapping[str, float]]]:
    """Each catalog entry that an Observation may state, in the catalog's order, with its further units.

    The further units are in UCUM, each with what a number in it is multiplied by to be in the entry's own.

    >>> creatinine, units = next(row for row in analyte_table() if row[0].name == "creatinine")
    >>> creatinine.unit, units["umol/L"], units["mg/L"]
    ('mg/dL', 0.011312, 0.1)
    """
    read = {entry.name for entry, _ in analytes().values()}
    return [(entry, other_units(entry)) for entry in catalog().values() if entry.name in read]


def other_units(entry: CatalogEntry) -> Mapping[str, float]:
    """The UCUM units of ``units.yaml`` that convert to the entry's, with their factors; none for a category."""
    factors = {} if entry.categories else factors_to(entry)
    return {
        name: float(unit.size * factors[unit.dimension])
        for name, unit in ucum_units().items()
        if unit.dimension in factors and name != entry.unit
    }
