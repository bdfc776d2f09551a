"""The stage that a Condition carries itself, where no Observation is named as its assessment."""

from __future__ import annotations

import re
from dataclasses import replace

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.record.entry import Entry, Refusal
from tumorcast_clinical.model.record.tree import Json, child, items, text
from tumorcast_clinical.model.terms.answers import answer_of
from tumorcast_clinical.model.terms.diagnoses import ICD_10_SYSTEMS, Diagnosis, Kind
from tumorcast_clinical.model.terms.systems import system_of
from tumorcast_clinical.model.terms.wordings import is_of_another_staging
from tumorcast_core.catalog import CatalogEntry
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Severity

_CANCERS = frozenset(
    {Kind.PRIMARY, Kind.SECONDARY, Kind.MALIGNANT, Kind.METASTATIC, Kind.IN_SITU, Kind.BENIGN, Kind.UNCERTAIN}
)
_CANCER_CODE = re.compile(r"(?:C\d\d|D0\d|D3[7-9]|D4[0-8]).*", re.DOTALL)
_CANCER_WORD = re.compile(
    r"cancer|carcinom|neoplas|tumou?r|malignan|sarcoma|melanoma|blastoma|glioma|mesotheliom|lymphoma|leuk[a]?emia|myeloma"
)
_CANCER_STAGE = re.compile(r"ajcc|uicc|tnm|cancer|tumou?r|neoplas|21908-9|21902-2|21914-7")
_ANOTHER_STAGING = Refusal(
    "STAGE_NOT_READ", "has a stage of another system than TNM's; it is not used.", severity=Severity.WARNING
)


def read_stages(
    entry: Entry, diagnosis: Diagnosis | None, when: PartialDate | None, status: str, context: Context
) -> list[Reading]:
    """Read the stage groups of ``Condition.stage``; one that an Observation assesses is read from there."""
    readings = []
    for i, stage in enumerate(items(entry.resource, "stage")):
        place = f"stage[{i}]"
        if any(text(reference, "reference") for reference in items(stage, "assessment")):
            context.report.inform(entry, "STAGE_IN_ASSESSMENT", "has a stage that its assessment states.", place)
        elif not _is_of_cancer(entry.resource, stage, diagnosis):
            message = "has a stage, but does not say of a cancer; it is not used."
            context.report.warn(entry, "STAGE_NOT_OF_CANCER", message, place)
        elif is_of_another_staging(words_of(child(stage, "type"))):
            context.report.refuse(entry, replace(_ANOTHER_STAGING, path="type"), place)
        else:
            readings += _read_stage(entry, stage, place, when, status, context)
    return readings


def as_stage_group(node: Json, _analyte: CatalogEntry) -> Json | Refusal:
    """Refuse the stage that an Observation states by the method of another staging."""
    another = is_of_another_staging(words_of(child(node, "method")))
    return replace(_ANOTHER_STAGING, path="method") if another else node


def names_a_cancer(concept: Json) -> bool:
    """Whether the wording of a concept speaks of a neoplasm."""
    return bool(_CANCER_WORD.search(words_of(concept)))


def words_of(concept: Json) -> str:
    """Text, displays and codes of a concept in lower case."""
    codings = items(concept, "coding")
    return " ".join([text(concept, "text"), *(text(c, key) for c in codings for key in ("display", "code"))]).lower()


def _read_stage(
    entry: Entry, stage: Json, place: str, when: PartialDate | None, status: str, context: Context
) -> list[Reading]:
    answer = answer_of(child(stage, "summary"), "stage_group")
    if isinstance(answer, Refusal):
        context.report.refuse(entry, replace(answer, path="summary"), place)
        return []
    known = catalog_entry("stage_group")
    if answer.value not in known.categories:
        refusal = Refusal("UNKNOWN_VALUE", "has a stage that no category stands for; it is not used.", "summary")
        context.report.refuse(entry, refusal, place)
        return []
    if answer.from_text:
        context.report.warn(entry, "READ_FROM_TEXT", "states stage_group in words, without a known code.", place)
    feature = known.make(
        answer.value, effective=when.text if when else "", source=f"{entry.source}#{place}", status=status
    )
    return [Reading(feature, entry, "", when)]


def _is_of_cancer(condition: Json, stage: Json, diagnosis: Diagnosis | None) -> bool:
    """Whether it is a cancer's stage, by code or by wording: kidney disease and pressure ulcers have stages, too."""
    if diagnosis and diagnosis.kind in _CANCERS:
        return True
    codings = items(child(condition, "code"), "coding")
    if any(system_of(c) in ICD_10_SYSTEMS and _CANCER_CODE.fullmatch(text(c, "code")) for c in codings):
        return True
    return names_a_cancer(child(condition, "code")) or bool(_CANCER_STAGE.search(words_of(child(stage, "type"))))
