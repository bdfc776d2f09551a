"""What must hold whatever a record is: nothing raised, leaked, dropped, mixed up, or told before its time."""

from __future__ import annotations

import json
import math
import re
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from support.records import INDEX
from support.rich_record import SECRETS
from tumorcast_clinical.model import extract_features
from tumorcast_core import catalog, wire
from tumorcast_core.dates import read_date
from tumorcast_core.errors import TumorcastError
from tumorcast_core.snapshot import Extraction, Feature

SLOW_S = 2.0
_NAMED = re.compile(r"\b[A-Z][A-Za-z]+/[A-Za-z0-9.\-]{1,64}")
_CODE = re.compile(r"[A-Z][A-Z0-9_]+")
_PLACE = re.compile(r"((?:(?:page|line) \d+ )?Bundle\.entry\[\d+\]|line \d+|page \d+$|(?:page \d+ )?\w+)")
_OTHER = re.compile(r"(?:^|.*[/:])Patient/p2(?:/_history/.*)?", re.DOTALL)

Record = bytes | Sequence[bytes]
Placed = tuple[str, Any]
"""Where a resource stands, and its entry: an object that holds it under ``resource``."""


def check(record: Record, *, patient_id: str = "") -> tuple[list[str], list[str]]:
    """Read a record; returns the codes said of it and whatever is broken."""
    begun = time.monotonic()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = extract_features(record, INDEX, patient_id=patient_id)
        except TumorcastError as e:
            leaks = [f"leaks {secret}" for secret in _leaked(e.message)]
            return [e.reason], leaks + _late(begun, record, patient_id)
        except Exception as e:
            return [], [f"raised {type(e).__name__}: {e} at {_where(e)}"]
    broken = [f"warned: {w.message}" for w in warned] + _late(begun, record, patient_id)
    codes = [issue.code for issue in found.issues]
    try:
        broken += [*_features(found), *_issues(found), *_explained(found, record), *_company(found, record)]
    except Exception as e:
        broken.append(f"the check raised {type(e).__name__}: {e} at {_where(e)}")
    return codes or ["NO_ISSUE"], broken


def _late(begun: float, record: Record, patient_id: str) -> list[str]:
    """On a busy machine once is no proof."""
    if time.monotonic() - begun < SLOW_S:
        return []
    begun = time.monotonic()
    try:
        extract_features(record, INDEX, patient_id=patient_id)
    except TumorcastError:
        pass
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
        found
        for number, line in enumerate(record.split(b"\n"), 1)
        for found in _of_document(line, f"line {number} ")
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
    told = {place for issue in found.issues if (place := _PLACE.match(issue.location)) for place in place.groups()}
    used = {source.split("#")[0] for feature in found.features for source in _sources(feature)}
    for place, entry in placed(record):
        if place in told or " ".join(place.split(" ")[:2]) in told:
            continue
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            yield f"{place} is no resource, and nothing is said of it"
            continue
        name = f"{resource.get('resourceType')}/{resource.get('id')}"
        names = (name, entry.get("fullUrl"), place, f"{place}.resource")
        if not any(isinstance(name, str) and name in used for name in names):
            yield f"{place} ({resource.get('resourceType')}) gives neither a feature nor an issue"
        silent[name] += resource.get("id") is not None
    yield from (f"{count} resources are {name}, and nothing is said" for name, count in silent.items() if count > 1)


def _sources(feature: Feature) -> tuple[str, ...]:
    return (feature.source, *feature.sources) if feature.source else feature.sources


def _company(found: Extraction, record: Record) -> Iterator[str]:
    """Nothing of the other patient, and nothing that is dated after the index date."""
    used = {source.split("#")[0] for feature in found.features for source in _sources(feature)}
    if found.patient_id != "p1":
        return
    entries = [entry for _, entry in placed(record) if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)]
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
        when = read_date(str(resource.get("effectiveDateTime"))) if resource.get("resourceType") == "Observation" else None
        if when and when.first > date.fromisoformat(INDEX):
            yield f"{name} is dated after the index date and is used"
