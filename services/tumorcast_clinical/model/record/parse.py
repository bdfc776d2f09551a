"""Bytes → entries: one resource, a Bundle or pages of one; under limits that hold before anything is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.json_reader import TOO_DEEP, Ambiguous, load
from tumorcast_clinical.model.record.tree import Json, child, items, text
from tumorcast_clinical.model.validation.resource_types import is_resource_type
from tumorcast_core.errors import MalformedFhir, PayloadTooLarge
from tumorcast_core.snapshot import Severity

BUNDLE_TYPES = frozenset(
    {"document", "message", "transaction", "transaction-response", "batch", "batch-response", "history", "searchset"}
    | {"collection"}
)
_USUAL_KEYS = frozenset({"fullUrl", "resource"})
_OBJECTS_PER_ENTRY = 20
_KEYS_PER_ENTRY = 75
_LEAST_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest record that is read: bytes, nesting of JSON, entries of the Bundle.

    Of newline-delimited JSON, ``max_bytes`` bounds a line and ``max_entries`` bounds the results found, not the lines.
    """

    max_bytes: int = 160 << 20
    max_depth: int = 100
    max_entries: int = 200_000


@dataclass(frozen=True, slots=True)
class Parsed:
    """Entries in file order; an entry without resource deletes the one that its ``full_url`` names."""

    entries: list[Entry]
    bundle_type: str = ""


def parse(data: bytes, limits: Limits, report: Report) -> Parsed:
    """Read one resource or the entries of a Bundle; raises ``PayloadTooLarge`` or ``MalformedFhir``."""
    return parsed(load_within(data, limits), limits, report)


def load_within(data: bytes, limits: Limits) -> Any:
    """Read JSON of a size that memory can hold; raises ``PayloadTooLarge`` or ``MalformedFhir``.

    A byte of JSON can cost fifteen of memory: objects and keys are counted before they are built.
    """
    if len(data) > limits.max_bytes:
        raise PayloadTooLarge(f"The FHIR record is larger than {limits.max_bytes} bytes.")
    for mark, most in ((b"{", _OBJECTS_PER_ENTRY), (b":", _KEYS_PER_ENTRY)):
        if data.count(mark) > most * (limits.max_entries + _LEAST_ENTRIES):
            raise PayloadTooLarge(f"The record holds more than {limits.max_entries} usual entries do.")
    return load(data, limits.max_depth)


def parsed(root: Any, limits: Limits, report: Report, *, page: str = "") -> Parsed:
    """Take JSON that was read as one resource or the entries of a Bundle; ``page`` stands before each location."""
    if not isinstance(root, dict) or not text(root, "resourceType"):
        raise MalformedFhir("The record is not a FHIR resource: it is no JSON object with a resourceType.")
    kind = text(root, "resourceType")
    if kind != "Bundle":
        name = kind if is_resource_type(kind) else "Resource"
        return Parsed([Entry(root, page.rstrip() if page.startswith("line") else f"{page}{name}")])
    if isinstance(root, Ambiguous):
        raise MalformedFhir("A key of the Bundle stands twice.")
    if root.get("implicitRules"):
        raise MalformedFhir("The Bundle follows implicit rules that are not known.")
    if not page and any(text(link, "relation") == "next" for link in items(root, "link")):
        message = "The Bundle has further pages that were not sent."
        report.add(Severity.WARNING, "FURTHER_PAGES", message, f"{page}Bundle.link")
    return Parsed(_bundle(root, limits, report, f"{page}Bundle"), text(root, "type"))


def parse_pages(pages: Sequence[bytes], limits: Limits, report: Report) -> Parsed:
    """Read the pages of one answer of a server as one record; who fetched them says whether there are more.

    A page that cannot be read costs itself; if none can, the first one's error is raised.
    """
    if sum(map(len, pages)) > limits.max_bytes:
        raise PayloadTooLarge(f"The FHIR record is larger than {limits.max_bytes} bytes.")
    entries: list[Entry] = []
    errors: list[MalformedFhir] = []
    for number, page in enumerate(pages, 1):
        try:
            entries += parsed(load_within(page, limits), limits, report, page=f"page {number} ").entries
        except MalformedFhir as e:
            message = f"{e.message.replace('The record', 'This page').removesuffix('.')}; it is not used."
            report.add(Severity.ERROR, e.reason, message, f"page {number}")
            errors.append(e)
    if errors and len(errors) == len(pages):
        raise errors[0]
    if len(entries) > limits.max_entries:
        raise PayloadTooLarge(f"The record has more than {limits.max_entries} entries.")
    return Parsed(entries)


def _bundle(bundle: Json, limits: Limits, report: Report, place: str) -> list[Entry]:
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise MalformedFhir("Bundle.entry is not a list.")
    if len(entries) > limits.max_entries:
        raise PayloadTooLarge(f"The Bundle has more than {limits.max_entries} entries.")
    if not entries:
        report.add(Severity.WARNING, "EMPTY_BUNDLE", "The Bundle has no entries.", place)
    if text(bundle, "type") not in BUNDLE_TYPES:
        message = "The Bundle does not say of which type it is."
        report.add(Severity.WARNING, "BUNDLE_TYPE_UNKNOWN", message, f"{place}.type")
    found: list[Entry] = []
    for i, item in enumerate(entries):
        entry = _usual_entry(item, f"{place}.entry[{i}].resource")
        if entry is not None:
            found.append(entry)
        else:
            found += _entry(item, f"{place}.entry[{i}]", limits, report)
    if len(found) > limits.max_entries:
        raise PayloadTooLarge(f"The Bundle has more than {limits.max_entries} entries.")
    return found


def _usual_entry(item: Any, location: str) -> Entry | None:
    """A resource beside nothing but its ``fullUrl``, as most entries are; ``None``: look closer."""
    if type(item) is not dict or not item.keys() <= _USUAL_KEYS:
        return None
    resource, full_url = item.get("resource"), item.get("fullUrl", "")
    if type(resource) is not dict or type(full_url) is not str or resource.get("resourceType") in (None, "Bundle"):
        return None
    entry = Entry(resource, location, full_url)
    return entry if entry.type and (not full_url or full_url.endswith(entry.id)) else None


def _entry(item: Any, location: str, limits: Limits, report: Report) -> Iterator[Entry]:
    if type(item) is not dict or TOO_DEEP in item or item.get("modifierExtension"):
        _tell_no_entry(item, location, report)
        return
    full_url, resource = text(item, "fullUrl"), item.get("resource")
    if type(resource) is dict and text(resource, "resourceType") == "Bundle" and type(resource.get("entry")) is list:
        yield from _nested(resource, f"{location}.resource", limits, report)
    elif isinstance(resource, dict) and text(resource, "resourceType"):
        entry = Entry(resource, f"{location}.resource", full_url)
        if full_url and not full_url.endswith(entry.id) and f"/{entry.type}/" in full_url and entry.id:
            _tell_two_names(entry, report)
        yield entry
    elif "resource" in item:
        message = "This entry's resource has no resourceType."
        report.add(Severity.ERROR, "INVALID_RESOURCE", message, f"{location}.resource")
    else:
        url = text(child(item, "request"), "url")
        if text(child(item, "request"), "method") == "DELETE" and url:
            yield Entry({}, location, url)
            report.add(Severity.INFORMATION, "NO_RESOURCE", "This entry deletes a resource and holds none.", location)
        elif outcome := child(item, "response", "outcome"):
            yield Entry(outcome, f"{location}.response.outcome")
        elif text(child(item, "response"), "status").startswith(("4", "5")):
            message = "This entry's request has failed; the record may be incomplete."
            report.add(Severity.ERROR, "OPERATION_OUTCOME", message, location)
        else:
            report.add(Severity.INFORMATION, "NO_RESOURCE", "This entry holds no resource.", location)


def _nested(bundle: Json, place: str, limits: Limits, report: Report) -> list[Entry]:
    """The entries of a Bundle in a Bundle, as the answer to a batch of searches holds them (FHIR R4 3.1.0.11.1)."""
    if bundle.get("implicitRules") or bundle.get("modifierExtension"):
        return [Entry(bundle, place)]
    if any(text(link, "relation") == "next" for link in items(bundle, "link")):
        report.add(
            Severity.WARNING, "FURTHER_PAGES", "The Bundle has further pages that were not sent.", f"{place}.link"
        )
    return _bundle(bundle, limits, report, place)


def _tell_two_names(entry: Entry, report: Report) -> None:
    """Doubt an entry whose ``fullUrl`` is of another id than its resource (FHIR R4, Bundle.entry.fullUrl)."""
    if entry.full_url.startswith(("http:", "https:")) and "/_history/" not in entry.full_url:
        report.warn(entry, "FULL_URL_MISMATCH", "stands under the fullUrl of another id; it is read by its own.")


def _tell_no_entry(item: Any, location: str, report: Report) -> None:
    if isinstance(item, Ambiguous):
        report.add(Severity.ERROR, "DUPLICATE_KEY", "A key of this entry stands twice.", location)
    elif isinstance(item, dict) and TOO_DEEP not in item:
        message = "This entry carries a modifier extension whose meaning is not known; it is not used."
        report.add(Severity.ERROR, "UNKNOWN_MODIFIER_EXTENSION", message, location)
    elif isinstance(item, dict):
        report.add(Severity.ERROR, "NESTED_TOO_DEEP", "This entry is nested too deep to be read.", location)
    else:
        report.add(Severity.ERROR, "INVALID_ENTRY", "This entry is not an object.", location)
