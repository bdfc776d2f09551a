"""Something asked at the beginning of every call, of whatever kind the call is, in place of four wrappers each."""

from __future__ import annotations

import logging
import math
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import grpc

from tumorcast_core.errors import PermissionDenied, TumorcastError
from tumorcast_core.rpc.telling import tell
from tumorcast_core.telemetry import metrics

log = logging.getLogger(__name__)

LOGGED_EVERY_S = 60.0
Enter = Callable[[Any], Awaitable[None]]
"""Gets the call's context; returns to let the call in, or ends it by ``end``."""
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]


def entering(handler: Any, enter: Enter) -> Any:
    """The same handler behind ``enter``."""
    asked, answered = handler.request_streaming, handler.response_streaming
    kind = f"{'stream' if asked else 'unary'}_{'stream' if answered else 'unary'}"
    wrapped = _streaming(getattr(handler, kind), enter) if answered else _answering(getattr(handler, kind), enter)
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    return make(wrapped, handler.request_deserializer, handler.response_serializer)


async def end(error: TumorcastError, context: Any) -> None:
    """Tell ``error`` and end the call; does not return."""
    tell(error, context)
    await context.abort(context.code(), context.details(), context.trailing_metadata())


class PeersOnly(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Lets in only callers whose certificate holds one of ``names`` as DNS name (RFC 5280 section 4.2.1.6).

    For a port that demands certificates of authorities of ours: others may have been signed by the same.
    """

    def __init__(self, service: str, names: tuple[str, ...]) -> None:
        self._service, self._names = service, frozenset(name.lower() for name in names)
        self._logged_s = -math.inf

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Wrap the handler of the called method; one that does not exist is told to nobody but peers."""
        handler = await continuation(handler_call_details)
        return entering(handler or _NOTHING, self._enter)

    async def _enter(self, context: Any) -> None:
        if not self._names & _shown(context.auth_context() or {}):
            self._count()
            await end(PermissionDenied("The certificate is of no service that may call this one."), context)

    def _count(self) -> None:
        metrics.tell_refusal(self._service, "grpc", PermissionDenied.reason)
        if time.monotonic() - self._logged_s >= LOGGED_EVERY_S:
            self._logged_s = time.monotonic()
            log.warning("%s refused a caller whose certificate holds none of peer_clients", self._service)


def _shown(peer: Mapping[str, Sequence[bytes]]) -> set[str]:
    """DNS names in a caller's certificate, in lower case; not those that gRPC cut at a NUL (CVE-2009-2408's kind).

    None in a TLS session that was taken up again: its certificate is not looked at anew and may have expired since.
    """
    if b"true" in peer.get("ssl_session_reused", ()):
        return set()
    pem = b"".join(peer.get("x509_pem_cert", ())[:1])
    whole = ssl.PEM_cert_to_DER_cert(pem.decode("ascii")).lower() if pem else b""
    names = {name.lower() for name in peer.get("peer_dns", ())}
    return {name.decode("ascii", "replace") for name in names if name in whole and name + b"\0" not in whole}


async def _not_there(_: AsyncIterator[bytes], context: Any) -> None:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


_NOTHING = grpc.stream_stream_rpc_method_handler(_not_there)


def _answering(behavior: Callable[..., Awaitable[Any]], enter: Enter) -> Callable[..., Awaitable[Any]]:
    async def entered(request: Any, context: Any) -> Any:
        await enter(context)
        return await behavior(request, context)

    return entered


def _streaming(behavior: Callable[..., Any], enter: Enter) -> Callable[..., AsyncIterator[Any]]:
    async def entered(request: Any, context: Any) -> AsyncIterator[Any]:
        await enter(context)
        answers = behavior(request, context)
        if not hasattr(answers, "__aiter__"):  # a coroutine that writes by itself
            await answers
            return
        async for answer in answers:
            yield answer

    return entered
