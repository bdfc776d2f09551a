"""Conditions: today only the stage that a confirmed one carries itself; whatever else is said not to be read."""

from __future__ import annotations

import re
from dataclasses import replace

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.record.entry import Entry, Refusal
from tumorcast_clinical.model.record.tree import Json, child, items, text
from tumorcast_clinical.model.terms.answers import answer_of
from tumorcast_clinical.model.terms.systems import system_of
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import read_date

_NOT_TRUE = frozenset({"refuted", "entered-in-error", "unconfirmed", "provisional", "differential"})
_OVER = frozenset({"inactive", "resolved"})
_ICD_10 = (
    "http://hl7.org/fhir/sid/icd-10",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
)
_CANCER_CODE = re.compile(r"(?:C\d\d|D0\d|D3[7-9]|D4[0-8]).*", re.DOTALL)
_CANCER_WORD = re.compile(
    r"cancer|carcinom|neoplas|tumou?r|malignan|sarcoma|melanoma|blastoma|glioma|mesotheliom|lymphoma"
)
_CANCER_STAGE = re.compile(r"ajcc|uicc|tnm|cancer|tumou?r|neoplas|21908-9|21902-2|21914-7")


def read_condition(entry: Entry, context: Context) -> list[Reading]:
    """Read the stage groups of ``Condition.stage`` that no Observation of the record is the assessment of."""
    landmark, report = context.landmark, context.report
    verification = [text(coding, "code") for coding in items(child(entry.resource, "verificationStatus"), "coding")]
    doubt = next((code for code in verification if code in _NOT_TRUE), None)
    if doubt:
        report.inform(entry, "CONDITION_NOT_CONFIRMED", f"is {doubt}; it is not used.", "verificationStatus")
        return []
    clinical = [text(coding, "code") for coding in items(child(entry.resource, "clinicalStatus"), "coding")]
    over = next((code for code in clinical if code in _OVER), None)
    if over:
        report.inform(entry, "CONDITION_NOT_CURRENT", f"is {over}; it is not used.", "clinicalStatus")
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
        if not _is_of_cancer(entry.resource, stage):
            message = "has a stage, but does not say of a cancer; it is not used."
            report.warn(entry, "STAGE_NOT_OF_CANCER", message, f"stage[{i}]")
            continue
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


def _is_of_cancer(condition: Json, stage: Json) -> bool:
    """Whether it is a cancer's stage, by ICD-10 or by wording: kidney disease and pressure ulcers have stages, too."""
    codings = items(child(condition, "code"), "coding")
    if any(system_of(c) in _ICD_10 and _CANCER_CODE.fullmatch(text(c, "code")) for c in codings):
        return True
    return bool(
        _CANCER_WORD.search(_words(child(condition, "code"))) or _CANCER_STAGE.search(_words(child(stage, "type")))
    )


def _words(concept: Json) -> str:
    codings = items(concept, "coding")
    return " ".join([text(concept, "text"), *(text(c, key) for c in codings for key in ("display", "code"))]).lower()
