"""Bytes on the wire that are no message: told as ``MALFORMED_REQUEST``, where gRPC would say UNKNOWN or INTERNAL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from tumorcast_core.errors import MalformedRequest
from tumorcast_core.rpc.telling import tell

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]
_MAKERS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
_NO_MESSAGE = object()


class StrictDecoding(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Decodes requests of every kind of call; the last interceptor, so that those before it come first."""

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Wrap the handler of the called method."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        make = _MAKERS[handler.request_streaming, handler.response_streaming]
        if handler.response_streaming:
            behavior: Callable[..., Any] = _streaming(handler.stream_stream or handler.unary_stream)
        else:
            behavior = _answering(handler.stream_unary or handler.unary_unary)
        return make(behavior, _decoder(handler.request_deserializer), handler.response_serializer)


def _decoder(decode: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    def decoded(data: bytes) -> Any:
        try:
            return decode(data) if decode else data
        except Exception:  # whatever protobuf raises for bytes that are no message, not UTF-8, or too deep
            return _NO_MESSAGE

    return decoded


def _answering(behavior: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def checked(request: Any, context: Any) -> Any:
        try:
            return await behavior(_checked(request), context)
        except MalformedRequest as e:
            return await _end(e, context)

    return checked


def _streaming(behavior: Callable[..., Any]) -> Callable[..., AsyncIterator[Any]]:
    async def checked(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            answers = behavior(_checked(request), context)
            if not hasattr(answers, "__aiter__"):  # a coroutine that writes by itself, as health does
                await answers
                return
            async for answer in answers:
                yield answer
        except MalformedRequest as e:
            await _end(e, context)

    return checked


def _checked(request: Any) -> Any:
    """The request, or stream of requests, as it is; raises ``MalformedRequest``, the stream as it is read."""
    if request is _NO_MESSAGE:
        raise MalformedRequest("The bytes are not a message of this method.")
    return _each(request) if hasattr(request, "__aiter__") else request


async def _each(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield _checked(request)


async def _end(error: MalformedRequest, context: Any) -> None:
    tell(error, context)
    await context.abort(context.code(), context.details(), context.trailing_metadata())
