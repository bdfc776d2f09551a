"""The boundary around every servicer method: request id, deadline, trace; errors are told, not raised."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from google.protobuf.message import Message

from tumorcast_core import logs, telemetry
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, TumorcastError
from tumorcast_core.rpc.telling import BUDGET_MS, REQUEST_ID, CallContext, incident, tell

_DOOR = "tumorcast.prognosis.v1"
"""The package that callers from outside reach; ids of theirs are not taken, as they could name a patient."""
_GATEWAY = "gateway"
_Response = TypeVar("_Response", bound=Message)
Method = Callable[..., Awaitable[_Response]]
"""A servicer's coroutine method."""
Stream = Callable[..., AsyncIterator[_Response]]
"""A servicer's asynchronous generator method."""


def deadline_of(context: CallContext) -> Deadline:
    """The caller's deadline: the smaller of the budget in metadata and gRPC's own."""
    metadata = dict(context.invocation_metadata() or ())
    seconds = []
    with contextlib.suppress(KeyError, ValueError):
        budget_ms = float(metadata[BUDGET_MS])
        if not math.isnan(budget_ms):  # a timer at no time would upset the loop's order of all timers
            seconds.append(budget_ms / 1000)
    time_remaining = getattr(context, "time_remaining", lambda: None)()
    if time_remaining is not None:
        seconds.append(time_remaining)
    return Deadline.after(min(seconds)) if seconds else Deadline()


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
            with _watched(response, method.__name__, grpc_context) as outcome:
                try:
                    answer: _Response = await within(deadline_of(grpc_context), method(self, request, grpc_context))
                    return answer
                except Exception as e:  # the boundary: nothing passes it untold
                    _tell(e, grpc_context, outcome)
                return response()

        return guarded

    return decorate


def streams(response: type[_Response]) -> Callable[[Stream[_Response]], Stream[_Response]]:
    """Decorate ``async def Method(self, request, grpc_context)`` that yields: the same for a stream of answers.

    The deadline is of the whole stream; an error is told after what was sent before it.
    """

    def decorate(method: Stream[_Response]) -> Stream[_Response]:
        @functools.wraps(method)
        async def guarded(self: Any, request: Any, grpc_context: CallContext) -> AsyncIterator[_Response]:
            with _watched(response, method.__name__, grpc_context) as outcome:
                deadline = deadline_of(grpc_context)
                answer = method(self, request, grpc_context)
                try:
                    while True:
                        yield await within(deadline, anext(answer))
                except StopAsyncIteration:
                    return
                except Exception as e:  # the boundary: nothing passes it untold
                    _tell(e, grpc_context, outcome)
                finally:
                    if close := getattr(answer, "aclose", None):
                        await close()

        return guarded

    return decorate


def _tell(exception: Exception, context: CallContext, outcome: telemetry.Outcome) -> None:
    error = exception if isinstance(exception, TumorcastError) else incident(exception)
    outcome.code = error.reason
    tell(error, context)


@contextmanager
def _watched(response: type[Message], method: str, context: CallContext) -> Iterator[telemetry.Outcome]:
    """Take request and trace id from a service of ours, or make them where the caller is anyone."""
    package = response.DESCRIPTOR.file.package
    if not package.startswith("tumorcast."):  # health checks of others' protocols leave no trace
        yield telemetry.Outcome()
        return
    metadata = {} if package == _DOOR else dict(context.invocation_metadata() or ())
    logs.request_id.set(uuid.uuid4().hex if package == _DOOR else str(metadata.get(REQUEST_ID, "")))
    service = _GATEWAY if package == _DOOR else package.split(".")[1]
    with telemetry.answering(service, method, metadata) as outcome:
        yield outcome
