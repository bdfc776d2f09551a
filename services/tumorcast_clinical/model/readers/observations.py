"""Observations and their components → features; each that gives none is told why."""

from __future__ import annotations

from fractions import Fraction

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.record.entry import Entry, Refusal, Report
from tumorcast_clinical.model.record.tree import Json, child, items, number, text
from tumorcast_clinical.model.terms.analytes import analyte_of
from tumorcast_clinical.model.terms.answers import answer_of
from tumorcast_clinical.model.terms.systems import UCUM, system_of
from tumorcast_clinical.model.units.convert import convert, plausible, read_unit
from tumorcast_core.catalog import CatalogEntry
from tumorcast_core.dates import PartialDate, read_date
from tumorcast_core.snapshot import Coding, Feature, Severity

NOT_FINAL = frozenset({"preliminary", "registered", "unknown"})
_NO_RESULT = {
    "entered-in-error": ("ENTERED_IN_ERROR", "was entered in error; it is not used."),
    "cancelled": ("CANCELLED", "was cancelled; it is not used."),
}
_COMPARATORS = frozenset({"<", "<=", ">=", ">"})


def read_observation(entry: Entry, context: Context) -> list[Reading]:
    """Read every catalogued value of the observation: its own, and one for each component."""
    report = context.report
    status = text(entry.resource, "status")
    if status in _NO_RESULT:
        report.inform(entry, *_NO_RESULT[status], "status")
        return []
    when = _effective(entry, report)
    if not context.landmark.admits(entry, when, report):
        return []
    if status in NOT_FINAL:
        report.warn(entry, "NOT_FINAL", f"has status {status}.", "status")
    components = items(entry.resource, "component")
    readings = []
    if not (components and not _has_value(entry.resource)):
        readings += _read(entry, entry.resource, "", when, report)
    for i, component in enumerate(components):
        readings += _read(entry, component, f"component[{i}]", when, report)
    return readings


def _read(entry: Entry, node: Json, below: str, when: PartialDate | None, report: Report) -> list[Reading]:
    meant = analyte_of(child(node, "code"))
    if isinstance(meant, Refusal):
        report.refuse(entry, meant, below)
        return []
    analyte, coding = meant
    found = _value(node, analyte)
    if isinstance(found, Refusal):
        report.refuse(entry, found, below)
        return []
    value, comparator, from_text = found
    if from_text:
        report.warn(entry, "READ_FROM_TEXT", f"states {analyte.name} in words, without a known code.", below)
    source = f"{entry.source}#{below}" if below else entry.source
    feature = _feature(analyte, coding, value, comparator, source, when, text(entry.resource, "status"))
    return [Reading(feature, entry, _sample(entry, when), when)]


def _feature(
    analyte: CatalogEntry,
    coding: Coding,
    value: float | str,
    comparator: str,
    source: str,
    when: PartialDate | None,
    status: str,
) -> Feature:
    return analyte.make(
        value,
        coding=coding,
        effective=when.text if when else "",
        source=source,
        comparator=comparator,
        status="" if status == "final" else status,
    )


def _has_value(node: Json) -> bool:
    return "dataAbsentReason" in node or any(key.startswith("value") for key in node)


def _value(node: Json, analyte: CatalogEntry) -> tuple[float | str, str, bool] | Refusal:
    """Read the value in the catalog's unit or category, its comparator, and whether wording alone gave it."""
    if not _has_value(node):
        return Refusal("NO_VALUE", f"gives no value for {analyte.name}.", severity=Severity.WARNING)
    if "dataAbsentReason" in node:
        return Refusal("NO_VALUE", f"says that {analyte.name} is not known.", "dataAbsentReason", Severity.WARNING)
    if analyte.categories:
        return _category(node, analyte)
    if analyte.answers and "valueCodeableConcept" in node:
        answer = answer_of(child(node, "valueCodeableConcept"), analyte.answers)
        if isinstance(answer, Refusal):
            return answer
        return float(answer.value), "", answer.from_text
    if "valueInteger" in node:
        return _integer(node, analyte)
    if "valueQuantity" in node:
        return _quantity(child(node, "valueQuantity"), analyte)
    return _wrong_type(analyte)


def _wrong_type(analyte: CatalogEntry) -> Refusal:
    return Refusal("VALUE_TYPE", f"states {analyte.name} in a form that is not read; it is not used.")


def _category(node: Json, analyte: CatalogEntry) -> tuple[str, str, bool] | Refusal:
    if "valueCodeableConcept" not in node:
        return _wrong_type(analyte)
    answer = answer_of(child(node, "valueCodeableConcept"), analyte.answers)
    if isinstance(answer, Refusal):
        return answer
    if answer.value not in analyte.categories:
        return Refusal("UNKNOWN_VALUE", "has an answer that is not known; it is not used.")
    return answer.value, "", answer.from_text


def _integer(node: Json, analyte: CatalogEntry) -> tuple[float, str, bool] | Refusal:
    value = number(node, "valueInteger")
    if value is None or analyte.unit:
        return _wrong_type(analyte) if value is None else _no_unit(analyte)
    found = plausible(value, analyte)
    return found if isinstance(found, Refusal) else (found, "", False)


def _no_unit(analyte: CatalogEntry) -> Refusal:
    return Refusal("UNKNOWN_UNIT", f"states {analyte.name} without a unit; it is not used.")


def _quantity(quantity: Json, analyte: CatalogEntry) -> tuple[float, str, bool] | Refusal:
    value = number(quantity, "value")
    if value is None:
        return Refusal("NO_VALUE", f"gives no number for {analyte.name}.", "valueQuantity", Severity.WARNING)
    comparator = text(quantity, "comparator")
    if comparator and comparator not in _COMPARATORS:
        return Refusal(
            "INVALID_CODE",
            f"states {analyte.name} with a comparator that is not known; it is not used.",
            "valueQuantity",
        )
    found = _converted(value, quantity, analyte)
    if isinstance(found, Refusal):
        return Refusal(found.code, found.message, "valueQuantity")
    if analyte.integer and not (found.is_integer() and found == value):
        message = f"states {analyte.name} as a fraction or a percentage; it is not used."
        return Refusal("IMPLAUSIBLE_VALUE", message, "valueQuantity")
    return found, comparator, False


def _converted(value: Fraction, quantity: Json, analyte: CatalogEntry) -> float | Refusal:
    """By the UCUM code where there is one, else by the unit's wording; the two must not contradict each other."""
    code, wording = text(quantity, "code"), text(quantity, "unit")
    if not (code or wording) and analyte.unit:
        return _no_unit(analyte)
    is_ucum = system_of(quantity) == UCUM
    first, second = (code, wording) if (code and is_ucum) or not wording else (wording, code)
    read, other = read_unit(first), read_unit(second) if second else None
    if read and other and read != other:
        return Refusal("CONFLICTING_UNITS", f"states {analyte.name} in two units at once; it is not used.")
    return convert(value, first if read or not other else second, analyte)


def _effective(entry: Entry, report: Report) -> PartialDate | None:
    """When it was true: a moment, the end (else the start) of a period, or when it was issued."""
    resource = entry.resource
    period = child(resource, "effectivePeriod")
    for written in (
        text(resource, "effectiveDateTime"),
        text(resource, "effectiveInstant"),
        text(period, "end"),
        text(period, "start"),
    ):
        if written:
            return read_date(written)
    issued = read_date(text(resource, "issued"))
    if issued:
        report.inform(entry, "DATE_FROM_ISSUED", "is dated by the day it was issued.", "issued")
    return issued


def _sample(entry: Entry, when: PartialDate | None) -> str:
    """Name what readings of one sample have in common: the specimen, else the same moment."""
    specimen = text(child(entry.resource, "specimen"), "reference")
    return specimen or (when.text if when and when.is_day else "")
