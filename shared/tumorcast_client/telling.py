"""What a server answered: the typed answer, or the Tumorcast error that its problem document (RFC 9457) tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from tumorcast_core.errors import (
    DeadlineExceeded,
    Incident,
    MalformedRequest,
    ServiceUnavailable,
    TumorcastError,
    Violation,
    by_reason,
)

_Answer = TypeVar("_Answer", bound=BaseModel)
REQUEST_ID = "x-request-id"


def answer_of(response: httpx.Response, kind: type[_Answer], also_good: tuple[int, ...] = ()) -> _Answer:
    """The answer; raises the error that the server told, or ``ServiceUnavailable`` for what is no such answer."""
    if not (response.is_success or _is_answer(response, also_good)):
        raise error_of(response)
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as e:
        raise ServiceUnavailable("The server's answer is not one that this client knows.") from e


def _is_answer(response: httpx.Response, also_good: tuple[int, ...]) -> bool:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return response.status_code in also_good and kind == "application/json"


def error_of(response: httpx.Response) -> TumorcastError:
    """The error of a problem document, with ``request_id``, ``retry_after_s`` and ``violations``."""
    try:
        document = response.json()
        error = (by_reason(str(document["code"])) or Incident)(str(document["detail"]))
    except (ValueError, KeyError, TypeError):
        document = {}
        error = ServiceUnavailable(f"The server answered with HTTP status {response.status_code}.")
    error.request_id = response.headers.get(REQUEST_ID, "")
    error.retry_after_s = _retry_after_s(response.headers.get("retry-after", ""))
    if isinstance(error, MalformedRequest):
        error.violations = tuple(_violations(document.get("errors")))
    return error


def _violations(errors: object) -> Iterator[Violation]:
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict):
            yield Violation(str(error.get("location", "")), str(error.get("message", "")))


def _retry_after_s(header: str) -> float | None:
    """Seconds of a ``Retry-After`` header (RFC 9110 section 10.2.3); none where it says nothing.

    >>> _retry_after_s("3"), _retry_after_s("soon")
    (3.0, None)
    """
    if header.isascii() and header.isdecimal():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def malformed(error: ValidationError) -> MalformedRequest:
    """What pydantic found in a request, without the values it found."""
    found = MalformedRequest("The request does not follow its schema.")
    found.violations = tuple(
        Violation(_path(part["loc"]), part["msg"])
        for part in error.errors(include_url=False, include_input=False, include_context=False)
    )
    return found


def _path(parts: tuple[int | str, ...]) -> str:
    """Write a path.

    >>> _path(("timepoints", 0, "role"))
    'timepoints[0].role'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


@contextmanager
def http_errors() -> Iterator[None]:
    """Tell what httpx raises as a Tumorcast error."""
    try:
        yield
    except (httpx.ConnectTimeout, httpx.PoolTimeout) as e:
        raise _unreachable("The server cannot be reached in time.") from e
    except httpx.TimeoutException as e:
        raise DeadlineExceeded("The server did not answer in time.") from e
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        raise _unreachable("The server cannot be reached; is its URL right?") from e


def _unreachable(message: str) -> TumorcastError:
    error: TumorcastError = ServiceUnavailable(message)
    error.retry_after_s = None
    return error
