"""Errors on the wire: how one is told, and how one that was told is read."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from typing import Any, Protocol

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from tumorcast_core import logs
from tumorcast_core.errors import (
    DeadlineExceeded,
    Incident,
    MalformedRequest,
    ResourceExhausted,
    ServiceUnavailable,
    TumorcastError,
    by_reason,
)
from tumorcast_core.status import wire_status

log = logging.getLogger(__name__)

REQUEST_ID = "tumorcast-request-id"
BUDGET_MS = "tumorcast-budget-ms"
"""Milliseconds left for the call; Ray Serve does not pass the gRPC deadline on."""
ERROR_DOMAIN = "tumorcast"
_DETAILS = "grpc-status-details-bin"
_WHY = (
    ("Hostname Verification", "its certificate is of another name"),
    ("certificate has expired", "its certificate has expired"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is of no authority that is trusted"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS"),
    ("Socket closed", "it closed the connection, as one does that expects TLS or refuses a certificate"),
    ("Connection refused", "nobody listens there"),
    ("errors resolving", "its name is not found"),
    ("ping timeout", "it fell silent"),
)


class CallContext(Protocol):
    """What ``grpc.aio`` and Ray Serve contexts have in common."""

    def invocation_metadata(self) -> Any: ...
    def set_code(self, code: grpc.StatusCode) -> None: ...
    def set_details(self, details: str) -> None: ...
    def set_trailing_metadata(self, trailing_metadata: Any) -> None: ...


def tell(error: TumorcastError, context: CallContext) -> None:
    """Write ``error`` on the call as status, message, machine-readable reason, and when to try again."""
    code = wire_status(type(error)).grpc_code
    status = Status(code=code.value[0], message=error.message, details=map(_packed, _details_of(error)))
    context.set_code(code)
    context.set_details(error.message)
    context.set_trailing_metadata([(_DETAILS, status.SerializeToString())])


def _details_of(error: TumorcastError) -> Iterator[Message]:
    yield ErrorInfo(reason=error.reason, domain=ERROR_DOMAIN)
    if error.retry_after_s is not None:
        again = RetryInfo()
        again.retry_delay.FromMilliseconds(round(error.retry_after_s * 1000))
        yield again
    if isinstance(error, MalformedRequest) and error.violations:
        yield BadRequest(
            field_violations=[
                BadRequest.FieldViolation(field=v.location, description=v.message) for v in error.violations
            ]
        )


def _packed(detail: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed


def incident(exception: BaseException) -> Incident:
    """Log where an unexpected exception came from, without its text, and return the error to show for it."""
    incident_id = uuid.uuid4().hex[:12]
    log.error("incident %s", incident_id, extra={"failure": logs.described(exception)})
    return Incident(f"An unexpected error happened; the log has it as incident {incident_id}.")


def told(error: grpc.aio.AioRpcError, service: str) -> TumorcastError:
    """The Tumorcast error behind a failed call; text of foreign errors is neither logged nor passed on."""
    if known := told_by_us(error):
        return known
    log.warning("%s failed with %s%s", service, error.code().name, why(error))
    match error.code():
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceeded(f"The {service} service did not answer before the deadline.")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return ResourceExhausted(f"The {service} service is at its limit; try again later.")
        case _:
            return ServiceUnavailable(f"The {service} service does not answer.")


def why(error: grpc.aio.AioRpcError) -> str:
    """Why there is no connection, for the log, in words of ours: what gRPC says may hold what a server sent."""
    said = error.details() or ""
    return next((f": {ours}" for theirs, ours in _WHY if theirs in said), "")


def told_by_us(error: grpc.aio.AioRpcError) -> TumorcastError | None:
    """The error that a Tumorcast service told; none if something between it and the caller did."""
    metadata: dict[str, Any] = dict(error.trailing_metadata() or ())  # type: ignore[arg-type]
    try:
        status = Status.FromString(metadata.get(_DETAILS, b""))
    except DecodeError:
        return None
    found: TumorcastError | None = None
    again = RetryInfo()
    for detail in status.details:
        info = ErrorInfo()
        if detail.Unpack(info) and info.domain == ERROR_DOMAIN and (known := by_reason(info.reason)):
            found = known(status.message)
        detail.Unpack(again)
    if found and again.HasField("retry_delay"):
        found.retry_after_s = again.retry_delay.ToMilliseconds() / 1000
    return found
