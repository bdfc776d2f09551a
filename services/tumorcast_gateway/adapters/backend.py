"""One service, whatever replicas it has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    DeadlineExceeded,
    MalformedRequest,
    PermissionDenied,
    ServiceUnavailable,
    TumorcastError,
)
from tumorcast_core.tls import TlsFiles
from tumorcast_gateway.adapters.breaker import Breaker

PROBE_S = 1.0
"""A service that was left alone is asked for its health first, and for no longer than this."""
LONG_S = 5.0
"""A service that was silent for less has not been given the time to answer."""
UNREACHABLE = "UNREACHABLE"
_THERE = ("SERVING", "UNKNOWN")
_Response = TypeVar("_Response", bound=Message)


Method = Callable[..., Awaitable[_Response]]


class Backend:
    """A service's name, line and breaker. The line is opened on first use, in the event loop that then runs.

    ``watched``: the service tells its health by Watch. With ``files`` it is spoken to over TLS only.
    """

    def __init__(
        self,
        service: str,
        target: str,
        max_message_mib: int,
        breaker: Breaker | None = None,
        *,
        watched: bool = True,
        files: TlsFiles | None = None,
    ) -> None:
        self.service = service
        self.breaker = breaker or Breaker(service)
        self._line = rpc.Line(target, rpc.channel_options(max_message_mib, ours=True, watched=watched), files)

    async def call(
        self,
        method: Callable[[grpc.aio.Channel], Method[_Response]],
        request: Any,
        deadline: Deadline,
        *,
        idempotent: bool = True,
    ) -> _Response:
        """``rpc.call`` of a channel's ``method`` behind the breaker; where that is open, it fails at once."""
        if self.breaker.enter():
            await self._find_out(deadline)
        granted_s = deadline.left_s
        try:
            with self._line.channel() as channel:
                answer = await rpc.call(method(channel), request, deadline, service=self.service, idempotent=idempotent)
        except PermissionDenied as e:  # told to this process, not to who asks it
            self.breaker.answered()
            raise ServiceUnavailable(f"The {self.service} service does not let this gateway in.") from e
        except TumorcastError as e:
            self._learn(e, granted_s)
            raise
        except asyncio.CancelledError:  # the time is over before gRPC says so, or the caller hung up
            if deadline.left_s <= 0:
                self._was_silent(granted_s)
            raise
        self.breaker.answered()
        return answer

    def _learn(self, error: TumorcastError, granted_s: float) -> None:
        """An error that the service told is an answer; only one that it could not tell speaks against it."""
        if rpc.is_broken(error):
            self.breaker.broke()
        elif isinstance(error, DeadlineExceeded) and not rpc.is_told(error):
            self._was_silent(granted_s)
        else:
            self.breaker.answered()

    def _was_silent(self, granted_s: float) -> None:
        if granted_s >= LONG_S:
            self.breaker.broke()

    async def _find_out(self, deadline: Deadline) -> None:
        """Close the breaker if the service is there; raises ``ServiceUnavailable`` if not."""
        try:
            serving = await self.health(Deadline(min(deadline.at_s, Deadline.after(PROBE_S).at_s))) in _THERE
        except BaseException:
            self.breaker.left()
            raise
        if not serving:
            self.breaker.broke()
            self.breaker.enter()  # raises
        self.breaker.answered()

    @contextmanager
    def reading_answer(self) -> Iterator[None]:
        """Convert an answer; one that cannot be read is the service's fault, not the caller's."""
        try:
            yield
        except (MalformedRequest, ValueError) as e:
            raise ServiceUnavailable(f"The {self.service} service gave an answer that cannot be read.") from e

    async def health(self, deadline: Deadline) -> str:
        """Ask ``grpc.health.v1``; ``UNREACHABLE``: no answer; ``UNKNOWN``: it does not say."""
        request = health_pb2.HealthCheckRequest()
        try:
            with self._line.channel() as channel:
                check = health_pb2_grpc.HealthStub(channel).Check
                answer = await rpc.call(check, request, deadline, service=self.service, idempotent=True)
        except TumorcastError as e:
            return UNREACHABLE if rpc.is_broken(e) or isinstance(e, DeadlineExceeded) else "UNKNOWN"
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    async def close(self) -> None:
        """Close the line if it was opened."""
        await self._line.close()
