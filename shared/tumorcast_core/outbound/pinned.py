"""Connections that go to the address that was checked: a name is resolved once, and not again by anybody else."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore
import httpx

from tumorcast_core.errors import HostNotAllowed
from tumorcast_core.outbound.destinations import Destinations

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → addresses; raises ``OSError``."""
SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
_MOST_ADDRESSES = 4


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves it; raises ``OSError``."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Opens sockets to checked addresses only; TLS above them still verifies the name."""

    def __init__(self, destinations: Destinations, resolve: Resolve = resolve) -> None:
        self._destinations, self._resolve = destinations, resolve
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109, httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first allowed address that answers; raises ``HostNotAllowed`` where none is allowed."""
        options = list(socket_options or ())
        try:
            async with asyncio.timeout(timeout):
                return await self._first(await self._allowed(host, port), port, local_address, options)
        except TimeoutError as e:
            raise httpcore.ConnectTimeout from e

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[SocketOption] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise HostNotAllowed

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def _allowed(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as e:
            raise httpcore.ConnectError("the host has no address") from e
        allowed, refused = [], HostNotAllowed()
        for address in addresses:
            try:
                self._destinations.check_address(host, address)
                allowed.append(address)
            except HostNotAllowed as e:
                refused = e
        if not addresses:
            raise httpcore.ConnectError("the host has no address")
        if not allowed:
            raise refused
        return allowed[:_MOST_ADDRESSES]

    async def _first(
        self, addresses: list[str], port: int, local_address: str | None, options: list[SocketOption]
    ) -> httpcore.AsyncNetworkStream:
        for address in addresses[:-1]:
            try:
                return await self._sockets.connect_tcp(address, port, None, local_address, options)
            except httpcore.ConnectError:
                continue
        return await self._sockets.connect_tcp(addresses[-1], port, None, local_address, options)


class PinnedTransport(httpx.AsyncHTTPTransport):
    """Checks every request's URL and every connection's address; nothing comes from the environment."""

    def __init__(
        self, destinations: Destinations, tls: ssl.SSLContext | None = None, resolve: Resolve = resolve
    ) -> None:
        context = tls or httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        self._destinations = destinations
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=64,
            max_keepalive_connections=16,
            keepalive_expiry=2,
            network_backend=PinnedBackend(destinations, resolve),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; raises ``HostNotAllowed`` before anything is sent."""
        self._destinations.check_url(request.url)
        return await super().handle_async_request(request)
