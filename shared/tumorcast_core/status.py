"""The one table that says how an error looks on each wire.

gRPC status by https://grpc.io/docs/guides/status-codes, HTTP by RFC 9110, issue type by FHIR R4 ``issue-type``.
A class without an entry takes its parent's; a test keeps the table and the tree in step.
"""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from tumorcast_core import errors


@dataclass(frozen=True, slots=True)
class WireStatus:
    """How one error is told: gRPC code, HTTP status, FHIR ``OperationOutcome.issue.code``."""

    grpc_code: grpc.StatusCode
    http_status: int
    fhir_issue: str


TABLE: dict[type[errors.TumorcastError], WireStatus] = {
    errors.InvalidInput: WireStatus(grpc.StatusCode.INVALID_ARGUMENT, 422, "invalid"),
    errors.MalformedRequest: WireStatus(grpc.StatusCode.INVALID_ARGUMENT, 400, "structure"),
    errors.PrefetchMissing: WireStatus(grpc.StatusCode.FAILED_PRECONDITION, 412, "required"),
    errors.NotFound: WireStatus(grpc.StatusCode.NOT_FOUND, 404, "not-found"),
    errors.RecordErased: WireStatus(grpc.StatusCode.NOT_FOUND, 410, "deleted"),
    errors.Unauthenticated: WireStatus(grpc.StatusCode.UNAUTHENTICATED, 401, "login"),
    errors.PermissionDenied: WireStatus(grpc.StatusCode.PERMISSION_DENIED, 403, "forbidden"),
    errors.Conflict: WireStatus(grpc.StatusCode.ABORTED, 409, "conflict"),
    errors.PayloadTooLarge: WireStatus(grpc.StatusCode.INVALID_ARGUMENT, 413, "too-long"),
    errors.ResourceExhausted: WireStatus(grpc.StatusCode.RESOURCE_EXHAUSTED, 429, "throttled"),
    errors.ServiceUnavailable: WireStatus(grpc.StatusCode.UNAVAILABLE, 503, "transient"),
    errors.DeadlineExceeded: WireStatus(grpc.StatusCode.DEADLINE_EXCEEDED, 504, "timeout"),
    errors.Incident: WireStatus(grpc.StatusCode.INTERNAL, 500, "exception"),
}


def wire_status(error: type[errors.TumorcastError]) -> WireStatus:
    """Look up an error class, or the nearest of its parents.

    >>> wire_status(errors.UnknownModel).http_status
    404
    """
    return next(TABLE[parent] for parent in error.__mro__ if parent in TABLE)
