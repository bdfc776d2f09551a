"""The server: gRPC with health, drained on a signal."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tumorcast_core import telemetry
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded
from tumorcast_core.rpc.admitting import PeersOnly
from tumorcast_core.rpc.answering import within
from tumorcast_core.rpc.decoding import StrictDecoding
from tumorcast_core.settings import ServiceSettings
from tumorcast_core.tls import TlsFiles, server_credentials

log = logging.getLogger(__name__)

HANDSHAKE_S = 15.0
"""A peer that has not begun to speak HTTP/2, and TLS before, by then is cut off; gRPC's own default is two minutes."""
IDLE_S = 60.0
"""A connection without calls is closed; clients open another one by themselves."""
AGE_S = 300.0
"""A connection is closed gently after this time, give or take a tenth, for clients that look for replicas only then."""
PINGS_S = 0.3
"""Services of ours may ask this often whether the other end is still there; gRPC's own limit is five minutes."""
PINGED = (
    ("grpc.http2.min_ping_interval_without_data_ms", round(PINGS_S * 1000)),
    ("grpc.keepalive_permit_without_calls", 1),
)
_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
MAX_CONNECTIONS = 4_096 if _FILES == resource.RLIM_INFINITY else min(4_096, _FILES // 4)
"""More are refused: files must be left to open."""


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
    *,
    credentials: grpc.ServerCredentials | None = None,
    interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = (),
    options: Sequence[tuple[str, int]] = (),
    max_calls: int = 0,
    lingers: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Run a ``grpc.aio`` server with health until ``stop`` is set (none: SIGTERM or SIGINT), then drain it.

    Draining: health says NOT_SERVING, no call is taken any more (UNAVAILABLE, which a client may send elsewhere),
    and those that run get ``drain_s`` to end. A service that refuses new calls itself is listened to until what
    ``lingers`` waits for has happened. With ``credentials`` the port speaks TLS. ``max_calls``: in place of the
    setting, where the service bounds its work itself. ``health_port`` says the same of health until the very end.
    """
    server = grpc.aio.server(
        maximum_concurrent_rpcs=max_calls or settings.max_concurrent_calls,
        interceptors=[*interceptors, StrictDecoding()],
        options=[
            ("grpc.max_receive_message_length", settings.max_message_mib << 20),
            ("grpc.max_send_message_length", settings.max_message_mib << 20),
            ("grpc.max_connection_age_ms", round(AGE_S * 1000)),
            *_bounds(),
            *options,
        ],
    )
    health_servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    register(server)
    port = _opened(server, f"{settings.host}:{settings.port}", credentials)
    await server.start()
    for name in ("", *service_names):
        await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    log.info("%s serves gRPC on %s:%d", service, settings.host, port)

    async with _probed(health_servicer, settings), telemetry.watching_loop(service):
        await (stop or stop_signal()).wait()
        log.info("%s drains for up to %g s", service, settings.drain_s)
        until = Deadline.after(settings.drain_s)
        await health_servicer.enter_graceful_shutdown()
        if lingers:
            with suppress(DeadlineExceeded):
                await within(until, lingers())
        await server.stop(until.timeout_s)


async def serve_peers(
    service: str,
    register: Callable[[grpc.aio.Server], None],
    settings: ServiceSettings,
    service_names: tuple[str, ...],
    files: TlsFiles | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """``serve`` for a service that only services of ours call: with ``files`` over TLS, and to nobody else."""
    await serve(
        service,
        register,
        settings,
        service_names,
        stop,
        credentials=server_credentials(files) if files else None,
        interceptors=[PeersOnly(service, settings.peer_clients)] if files and settings.peer_clients else [],
        options=PINGED,
    )


@asynccontextmanager
async def _probed(health_servicer: Any, settings: ServiceSettings) -> AsyncIterator[None]:
    """Tell health, and nothing else, in clear on the port for probes, if there is one."""
    if not settings.health_port:
        yield
        return
    server = grpc.aio.server(interceptors=[StrictDecoding()], options=_bounds())
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    _opened(server, f"{settings.host}:{settings.health_port}", None)
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


def _bounds() -> list[tuple[str, int]]:
    return [
        ("grpc.max_connection_idle_ms", round(IDLE_S * 1000)),
        ("grpc.server_handshake_timeout_ms", round(HANDSHAKE_S * 1000)),
        ("grpc.max_allowed_incoming_connections", MAX_CONNECTIONS),
        ("grpc.so_reuseport", 0),
    ]


def _opened(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    return server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
