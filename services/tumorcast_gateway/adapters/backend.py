"""One service behind one gRPC channel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import MalformedRequest, ServiceUnavailable, TumorcastError

CONNECT_TIMEOUT_MS = 1_000
"""A host that swallows packets counts as down after this time; gRPC's own default is 20 s."""


class Backend:
    """A service's name and channel. The channel is made on first use, in the event loop that then runs."""

    def __init__(self, service: str, target: str, max_message_mib: int) -> None:
        self.service = service
        self._target = target
        self._options = [
            *rpc.channel_options(max_message_mib),
            ("grpc.min_reconnect_backoff_ms", CONNECT_TIMEOUT_MS),  # also limits one attempt to connect
        ]

    @cached_property
    def channel(self) -> grpc.aio.Channel:
        """The one channel to this service."""
        return grpc.aio.insecure_channel(self._target, options=self._options)

    @contextmanager
    def reading_answer(self) -> Iterator[None]:
        """Convert an answer; one that cannot be read is the service's fault, not the caller's."""
        try:
            yield
        except (MalformedRequest, ValueError) as e:
            raise ServiceUnavailable(f"The {self.service} service gave an answer that cannot be read.") from e

    async def health(self, deadline: Deadline) -> str:
        """Ask ``grpc.health.v1``; a service that does not answer is ``UNREACHABLE``."""
        stub = health_pb2_grpc.HealthStub(self.channel)
        try:
            answer = await rpc.call(stub.Check, health_pb2.HealthCheckRequest(), deadline, service=self.service)
        except TumorcastError:
            return "UNREACHABLE"
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    async def close(self) -> None:
        """Close the channel if there is one."""
        if "channel" in self.__dict__:
            await self.channel.close(grace=None)
