"""Documents of one patient → features, findings and issues.

Several mentions become one feature per finding and timepoint by this rule: uncertain ones state nothing; of the rest
the latest documents decide (undated ones count as oldest); among them the section of highest authority (impression,
then history and examination, then others); there, affirmed beats negated, since a denial is often copied forward.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import first_day, index_day
from tumorcast_core.errors import MalformedDocument, PayloadTooLarge
from tumorcast_core.snapshot import Extraction, Feature, Issue, Severity
from tumorcast_notes.model.dates import header_date, is_rough
from tumorcast_notes.model.documents import Document, Limits, decode
from tumorcast_notes.model.findings import Finding, Mention, mentions_in
from tumorcast_notes.model.lexicon import Assertion

_DEFAULT_LIMITS = Limits()
_CATEGORY = {Assertion.AFFIRMED: "present", Assertion.NEGATED: "absent"}
_SET_ASIDE = {
    "historical": ("NOT_CURRENT", "is mentioned as past; it says nothing of now."),
    "other_person": ("OTHER_PERSON", "is mentioned of somebody else."),
}


@dataclass(frozen=True, slots=True, eq=False)
class NotesExtraction:
    """The extraction as every extractor makes it, and every mention of the patient's own findings."""

    extraction: Extraction
    findings: tuple[Finding, ...] = ()


def encode_notes(
    documents: Sequence[Document], index_date: str = "", limits: Limits = _DEFAULT_LIMITS
) -> NotesExtraction:
    """Find the catalog's findings in documents; one that cannot be read costs itself only.

    ``index_date`` is a day (YYYY-MM-DD); no document dated later is used. Raises ``PayloadTooLarge`` over the limits
    and ``MalformedRequest`` if the index date is no day.
    """
    landmark = index_day(index_date)
    _check(documents, limits)
    named = [replace(document, id=document.id or str(i)) for i, document in enumerate(documents)]
    issues = _repeated(named)
    read: list[tuple[Document, Mention]] = []
    used: list[date] = []
    for document in named:
        dated, text = _read(document, landmark, issues)
        if dated is None:
            continue
        used += [day] if (day := first_day(dated.date)) else []
        read += [(dated, mention) for mention in mentions_in(text, document.id)]
    issues += _told(read)
    current = [(document, mention) for document, mention in read if not mention.not_now]
    extraction = Extraction(
        features=tuple(_features(current)),
        issues=tuple(issues),
        date=max(used).isoformat() if used else "",
    )
    return NotesExtraction(extraction, tuple(mention.finding for _, mention in current))


def _check(documents: Sequence[Document], limits: Limits) -> None:
    if len(documents) > limits.max_documents:
        raise PayloadTooLarge(f"There are more than {limits.max_documents} documents.")
    if any(len(document.content) > limits.max_document_bytes for document in documents):
        raise PayloadTooLarge(f"A document is larger than {limits.max_document_bytes} bytes.")


def _repeated(documents: list[Document]) -> list[Issue]:
    ids = Counter(document.id for document in documents)
    message = "Several documents have this id."
    return [_issue(Severity.WARNING, "DUPLICATE_DOCUMENT_ID", message, id_) for id_, n in ids.items() if n > 1]


def _read(document: Document, landmark: date | None, issues: list[Issue]) -> tuple[Document | None, str]:
    """The document with its date (the caller's, else its first line's) and text; ``None`` if it is not used."""
    try:
        text = decode(document)
    except MalformedDocument as e:
        issues.append(_issue(Severity.ERROR, e.reason, e.message, document.id, document.timepoint))
        return None, ""
    if not text.strip():
        issues.append(_issue(Severity.WARNING, "EMPTY_DOCUMENT", "The document is empty.", document.id))
    dated = replace(document, date=document.date or header_date(text))
    day = first_day(dated.date)
    if dated.date and day is None:
        issues.append(_issue(Severity.WARNING, "INVALID_DATE", "The document's date cannot be read.", document.id))
        dated = replace(dated, date="")
    header = first_day(header_date(text))
    if landmark and any(written and written > landmark for written in (day, header)):
        message = "The document is dated after the index date; it is not used."
        issues.append(_issue(Severity.ERROR, "AFTER_INDEX_DATE", message, document.id, document.timepoint))
        return None, ""
    if landmark and (day is None or (is_rough(dated.date) and landmark.isoformat().startswith(dated.date.strip()))):
        how = "has no date" if day is None else "is dated only roughly"
        message = f"The document {how}; it is used and may lie after the index date."
        issues.append(_issue(Severity.WARNING, "DATE_NOT_CERTAIN", message, document.id, document.timepoint))
    return dated, text


def _issue(severity: Severity, code: str, message: str, location: str, timepoint: str = "") -> Issue:
    return Issue(severity, code, message, location, origin="notes", timepoint=timepoint)


def _told(read: list[tuple[Document, Mention]]) -> list[Issue]:
    """An issue for every mention that states nothing of the patient now."""
    issues = []
    for document, mention in read:
        name, place = mention.finding.name, mention.finding.source
        if mention.not_now:
            code, what = _SET_ASIDE[mention.not_now]
            issues.append(_issue(Severity.INFORMATION, code, f"{name} {what}", place, document.timepoint))
        elif mention.finding.assertion is Assertion.UNCERTAIN:
            what = f"{name} is mentioned as uncertain; no value is taken from it."
            issues.append(_issue(Severity.INFORMATION, "UNCERTAIN_FINDING", what, place, document.timepoint))
    return issues


def _features(read: list[tuple[Document, Mention]]) -> list[Feature]:
    stated: dict[tuple[str, str], list[tuple[Document, Mention]]] = defaultdict(list)
    for document, mention in read:
        if mention.finding.assertion is not Assertion.UNCERTAIN:
            stated[mention.finding.name, document.timepoint].append((document, mention))
    features = []
    for (name, timepoint), candidates in sorted(stated.items()):
        document, mention = max(candidates, key=_weight)
        features.append(
            catalog_entry(name).make(
                _CATEGORY[mention.finding.assertion],
                effective=document.date,
                source=mention.finding.source,
                timepoint=timepoint,
            )
        )
    return features


def _weight(candidate: tuple[Document, Mention]) -> tuple[date, int, bool, str, int]:
    """Later, of more authority, affirmed; then by id and place, so that the order of documents does not matter."""
    document, mention = candidate
    affirmed = mention.finding.assertion is Assertion.AFFIRMED
    return first_day(document.date) or date.min, mention.authority, affirmed, document.id, -mention.finding.start
