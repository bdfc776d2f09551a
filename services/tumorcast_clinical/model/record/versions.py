"""One version of each resource: deleted, superseded and repeated ones are told, not read.

``meta.lastUpdated``, then a numeric ``meta.versionId``, decides, so that the order of entries does not matter; where
they do not tell versions apart, a history Bundle stands newest first (FHIR R4 3.2.0.10.1).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.parse import Parsed
from tumorcast_clinical.model.record.tree import child, text


def newest(parsed: Parsed, report: Report) -> list[Entry]:
    """Choose the entries to read, in file order."""
    entries = parsed.entries
    keys = [version_key(entry) for entry in entries]
    if len(set(keys)) == len(keys) and all(entry.resource for entry in entries):
        return entries
    named = {entry.source: key for entry, key in zip(entries, keys, strict=True) if entry.resource}
    versions: dict[str, list[Entry]] = defaultdict(list)
    for entry, key in zip(entries, keys, strict=True):
        versions[key if entry.resource else named.get(entry.full_url, entry.full_url)].append(entry)
    kept = {id(_current(group, parsed.bundle_type == "history", report)) for group in versions.values()}
    return [entry for entry in entries if id(entry) in kept]


def version_key(entry: Entry) -> str:
    """Name what versions of one resource have in common: the server, if named, the type and the id."""
    url, name = entry.full_url, entry.name
    if not name:
        return url or entry.location
    return url if url and url.startswith(("http:", "https:")) and url.endswith(f"/{name}") else name


def _current(versions: list[Entry], history: bool, report: Report) -> Entry | None:
    deleted = next((i for i, entry in enumerate(versions) if not entry.resource), None)
    present = [entry for entry in versions if entry.resource]
    if deleted is not None and (not history or deleted == 0):
        for entry in present:
            report.inform(entry, "DELETED_RESOURCE", "is deleted by another entry and is not used.")
        return None
    if len(present) < 2:
        return present[0] if present else None
    ages = [_age(entry) for entry in present]
    if history and len(set(ages)) < len(ages):
        _tell(present[0], present[1:], report)
        return present[0]
    return _latest(present, report)


def _latest(versions: list[Entry], report: Report) -> Entry | None:
    ranked = sorted(versions, key=_age, reverse=True)
    first, second = ranked[0], ranked[1]
    if first.resource != second.resource and _age(first) == _age(second):
        for entry in versions:
            message = "stands here in differing versions of the same age; none is used."
            report.error(entry, "CONFLICTING_VERSIONS", message)
        return None
    _tell(first, ranked[1:], report)
    return first


def _tell(kept: Entry, others: list[Entry], report: Report) -> None:
    for entry in others:
        if entry.resource == kept.resource:
            report.inform(entry, "DUPLICATE_RESOURCE", "stands in the record more than once; it counts once.")
        else:
            report.inform(entry, "SUPERSEDED_VERSION", "is an older version and is not used.")


def _age(entry: Entry) -> tuple[datetime, int]:
    meta = child(entry.resource, "meta")
    try:
        updated = datetime.fromisoformat(text(meta, "lastUpdated"))
    except ValueError:
        updated = datetime.min
    number = text(meta, "versionId")
    version = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    return (updated if updated.tzinfo else updated.replace(tzinfo=UTC)), version
