"""Conditions: today only the stage that a confirmed one carries itself; whatever else is said not to be read."""

from __future__ import annotations

from dataclasses import replace

from tumorcast_clinical.model.codes import answer_of
from tumorcast_clinical.model.dates import Landmark, read_date
from tumorcast_clinical.model.observations import Reading
from tumorcast_clinical.model.record import Entry, Refusal, Report
from tumorcast_clinical.model.tree import child, items, text
from tumorcast_core.catalog import entry as catalog_entry

_NOT_TRUE = frozenset({"refuted", "entered-in-error", "unconfirmed", "provisional", "differential"})


def read_condition(entry: Entry, landmark: Landmark, report: Report) -> list[Reading]:
    """Read the stage groups of ``Condition.stage`` that no Observation of the record is the assessment of."""
    verification = [text(coding, "code") for coding in items(child(entry.resource, "verificationStatus"), "coding")]
    doubt = next((code for code in verification if code in _NOT_TRUE), None)
    if doubt:
        report.inform(entry, "CONDITION_NOT_CONFIRMED", f"is {doubt}; it is not used.", "verificationStatus")
        return []
    when = read_date(text(entry.resource, "recordedDate") or text(entry.resource, "onsetDateTime"))
    stages = [(i, stage) for i, stage in enumerate(items(entry.resource, "stage")) if not stage.get("assessment")]
    if not stages:
        report.inform(entry, "UNMAPPED_CODE", "is a diagnosis, which no feature of the catalog reads.", "code")
        return []
    if not landmark.admits(entry, when, report):
        return []
    readings = []
    for i, stage in stages:
        answer = answer_of(child(stage, "summary"), "stage_group")
        if isinstance(answer, Refusal):
            report.refuse(entry, replace(answer, path="summary"), f"stage[{i}]")
            continue
        if answer.from_text:
            report.warn(entry, "READ_FROM_TEXT", "states stage_group in words, without a known code.", f"stage[{i}]")
        feature = catalog_entry("stage_group").make(
            answer.value, effective=when.text if when else "", source=f"{entry.source}#stage[{i}]"
        )
        readings.append(Reading(feature, entry, "", when))
    return readings
