"""The client's way to all replicas of a service: found by name, looked up again and again, changed without a lost call.

gRPC asks DNS again only when a connection breaks, so a replica that is added stays unused for as long as the others
are well. A line asks every ``LOOK_S`` seconds by itself, and moves to a new channel, once that is connected, when the
addresses or the certificates are others; calls that run end where they are.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address

import grpc

from tumorcast_core.tls import ClientCredentials, TlsFiles

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Time between two looks at the name's addresses and at the certificates."""
READY_S = 1.0
"""A new channel takes over once it is connected, or after this time where the old one is of no use either."""
_NAMED = re.compile(r"(?:dns:(?:///)?)?(?P<host>[A-Za-z0-9._-]+):(?P<port>\d+)")
Options = list[tuple[str, int | str]]
Look = Callable[[str, int], Awaitable[tuple[str, ...] | None]]
"""Finds every ``address:port`` of a host and a port; none where that fails."""


@dataclass(slots=True)
class _Opened:
    """A channel and the calls that run on it; closed when it is retired and the last of them has ended."""

    channel: grpc.aio.Channel
    calls: int = 0
    retired: bool = False

    async def close_unless_used(self) -> None:
        if self.retired and not self.calls:
            await self.channel.close(grace=None)


class Line:
    """Channels to one target, one at a time for new calls. Belongs to the event loop that first uses it.

    A target with a name (``clinical:50052``, ``dns:///clinical:50052``) is looked up; any other is left to gRPC. With
    ``files`` every connection is TLS, and the other side's certificate must hold the name. ``look`` is the look-up,
    the system's unless told otherwise.
    """

    def __init__(self, target: str, options: Options, files: TlsFiles | None = None, look: Look | None = None) -> None:
        self._target, self._options, self._looks = target, options, look or addresses_of
        self._credentials = ClientCredentials(files) if files else None
        self._name = _name_of(target)
        self._addresses: tuple[str, ...] = ()
        self._shown: grpc.ChannelCredentials | None = None
        self._opened: _Opened | None = None
        self._refused: object = None
        self._looking: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @contextmanager
    def channel(self) -> Iterator[grpc.aio.Channel]:
        """The channel for one call, which stays open until the context is left."""
        opened = self._current()
        opened.calls += 1
        try:
            yield opened.channel
        finally:
            opened.calls -= 1
            if opened.retired:
                self._begin_closing(opened)

    async def close(self) -> None:
        """End everything, calls that run included."""
        if self._looking:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        if self._opened:
            await self._opened.channel.close(grace=None)
        await asyncio.gather(*self._closing)

    def _current(self) -> _Opened:
        if self._opened is None:
            self._shown = self._credentials.current if self._credentials else None
            self._opened = _Opened(self._made((), self._shown))
            if self._name or self._credentials:
                self._looking = asyncio.create_task(self._look())
        return self._opened

    async def _look(self) -> None:
        while True:
            try:
                await self._look_once()
            except Exception as e:  # whatever it was, calls go on and the next look comes
                log.warning("a service could not be looked up: %s", type(e).__name__)
            await asyncio.sleep(LOOK_S)

    async def _look_once(self) -> None:
        found = await self._looks(*self._name) if self._name else ()
        addresses = self._addresses if found is None else found
        credentials = self._credentials.current if self._credentials else None
        if (addresses, credentials) != (self._addresses, self._shown):
            await self._change(addresses, credentials)

    async def _change(self, addresses: tuple[str, ...], credentials: grpc.ChannelCredentials | None) -> None:
        """Move to a channel of these, unless it does not connect and the one at hand is connected."""
        old, new = self._current(), _Opened(self._made(addresses, credentials))
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                await new.channel.channel_ready()
        if not _connected(new) and _connected(old):
            if self._refused != (addresses, credentials):
                self._refused = (addresses, credentials)
                log.warning("a service's new addresses or certificates do not connect; the last ones stay in use")
            await new.channel.close(grace=None)
            return
        self._opened, self._addresses, self._shown = new, addresses, credentials
        old.retired = True
        self._begin_closing(old)

    def _begin_closing(self, opened: _Opened) -> None:
        task = asyncio.create_task(opened.close_unless_used())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _made(self, addresses: tuple[str, ...], credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
        target, options = self._target, self._options
        if self._name and addresses:
            target = f"{'ipv6' if '[' in addresses[0] else 'ipv4'}:{','.join(addresses)}"
        if self._name:
            host, port = self._name
            options = [*options, ("grpc.default_authority", f"{host}:{port}")]
        if credentials:
            return grpc.aio.secure_channel(target, credentials, options=options)
        return grpc.aio.insecure_channel(target, options=options)


def _connected(opened: _Opened) -> bool:
    return opened.channel.get_state() is grpc.ChannelConnectivity.READY


def _name_of(target: str) -> tuple[str, int] | None:
    """Host and port where a target has a name to look up.

    >>> _name_of("dns:///demo-clinical:50052"), _name_of("127.0.0.1:50052"), _name_of("ipv4:10.0.0.1:50052")
    (('demo-clinical', 50052), None, None)
    """
    found = _NAMED.fullmatch(target)
    if not found:
        return None
    with suppress(ValueError):
        ip_address(found["host"])
        return None
    return found["host"], int(found["port"])


async def addresses_of(host: str, port: int) -> tuple[str, ...] | None:
    """Every address of a name with the port, of one family (IPv4 first), sorted; none where the look-up fails.

    It waits in a thread of its own: a DNS server that is silent blocks nothing else, nor the end of the process.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[str, ...] | None] = loop.create_future()

    def hand_over(found: tuple[str, ...] | None) -> None:
        if not answer.done():
            answer.set_result(found)

    def look() -> None:
        found = _looked_up(host, port)
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(hand_over, found)

    threading.Thread(target=look, name="look-up", daemon=True).start()
    return await answer


def _looked_up(host: str, port: int) -> tuple[str, ...] | None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    of_four = sorted({str(address[0]) for family, *_, address in found if family == socket.AF_INET})
    of_six = sorted({str(address[0]) for family, *_, address in found if family == socket.AF_INET6})
    return tuple(f"{one}:{port}" for one in of_four) or tuple(f"[{one}]:{port}" for one in of_six) or None
