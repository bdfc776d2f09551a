"""Drugs given at the index date → ``therapy_class``.

A drug counts as current at the reference day (the index date, else the latest day of the record) if

- a MedicationRequest is ``active``, is an order, is not "do not perform", was written and begun by then and has not
  run out;
- a MedicationStatement is ``active``, or ``completed`` with a period that ends on that day or later, and had begun;
- a MedicationAdministration is ``in-progress`` or ``completed`` and lies at most 42 days back: two cycles of the
  common three-week regimens.

Whatever was not given, was stopped or is only planned gives an issue and never a feature.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

import yaml

from tumorcast_clinical.model.readers.context import Context, Course, Reading
from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.tree import Json, child, items, text
from tumorcast_clinical.model.terms.systems import RXNORM, system_of
from tumorcast_core.dates import PartialDate, read_date

MEDICATION_TYPES = frozenset({"MedicationRequest", "MedicationStatement", "MedicationAdministration"})
ADMINISTRATION_LASTS_DAYS = 42

_CURRENT = {
    "MedicationRequest": frozenset({"active"}),
    "MedicationStatement": frozenset({"active", "completed"}),
    "MedicationAdministration": frozenset({"in-progress", "completed"}),
}
_INTENTS = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})


@cache
def _drugs() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Names by RxNorm code, and classes by name."""
    raw = yaml.safe_load(
        files("tumorcast_clinical.model.terms").joinpath("drugs/drugs.yaml").read_text(encoding="utf-8")
    )
    codes = {str(code): name for drugs in raw.values() for name, code in drugs.items() if code}
    return codes, {name: drug_class for drug_class, drugs in raw.items() for name in drugs}


def drugs_of(concept: Json) -> set[str]:
    """Names of the known drugs that a CodeableConcept means: by RxNorm code, else by name."""
    codes, classes = _drugs()
    coded = {codes.get(text(coding, "code")) for coding in items(concept, "coding") if system_of(coding) == RXNORM}
    if coded - {None}:
        return {name for name in coded if name}
    wordings = [text(concept, "text"), *(text(coding, "display") for coding in items(concept, "coding"))]
    words = {word for wording in wordings for word in re.findall(r"[a-z]+", wording.lower()[:500])}
    return words & classes.keys()


def medication_of(entry: Entry, medications: Mapping[str, Json]) -> Json:
    """Find the CodeableConcept of the drug: its own, or that of the Medication it refers to (contained or an entry)."""
    concept = child(entry.resource, "medicationCodeableConcept")
    reference = text(child(entry.resource, "medicationReference"), "reference")
    if concept or not reference:
        return concept
    contained = {f"#{text(item, 'id')}": item for item in items(entry.resource, "contained")}
    return child(contained.get(reference) or medications.get(reference) or {}, "code")


def read_medication(entry: Entry, context: Context) -> list[Reading]:
    """Read the courses that a medication resource states as given; none, with an issue, if it states none."""
    drugs = drugs_of(medication_of(entry, context.referred))
    if not drugs:
        context.report.inform(entry, "UNMAPPED_CODE", "names no drug of the class table; it is not used.")
        return []
    if not _was_given(entry, context.report):
        return []
    begin, end = _span(entry)
    if context.landmark.admits(entry, begin, context.report):
        context.courses.extend(Course(drug, _drugs()[1][drug], entry, begin, end) for drug in sorted(drugs))
    return []


def _was_given(entry: Entry, report: Report) -> bool:
    status, resource = text(entry.resource, "status"), entry.resource
    if status == "entered-in-error":
        report.inform(entry, "ENTERED_IN_ERROR", "was entered in error; it is not used.", "status")
    elif status not in _CURRENT[entry.type]:
        report.inform(entry, "THERAPY_NOT_CURRENT", f"has status {status}; it is not a current therapy.", "status")
    elif resource.get("doNotPerform") is True:
        report.inform(entry, "THERAPY_NOT_GIVEN", "says that the drug must not be given.", "doNotPerform")
    elif entry.type == "MedicationRequest" and text(resource, "intent") not in _INTENTS:
        report.inform(entry, "THERAPY_NOT_GIVEN", "is a proposal or a plan, not an order.", "intent")
    elif entry.type == "MedicationStatement" and status == "completed" and not _span(entry)[1]:
        report.inform(entry, "THERAPY_NOT_CURRENT", "is completed and does not say when it ended.", "status")
    else:
        return True
    return False


def _span(entry: Entry) -> tuple[PartialDate | None, PartialDate | None]:
    resource = entry.resource
    if entry.type == "MedicationRequest":
        return _span_of_order(resource)
    period = child(resource, "effectivePeriod")
    begin = read_date(text(resource, "effectiveDateTime") or text(period, "start"))
    end = read_date(text(period, "end"))
    if entry.type == "MedicationAdministration" and (end or begin):
        last = (end or begin).last + timedelta(days=ADMINISTRATION_LASTS_DAYS)  # type: ignore[union-attr]
        return begin, PartialDate(last.isoformat(), last, last)
    return begin, end


def _span_of_order(resource: Json) -> tuple[PartialDate | None, PartialDate | None]:
    """When an order was written and is to be taken from, the later of the two, and when it runs out."""
    validity = child(resource, "dispenseRequest", "validityPeriod")
    bounds = [child(dose, "timing", "repeat", "boundsPeriod") for dose in items(resource, "dosageInstruction")]
    starts = [read_date(text(period, "start")) for period in bounds]
    ends = [read_date(text(period, "end")) for period in bounds]
    first = min((day for day in starts if day), key=_first, default=None) if all(starts) else None
    last = max((day for day in ends if day), key=_first, default=None) if all(ends) else None
    written = read_date(text(resource, "authoredOn") or text(validity, "start"))
    begin = max((day for day in (written, first) if day), key=_first, default=None)
    runs_out = min((day for day in (read_date(text(validity, "end")), last) if day), key=_first, default=None)
    return begin, runs_out


def _first(when: PartialDate) -> date:
    return when.first
