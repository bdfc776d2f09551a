"""As much of a page as fetching needs: what it is, whose, what comes next. What it means is the model's matter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


class Unreadable(ValueError):  # noqa: N818, as in the house
    """Not JSON, or no FHIR resource."""


@dataclass(frozen=True, slots=True)
class Page:
    """A Bundle, or another resource (then with itself as its only entry)."""

    resource_type: str
    next_link: str = ""
    entries: frozenset[tuple[str, str, str]] = frozenset()
    """Type, id and version of each resource with an id."""
    entry_count: int = 0
    match_count: int = 0
    """Entries that answer the search themselves (``search.mode`` is ``match`` or absent)."""
    total: int | None = None
    """How many matches the server says that all pages have together."""

    @property
    def patient_ids(self) -> frozenset[str]:
        """Ids of the Patient resources on it."""
        return frozenset(id_ for type_, id_, _ in self.entries if type_ == "Patient")


def read_page(body: bytes) -> Page:
    """Read one page; raises ``Unreadable``.

    >>> read_page(b'{"resourceType": "Bundle", "link": [{"relation": "next", "url": "?page=2"}]}').next_link
    '?page=2'
    """
    try:
        root = json.loads(body.decode("utf-8-sig"), parse_int=float)  # int() refuses numbers of 4,301 digits
    except (ValueError, RecursionError) as e:
        raise Unreadable from e
    kind = _text(root, "resourceType")
    if not kind:
        raise Unreadable
    if kind != "Bundle":
        return Page(kind, entries=frozenset(_key(root)), entry_count=1, match_count=1)
    entries = _dicts(root, "entry")
    total = root.get("total")
    return Page(
        kind,
        next_link=next((_text(link, "url") for link in _dicts(root, "link") if link.get("relation") == "next"), ""),
        entries=frozenset(key for entry in entries for key in _key(entry.get("resource"))),
        entry_count=len(entries),
        match_count=sum(_text(entry.get("search"), "mode") in ("", "match") for entry in entries),
        total=int(total) if isinstance(total, float) and 0 <= total < 2**31 else None,
    )


def _key(resource: Any) -> Iterator[tuple[str, str, str]]:
    if id_ := _text(resource, "id"):
        meta = resource.get("meta")
        yield _text(resource, "resourceType"), id_, _text(meta, "versionId")


def _text(node: Any, key: str) -> str:
    value = node.get(key) if isinstance(node, dict) else None
    return value if isinstance(value, str) else ""


def _dicts(node: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = node.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
