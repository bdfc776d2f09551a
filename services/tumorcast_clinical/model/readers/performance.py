"""Performance scores, which records give as a number, as a score or in percent."""

from __future__ import annotations

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, child, text
from tumorcast_clinical.model.units.convert import read_unit
from tumorcast_core.catalog import CatalogEntry


def percent_score(node: Json, _analyte: CatalogEntry) -> Json | Refusal:
    """Read a score of 0 to 100 that is given in percent as the score: Karnofsky's 80 % is 80."""
    quantity = child(node, "valueQuantity")
    stated = [unit for unit in (text(quantity, "code"), text(quantity, "unit")) if unit]
    percent = read_unit("%")
    if not stated or any(read_unit(unit) != percent for unit in stated):
        return node
    bare = {key: value for key, value in quantity.items() if key not in ("code", "unit", "system")}
    return node | {"valueQuantity": bare}
