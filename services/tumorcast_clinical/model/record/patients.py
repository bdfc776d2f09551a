"""Whose record it is: exactly one patient's, or nothing of it is used.

A reference counts as the patient's if it names the Patient's ``fullUrl`` or ``Patient/id``, relative, absolute or as
``urn:uuid``, or one of his identifiers, logically or as a condition (FHIR R4 2.3.0, 2.28.4, 3.1.0.11.2). A relative
reference is one of the server that the entry's ``fullUrl`` names. What names another patient is left out; what names
none is used with a warning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.references import contained_of, server_of
from tumorcast_clinical.model.record.tree import Json, child, items, text

OTHERS = frozenset({"Patient", "RelatedPerson", "Group", "Device", "Location", "Practitioner", "Substance"})
"""Types of what an Observation may be about instead of the patient."""

_HISTORY = re.compile(r"/_history/[^/]*$")
_PATIENT_REFERENCE = re.compile(r"(?:^|/)Patient/[^/]+$")
_NOT_A_PATIENT = re.compile(r"(?:^|/)(?:Group|Device|Location|RelatedPerson|Practitioner|Substance|Medication)/")
_CONDITIONAL = "Patient?identifier="
_IDENTIFIER, _CONTAINED = "identifier:", "contained:"
_SAID = (_IDENTIFIER, _CONTAINED)


@dataclass(frozen=True, slots=True)
class Subject:
    """The one patient: the Patient resource, if it was sent, the names that mean him, and those that mean others.

    ``server`` is the base URL that his ``fullUrl`` names, empty if none.
    """

    entry: Entry | None
    id: str = field(default="", repr=False)
    references: frozenset[str] = field(default=frozenset(), repr=False)
    others: frozenset[str] = field(default=frozenset(), repr=False)
    server: str = field(default="", repr=False)

    def owns(self, entry: Entry, report: Report) -> bool:
        """Whether the resource is about this patient; if not, an issue says so."""
        resource = entry.resource
        subject = resource.get("subject") or resource.get("patient")
        if (
            isinstance(subject, dict)
            and subject.get("reference") in self.references
            and "identifier" not in subject
            and subject.get("type", "Patient") == "Patient"
            and "focus" not in resource
            and (not self.server or not entry.full_url or entry.full_url.startswith((self.server, "urn:")))
        ):
            return True
        return self._owns(entry, report)

    def tell_if_other(self, entry: Entry, report: Report) -> None:
        """Say of a Patient that is not this one that nothing of it is used."""
        if entry.type == "Patient" and (self.entry is None or entry.location != self.entry.location):
            report.error(entry, "OTHER_PATIENT", "is another patient; it is not used.")

    def _owns(self, entry: Entry, report: Report) -> bool:
        subject = _subject_element(entry)
        name = subject_of(entry)
        if not name:
            report.warn(entry, "NO_SUBJECT", "does not say whose it is; it is taken as this patient's.")
        elif name.startswith(_IDENTIFIER) and name not in self.references:
            message = "names its patient by an identifier that is not known as his; it is not used."
            report.error(entry, "OTHER_PATIENT", message, "subject")
            return False
        elif not self._means(name, entry) or self._contradicts(subject) or _is_of_other_type(subject):
            report.error(entry, "OTHER_PATIENT", "is about somebody or something else; it is not used.", "subject")
            return False
        return self._owns_focus(entry, report)

    def _owns_focus(self, entry: Entry, report: Report) -> bool:
        focuses = items(entry.resource, "focus")
        if any(self._is_about_others(focus, entry) for focus in focuses):
            report.error(entry, "OTHER_PATIENT", "is about somebody or something else; it is not used.", "focus")
            return False
        if any(not text(focus, "reference") and not text(focus, "type") for focus in focuses):
            message = "says without a reference what it is about; it is taken as this patient's."
            report.warn(entry, "FOCUS_NOT_CERTAIN", message, "focus")
        return True

    def _is_about_others(self, focus: Json, entry: Entry) -> bool:
        reference = text(focus, "reference")
        if reference and self._means(_plain(reference), entry):
            return False
        kind = text(contained_of(entry.resource, reference), "resourceType") or text(focus, "type")
        named = bool(_NOT_A_PATIENT.search(reference) or _PATIENT_REFERENCE.search(reference))
        return named or kind in OTHERS or _plain(reference) in self.others

    def _means(self, name: str, entry: Entry) -> bool:
        if name.startswith(("http:", "https:")):
            absolute = any(url.startswith(("http:", "https:")) for url in self.references)
            return name in self.references or (not absolute and f"Patient/{_id_of(name)}" in self.references)
        if name not in self.references:
            return False
        server = server_of(entry)
        relative = ":" not in name
        return not (relative and self.server and server) or _same_server(server, self.server)

    def _contradicts(self, subject: Json) -> bool:
        """Whether a reference to him stands beside an identifier that is another's: his system, not his value."""
        identifier = child(subject, "identifier")
        system = text(identifier, "system")
        own = {name for name in self.references if system and name.startswith(f"{_IDENTIFIER}{system}|")}
        return bool(own) and _name_of(identifier) not in own


def identify(
    patients: list[Entry], references: Iterable[str], patient_id: str = "", others: Iterable[str] = ()
) -> Subject | None:
    """Find the patient of the record among its Patient resources and the subjects it names; ``None``: several.

    ``patient_id`` chooses one of several; ``others`` are full URLs of what else an Observation may be about.
    """
    named = {reference for reference in references if reference}
    if patient_id:
        patients = [entry for entry in patients if entry.id == patient_id]
        named = {reference for reference in named if _id_of(reference) == patient_id}
    if len(patients) == 1:
        return _subject(patients[0], frozenset(_plain(url) for url in others if url))
    literal = {name for name in named if not name.startswith(_IDENTIFIER)}
    named = literal or named
    if patients or len(_people(named)) > 1:
        return None
    return Subject(None, next((id_ for id_ in sorted(map(_id_of, named)) if id_), ""), frozenset(named))


def subject_of(entry: Entry) -> str:
    """Name the subject: by its reference, ``identifier:system|value``, or what a contained Patient says; or empty."""
    subject = _subject_element(entry)
    reference = text(subject, "reference")
    if reference.startswith("#"):
        return _name_of_contained(contained_of(entry.resource, reference)) or f"{reference} of {entry.location}"
    if reference.startswith(_CONDITIONAL):
        return _IDENTIFIER + reference.removeprefix(_CONDITIONAL)
    return _plain(reference) or _name_of(child(subject, "identifier"))


def patient_named_by(entry: Entry) -> str:
    """Name the subject, as ``subject_of`` does; empty if it is a group, a device or another that is no patient."""
    name = subject_of(entry)
    return "" if _NOT_A_PATIENT.search(name) and not name.startswith(_SAID) else name


def _subject_element(entry: Entry) -> Json:
    return child(entry.resource, "subject") or child(entry.resource, "patient")


def _name_of(identifier: Json) -> str:
    value = text(identifier, "value")
    return f"{_IDENTIFIER}{text(identifier, 'system')}|{value}" if value else ""


def _name_of_contained(patient: Json) -> str:
    """Two contained Patients are one if they have the same identifier or, without any, say the same."""
    named = next((name for item in items(patient, "identifier") if (name := _name_of(item))), "")
    said = {key: value for key, value in patient.items() if key not in ("resourceType", "id")}
    return named or (f"{_CONTAINED}{json.dumps(said, sort_keys=True, default=str)}" if said else "")


def _is_of_other_type(subject: Json) -> bool:
    kind = text(subject, "type")
    return bool(kind) and kind.rsplit("/", 1)[-1] != "Patient"


def _subject(entry: Entry, others: frozenset[str]) -> Subject:
    references = {_plain(entry.full_url)} if entry.full_url else set()
    if entry.id:
        references |= {f"Patient/{entry.id}", f"urn:uuid:{entry.id}"}
    references |= {name for item in items(entry.resource, "identifier") if (name := _name_of(item))}
    return Subject(entry, entry.id, frozenset(references), others - references, server_of(entry))


def _people(named: set[str]) -> set[str]:
    """The names, less those that mean whom another name means: ``Patient/1`` of the one server that has a 1."""
    return {name for name in named if ":" in name or not _is_named_otherwise(name, named)}


def _is_named_otherwise(relative: str, named: set[str]) -> bool:
    id_ = _id_of(relative)
    absolute = [name for name in named if name.startswith(("http:", "https:")) and name.endswith(f"/{relative}")]
    return bool(id_) and (len(absolute) == 1 or f"urn:uuid:{id_}" in named)


def _plain(reference: str) -> str:
    return _HISTORY.sub("", reference.strip())


def _id_of(reference: str) -> str:
    literal = not reference.startswith(_SAID)
    return reference.rsplit("/", 1)[1] if literal and _PATIENT_REFERENCE.search(reference) else ""


def _same_server(one: str, other: str) -> bool:
    return one.partition("://")[2] == other.partition("://")[2]
