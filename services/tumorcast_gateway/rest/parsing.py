"""JSON bodies, read strictly: no unknown field, no key twice, and a FHIR record as the bytes that came."""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

import msgspec
from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from tumorcast_api.bodies import MAX_QUERIES, PrognosisBody, Strict
from tumorcast_core.errors import InvalidInput, MalformedRequest, PayloadTooLarge
from tumorcast_core.query import Query

_Body = TypeVar("_Body", bound=Strict)
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def query_from(body: bytes) -> Query:
    """Read a query; raises ``MalformedRequest``, caused by pydantic's error where fields are at fault.

    ``fhir`` is never parsed here: `1.00`, duplicate keys and nesting reach the clinical service as they came.
    """
    raw_fhir, rest = _without(body, "fhir")
    fhir = _record(raw_fhir)
    query = _checked(PrognosisBody, rest).domain(fhir)
    _check_keys(body, raw_fhir if raw_fhir.startswith(b"{") else b"null")
    return query


def queries_from(body: bytes) -> tuple[Query, ...]:
    """Read a batch; raises ``MalformedRequest`` and ``PayloadTooLarge``, and says which query is at fault."""
    raw, rest = _without(body, "queries")
    if rest != b"{}":
        raise MalformedRequest("The body holds queries and nothing else.")
    try:
        parts = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except _NOT_JSON as e:
        raise MalformedRequest("queries must be a list.") from e
    _check_keys(body, raw)
    if len(parts) > MAX_QUERIES:
        raise PayloadTooLarge(f"There are more than {MAX_QUERIES} queries.")
    return tuple(_one_of(i, bytes(part)) for i, part in enumerate(parts))


def document_from(kind: type[_Body], body: bytes) -> _Body:
    """Read a small document; raises ``MalformedRequest``."""
    found = _checked(kind, body)
    _check_keys(body, b"null")
    return found


def _one_of(position: int, part: bytes) -> Query:
    where = f"queries[{position}]"
    try:
        query = query_from(part)
        query.check()
    except InvalidInput as e:
        raise type(e)(f"{where}: {e.message}") from _placed(e.__cause__, ("queries", position))
    return query


def _placed(cause: BaseException | None, place: tuple[str | int, ...]) -> BaseException | None:
    """What pydantic found in a part, at its place in the whole."""
    if not isinstance(cause, ValidationError):
        return cause
    lines = [
        InitErrorDetails(
            type=error["type"]
            if error["type"] == "extra_forbidden"
            else PydanticCustomError("fault", "{told}", {"told": error["msg"]}),
            loc=(*place, *error["loc"]),
            input=None,
        )
        for error in cause.errors(include_url=False, include_input=False, include_context=False)
    ]
    return ValidationError.from_exception_data(cause.title, lines)


def _without(body: bytes, name: str) -> tuple[bytes, bytes]:
    """One field of a JSON object as it stands there, ``null`` where it does not, and the object without it."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except _NOT_JSON as e:
        raise MalformedRequest("The body is not a JSON object.") from e
    raw = bytes(fields.pop(name, b"null"))
    rest = b",".join(msgspec.json.encode(key) + b":" + bytes(value) for key, value in fields.items())
    return raw, b"{" + rest + b"}"


def _checked(kind: type[_Body], body: bytes) -> _Body:
    try:
        return kind.model_validate_json(body)
    except ValidationError as e:
        raise MalformedRequest("The body does not follow its schema.") from e


def _check_keys(body: bytes, unread: bytes) -> None:
    """Raise ``MalformedRequest`` where an object states a key twice; what is ``unread`` may, once."""
    try:
        json.loads(body.replace(unread, b"null", 1), object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except (ValueError, RecursionError) as e:  # a second fhir may be nested as deep as it likes
        raise MalformedRequest("A key of the body stands twice.") from e


def _record(raw: bytes) -> bytes:
    """The record in a raw JSON value: an object as it stands, NDJSON out of its string, nothing out of null."""
    if raw.startswith(b"{"):
        return raw
    try:
        return msgspec.json.decode(raw, type=str).encode() if raw != b"null" else b""
    except (msgspec.DecodeError, UnicodeError) as e:
        raise MalformedRequest("fhir must be a JSON object, or NDJSON in a string.") from e


def _no_key_twice(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
