"""What a reference means: a contained resource, one of the record, or nothing that was sent (FHIR R4 2.3.0)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tumorcast_clinical.model.record.entry import Entry
from tumorcast_clinical.model.record.tree import Json, items, text

_VERSION = re.compile(r"/_history/[^/]*$")
_WEB = ("http:", "https:")


class Referred:
    """Resources that others may refer to, by everything that a reference may call them.

    A relative reference means the resource of the server that the referring entry's ``fullUrl`` names; where that names
    none, or the record has none of its resources, any of that type and id, unless there are several. ``used`` collects
    what was found.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._named: dict[str, Json | None] = {}
        self._servers: set[str] = set()
        self.used: set[int] = set()
        for entry in entries:
            names = (entry.full_url, entry.source, f"urn:uuid:{entry.id}" if entry.id else "")
            for name in set(names) - {""}:
                self._named[name] = entry.resource if name not in self._named else None
            self._servers |= {server_of(entry)} - {""}

    def find(self, reference: str, entry: Entry, holder: Json | None = None) -> Json | None:
        """Resolve a reference of ``entry``: contained, by ``fullUrl``, relative, absolute, or of a version.

        ``holder`` is the resource that contains, where it is not the entry's own.
        """
        if reference.startswith("#"):
            found = contained_of(holder or {}, reference) or contained_of(entry.resource, reference) or None
        else:
            found = self._sent(reference, entry)
        if found is not None:
            self.used.add(id(found))
        return found

    def _sent(self, reference: str, entry: Entry) -> Json | None:
        plain = _VERSION.sub("", reference.strip())
        if plain.startswith(_WEB):
            found = self._named.get(plain)
            return found if found or self._servers else self._named.get("/".join(plain.rsplit("/", 2)[1:]))
        server = server_of(entry)
        if server in self._servers and ":" not in plain:
            return self._named.get(server + plain)
        return self._named.get(plain)


def contained_of(resource: Json, reference: str) -> Json:
    """The contained resource that ``#id`` means; empty if there is none."""
    if not reference.startswith("#"):
        return {}
    return next((item for item in items(resource, "contained") if f"#{text(item, 'id')}" == reference), {})


def server_of(entry: Entry) -> str:
    """The base URL of the server that the entry's ``fullUrl`` names; empty if it names none.

    >>> server_of(Entry({"resourceType": "Patient", "id": "1"}, "Patient", "https://ehr.example/fhir/Patient/1"))
    'https://ehr.example/fhir/'
    """
    name = f"{entry.type}/{entry.id}"
    url = _VERSION.sub("", entry.full_url)
    return url.removesuffix(name) if entry.id and url.startswith(_WEB) and url.endswith(f"/{name}") else ""
