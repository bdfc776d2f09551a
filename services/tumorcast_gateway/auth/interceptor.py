"""The guard of the gRPC door: every call but health checks needs a caller, of whatever kind the call is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import unquote

import grpc

from tumorcast_core import rpc
from tumorcast_core.errors import TumorcastError
from tumorcast_core.telemetry import metrics
from tumorcast_gateway.auth.current import caller
from tumorcast_gateway.auth.guard import Guard
from tumorcast_gateway.model.caller import ANYONE, Caller

OPEN = ("/grpc.health.v1.Health/",)
REFLECTION = ("/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/")

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]


class GuardInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs alone
    """Sets ``current`` for the call, or ends it as UNAUTHENTICATED, PERMISSION_DENIED or RESOURCE_EXHAUSTED.

    Whoever is not let in is told so before any of their messages is read, also where there is no such method.
    ``reflection`` says that anybody may ask for the schema.
    """

    def __init__(self, guard: Guard, *, reflection: bool = False) -> None:
        self._guard = guard
        self._open = OPEN + (REFLECTION if reflection else ())

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Wrap the handler of the called method, or answer in its place."""
        if handler_call_details.method.startswith(self._open):
            return await continuation(handler_call_details)
        given = [value for name, value in handler_call_details.invocation_metadata or () if name == "authorization"]
        try:
            found = await self._guard.identify(str(given[-1]) if given else None)
            if found is not ANYONE:
                self._guard.count(found, "")
        except TumorcastError as e:
            return self._refusing(e)
        except Exception as e:  # the boundary: whatever else happens becomes an incident
            return self._refusing(rpc.incident(e))
        handler = await continuation(handler_call_details)
        return None if handler is None else rpc.entering(handler, partial(self._enter, found))

    def _refusing(self, error: TumorcastError) -> Any:
        async def refuse(_: AsyncIterator[bytes], context: Any) -> None:
            told = self._guard.refusal(error, address_of(context))
            metrics.tell_refusal("gateway", "grpc", told.reason)
            rpc.tell(told, context)

        return grpc.stream_stream_rpc_method_handler(refuse)  # of every kind of call it reads nothing

    async def _enter(self, found: Caller, context: Any) -> None:
        if found is ANYONE:  # only here is the address known
            try:
                self._guard.count(found, address_of(context))
            except TumorcastError as e:
                metrics.tell_refusal("gateway", "grpc", e.reason)
                await rpc.end(e, context)
        caller.set(found)


def address_of(context: Any) -> str:
    """The peer's address: ``ipv4:192.0.2.7:4711`` or ``ipv6:%5B2001:db8::1%5D:4711``, without its port."""
    kind, _, rest = unquote(str(context.peer())).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else kind
