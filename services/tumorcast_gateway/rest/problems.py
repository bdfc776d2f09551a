"""Errors as RFC 9457 problems, or as FHIR OperationOutcome where FHIR was asked for."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from tumorcast_core import logs
from tumorcast_core.errors import ResourceExhausted, ServiceUnavailable, TumorcastError
from tumorcast_core.status import wire_status
from tumorcast_gateway.rest.negotiation import FHIR_JSON, wants_fhir

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = "1"


class FieldError(BaseModel):
    """What is wrong with one part of the body."""

    location: str = Field(description="path into the body, e.g. `timepoints[0].role`; empty: the body as a whole")
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). Programs switch on `code`."""

    type: str = Field(description="URI of the kind of problem", examples=["urn:tumorcast:problem:unknown-model"])
    title: str = Field(description="the kind of problem in words")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="this problem in words; no patient data")
    code: str = Field(description="stable reason code, the same over gRPC", examples=["UNKNOWN_MODEL"])
    request_id: str = Field(description="id of the request, also in the server's log")
    errors: list[FieldError] = Field(default=[], description="what is wrong where, for a malformed body")


def install(app: FastAPI) -> None:
    """Tell every Tumorcast and HTTP error as a problem."""

    @app.exception_handler(TumorcastError)
    async def _told(request: Request, error: TumorcastError) -> Response:
        return answer(request, error)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        phrase = HTTPStatus(error.status_code).phrase
        issue = "not-found" if error.status_code == HTTPStatus.NOT_FOUND else "not-supported"
        problem = _problem(HTTPStatus(error.status_code).name, phrase, error.status_code, error.detail)
        return _render(request, problem, issue, dict(error.headers or {}))


def answer(request: Request, error: TumorcastError, http_status: int = 0) -> Response:
    """Render a Tumorcast error, with another HTTP status than usual where one is given."""
    status = wire_status(type(error))
    problem = _problem(error.reason, error.default_message, http_status or status.http_status, error.message)
    problem.errors = _field_errors(error.__cause__)
    retry = {"retry-after": RETRY_AFTER_S} if isinstance(error, ResourceExhausted | ServiceUnavailable) else {}
    return _render(request, problem, status.fhir_issue, retry)


def _problem(code: str, title: str, status: int, detail: str) -> Problem:
    kind = f"urn:tumorcast:problem:{code.lower().replace('_', '-')}"
    return Problem(type=kind, title=title, status=status, detail=detail, code=code, request_id=logs.request_id.get())


def _field_errors(cause: BaseException | None) -> list[FieldError]:
    """What pydantic found, without the values it found."""
    if not isinstance(cause, ValidationError):
        return []
    found = []
    for error in cause.errors(include_url=False, include_input=False, include_context=False):
        unknown = error["type"] == "extra_forbidden"  # the name of an unknown field is the caller's text, too
        message = "There is a field here that is not known." if unknown else error["msg"]
        found.append(FieldError(location=_location(error["loc"][:-1] if unknown else error["loc"]), message=message))
    return found


def _location(parts: tuple[int | str, ...]) -> str:
    """Write a path.

    >>> _location(("timepoints", 0, "role"))
    'timepoints[0].role'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _render(request: Request, problem: Problem, issue: str, headers: dict[str, str]) -> Response:
    if not wants_fhir(request):
        return Response(problem.model_dump_json(), problem.status, headers, PROBLEM_JSON)
    outcome = _operation_outcome(problem, issue)
    return Response(outcome, problem.status, headers, FHIR_JSON)


def _operation_outcome(problem: Problem, issue: str) -> bytes:
    issues = [
        {"severity": "error", "code": issue, "details": {"text": problem.code}, "diagnostics": problem.detail},
        *({"severity": "error", "code": issue, "diagnostics": f"{e.location}: {e.message}"} for e in problem.errors),
    ]
    return msgspec.json.encode({"resourceType": "OperationOutcome", "issue": issues})
