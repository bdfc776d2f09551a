"""One resource of the record with its place, and the list of what was noticed about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tumorcast_clinical.model.resource_types import model_of
from tumorcast_clinical.model.tree import Json, text
from tumorcast_core.snapshot import Issue, Severity

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_URL = re.compile(r"[!-~]{1,256}")


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A resource, the FHIRPath to it from the file's root, and its ``fullUrl`` (empty: none)."""

    resource: Json
    location: str
    full_url: str = ""

    @property
    def type(self) -> str:
        """The resource type."""
        return text(self.resource, "resourceType")

    @property
    def id(self) -> str:
        """The logical id; empty where it is absent or malformed (FHIR R4 2.24.0.1, ``id``)."""
        found = text(self.resource, "id")
        return found if _ID.fullmatch(found) else ""

    @property
    def source(self) -> str:
        """``Type/id``, else the ``fullUrl``, else the location."""
        if self.id:
            return f"{self.type}/{self.id}"
        return self.full_url if _URL.fullmatch(self.full_url) else self.location

    @property
    def title(self) -> str:
        """How messages name it: ``Type/id``, but a patient without the id, which may identify a person."""
        if model_of(self.type) is None:
            return "This resource"
        return f"{self.type}/{self.id}" if self.id and self.type != "Patient" else f"This {self.type}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something cannot be used; ``path`` is relative to the element being read."""

    code: str
    message: str
    path: str = ""
    severity: Severity = Severity.ERROR


class Report:
    """Collects issues while the record is read."""

    def __init__(self) -> None:
        self._issues: list[Issue] = []

    def add(self, severity: Severity, code: str, message: str, location: str = "") -> None:
        self._issues.append(Issue(severity, code, message, location, origin="clinical"))

    def refuse(self, entry: Entry, refusal: Refusal, below: str = "") -> None:
        """Note why ``entry``, or the element ``below`` it, is not used."""
        location = ".".join(part for part in (entry.location, below, refusal.path) if part)
        self.add(refusal.severity, refusal.code, f"{entry.title} {refusal.message}", location)

    def error(self, entry: Entry, code: str, message: str, path: str = "") -> None:
        self.refuse(entry, Refusal(code, message, path))

    def warn(self, entry: Entry, code: str, message: str, path: str = "") -> None:
        self.refuse(entry, Refusal(code, message, path, Severity.WARNING))

    def inform(self, entry: Entry, code: str, message: str, path: str = "") -> None:
        self.refuse(entry, Refusal(code, message, path, Severity.INFORMATION))

    @property
    def issues(self) -> tuple[Issue, ...]:
        return tuple(self._issues)
