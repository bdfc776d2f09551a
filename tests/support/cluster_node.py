"""What a node and its cluster do for pods: probe them, and answer DNS with those that are ready.

``python -m support.cluster_node ADDRESS DOMAIN`` reads one JSON object a line:
``{"add": pod, "service": …, "address": …}``, ``{"leave": pod}`` (no endpoint any more, as
when a pod is deleted), ``{"remove": pod}``; and tells
``{"pod": …, "ready": true, "at": seconds of CLOCK_MONOTONIC}``.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

HEALTH_PORT = 50059
PERIOD_S = 0.5
TIMEOUT_S = 1.0
FAILURES = 2
_A, _IN, _NO_SUCH_NAME = 1, 1, 3


@dataclass
class Pod:
    name: str
    service: str
    address: str
    ready: bool = False
    leaving: bool = False
    failures: int = 0


class Node:
    """The pods, by name."""

    def __init__(self, domain: str) -> None:
        self._domain = domain
        self.pods: dict[str, Pod] = {}

    def endpoints(self, name: str) -> list[str] | None:
        """Addresses of a headless Service's ready pods; none: there is no such name."""
        service, _, domain = name.partition(".")
        found = [pod for pod in self.pods.values() if pod.service == service] if domain == self._domain else []
        return [pod.address for pod in found if pod.ready and not pod.leaving] if found else None

    async def probe(self, pod: Pod) -> None:
        """As a kubelet's readiness probe; runs until the pod is removed."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        while self.pods.get(pod.name) is pod:
            async with grpc.aio.insecure_channel(f"{pod.address}:{HEALTH_PORT}", options=options) as channel:
                stub, good = health_pb2_grpc.HealthStub(channel), False
                with suppress(grpc.aio.AioRpcError):
                    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
                    good = answer.status == health_pb2.HealthCheckResponse.SERVING
            pod.failures = 0 if good else pod.failures + 1
            if good or pod.failures >= FAILURES:
                self._become(pod, ready=good)
            await asyncio.sleep(PERIOD_S)

    def _become(self, pod: Pod, *, ready: bool) -> None:
        if pod.ready != ready:
            pod.ready = ready
            tell({"pod": pod.name, "ready": ready, "at": time.monotonic()})


class Dns(asyncio.DatagramProtocol):
    """A server of A records (RFC 1035) with TTL 5, as CoreDNS answers for a headless Service."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        with suppress(struct.error, IndexError, UnicodeDecodeError):
            self._transport.sendto(self._answer(data), addr)

    def _answer(self, data: bytes) -> bytes:
        labels, end = [], 12
        while length := data[end]:
            labels.append(data[end + 1 : end + 1 + length].decode("ascii").lower())
            end += 1 + length
        kind, _ = struct.unpack("!HH", data[end + 1 : end + 5])
        found = self._node.endpoints(".".join(labels))
        addresses = (found or []) if kind == _A else []
        flags = 0x8580 | (_NO_SUCH_NAME if found is None else 0)
        head = data[:2] + struct.pack("!HHHHH", flags, 1, len(addresses), 0, 0)
        return head + data[12 : end + 5] + b"".join(map(_record, addresses))


def _record(address: str) -> bytes:
    return struct.pack("!HHHIH", 0xC00C, _A, _IN, 5, 4) + bytes(map(int, address.split(".")))


def tell(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def commands(node: Node) -> None:
    tasks = set()
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        if name := command.get("add"):
            pod = node.pods[name] = Pod(name, command["service"], command["address"])
            tasks.add(asyncio.create_task(node.probe(pod)))
        elif name := command.get("leave"):
            node.pods[name].leaving = True
        else:
            node.pods.pop(command["remove"])
    for task in tasks:
        task.cancel()


async def main(address: str, domain: str) -> None:
    node = Node(domain)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: Dns(node), (address, 53))
    tell({"serves": address})
    await commands(node)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
