"""The JSON body of a query: read strictly, with the FHIR record taken out as the bytes that came."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
from fastapi import HTTPException, Request
from pydantic import ValidationError

from tumorcast_api.bodies import PrognosisBody
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, MalformedRequest, PayloadTooLarge
from tumorcast_core.query import Query


def query_from(body: bytes) -> Query:
    """Read a body; raises ``MalformedRequest``, caused by pydantic's error where fields are at fault.

    A key that stands twice is refused.
    ``fhir`` is never parsed here: `1.00`, duplicate keys and nesting reach the clinical service as they came.
    """
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise MalformedRequest("The body is not a JSON object.") from e
    raw_fhir = bytes(fields.pop("fhir", b"null"))
    fhir = _record(raw_fhir)
    rest = b",".join(msgspec.json.encode(name) + b":" + bytes(raw) for name, raw in fields.items())
    try:
        query = PrognosisBody.model_validate_json(b"{" + rest + b"}").domain(fhir)
        unread = raw_fhir if raw_fhir.startswith(b"{") else b"null"
        json.loads(body.replace(unread, b"null", 1), object_pairs_hook=_no_key_twice)
    except ValidationError as e:
        raise MalformedRequest("The body does not follow its schema.") from e
    except (_RepeatedKeyError, RecursionError) as e:  # a second fhir may be nested as deep as it likes
        raise MalformedRequest("A key of the body stands twice.") from e
    return query


def _record(raw: bytes) -> bytes:
    """The record in a raw JSON value: an object as it stands, NDJSON out of its string, nothing out of null."""
    if raw.startswith(b"{"):
        return raw
    try:
        return msgspec.json.decode(raw, type=str).encode() if raw != b"null" else b""
    except (msgspec.DecodeError, UnicodeError) as e:
        raise MalformedRequest("fhir must be a JSON object, or NDJSON in a string.") from e


class _RepeatedKeyError(ValueError):
    """A JSON object states a key twice; which of the two counts would be chance."""


def _no_key_twice(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _RepeatedKeyError


async def read_body(request: Request, max_bytes: int, deadline: Deadline) -> bytes:
    """Read a JSON body of limited size; raises ``PayloadTooLarge``, ``DeadlineExceeded`` or HTTP error 415."""
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type != "application/json" or request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "The body must be application/json without content encoding.")
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


def check_length(request: Request, max_bytes: int) -> None:
    """Refuse by ``Content-Length``, where there is one, before anything is read."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise PayloadTooLarge
