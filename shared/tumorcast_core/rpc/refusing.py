"""Refuses calls before their message is read, where there is no room for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from tumorcast_core import telemetry
from tumorcast_core.errors import TumorcastError
from tumorcast_core.rpc.telling import tell


class RefusesEarly(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Asks ``refusal`` at every call of one of ``methods``, and tells the error that it names instead of answering.

    Without it a call beyond the limit costs the reading and parsing of up to ``max_message_mib``.
    """

    def __init__(self, service: str, methods: frozenset[str], refusal: Callable[[], TumorcastError | None]) -> None:
        self._service, self._methods, self._refusal = service, methods, refusal

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Answer in place of the method if there is something against it."""
        method = str(handler_call_details.method).rsplit("/", 1)[-1]
        error = self._refusal() if method in self._methods else None
        if error is None:
            return await continuation(handler_call_details)

        async def refuse(_: AsyncIterator[bytes], context: Any) -> None:
            with telemetry.answering(self._service, method, {}) as outcome:
                outcome.code = error.reason
                tell(error, context)

        return grpc.stream_stream_rpc_method_handler(refuse)  # of every kind of call it reads nothing
