"""Scores and counts without a unit, which records give with one: performance in percent, smoking in pack-years."""

from __future__ import annotations

import re

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, child, text
from tumorcast_clinical.model.units.convert import read_unit
from tumorcast_core.catalog import CatalogEntry

_PACK_YEARS = re.compile(r"\{?pack[-_ .*]?(?:years?|yrs?|a)\}?|\{pack\}[.*]a|py", re.IGNORECASE)


def pack_years(node: Json, _analyte: CatalogEntry) -> Json:
    """Read pack-years, however the unit is spelled, as the bare number."""
    quantity = child(node, "valueQuantity")
    stated = {text(quantity, "code"), text(quantity, "unit")} - {"", "1"}
    if not stated or not all(_PACK_YEARS.fullmatch(unit) for unit in stated):
        return node
    return _without_unit(node)


def percent_score(node: Json, _analyte: CatalogEntry) -> Json | Refusal:
    """Read a score of 0 to 100 that is given in percent as the score: Karnofsky's 80 % is 80."""
    quantity = child(node, "valueQuantity")
    stated = [unit for unit in (text(quantity, "code"), text(quantity, "unit")) if unit]
    percent = read_unit("%")
    if not stated or any(read_unit(unit) != percent for unit in stated):
        return node
    return _without_unit(node)


def _without_unit(node: Json) -> Json:
    quantity = child(node, "valueQuantity")
    bare = {key: value for key, value in quantity.items() if key not in ("code", "unit", "system")}
    return node | {"valueQuantity": bare}
