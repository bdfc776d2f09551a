"""The guard of the gRPC door: every call but health checks needs a caller, of whatever kind the call is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
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
        return None if handler is None else self._admitting(handler, found)

    def _refusing(self, error: TumorcastError) -> Any:
        async def refuse(_: AsyncIterator[bytes], context: Any) -> None:
            told = self._guard.refusal(error, address_of(context))
            metrics.tell_refusal("gateway", "grpc", told.reason)
            rpc.tell(told, context)

        return grpc.stream_stream_rpc_method_handler(refuse)  # of every kind of call it reads nothing

    def _admitting(self, handler: Any, found: Caller) -> Any:
        """The same handler with ``current`` set."""
        asked, answered = handler.request_streaming, handler.response_streaming
        kind = f"{'stream' if asked else 'unary'}_{'stream' if answered else 'unary'}"
        behavior = getattr(handler, kind)
        wrapped = self._streaming(behavior, found) if answered else self._answering(behavior, found)
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(wrapped, handler.request_deserializer, handler.response_serializer)

    def _answering(self, behavior: Callable[..., Awaitable[Any]], found: Caller) -> Callable[..., Awaitable[Any]]:
        async def guarded(request: Any, context: Any) -> Any:
            await self._enter(found, context)
            return await behavior(request, context)

        return guarded

    def _streaming(self, behavior: Callable[..., Any], found: Caller) -> Callable[..., AsyncIterator[Any]]:
        async def guarded(request: Any, context: Any) -> AsyncIterator[Any]:
            await self._enter(found, context)
            answers = behavior(request, context)
            if not hasattr(answers, "__aiter__"):  # a coroutine that writes by itself
                await answers
                return
            async for answer in answers:
                yield answer

        return guarded

    async def _enter(self, found: Caller, context: Any) -> None:
        if found is ANYONE:  # only here is the address known
            try:
                self._guard.count(found, address_of(context))
            except TumorcastError as e:
                metrics.tell_refusal("gateway", "grpc", e.reason)
                rpc.tell(e, context)
                await context.abort(context.code(), context.details(), context.trailing_metadata())
        caller.set(found)


def address_of(context: Any) -> str:
    """The peer's address: ``ipv4:192.0.2.7:4711`` or ``ipv6:%5B2001:db8::1%5D:4711``, without its port."""
    kind, _, rest = unquote(str(context.peer())).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else kind
