"""Whose record it is: exactly one patient's, or nothing of it is used.

A reference counts as the patient's if it names the Patient's ``fullUrl`` or ``Patient/id``, relative, absolute or as
``urn:uuid`` (FHIR R4 2.28.4). What names another patient is left out; what names none is used with a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.tree import Json, child, items, text

_HISTORY = re.compile(r"/_history/[^/]*$")
_PATIENT_REFERENCE = re.compile(r"(?:^|/)Patient/[^/]+$")
_NOT_A_PATIENT = re.compile(r"(?:^|/)(?:Group|Device|Location|RelatedPerson|Practitioner|Substance|Medication)/")


@dataclass(frozen=True, slots=True)
class Subject:
    """The one patient: the Patient resource, if it was sent, and the references that mean it."""

    entry: Entry | None
    id: str = field(default="", repr=False)
    references: frozenset[str] = field(default=frozenset(), repr=False)
    identifiers: frozenset[tuple[str, str]] = field(default=frozenset(), repr=False)

    def owns(self, entry: Entry, report: Report) -> bool:
        """Whether the resource is about this patient; if not, an issue says so."""
        resource = entry.resource
        subject = resource.get("subject") or resource.get("patient")
        if isinstance(subject, dict) and subject.get("reference") in self.references and "focus" not in resource:
            return True
        return self._owns(entry, report)

    def _owns(self, entry: Entry, report: Report) -> bool:
        reference, identifier = subject_of(entry)
        if reference and not _means(reference, self.references):
            report.error(entry, "OTHER_PATIENT", "is about somebody or something else; it is not used.", "subject")
            return False
        if not reference and identifier and identifier not in self.identifiers:
            message = "names its patient by an identifier that is not his; it is not used."
            report.error(entry, "OTHER_PATIENT", message, "subject")
            return False
        focus = [text(item, "reference") for item in items(entry.resource, "focus")]
        if any(_about_others(item) and not _means(item, self.references) for item in focus):
            report.error(entry, "OTHER_PATIENT", "is about somebody or something else; it is not used.", "focus")
            return False
        if not reference and not identifier:
            report.warn(entry, "NO_SUBJECT", "does not say whose it is; it is taken as this patient's.")
        return True


def identify(patients: list[Entry], references: Iterable[str], patient_id: str = "") -> Subject | None:
    """Find the patient of the record among its Patient resources and the subjects it names; ``None``: several.

    ``patient_id`` chooses one of several.
    """
    named = {_plain(reference) for reference in references if reference}
    if patient_id:
        patients = [entry for entry in patients if entry.id == patient_id]
        named = {reference for reference in named if _id_of(reference) == patient_id}
    if len(patients) == 1:
        return _subject(patients[0])
    if not patients and len(named) < 2:
        reference = next(iter(named), "")
        return Subject(None, _id_of(reference), frozenset(named))
    return None


def subject_of(entry: Entry) -> tuple[str, tuple[str, str] | None]:
    """Return the literal reference to the subject and, in its stead, the logical one."""
    subject: Json = child(entry.resource, "subject") or child(entry.resource, "patient")
    identifier = child(subject, "identifier")
    pair = (text(identifier, "system"), text(identifier, "value"))
    return text(subject, "reference"), pair if pair[1] else None


def _subject(entry: Entry) -> Subject:
    references = {_plain(entry.full_url)} if entry.full_url else set()
    if entry.id:
        references |= {f"Patient/{entry.id}", f"urn:uuid:{entry.id}"}
    identifiers = {(text(i, "system"), text(i, "value")) for i in items(entry.resource, "identifier")}
    return Subject(entry, entry.id, frozenset(references), frozenset(identifiers))


def _plain(reference: str) -> str:
    return _HISTORY.sub("", reference.strip())


def _id_of(reference: str) -> str:
    return reference.rsplit("/", 1)[1] if _PATIENT_REFERENCE.search(reference) else ""


def _means(reference: str, known: frozenset[str]) -> bool:
    plain = _plain(reference)
    if plain in known:
        return True
    absolute = any(url.startswith(("http:", "https:")) for url in known)
    return plain.startswith(("http:", "https:")) and not absolute and f"Patient/{_id_of(plain)}" in known


def _about_others(reference: str) -> bool:
    return bool(_NOT_A_PATIENT.search(reference) or re.search(r"(?:^|/)Patient/", reference))
