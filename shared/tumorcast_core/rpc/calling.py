"""The client side: one call under a deadline, with request and trace id."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from tumorcast_core import logs, telemetry
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import TumorcastError
from tumorcast_core.rpc.answering import within
from tumorcast_core.rpc.telling import BUDGET_MS, REQUEST_ID, told, told_by_us, why

log = logging.getLogger(__name__)

_BROKEN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
"""What a caller sees of a server that died under the call, or that a proxy before it says for it."""
_AGAIN_AFTER_S = 0.2
CONNECT_S = 1.0
"""A host that swallows packets counts as down after this time; gRPC's own default is 20 s."""
PING_S = 1.0
PING_WAIT_S = 1.0
"""A server of ours that is silent is given up after both, and its calls end; sent bytes wait for the second alone."""
_Response = TypeVar("_Response", bound=Message)
Method = Callable[..., Awaitable[_Response]]
"""A stub's method."""


def channel_options(
    max_message_mib: int = 64, *, ours: bool = False, watched: bool = False
) -> list[tuple[str, int | str]]:
    """Client options: round robin over all addresses, keepalive, no silent size limit of 4 MiB.

    A server of ``ours`` allows to be asked every second whether it is still there. One that is ``watched`` tells its
    health by Watch, as those of ``rpc.serve`` do and Ray Serve does not, and is left out while it says NOT_SERVING.
    """
    ping_s, wait_s = (PING_S, PING_WAIT_S) if ours else (20.0, 20.0)
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if watched:
        config["healthCheckConfig"] = {"serviceName": ""}
    return [
        ("grpc.max_receive_message_length", max_message_mib << 20),
        ("grpc.max_send_message_length", max_message_mib << 20),
        ("grpc.service_config", json.dumps(config)),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.keepalive_time_ms", round(ping_s * 1000)),
        ("grpc.keepalive_timeout_ms", round(wait_s * 1000)),  # of bytes, by TCP_USER_TIMEOUT
        ("grpc.http2.ping_timeout_ms", round(wait_s * 1000)),  # of pings, which the other does not bound
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.min_reconnect_backoff_ms", round(CONNECT_S * 1000)),  # also limits one attempt to connect
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 2_000),
    ]


async def call(
    method: Method[_Response],
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
    with _watched(method, service):
        try:
            return await _sent(method, request, deadline, metadata)
        except grpc.aio.AioRpcError as e:
            if not (idempotent and _broke(e)):
                raise told(e, service) from e
            log.warning("%s failed with %s and is called again%s", service, e.code().name, why(e))
        await within(deadline, asyncio.sleep(_AGAIN_AFTER_S))
        try:
            return await _sent(method, request, deadline, metadata)
        except grpc.aio.AioRpcError as e:
            raise told(e, service) from e


def is_broken(error: TumorcastError) -> bool:
    """Whether ``call`` raised this for a service that broke off or is not there, rather than one that said so."""
    return isinstance(error.__cause__, grpc.aio.AioRpcError) and _broke(error.__cause__)


def is_told(error: TumorcastError) -> bool:
    """Whether ``call`` raised this because the service itself said so."""
    return isinstance(error.__cause__, grpc.aio.AioRpcError) and told_by_us(error.__cause__) is not None


def _broke(error: grpc.aio.AioRpcError) -> bool:
    return error.code() in _BROKEN and told_by_us(error) is None


@contextmanager
def _watched(method: Method[_Response], service: str) -> Iterator[None]:
    """Trace and count calls to services of ours; health checks leave no trace."""
    path = getattr(method, "_method", b"")
    name = path.decode() if isinstance(path, bytes) else str(path)
    if not name.startswith("/tumorcast."):
        yield
        return
    with telemetry.asking(service, name.rsplit("/", 1)[-1]):
        yield


async def _sent(
    method: Method[_Response], request: Any, deadline: Deadline, metadata: Mapping[str, str] | None
) -> _Response:
    deadline.check()
    pairs = [(REQUEST_ID, logs.request_id.get()), *telemetry.outgoing(), *(metadata or {}).items()]
    if deadline.timeout_s is not None:
        pairs.append((BUDGET_MS, f"{deadline.timeout_s * 1000:.0f}"))
    return await method(request, timeout=deadline.timeout_s, metadata=pairs)
