"""Errors as the REST API tells them: RFC 9457."""

from __future__ import annotations

from pydantic import BaseModel, Field

PROBLEM_JSON = "application/problem+json"
PROBLEMS = "/problems/"


def problem_type(code: str) -> str:
    """The URI reference of a kind of problem; the server that told it describes it there.

    >>> problem_type("UNKNOWN_MODEL")
    '/problems/UNKNOWN_MODEL'
    """
    return f"{PROBLEMS}{code}"


class FieldError(BaseModel):
    """What is wrong with one part of the request."""

    location: str = Field(
        description="path into the body, e.g. `timepoints[0].role`, or the name of a parameter; empty: the whole"
    )
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). Programs switch on `code`."""

    type: str = Field(
        description="URI reference of the kind of problem; the server describes it there",
        examples=["/problems/UNKNOWN_MODEL"],
    )
    title: str = Field(description="the kind of problem in words")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="this problem in words; no patient data")
    code: str = Field(description="stable reason code, the same over gRPC", examples=["UNKNOWN_MODEL"])
    request_id: str = Field(description="id of the request, also in the server's log")
    errors: list[FieldError] = Field(default=[], description="what is wrong where, for a malformed request")


class ProblemKind(BaseModel):
    """What a reason code stands for, on every wire."""

    type: str = Field(description="URI reference of this document")
    code: str = Field(description="stable reason code")
    title: str = Field(description="the kind of problem in words")
    http_status: int
    grpc_status: str = Field(description="name of the gRPC status code, e.g. NOT_FOUND; empty: HTTP only")
    fhir_issue: str = Field(description="code of OperationOutcome.issue")
    parents: list[str] = Field(description="codes of which this one is a kind, the nearest first")
    retry: bool = Field(description="true: the same request may go better later; see `Retry-After`")


class ProblemKinds(BaseModel):
    """Every reason code."""

    problems: list[ProblemKind] = Field(description="parents before their kinds")
