"""One service behind one gRPC channel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, MalformedRequest, ServiceUnavailable, TumorcastError
from tumorcast_gateway.adapters.breaker import Breaker

CONNECT_TIMEOUT_MS = 1_000
"""A host that swallows packets counts as down after this time; gRPC's own default is 20 s."""
PROBE_S = 1.0
"""A service that was left alone is asked for its health first, and for no longer than this."""
LONG_S = 5.0
"""A service that was silent for less has not been given the time to answer."""
UNREACHABLE = "UNREACHABLE"
_THERE = ("SERVING", "UNKNOWN")
_Response = TypeVar("_Response", bound=Message)


class Backend:
    """A service's name, channel and breaker. The channel is made on first use, in the event loop that then runs."""

    def __init__(self, service: str, target: str, max_message_mib: int, breaker: Breaker | None = None) -> None:
        self.service = service
        self.breaker = breaker or Breaker(service)
        self._target = target
        self._options = [
            *rpc.channel_options(max_message_mib),
            ("grpc.min_reconnect_backoff_ms", CONNECT_TIMEOUT_MS),  # also limits one attempt to connect
        ]

    @cached_property
    def channel(self) -> grpc.aio.Channel:
        """The one channel to this service."""
        return grpc.aio.insecure_channel(self._target, options=self._options)

    async def call(
        self,
        method: Callable[..., Awaitable[_Response]],
        request: Any,
        deadline: Deadline,
        *,
        idempotent: bool = False,
    ) -> _Response:
        """``rpc.call`` behind the breaker: where that is open, ``ServiceUnavailable`` at once."""
        if self.breaker.enter():
            await self._find_out(deadline)
        granted_s = deadline.left_s
        try:
            answer = await rpc.call(method, request, deadline, service=self.service, idempotent=idempotent)
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
        stub = health_pb2_grpc.HealthStub(self.channel)
        try:
            answer = await rpc.call(stub.Check, health_pb2.HealthCheckRequest(), deadline, service=self.service)
        except TumorcastError as e:
            return UNREACHABLE if rpc.is_broken(e) or isinstance(e, DeadlineExceeded) else "UNKNOWN"
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    async def close(self) -> None:
        """Close the channel if there is one."""
        if "channel" in self.__dict__:
            await self.channel.close(grace=None)
