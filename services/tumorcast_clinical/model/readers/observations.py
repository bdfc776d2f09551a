"""Observations and their components → features; each that gives none is told why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tumorcast_clinical.model.readers.biomarkers import stated
from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.readers.effective import effective, sample, was_known
from tumorcast_clinical.model.readers.focus import is_of_untrue_condition
from tumorcast_clinical.model.readers.significance import DIAGNOSTIC_IMPLICATION, read_implication
from tumorcast_clinical.model.readers.tumor_size import with_one_short_axis
from tumorcast_clinical.model.readers.values import has_value
from tumorcast_clinical.model.readers.variants import REGION_STUDIED, VARIANT, read_region_studied, read_variant
from tumorcast_clinical.model.record.entry import Entry, Refusal, Report
from tumorcast_clinical.model.record.tree import Json, child, items, text
from tumorcast_clinical.model.terms.analytes import Key, analyte_of, keys_of
from tumorcast_core.dates import PartialDate

NOT_FINAL = frozenset({"preliminary", "registered", "unknown"})
_NO_RESULT = {
    "entered-in-error": ("ENTERED_IN_ERROR", "was entered in error; it is not used."),
    "cancelled": ("CANCELLED", "was cancelled; it is not used."),
}

COMPOSED: Mapping[Key, Callable[[Entry, PartialDate | None, Context], list[Reading]]] = {
    DIAGNOSTIC_IMPLICATION: read_implication,
    REGION_STUDIED: read_region_studied,
    VARIANT: read_variant,
}
"""By code, readers of observations whose components mean something together only."""


def read_observation(entry: Entry, context: Context) -> list[Reading]:
    """Read every catalogued value of the observation: its own, and one for each component."""
    resource, report = entry.resource, context.report
    status = text(resource, "status")
    if status in _NO_RESULT:
        report.inform(entry, *_NO_RESULT[status], "status")
        return []
    when = effective(entry, context)
    if not context.landmark.admits(entry, when, report) or not was_known(entry, context):
        return []
    if "focus" in resource and is_of_untrue_condition(entry, context):
        return []
    if status in NOT_FINAL:
        report.warn(entry, "NOT_FINAL", f"has status {status}.", "status")
    if "component" in resource or "valueCodeableConcept" in resource:
        for key in keys_of(child(resource, "code")):
            if key in COMPOSED:
                return COMPOSED[key](entry, when, context)
    if not resource.get("component"):
        return with_one_short_axis(_read(entry, resource, "", when, report), report)
    readings = _read(entry, resource, "", when, report) if has_value(resource) else []
    for i, component in enumerate(items(resource, "component")):
        readings += _read(entry, component, f"component[{i}]", when, report)
    return with_one_short_axis(readings, report)


def _read(entry: Entry, node: Json, below: str, when: PartialDate | None, report: Report) -> list[Reading]:
    meant = analyte_of(child(node, "code"))
    if isinstance(meant, Refusal):
        report.refuse(entry, meant, below)
        return []
    analyte, coding = meant
    found = stated(node, analyte)
    if isinstance(found, Refusal):
        report.refuse(entry, found, below)
        return []
    if found.from_text:
        report.warn(entry, "READ_FROM_TEXT", f"states {analyte.name} in words, without a known code.", below)
    status = text(entry.resource, "status")
    feature = analyte.make(
        found.value,
        coding=coding,
        effective=when.text if when else "",
        source=f"{entry.source}#{below}" if below else entry.source,
        comparator=found.comparator,
        status="" if status == "final" else status,
    )
    return [Reading(feature, entry, sample(entry, when), when)]
