"""Errors as RFC 9457 problems, or as FHIR OperationOutcome where FHIR was asked for."""

from __future__ import annotations

import math
from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from tumorcast_api.problem import PROBLEM_JSON, FieldError, Problem, problem_type
from tumorcast_core import logs
from tumorcast_core.errors import MalformedRequest, TumorcastError
from tumorcast_core.status import wire_status
from tumorcast_core.telemetry import REASON
from tumorcast_gateway.rest.faults import fault_of
from tumorcast_gateway.rest.negotiation import FHIR_JSON, wants_fhir


def install(app: FastAPI) -> None:
    """Tell every Tumorcast and HTTP error as a problem."""

    @app.exception_handler(TumorcastError)
    async def _told(request: Request, error: TumorcastError) -> Response:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def _parameters(request: Request, error: RequestValidationError) -> Response:
        fault, places = fault_of(error)
        return answer(request, fault, places=places)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        headers = dict(error.headers or {})
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(sorted(_methods(app, request)))
        issue = "not-found" if status is HTTPStatus.NOT_FOUND else "not-supported"
        return _render(request, _problem(status.name, status.phrase, status, error.detail), issue, headers)


def answer(
    request: Request, error: TumorcastError, http_status: int = 0, places: list[FieldError] | None = None
) -> Response:
    """Render a Tumorcast error, with another HTTP status than usual where one is given."""
    status = wire_status(type(error))
    problem = _problem(error.reason, error.default_message, http_status or status.http_status, error.message)
    problem.errors = places or _field_errors(error.__cause__) or _violations(error)
    retry = {"retry-after": str(math.ceil(error.retry_after_s))} if error.retry_after_s is not None else {}
    return _render(request, problem, status.fhir_issue, retry)


def _methods(app: FastAPI, request: Request) -> set[str]:
    """Methods of all routes with the path of a request; the router tells those of the first only."""
    found: set[str] = set()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in app.router.routes):
            found.add(method)
    return found


def _problem(code: str, title: str, status: int, detail: str) -> Problem:
    return Problem(
        type=problem_type(code),
        title=title,
        status=status,
        detail=detail,
        code=code,
        request_id=logs.request_id.get(),
    )


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


def _violations(error: TumorcastError) -> list[FieldError]:
    """What the domain found at fault, as gRPC tells it, too."""
    found = error.violations if isinstance(error, MalformedRequest) else ()
    return [FieldError(location=violation.location, message=violation.message) for violation in found]


def _location(parts: tuple[int | str, ...]) -> str:
    """Write a path.

    >>> _location(("timepoints", 0, "role"))
    'timepoints[0].role'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _render(request: Request, problem: Problem, issue: str, headers: dict[str, str]) -> Response:
    request.scope[REASON] = problem.code
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
