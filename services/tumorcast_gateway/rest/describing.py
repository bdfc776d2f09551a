"""What OpenAPI says of an operation: its answer, the problems it may tell, its body."""

from __future__ import annotations

from collections import defaultdict
from http import HTTPStatus
from typing import Any, TypeAlias

from pydantic import BaseModel

from tumorcast_api.problem import PROBLEM_JSON
from tumorcast_core import errors as e
from tumorcast_core.status import wire_status
from tumorcast_gateway.rest.negotiation import FHIR_JSON, JSON

Kind: TypeAlias = type[e.TumorcastError] | HTTPStatus
"""A kind of problem: an error of ours, or what HTTP itself refuses."""

SENT_TO_ALL: tuple[Kind, ...] = (e.MalformedRequest, HTTPStatus.NOT_ACCEPTABLE, e.Incident)
SENT_TO_CALLERS: tuple[Kind, ...] = (
    *SENT_TO_ALL,
    e.Unauthenticated,
    e.InvalidToken,
    e.TokenExpired,
    e.PermissionDenied,
    e.RateLimited,
    e.ResourceExhausted,
    e.ServiceUnavailable,
    e.StoreUnavailable,
    e.DeadlineExceeded,
)
OF_BODIES: tuple[Kind, ...] = (e.PayloadTooLarge, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
OF_KEYS: tuple[Kind, ...] = (e.IdempotencyKeyReused, e.IdempotencyKeyInUse)
OF_RECORDS: tuple[Kind, ...] = (e.PrognosisNotFound, e.RecordErased)
OF_QUERIES: tuple[Kind, ...] = (
    *OF_BODIES,
    e.NoInput,
    e.HorizonOutOfRange,
    e.UnknownModel,
    e.MalformedFhir,
    e.MalformedDocument,
    e.FhirServerNotAllowed,
    e.PatientMismatch,
    e.UnsoundSeries,
    e.UnsoundSegmentation,
    e.UnknownEmbeddingSpace,
    e.StudyNotFound,
    e.PatientNotFound,
    e.FhirAccessDenied,
)

FORMAT = {
    "name": "_format",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "enum": ["json", JSON, "fhir", "fhir+json", FHIR_JSON]},
    "description": "goes before `Accept`",
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "`wait=10`: answer within 10 seconds (RFC 7240), narrower where a service is slow",
}


def code_of(kind: Kind) -> str:
    """The reason code of a kind of problem.

    >>> code_of(e.UnknownModel), code_of(HTTPStatus.NOT_ACCEPTABLE)
    ('UNKNOWN_MODEL', 'NOT_ACCEPTABLE')
    """
    return kind.name if isinstance(kind, HTTPStatus) else kind.reason


def status_of(kind: Kind) -> int:
    """Its HTTP status."""
    return kind.value if isinstance(kind, HTTPStatus) else wire_status(kind).http_status


def problems_of(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """The responses of an operation that may tell these problems, by HTTP status."""
    codes: dict[int, list[str]] = defaultdict(list)
    for kind in dict.fromkeys(kinds):
        codes[status_of(kind)].append(code_of(kind))
    return {
        status: {
            "description": ", ".join(f"`{code}`" for code in found),
            "content": {
                PROBLEM_JSON: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in found},
                },
                FHIR_JSON: {"schema": {"$ref": "#/components/schemas/OperationOutcome"}},
            },
        }
        for status, found in sorted(codes.items())
    }


def operation(
    name: str,
    summary: str,
    answer: type[BaseModel] | None,
    *kinds: Kind,
    status: int = 200,
    description: str = "",
    headers: tuple[str, ...] = (),
    content: dict[str, Any] | None = None,
    body: type[BaseModel] | None = None,
    parameters: tuple[dict[str, Any], ...] = (PREFER,),
) -> dict[str, Any]:
    """What a FastAPI route is given besides its path; ``name`` is its gRPC method's, in camelCase.

    Answers and bodies are made and read by hand: FastAPI learns of them here, for OpenAPI only.
    """
    told: dict[str, Any] = {"description": description or summary}
    if headers:
        told["headers"] = {header: {"$ref": f"#/components/headers/{header}"} for header in headers}
    if content:
        told["content"] = content
    extra: dict[str, Any] = {"parameters": list(parameters)}
    if body:
        schema = {"$ref": f"#/components/schemas/{body.__name__}"}
        extra["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    return {
        "operation_id": name,
        "summary": summary,
        "status_code": status,
        "response_model": answer,
        "responses": {status: told} | problems_of(*kinds),
        "openapi_extra": extra,
    }
