"""What the caller wants back, and how soon."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fastapi import HTTPException, Request

from tumorcast_core.deadline import Deadline

JSON = "application/json"
FHIR_JSON = "application/fhir+json"
DICOM_JSON = "application/dicom+json"
MARKDOWN = "text/markdown"

_FORMATS = {"json": JSON, JSON: JSON, "fhir": FHIR_JSON, "fhir+json": FHIR_JSON, FHIR_JSON: FHIR_JSON}
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,6})\"?\s*(?:$|[,;])", re.IGNORECASE)


def media_type(request: Request, offers: Sequence[str]) -> str:
    """Choose what to answer with: ``_format`` (FHIR R4 http.html#mime-type) before ``Accept``; 406 if nothing fits."""
    asked = request.query_params.get("_format")
    chosen = best(request.headers.get("accept", ""), offers) if asked is None else _FORMATS.get(asked.replace(" ", "+"))
    if chosen is None or chosen not in offers:
        raise HTTPException(406, f"The answer comes as {' or '.join(offers)}.")
    return chosen


def wants_fhir(request: Request) -> bool:
    """Whether errors are to be told as OperationOutcome."""
    if request.url.path.startswith("/fhir/"):
        return True
    try:
        return media_type(request, (JSON, FHIR_JSON)) == FHIR_JSON
    except HTTPException:
        return False


def best(accept: str, offers: Sequence[str]) -> str | None:
    """Choose the offer that an ``Accept`` header likes best (RFC 9110 section 12.5.1); the first of equals.

    >>> best("application/fhir+json, */*;q=0.1", [JSON, FHIR_JSON]), best("", [JSON]), best("text/html", [JSON])
    ('application/fhir+json', 'application/json', None)
    """
    ranges = dict(map(_range, filter(str.strip, accept.split(",")))) or {"*/*": 1.0}
    liked = {offer: _quality(offer, ranges) for offer in offers}
    favorite = max(offers, key=lambda offer: liked[offer])
    return favorite if liked[favorite] > 0 else None


def _range(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in text.lower().split(";"))
    try:
        return name, next((float(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
    except ValueError:
        return name, 0.0


def _quality(offer: str, ranges: dict[str, float]) -> float:
    for candidate in (offer, f"{offer.split('/')[0]}/*", "*/*"):
        if candidate in ranges:
            return ranges[candidate]
    return 0.0


def deadline(request: Request, longest_s: float) -> Deadline:
    """The deadline of a request: ``Prefer: wait=<seconds>`` (RFC 7240), at most ``longest_s``."""
    wait = _WAIT.search(request.headers.get("prefer", ""))
    return Deadline.after(min(longest_s, float(wait[1])) if wait else longest_s)
