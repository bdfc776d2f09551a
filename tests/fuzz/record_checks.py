"""What must hold whatever a record is: nothing raised, leaked, dropped, mixed up, or told before its time."""

from __future__ import annotations

import contextlib
import json
import math
import re
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from support.records import INDEX
from support.rich_record import SECRETS, SERVER
from tumorcast_clinical.model import extract_features
from tumorcast_core import catalog, wire
from tumorcast_core.dates import read_date
from tumorcast_core.errors import TumorcastError
from tumorcast_core.snapshot import Extraction, Feature

SLOW_S = 2.0
_MOST_TURNED = 200_000
_USUAL_LENGTH = 15
_NAMED = re.compile(r"\b[A-Z][A-Za-z]+/[A-Za-z0-9.\-]{1,64}")
_CODE = re.compile(r"[A-Z][A-Z0-9_]+")
_PLACE = re.compile(r"((?:(?:page|line) \d+ )?Bundle\.entry\[\d+\]|line \d+|page \d+$|(?:page \d+ )?\w+)")
_POSITION = re.compile(r"Bundle\.entry\[\d+\]\.resource")
_OTHER = re.compile(r"(?:^|.*[/:])Patient/p2(?:/_history/.*)?", re.DOTALL)

Record = bytes | Sequence[bytes]
Read = Callable[..., Extraction]
Placed = tuple[str, Any]
"""Where a resource stands, and its entry: an object that holds it under ``resource``."""


def check(record: Record, *, patient_id: str = "", read: Read = extract_features) -> tuple[list[str], list[str]]:
    """Read a record; returns the codes said of it and whatever is broken."""
    begun = time.monotonic()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = read(record, INDEX, patient_id=patient_id)
        except TumorcastError as e:
            leaks = [f"leaks {secret}" for secret in _leaked(e.message)]
            return [e.reason], leaks + _late(begun, record, patient_id, read)
        except Exception as e:
            return [], [f"raised {type(e).__name__}: {e} at {_where(e)}"]
    broken = [f"warned: {w.message}" for w in warned] + _late(begun, record, patient_id, read)
    codes = [issue.code for issue in found.issues]
    try:
        broken += [*_features(found), *_issues(found), *_explained(found, record), *_company(found, record)]
        broken += _ordered(found, record, patient_id, read)
    except Exception as e:
        broken.append(f"the check raised {type(e).__name__}: {e} at {_where(e)}")
    return codes or ["NO_ISSUE"], broken


def _late(begun: float, record: Record, patient_id: str, read: Read) -> list[str]:
    """On a busy machine once is no proof."""
    if time.monotonic() - begun < SLOW_S:
        return []
    begun = time.monotonic()
    with contextlib.suppress(TumorcastError):
        read(record, INDEX, patient_id=patient_id)
    took_s = time.monotonic() - begun
    return [f"slow: {took_s:.1f} s"] * (took_s > SLOW_S)


def _features(found: Extraction) -> Iterator[str]:
    last = date.fromisoformat(INDEX)
    for feature in found.features:
        wire.feature_to(feature).SerializeToString()
        if catalog.checked(feature) != feature:
            yield f"{feature.name} is not as the catalog has it"
        if feature.value is None or (not isinstance(feature.value, str) and not math.isfinite(feature.value)):
            yield f"{feature.name} has no value"
        if not feature.source and not feature.sources:
            yield f"{feature.name} has no source"
        if feature.sources and not feature.formula:
            yield f"{feature.name} has no formula"
        when = read_date(feature.effective)
        if feature.effective and when is None:
            yield f"{feature.name} has a date that is none"
        if when and when.first > last:
            yield f"{feature.name} is dated after the index date"


def _issues(found: Extraction) -> Iterator[str]:
    for issue in found.issues:
        wire.issue_to(issue).SerializeToString()
        if not _CODE.fullmatch(issue.code) or not issue.message or not issue.severity:
            yield f"an issue says nothing: {issue}"
        for secret in _leaked(issue.message):
            yield f"{issue.code} leaks {secret}: {issue.message}"
        for secret in _leaked(issue.location):
            yield f"{issue.code} leaks {secret} in its location"


def _leaked(said: str) -> list[str]:
    """Secrets in a message; an id may hold whatever made it valid."""
    return [secret for secret in SECRETS if secret in _NAMED.sub("", said)]


def _where(error: BaseException) -> str:
    at = error.__traceback__
    while at and at.tb_next:
        at = at.tb_next
    return f"{at.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{at.tb_lineno}" if at else ""


def placed(record: Record) -> list[Placed]:
    """The entries of a record that Python's own reader can read, and where the contract has them."""
    if not isinstance(record, bytes):
        return [found for i, page in enumerate(record, 1) for found in _of_document(page, f"page {i} ")]
    whole = list(_of_document(record, ""))
    return whole or [
        found for number, line in enumerate(record.split(b"\n"), 1) for found in _of_document(line, f"line {number} ")
    ]


def _of_document(data: bytes, before: str) -> Iterator[Placed]:
    try:
        root = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return
    if not isinstance(root, dict) or not isinstance(kind := root.get("resourceType"), str) or not kind:
        return
    if kind != "Bundle":
        place = before.rstrip() if before.startswith("line") else f"{before}{kind}"
        yield place, {"resource": root}
    elif isinstance(entries := root.get("entry"), list):
        yield from ((f"{before}Bundle.entry[{i}]", entry) for i, entry in enumerate(entries))


def _explained(found: Extraction, record: Record) -> Iterator[str]:
    """Every resource gives a feature or an issue; of several by one name, all but one give an issue."""
    if any(not issue.location for issue in found.issues):
        return  # told of the record as a whole
    silent: Counter[str] = Counter()
    told = {at[1] for issue in found.issues if (at := _PLACE.match(issue.location))}
    used = {source.split("#")[0] for feature in found.features for source in _sources(feature)}
    if "Resource" in told:
        return  # the record is one resource, of no type that there is
    entries = placed(record)
    referred = _drugs_referred_to(record)
    present = {f"{e['resource'].get('resourceType')}/{e['resource'].get('id')}" for _, e in entries if _holds_one(e)}
    for place, entry in entries:
        if place in told or " ".join(place.split(" ")[:2]) in told:
            continue
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            yield f"{place} is no resource, and nothing is said of it"
            continue
        name = f"{resource.get('resourceType')}/{resource.get('id')}"
        names = (name, entry.get("fullUrl"), place, f"{place}.resource")
        if name in referred or present & set(_speaks_of(resource)):
            continue
        if not any(isinstance(name, str) and name in used for name in names):
            yield f"{place} ({resource.get('resourceType')}) gives neither a feature nor an issue"
        silent[name] += resource.get("id") is not None
    yield from (f"{count} resources are {name}, and nothing is said" for name, count in silent.items() if count > 1)


def _holds_one(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("resource"), dict)


def _drugs_referred_to(record: Record) -> set[str]:
    whole = record if isinstance(record, bytes) else b"".join(record)
    return {name.decode() for name in re.findall(rb'"reference":\s*"[^"]*\b(Medication/[\w-]+)"', whole)}


def _ordered(found: Extraction, record: Record, patient_id: str, read: Read) -> list[str]:
    """The same resources in the opposite order give the same features."""
    turned = turned_around(record)
    if turned is None:
        return []
    try:
        again = read(turned, INDEX, patient_id=patient_id)
    except TumorcastError as e:
        return [f"is refused in the opposite order of entries: {e.reason}"]
    one, other = _without_places(found), _without_places(again)
    differ = {told.split(",")[0] for told in (one - other) + (other - one)}
    return [f"in the opposite order of entries others are {', '.join(sorted(differ))}"] if differ else []


def _without_places(found: Extraction) -> Counter[str]:
    """The features; a source that is but a place is another one elsewhere."""
    return Counter(_POSITION.sub("", repr(feature)) for feature in found.features)


def turned_around(record: Record) -> bytes | None:
    """A Bundle with its entries in the opposite order; ``None`` where that means something else or is not to be had."""
    if not isinstance(record, bytes) or len(record) > _MOST_TURNED:
        return None
    try:
        root = json.loads(record.decode("utf-8-sig"), **_PLAIN)
        if root["resourceType"] != "Bundle" or root.get("type") == "history":
            return None
        return json.dumps(root | {"entry": root["entry"][::-1]}).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _plain_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _plain_number(literal: str) -> float:
    if len(literal) > _USUAL_LENGTH or repr(float(literal)) != literal:
        raise ValueError("not what Python would write")
    return float(literal)


_PLAIN: dict[str, Any] = {
    "object_pairs_hook": _plain_object,
    "parse_constant": _plain_number,
    "parse_float": _plain_number,
}


def _speaks_of(resource: dict[str, Any]) -> Iterator[str]:
    """What an implication is of: what is said of the variant is said of both."""
    for source in resource.get("derivedFrom") or ():
        if isinstance(source, dict):
            yield str(source.get("reference")).removeprefix(f"{SERVER}/")


def _sources(feature: Feature) -> tuple[str, ...]:
    return (feature.source, *feature.sources) if feature.source else feature.sources


def _company(found: Extraction, record: Record) -> Iterator[str]:
    """Nothing of the other patient, and nothing that is dated after the index date."""
    used = {source.split("#")[0] for feature in found.features for source in _sources(feature)}
    if found.patient_id != "p1":
        return
    entries = [entry for _, entry in placed(record) if _holds_one(entry)]
    names = Counter(f"{e['resource'].get('resourceType')}/{e['resource'].get('id')}" for e in entries)
    urls = [str(e.get("fullUrl")) for e in entries if e["resource"].get("id") == "p1"]
    for entry in entries:
        resource = entry["resource"]
        name = f"{resource.get('resourceType')}/{resource.get('id')}"
        if name not in used or names[name] > 1:
            continue
        about = resource.get("subject") or resource.get("patient")
        reference = about.get("reference") if isinstance(about, dict) else None
        if isinstance(reference, str) and _OTHER.fullmatch(reference) and not any(_OTHER.fullmatch(u) for u in urls):
            yield f"{name} is of another patient and is used"
        when = (
            read_date(str(resource.get("effectiveDateTime"))) if resource.get("resourceType") == "Observation" else None
        )
        if when and when.first > date.fromisoformat(INDEX):
            yield f"{name} is dated after the index date and is used"
