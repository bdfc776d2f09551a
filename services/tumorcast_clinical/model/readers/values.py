"""What an Observation, or a component of one, states: a number in the catalog's unit, a category, or why neither."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, child, number
from tumorcast_clinical.model.terms.answers import answer_of
from tumorcast_clinical.model.terms.systems import UCUM, system_of
from tumorcast_clinical.model.units.convert import agree, convert, plausible, read_unit
from tumorcast_core.catalog import CatalogEntry
from tumorcast_core.snapshot import Severity

_COMPARATORS = frozenset({"<", "<=", ">=", ">"})


class Value(NamedTuple):
    """A number or category, the comparator of a bound, and whether wording alone gave it."""

    value: float | str
    comparator: str = ""
    from_text: bool = False


def has_value(node: Json) -> bool:
    """Whether there is a value, or word of why there is none."""
    return "valueQuantity" in node or "dataAbsentReason" in node or any(key.startswith("value") for key in node)


def value_of(node: Json, analyte: CatalogEntry) -> Value | Refusal:
    """Read ``value[x]`` in the catalog's unit or category."""
    if "dataAbsentReason" in node:
        message = f"says that {analyte.name} is not known."
        return Refusal("NO_VALUE", message, "dataAbsentReason", Severity.WARNING)
    quantity = node.get("valueQuantity")
    if type(quantity) is dict and not analyte.categories:
        return _bounded(quantity, analyte)
    if not has_value(node):
        return Refusal("NO_VALUE", f"gives no value for {analyte.name}.", severity=Severity.WARNING)
    if "valueCodeableConcept" in node and analyte.answers:
        return _answered(child(node, "valueCodeableConcept"), analyte)
    if "valueInteger" in node and not analyte.categories:
        return _integer(node, analyte)
    if "valueRange" in node and not analyte.categories:
        return _range(child(node, "valueRange"), analyte)
    return Refusal("VALUE_TYPE", f"states {analyte.name} in a form that is not read; it is not used.")


def _answered(concept: Json, analyte: CatalogEntry) -> Value | Refusal:
    answer = answer_of(concept, analyte.answers)
    if isinstance(answer, Refusal):
        return answer
    if not analyte.categories:
        return Value(float(answer.value), "", answer.from_text)
    if answer.value not in analyte.categories:
        return Refusal("UNKNOWN_VALUE", "has an answer that is not known; it is not used.")
    return Value(answer.value, "", answer.from_text)


def _integer(node: Json, analyte: CatalogEntry) -> Value | Refusal:
    value = number(node, "valueInteger")
    if value is None:
        return Refusal("NO_VALUE", f"gives no number for {analyte.name}.", "valueInteger", Severity.WARNING)
    if analyte.unit:
        return _no_unit(analyte)
    found = plausible(value, analyte)
    return found if isinstance(found, Refusal) else Value(found)


def _range(limits: Json, analyte: CatalogEntry) -> Value | Refusal:
    """Read a range that is open to one side as a bound; a value between two limits is none (FHIR R4 2.24.0.9)."""
    low, high = child(limits, "low"), child(limits, "high")
    if bool(low) == bool(high):
        message = f"states {analyte.name} as a range, which is no value; it is not used."
        return Refusal("VALUE_RANGE", message, "valueRange")
    found = _quantity(low or high, analyte, "valueRange")
    return found if isinstance(found, Refusal) else Value(found, ">=" if low else "<=")


def _bounded(quantity: Json, analyte: CatalogEntry) -> Value | Refusal:
    comparator = quantity.get("comparator", "")
    if comparator and comparator not in _COMPARATORS:
        message = f"states {analyte.name} with a comparator that is not known; it is not used."
        return Refusal("INVALID_CODE", message, "valueQuantity.comparator")
    found = _quantity(quantity, analyte, "valueQuantity")
    return found if isinstance(found, Refusal) else Value(found, comparator)


def _quantity(quantity: Json, analyte: CatalogEntry, path: str) -> float | Refusal:
    value = number(quantity, "value")
    if value is None:
        return Refusal("NO_VALUE", f"gives no number for {analyte.name}.", path, Severity.WARNING)
    found = _converted(value, quantity, analyte)
    if isinstance(found, Refusal):
        return Refusal(found.code, found.message, path)
    if analyte.integer and not (found.is_integer() and found == value):
        message = f"states {analyte.name} as a fraction or a percentage; it is not used."
        return Refusal("IMPLAUSIBLE_VALUE", message, path)
    return found


def _converted(value: int | Decimal, quantity: Json, analyte: CatalogEntry) -> float | Refusal:
    """By the UCUM code where there is one, else by the unit's wording; the two must not contradict each other."""
    code, wording = quantity.get("code", ""), quantity.get("unit", "")
    if not code:
        return convert(value, wording, analyte) if wording or not analyte.unit else _no_unit(analyte)
    first, second = (code, wording) if not wording or system_of(quantity) == UCUM else (wording, code)
    if first == second or not second:
        return convert(value, first, analyte)
    if not agree(first, second, analyte):
        return Refusal("CONFLICTING_UNITS", f"states {analyte.name} in two units at once; it is not used.")
    return convert(value, first if read_unit(first) or not read_unit(second) else second, analyte)


def _no_unit(analyte: CatalogEntry) -> Refusal:
    return Refusal("UNKNOWN_UNIT", f"states {analyte.name} without a unit; it is not used.")
