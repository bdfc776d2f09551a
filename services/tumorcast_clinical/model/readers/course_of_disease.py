"""Whether a Condition is true, whether it lasts at the index date, and when it was known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.landmark import Landmark, Side
from tumorcast_clinical.model.record.tree import child, items, text
from tumorcast_clinical.model.terms.disclaimers import (
    is_in_doubt,
    is_in_remission,
    is_of_a_relative,
    is_past,
    wordings_of,
)
from tumorcast_clinical.model.terms.systems import ICD_10, ICD_10_GM, system_of
from tumorcast_core.dates import PartialDate, read_date

_NOT_TRUE = ("entered-in-error", "refuted", "unconfirmed", "provisional", "differential")
_VERIFICATIONS = {status: status for status in ("confirmed", *_NOT_TRUE)} | {
    # SNOMED CT finding contexts, as GECCO and QI-Core use them
    "410605003": "confirmed",
    "410515003": "confirmed",
    "410591008": "confirmed",
    "410592001": "provisional",
    "410590009": "provisional",
    "415684004": "provisional",
    "410593006": "unconfirmed",
    "261665006": "unconfirmed",
    "410516002": "refuted",
    "410594000": "refuted",
}
_OVER = frozenset({"inactive", "resolved"})
_MARKED = frozenset({"remission", "recurrence", "relapse"})
_COURSES = {status: status for status in ("active", *_OVER, *_MARKED)} | {
    # SNOMED CT, as C-CDA states the status of a problem
    "55561003": "active",
    "73425007": "inactive",
    "413322009": "resolved",
}
_ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
# German basic profile: A excluded, V suspected, Z state after, G confirmed
_CERTAINTY = "icd-10-gm-diagnosesicherheit"
_DOUBTS = {"A": "excluded", "V": "suspected"}
_FORMER = "Z"
_MARKED_CODE = re.compile(r"[A-Za-z]\d\d(?:\.?\d{1,2}|\.-)?[-+*!\s]*([AVZG])")


@dataclass(frozen=True, slots=True)
class Dates:
    """When it began, was asserted and was recorded; ``None`` where the record does not say."""

    onset: PartialDate | None
    asserted: PartialDate | None
    recorded: PartialDate | None

    @property
    def effective(self) -> PartialDate | None:
        return self.onset or self.asserted or self.recorded

    @property
    def staged(self) -> PartialDate | None:
        return self.recorded or self.asserted or self.onset


def dates_of(entry: Entry) -> Dates:
    """Read onset (dateTime, start of the Period), assertion and record; an age, range or string dates nothing."""
    resource = entry.resource
    asserted = [text(e, "valueDateTime") for e in items(resource, "extension") if text(e, "url") == _ASSERTED]
    onset = text(resource, "onsetDateTime") or text(child(resource, "onsetPeriod"), "start")
    return Dates(read_date(onset), read_date(next(iter(asserted), "")), read_date(text(resource, "recordedDate")))


def is_admitted(entry: Entry, dates: Dates, landmark: Landmark, report: Report) -> bool:
    """Whether it began and was known by the index date; what was left out or is doubtful is told."""
    for when in (dates.onset, dates.asserted, dates.recorded):
        if when and landmark.side(when) is Side.AFTER:
            return landmark.admits(entry, when, report)
    return landmark.admits(entry, dates.staged, report)


def is_doubted(entry: Entry, wordings: list[str], report: Report) -> bool:
    """Whether the record does not hold it to be true, by status, by certainty of the code or by wording; it is told.

    ``wordings``, here and below, are those of the diagnosis that may take it back (``telling_wordings_of``).
    """
    verification = _stated(entry, "verificationStatus", _VERIFICATIONS)
    doubt = next((status for status in _NOT_TRUE if status in verification), "")
    certainty = next((_DOUBTS[mark] for mark in _certainties(entry) if mark in _DOUBTS), "")
    if doubt == "entered-in-error":
        report.inform(entry, "ENTERED_IN_ERROR", "was entered in error; it is not used.", "verificationStatus")
    elif doubt:
        report.inform(entry, "CONDITION_NOT_CONFIRMED", f"is {doubt}; it is not used.", "verificationStatus")
    elif verification == {""}:
        message = "has a verification status that is not known; it is not used."
        report.error(entry, "INVALID_CODE", message, "verificationStatus")
    elif certainty:
        report.inform(entry, "CONDITION_NOT_CONFIRMED", f"is coded as {certainty}; it is not used.", "code")
    elif is_of_a_relative(wordings):
        report.inform(entry, "FAMILY_HISTORY", "is worded as a relative's disease; it is not used.", "code")
    elif is_in_doubt(wordings):
        message = "is worded as a doubt, not as a diagnosis; it is not used."
        report.warn(entry, "CONDITION_NOT_CONFIRMED", message, "code")
    else:
        return False
    return True


def is_former(entry: Entry, wordings: list[str]) -> bool:
    """Whether code or wording says that it is history."""
    return _FORMER in _certainties(entry) or is_past(wordings)


def state_at(entry: Entry, wordings: list[str], landmark: Landmark, report: Report) -> tuple[str, bool]:
    """The mark that its features get (empty: it simply lasts), and whether it was over by the index date.

    ``clinicalStatus`` speaks of the day it was written: what ended after the index date lasted on it.
    """
    resource = entry.resource
    statuses = _stated(entry, "clinicalStatus", _COURSES)
    if statuses == {""}:
        message = "has a clinical status that is not known; it is taken as current."
        report.warn(entry, "INVALID_CODE", message, "clinicalStatus")
    over, mark = min(statuses & _OVER, default=""), min(statuses & _MARKED, default="")
    if not mark and not over and is_in_remission(wordings):
        mark = "remission"
    ended = read_date(text(resource, "abatementDateTime") or text(child(resource, "abatementPeriod"), "end"))
    if ended and landmark.side(ended) is Side.AFTER:
        report.inform(entry, "CONDITION_ENDED_LATER", "ended after the index date; it is used.", "abatement")
        return "", False
    if ended and landmark.side(ended) is Side.UNSURE:
        report.warn(entry, "DATE_NOT_CERTAIN", "ended about the index date; it is used.", "abatement")
        return mark, False
    abated = ended or any(f"abatement{form}" in resource for form in ("Age", "Range", "String"))
    if abated and not mark and not over:
        over = "resolved"
    return mark or over, bool(over)


def _stated(entry: Entry, element: str, known: Mapping[str, str]) -> set[str]:
    """The known statuses that a CodeableConcept states by code or in words; ``{""}`` if it states others only."""
    concept = child(entry.resource, element)
    said = {text(coding, "code").strip().lower() for coding in items(concept, "coding")} - {""}
    said |= {wording.strip() for wording in wordings_of(concept)}
    return {known[status] for status in said if status in known} or ({""} if said else set())


def _certainties(entry: Entry) -> list[str]:
    """The German certainties of the codes: as extensions, or as a letter behind the code."""
    codings = items(child(entry.resource, "code"), "coding")
    found = [e for c in codings for e in items(c, "extension") if text(e, "url").endswith(_CERTAINTY)]
    marked = (_MARKED_CODE.fullmatch(text(c, "code").strip()) for c in codings if system_of(c) in (ICD_10, ICD_10_GM))
    return [text(child(e, "valueCoding"), "code") or text(e, "valueCode") for e in found] + [m[1] for m in marked if m]
