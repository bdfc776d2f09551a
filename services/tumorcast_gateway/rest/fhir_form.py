"""How the FHIR facade reads and answers over HTTP (FHIR R4 section 3.1.0)."""

from __future__ import annotations

import asyncio
import re

import msgspec
from fastapi import HTTPException, Request, Response

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, PayloadTooLarge
from tumorcast_gateway.fhir.codes import Json
from tumorcast_gateway.fhir.subject import Place
from tumorcast_gateway.rest.body import check_length
from tumorcast_gateway.rest.negotiation import FHIR_JSON, JSON, best
from tumorcast_gateway.settings import Settings

PREFIX = "/fhir"
_FORMATS = frozenset({"json", "text/json", JSON, FHIR_JSON})
_OTHER_VERSION = re.compile(r"fhirVersion\s*=\s*\"?(?!4\.0)", re.IGNORECASE)
_CHARSETS = ("", "utf-8", "utf8", "us-ascii")
_FORM = "application/x-www-form-urlencoded"


def check_form(request: Request) -> None:
    """Refuse by 406 what is not R4 in JSON; ``_format`` goes before ``Accept``."""
    asked = request.query_params.get("_format")
    accept = request.headers.get("accept", "")
    if asked is None:
        fits = best(accept, (FHIR_JSON, JSON)) is not None and not _OTHER_VERSION.search(accept)
    else:
        fits = asked.replace(" ", "+").partition(";")[0].strip().lower() in _FORMATS
    if not fits:
        raise HTTPException(406, f"The answer comes as {FHIR_JSON}, FHIR 4.0.")


def answer(request: Request, resource: Json, status: int = 200) -> Response:
    """Render a resource; indented with ``_pretty=true``."""
    content = msgspec.json.encode(resource)
    if request.query_params.get("_pretty") == "true":
        content = msgspec.json.format(content, indent=2)
    return Response(content, status, media_type=f"{FHIR_JSON}; charset=utf-8")


def base_of(request: Request, settings: Settings) -> str:
    """The URL of this facade as its clients see it."""
    return settings.fhir_public_url.rstrip("/") or f"{str(request.base_url).rstrip('/')}{PREFIX}"


def place_of(settings: Settings) -> Place:
    """Where references lead."""
    return Place(settings.fhir_base_url)


async def read_resource(request: Request, max_bytes: int, deadline: Deadline) -> bytes:
    """Read a body of FHIR JSON; raises ``PayloadTooLarge``, ``DeadlineExceeded`` or HTTP error 415."""
    return await _read(request, (FHIR_JSON, JSON), max_bytes, deadline)


async def read_form(request: Request, max_bytes: int, deadline: Deadline) -> bytes:
    """Read the body of a search; raises likewise."""
    return await _read(request, (_FORM,), max_bytes, deadline)


async def _read(request: Request, types: tuple[str, ...], max_bytes: int, deadline: Deadline) -> bytes:
    kind, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charset = next((p.partition("=")[2].strip('" ') for p in parameters if p.startswith("charset")), "")
    plain = request.headers.get("content-encoding", "identity") == "identity"
    if kind not in types or charset not in _CHARSETS or not plain:
        raise HTTPException(415, f"The body must be {' or '.join(types)} in UTF-8 without content encoding.")
    check_length(request, max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(deadline.timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise PayloadTooLarge
    except TimeoutError as e:
        raise DeadlineExceeded from e
    return bytes(body)
