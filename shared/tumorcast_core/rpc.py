"""gRPC in one place: the boundary around every servicer method, the server that runs it, the client that calls it.

The boundary works the same under ``grpc.aio`` and under Ray Serve: it sets code, details and
``grpc-status-details-bin`` (a ``google.rpc.Status`` with ``ErrorInfo``) and returns an empty response, since an
uncaught exception would reach the caller with its text.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tumorcast_core import logs
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    DeadlineExceeded,
    Incident,
    ResourceExhausted,
    ServiceUnavailable,
    TumorcastError,
    by_reason,
)
from tumorcast_core.settings import ServiceSettings
from tumorcast_core.status import wire_status

log = logging.getLogger(__name__)

REQUEST_ID = "tumorcast-request-id"
BUDGET_MS = "tumorcast-budget-ms"
"""Milliseconds left for the call; Ray Serve does not pass the gRPC deadline on."""
ERROR_DOMAIN = "tumorcast"
_DETAILS = "grpc-status-details-bin"
_BROKEN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
"""What a caller sees of a server that died under the call, or that a proxy before it says for it."""
_AGAIN_AFTER_S = 0.2

_Response = TypeVar("_Response", bound=Message)
Method = Callable[..., Awaitable[_Response]]
"""A servicer's or a stub's coroutine method."""


class CallContext(Protocol):
    """What ``grpc.aio`` and Ray Serve contexts have in common."""

    def invocation_metadata(self) -> Any: ...
    def set_code(self, code: grpc.StatusCode) -> None: ...
    def set_details(self, details: str) -> None: ...
    def set_trailing_metadata(self, trailing_metadata: Any) -> None: ...


def deadline_of(context: CallContext) -> Deadline:
    """The caller's deadline: the smaller of the budget in metadata and gRPC's own."""
    metadata = dict(context.invocation_metadata() or ())
    seconds = []
    with contextlib.suppress(KeyError, ValueError):
        seconds.append(float(metadata[BUDGET_MS]) / 1000)
    time_remaining = getattr(context, "time_remaining", lambda: None)()
    if time_remaining is not None:
        seconds.append(time_remaining)
    return Deadline.after(min(seconds)) if seconds else Deadline()


def tell(error: TumorcastError, context: CallContext) -> None:
    """Write ``error`` on the call as status, message and machine-readable reason."""
    code = wire_status(type(error)).grpc_code
    info = AnyMessage()
    info.Pack(ErrorInfo(reason=error.reason, domain=ERROR_DOMAIN))
    status = Status(code=code.value[0], message=error.message, details=[info])
    context.set_code(code)
    context.set_details(error.message)
    context.set_trailing_metadata([(_DETAILS, status.SerializeToString())])


def incident(exception: BaseException) -> Incident:
    """Log an unexpected exception and return the error that may be shown for it."""
    incident_id = uuid.uuid4().hex[:12]
    log.error("incident %s", incident_id, exc_info=exception)
    return Incident(f"An unexpected error happened; the log has it as incident {incident_id}.")


async def within(deadline: Deadline, work: Awaitable[Any]) -> Any:
    """Await ``work``, or cancel it and raise ``DeadlineExceeded`` when the deadline passes."""
    try:
        async with asyncio.timeout(deadline.timeout_s):
            return await work
    except TimeoutError as e:
        raise DeadlineExceeded from e


def answers(response: type[_Response]) -> Callable[[Method[_Response]], Method[_Response]]:
    """Decorate ``async def Method(self, request, grpc_context)``: request id, deadline; errors are told, not raised."""

    def decorate(method: Method[_Response]) -> Method[_Response]:
        @functools.wraps(method)
        async def guarded(self: Any, request: Any, grpc_context: CallContext) -> _Response:
            metadata = dict(grpc_context.invocation_metadata() or ())
            logs.request_id.set(str(metadata.get(REQUEST_ID, "")))
            try:
                answer: _Response = await within(deadline_of(grpc_context), method(self, request, grpc_context))
                return answer
            except TumorcastError as e:
                tell(e, grpc_context)
            except Exception as e:  # the boundary: whatever else happens becomes an incident
                tell(incident(e), grpc_context)
            return response()

        return guarded

    return decorate


def channel_options(max_message_mib: int = 64) -> list[tuple[str, int | str]]:
    """Client options: round robin over all addresses, keepalive, no silent size limit of 4 MiB."""
    return [
        ("grpc.max_receive_message_length", max_message_mib << 20),
        ("grpc.max_send_message_length", max_message_mib << 20),
        ("grpc.lb_policy_name", "round_robin"),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 2_000),
    ]


async def call(
    method: Callable[..., Awaitable[_Response]],
    request: Any,
    deadline: Deadline,
    *,
    service: str,
    metadata: Mapping[str, str] | None = None,
    idempotent: bool = False,
) -> _Response:
    """Call a stub's method under ``deadline``; raises the Tumorcast error that the other side told.

    An ``idempotent`` call that broke without a word from the service, as when a replica dies under it, is sent once
    more while the deadline allows.
    """
    try:
        return await _sent(method, request, deadline, metadata)
    except grpc.aio.AioRpcError as e:
        if not (idempotent and e.code() in _BROKEN and _reason(e) is None):
            raise told(e, service) from e
        log.warning("%s failed with %s and is called again", service, e.code().name)
    await within(deadline, asyncio.sleep(_AGAIN_AFTER_S))
    try:
        return await _sent(method, request, deadline, metadata)
    except grpc.aio.AioRpcError as e:
        raise told(e, service) from e


async def _sent(
    method: Callable[..., Awaitable[_Response]], request: Any, deadline: Deadline, metadata: Mapping[str, str] | None
) -> _Response:
    deadline.check()
    pairs = [(REQUEST_ID, logs.request_id.get()), *(metadata or {}).items()]
    if deadline.timeout_s is not None:
        pairs.append((BUDGET_MS, f"{deadline.timeout_s * 1000:.0f}"))
    return await method(request, timeout=deadline.timeout_s, metadata=pairs)


def told(error: grpc.aio.AioRpcError, service: str) -> TumorcastError:
    """The Tumorcast error behind a failed call; text of foreign errors is logged, not passed on."""
    if known := _reason(error):
        return known
    log.warning("%s failed with %s: %s", service, error.code().name, error.details())
    match error.code():
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceeded(f"The {service} service did not answer before the deadline.")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return ResourceExhausted(f"The {service} service is at its limit; try again later.")
        case _:
            return ServiceUnavailable(f"The {service} service does not answer.")


def _reason(error: grpc.aio.AioRpcError) -> TumorcastError | None:
    """The error that a Tumorcast service told; none if something between it and the caller did."""
    metadata: dict[str, Any] = dict(error.trailing_metadata() or ())  # type: ignore[arg-type]
    status = Status.FromString(metadata.get(_DETAILS, b""))
    for detail in status.details:
        info = ErrorInfo()
        known = by_reason(info.reason) if detail.Unpack(info) and info.domain == ERROR_DOMAIN else None
        if known:
            return known(status.message)
    return None


def stop_signal() -> asyncio.Event:
    """An event of the running loop that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, stop.set)
    return stop


async def serve(
    service: str,
    register: Callable[[grpc.aio.Server], None],
    settings: ServiceSettings,
    service_names: tuple[str, ...],
    stop: asyncio.Event | None = None,
) -> None:
    """Run a ``grpc.aio`` server with health until ``stop`` is set (none: SIGTERM or SIGINT), then drain it."""
    server = grpc.aio.server(
        maximum_concurrent_rpcs=settings.max_concurrent_calls,
        options=[
            ("grpc.max_receive_message_length", settings.max_message_mib << 20),
            ("grpc.max_send_message_length", settings.max_message_mib << 20),
            ("grpc.max_connection_age_ms", 300_000),
            ("grpc.so_reuseport", 0),
        ],
    )
    health_servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    register(server)
    port = server.add_insecure_port(f"{settings.host}:{settings.port}")
    await server.start()
    for name in ("", *service_names):
        await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    log.info("%s serves gRPC on %s:%d", service, settings.host, port)

    await (stop or stop_signal()).wait()
    log.info("%s drains for up to %g s", service, settings.drain_s)
    await health_servicer.enter_graceful_shutdown()
    await server.stop(settings.drain_s)
