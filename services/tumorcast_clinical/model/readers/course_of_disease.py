"""Whether a Condition is true, whether it lasts at the index date, and when it was known."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.landmark import Landmark, Side
from tumorcast_clinical.model.record.tree import child, items, text
from tumorcast_core.dates import PartialDate, read_date

_NOT_TRUE = frozenset({"refuted", "entered-in-error", "unconfirmed", "provisional", "differential"})
_OVER = frozenset({"inactive", "resolved"})
_MARKED = frozenset({"remission", "recurrence", "relapse"})
_ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
# German basic profile: A excluded, V suspected, Z state after, G confirmed
_CERTAINTY = "icd-10-gm-diagnosesicherheit"
_DOUBTS = {"A": "excluded", "V": "suspected"}
_FORMER = "Z"

_OF_A_RELATIVE = re.compile(r"\b(?:family|familial) history\b|\bfhx?\s*(?::|of\b)|familienanamnese")
_FORMERLY = re.compile(
    r"\b(?:(?:personal |past )?(?:medical )?history of|h/o|hx of|status post|s/p)\b|zustand nach|z\.\s?n\."
)
_IN_DOUBT = re.compile(
    r"\b(?:suspected|suspicion of|suspicious for|rule out|r/o|possible|probable|questionable|no evidence of|"
    r"screening for|at risk (?:of|for)|risk of)\b|verdacht auf|\bv\.\s?a\.|ausschlu(?:ss|ß)"
)


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


def is_doubted(entry: Entry, report: Report) -> bool:
    """Whether the record does not hold it to be true, by status, by certainty of the code or by wording; it is told."""
    code = child(entry.resource, "code")
    verification = {text(coding, "code") for coding in items(child(entry.resource, "verificationStatus"), "coding")}
    doubt = next((status for status in sorted(verification) if status in _NOT_TRUE), None)
    if doubt:
        report.inform(entry, "CONDITION_NOT_CONFIRMED", f"is {doubt}; it is not used.", "verificationStatus")
        return True
    certainty = next((_DOUBTS[mark] for mark in _certainties(entry) if mark in _DOUBTS), None)
    if certainty:
        report.inform(entry, "CONDITION_NOT_CONFIRMED", f"is coded as {certainty}; it is not used.", "code")
        return True
    words = " ".join([text(code, "text"), *(text(c, "display") for c in items(code, "coding"))]).lower()
    if _OF_A_RELATIVE.search(words):
        report.inform(entry, "FAMILY_HISTORY", "is worded as a relative's disease; it is not used.", "code")
        return True
    if _IN_DOUBT.search(words):
        message = "is worded as a doubt, not as a diagnosis; it is not used."
        report.warn(entry, "CONDITION_NOT_CONFIRMED", message, "code")
        return True
    return False


def is_former(entry: Entry) -> bool:
    """Whether code or wording says that it is history."""
    code = child(entry.resource, "code")
    words = " ".join([text(code, "text"), *(text(c, "display") for c in items(code, "coding"))]).lower()
    return _FORMER in _certainties(entry) or bool(_FORMERLY.search(words))


def state_at(entry: Entry, landmark: Landmark, report: Report) -> tuple[str, bool]:
    """The mark that its features get (empty: it simply lasts), and whether it was over by the index date.

    ``clinicalStatus`` speaks of the day it was written: what ended after the index date lasted on it.
    """
    resource = entry.resource
    statuses = [text(coding, "code") for coding in items(child(resource, "clinicalStatus"), "coding")]
    over = next((status for status in statuses if status in _OVER), "")
    mark = next((status for status in statuses if status in _MARKED), "")
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


def _certainties(entry: Entry) -> list[str]:
    codings = items(child(entry.resource, "code"), "coding")
    found = [e for c in codings for e in items(c, "extension") if text(e, "url").endswith(_CERTAINTY)]
    return [text(child(e, "valueCoding"), "code") or text(e, "valueCode") for e in found]
