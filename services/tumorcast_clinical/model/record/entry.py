"""One resource of the record with its place, and the list of what was noticed about it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from tumorcast_clinical.model.record.tree import Json, text
from tumorcast_clinical.model.validation.resource_types import is_resource_type
from tumorcast_core.snapshot import Issue, Severity

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LINE = re.compile(r"line \d+")
_URL = re.compile(r"[!-~]{1,256}")


class Entry:
    """A resource, where it stands, and its ``fullUrl`` (empty: none).

    ``location`` is the FHIRPath from the file's root (``Bundle.entry[3].resource``, ``Observation``) or ``line 7``.
    ``type`` is the resource type, ``id`` the logical id, empty where it is absent or malformed (FHIR R4 2.24.0.1);
    ``name`` is ``Type/id``, empty without an id.
    """

    __slots__ = ("full_url", "id", "location", "name", "resource", "type")

    def __init__(self, resource: Json, location: str, full_url: str = "") -> None:
        self.resource, self.location, self.full_url = resource, location, full_url
        self.type, id_ = text(resource, "resourceType"), text(resource, "id")
        self.id = id_ if _ID.fullmatch(id_) else ""
        self.name = f"{self.type}/{id_}" if self.id else ""

    @property
    def source(self) -> str:
        """``Type/id``, else the ``fullUrl``, else the location."""
        if self.name:
            return self.name
        return self.full_url if _URL.fullmatch(self.full_url) else self.location

    @property
    def title(self) -> str:
        """How messages name it: ``Type/id``, without the id where it has none."""
        if not is_resource_type(self.type):
            return "This resource"
        return self.name or f"This {self.type}"

    def forget(self) -> None:
        """Let go of the resource, of which only the place is needed from now on."""
        self.resource = {}

    def at(self, *path: str) -> str:
        """The FHIRPath of an element below it; steps that are empty are left out."""
        below = ".".join(step for step in path if step)
        if not below:
            return self.location
        if _LINE.fullmatch(self.location):
            return f"{self.location} {self.type if is_resource_type(self.type) else 'Resource'}.{below}"
        return f"{self.location}.{below}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something cannot be used; ``path`` is relative to the element being read."""

    code: str
    message: str
    path: str = ""
    severity: Severity = Severity.ERROR


class Report:
    """Collects issues while the record is read; beyond ``MOST_ISSUES`` it only counts them, by code."""

    MOST_ISSUES = 200_000

    def __init__(self) -> None:
        self._issues: list[Issue] = []
        self._unlisted: Counter[tuple[Severity, str]] = Counter()

    def add(self, severity: Severity, code: str, message: str, location: str = "") -> None:
        if len(self._issues) < self.MOST_ISSUES:
            self._issues.append(Issue(severity, code, message, location, origin="clinical"))
        else:
            self._unlisted[severity, code] += 1

    def refuse(self, entry: Entry, refusal: Refusal, below: str = "") -> None:
        """Note why ``entry``, or the element ``below`` it, is not used."""
        message = f"{entry.title} {refusal.message}"
        self.add(refusal.severity, refusal.code, message, entry.at(below, refusal.path))

    def error(self, entry: Entry, code: str, message: str, path: str = "") -> None:
        self.refuse(entry, Refusal(code, message, path))

    def warn(self, entry: Entry, code: str, message: str, path: str = "") -> None:
        self.refuse(entry, Refusal(code, message, path, Severity.WARNING))

    def inform(self, entry: Entry, code: str, message: str, path: str = "") -> None:
        self.refuse(entry, Refusal(code, message, path, Severity.INFORMATION))

    @property
    def issues(self) -> tuple[Issue, ...]:
        further = (
            Issue(severity, code, f"{count} further issues of this code are not listed one by one.", origin="clinical")
            for (severity, code), count in self._unlisted.items()
        )
        return (*self._issues, *further)
